"""Segment tables: printed values, and the traps of carrying them to other ends."""

from __future__ import annotations

import pytest

from dance_jax.biomech import anthropometry as tables
from dance_jax.errors import InputError

NAMES = sorted(tables.ANTHROPOMETRY)

# de Leva 1996, table 4, as other libraries print it: mass, centre, radii (sagittal, transverse,
# longitudinal) about the ends used here.
MALE = {
    "trunk": (0.4346, 0.4310, (0.384, 0.358, 0.197)),
    "upper_arm": (0.0271, 0.5772, (0.285, 0.269, 0.158)),
    "forearm": (0.0162, 0.4574, (0.276, 0.265, 0.121)),
    "thigh": (0.1416, 0.4095, (0.329, 0.329, 0.149)),
    "shank": (0.0433, 0.4459, (0.255, 0.249, 0.103)),
    "foot": (0.0137, 0.4415, (0.257, 0.245, 0.124)),
}
FEMALE = {
    "trunk": (0.4257, 0.3782, (0.379, 0.361, 0.182)),
    "upper_arm": (0.0255, 0.5754, (0.278, 0.260, 0.148)),
    "forearm": (0.0138, 0.4559, (0.261, 0.257, 0.094)),
    "thigh": (0.1478, 0.3612, (0.369, 0.364, 0.162)),
    "shank": (0.0481, 0.4416, (0.271, 0.267, 0.093)),
    "foot": (0.0129, 0.4014, (0.299, 0.279, 0.139)),
}
# Winter, table 4.1: mass, centre, radius about the transverse axis.
WINTER = {
    "trunk": (0.497, 0.50, 0.406),
    "upper_arm": (0.028, 0.436, 0.322),
    "forearm": (0.016, 0.430, 0.303),
    "thigh": (0.100, 0.433, 0.323),
    "shank": (0.0465, 0.433, 0.302),
    "foot": (0.0145, 0.50, 0.475),
}


@pytest.mark.parametrize("name", NAMES)
def test_masses_sum_to_one_and_segments_are_possible(name):
    table = tables.get(name)
    total = sum(s.mass * (2 if k in tables.PAIRED else 1) for k, s in table.items())
    assert abs(total - 1) < 1e-12
    assert set(table) == set(tables.ends(name)) == {"head", "trunk", *tables.PAIRED}
    for segment in table.values():
        assert 0 < segment.centre < 1
        across, through, along = segment.gyration
        assert 0 < along < min(across, through) < 0.5
        # The greatest moment of inertia of a body is at most the sum of the other two.
        assert max(across, through) ** 2 <= min(across, through) ** 2 + along**2


@pytest.mark.parametrize(("name", "rows"), [("de_leva_male", MALE), ("de_leva_female", FEMALE)])
def test_printed_values_of_de_leva(name, rows):
    table = tables.get(name)
    for key, (mass, centre, gyration) in rows.items():
        assert table[key].mass == pytest.approx(mass, rel=2e-4)
        assert table[key].centre == pytest.approx(centre)
        assert table[key].gyration == pytest.approx(gyration)


def test_printed_values_of_winter():
    table = tables.get("winter")
    for key, (mass, centre, radius) in WINTER.items():
        assert table[key].mass == pytest.approx(mass)
        assert table[key].centre == pytest.approx(centre)
        assert table[key].gyration[:2] == pytest.approx((radius, radius))


def test_the_trunk_rows_agree_in_millimetres():
    """Three upper ends, one centre above mid-hip: suprasternale, cervicale, mid-shoulder."""
    for sex, ends in (
        ("male", ((531.9, 0.4486), (603.3, 0.5138), (515.5, 0.4310))),
        ("female", ((529.3, 0.4151), (614.8, 0.4964), (497.9, 0.3782))),
    ):
        above = [length * (1 - centre) for length, centre in ends]
        assert max(above) - min(above) < 0.3
        assert tables.get("de_leva_" + sex)["trunk"].centre == pytest.approx(ends[2][1])


def test_the_arm_is_counted_from_the_shoulder():
    """Its centre lies beyond the middle (.577) in de Leva, and before it (.436) in Winter."""
    for name in ("de_leva_mean", "de_leva_male", "de_leva_female"):
        assert 0.57 < tables.get(name)["upper_arm"].centre < 0.58
        assert 0.45 < tables.get(name)["forearm"].centre < 0.46
    assert tables.get("winter")["upper_arm"].centre == 0.436


def test_head_and_hand_are_carried_to_the_joints_at_hand():
    """By hand in mm: cervicale 87.8 / 116.9 above mid-shoulder, centre 121.4 / 125.7 above it."""
    for sex, above, head, third in (
        ("male", 603.3 - 515.5, 242.9, 0.7900 * 86.2 / 268.9),
        ("female", 614.8 - 497.9, 243.7, 0.7474 * 78.0 / 264.3),
    ):
        table = tables.get("de_leva_" + sex)
        fraction = 0.5002 if sex == "male" else 0.4841
        place = (above + head * (1 - fraction)) / (above + head)
        assert table["head"].centre == pytest.approx(place)
        assert table["hand"].centre == pytest.approx(third)
        # The other row of the paper: wrist -> fingertip.
        tip = 0.3624 * 187.9 / 268.9 if sex == "male" else 0.3427 * 170.1 / 264.3
        assert table["hand"].centre == pytest.approx(tip, abs=1e-3)


def test_the_mean_is_between_the_sexes():
    mean, male, female = (tables.get("de_leva_" + n) for n in ("mean", "male", "female"))
    for key, segment in mean.items():
        assert segment.centre == pytest.approx((male[key].centre + female[key].centre) / 2)
        assert segment.mass == pytest.approx((male[key].mass + female[key].mass) / 2, rel=1e-4)
        halves = [
            (a + b) / 2 for a, b in zip(male[key].gyration, female[key].gyration, strict=True)
        ]
        assert segment.gyration == pytest.approx(halves)


@pytest.mark.parametrize("call", [tables.get, tables.ends])
def test_unknown_table(call):
    with pytest.raises(InputError, match="winter"):
        call("dempster")
