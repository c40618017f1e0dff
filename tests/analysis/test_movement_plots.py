"""The movement plots: they show the series they name, and are absent where there is nothing."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from dance_jax.analysis import plot_effort, plot_style, reference_ranges
from dance_jax.analysis.plot_balance import balance_figure
from dance_jax.analysis.plot_effort import effort_figure
from dance_jax.analysis.plot_energy import energy_figure
from dance_jax.analysis.plot_phase import phase_figure
from dance_jax.analysis.plot_rhythm import rhythm_figure
from dance_jax.biomech.measure import KINDS
from tests.analysis import moving

MAKERS = {
    "balance": balance_figure,
    "energy": energy_figure,
    "phase": phase_figure,
    "rhythm": rhythm_figure,
    "effort": effort_figure,
}


def words(figure) -> str:
    found = [t.get_text() for t in figure.texts]
    for axis in figure.axes:
        found += [t.get_text() for t in axis.texts]
        found += [axis.get_title(loc="left"), axis.get_xlabel()]
        found += [t.get_text() for t in axis.get_xticklabels()]
    return " ".join(found)


def shown(axis) -> list[np.ndarray]:
    return [np.asarray(line.get_ydata(), float) for line in axis.lines]


def has(axis, value) -> bool:
    value = np.asarray(value, float)
    same = [y for y in shown(axis) if y.shape == value.shape]
    return any(np.allclose(y, value, rtol=1e-5, atol=1e-6, equal_nan=True) for y in same)


@pytest.fixture(scope="module")
def person():
    return moving.person("space")


@pytest.mark.parametrize("name", MAKERS)
@pytest.mark.parametrize("kind", ["space", "picture", "measured picture"])
def test_each_is_drawn_or_absent_and_marks_what_is_synthetic(name, kind, tmp_path):
    found = moving.person(kind)
    unit = "m" if kind == "space" else "px"
    figure = MAKERS[name](found, synthetic=True, unit=unit)
    if name == "energy" and kind == "picture":
        assert figure is None  # no metres
        return
    assert plot_style.SYNTHETIC.strip(" :") in words(figure)
    assert plot_style.SYNTHETIC.strip(" :") not in words(MAKERS[name](found, unit=unit))
    file = plot_style.save(figure, tmp_path / f"{name}.png")
    assert 5_000 < file.stat().st_size < 400_000


def test_nothing_seen_draws_nothing(person):
    empty = dataclasses.replace(
        person,
        series={},
        rhythm={},
        measures=(),
        angle_status=dict.fromkeys(person.angle_names, ("refused", "unseen")),
    )
    for name, maker in MAKERS.items():
        assert maker(empty, unit="m") is None, name


def test_the_balance_map_shows_place_margin_and_feet(person):
    axes = balance_figure(person, unit="m").axes
    assert has(axes[0], person.series["com_x"]) and has(axes[0], person.series["xcom_x"])
    assert has(axes[1], person.series["com_margin"])
    assert has(axes[1], person.series["margin_of_stability"])
    low, high = axes[1].get_ylim()
    assert low < 0 < high
    bars = [c for c in axes[2].collections if not c.get_hatch()]
    long = sum(path.get_extents().width for c in bars for path in c.get_paths())
    down = sum(np.nansum(person.series[f"contact_{s}"] > 0.5) for s in ("left", "right")) / 30
    assert long == pytest.approx(down, rel=0.05)


def test_the_band_of_the_centre_of_mass_is_its_95_percent(person):
    def reach(found):
        axis = balance_figure(found, unit="m").axes[0]
        (band,) = [c for c in axis.collections if c.get_label() == "95 % of it"]
        return np.ptp(band.get_paths()[0].vertices[:, 1])

    wide = person.series | {"com_sd": person.series["com_sd"] + 0.05}
    more = reach(dataclasses.replace(person, series=wide)) - reach(person)
    assert more == pytest.approx(2 * 1.96 * 0.05, rel=0.05)


def test_energy_is_drawn_with_moments_called_a_proxy(person):
    figure = energy_figure(person, unit="m")
    for name in ("total", "kinetic", "potential"):
        assert has(figure.axes[0], person.series[f"energy_{name}"])
    assert has(figure.axes[2], person.series["moment_left_knee"])
    assert "moments are a proxy: no force was measured" in words(figure)
    assert words(figure).count("moment, proxy") == 3


def test_phases_of_refused_angles_are_not_drawn():
    front = moving.person("picture")
    assert front.angle_status["left_knee"][0] == "refused"
    figure = phase_figure(front)
    portraits, phases = figure.axes[:4], figure.axes[4:]
    assert "left and right refused" in portraits[3].get_title(loc="left")
    assert not portraits[3].lines and portraits[0].lines
    assert [t.get_text() for t in phases[1].texts] == ["refused"] and not phases[1].lines
    around = shown(phases[0])[0]
    known = np.isfinite(around)
    assert known.any() and (np.abs(around[known]) <= 180).all()


def test_the_rhythm_chart_shows_both_beats_and_their_gaps(person):
    music = np.array([0.5, 1.5, 2.5])
    offsets = np.stack([music, [0.04, -0.09, 0.2]], -1)
    heard = dict(person.rhythm) | {"music_beats_s": music, "offsets": offsets}
    figure = rhythm_figure(dataclasses.replace(person, rhythm=heard), unit="m")
    assert "beats of the music" in words(figure) and "no music" not in words(figure)
    lines = [line for line in figure.axes[0].lines if line.get_marker() == "v"]
    np.testing.assert_allclose(lines[0].get_xdata(), person.rhythm["motion_beats_s"])
    assert has(figure.axes[1], 1000 * offsets[:, 1])
    assert len(rhythm_figure(person, unit="m").axes) == 1
    assert "no music was used" in words(rhythm_figure(person, unit="m"))


def test_the_radar_places_values_between_the_percentiles(person):
    ranges = reference_ranges.table()["3"]
    low, _, high = ranges["effort.time"]

    def place(value, ends=(None, None)):
        measures = tuple(
            dataclasses.replace(m, value=value, low=ends[0], high=ends[1])
            if m.key == "effort.time"
            else m
            for m in person.measures
        )
        figure = effort_figure(dataclasses.replace(person, measures=measures))
        assert KINDS["index"] in words(figure)
        at = [key for key, *_ in plot_effort.FACTORS].index("effort.time")
        return figure.axes[0].lines[0].get_ydata()[at]

    assert place(low) == pytest.approx(0.25) and place(high) == pytest.approx(0.75)
    assert place(np.sqrt(low * high)) == pytest.approx(0.5)
    assert place(1e9) == 1.0 and place(1e-9) == 0.0
    assert place(high, (low, 2 * high)) == pytest.approx(0.75)


def test_the_radar_needs_all_four_factors(person):
    measures = tuple(
        dataclasses.replace(m, status="refused", value=None) if m.key == "effort.flow" else m
        for m in person.measures
    )
    assert effort_figure(dataclasses.replace(person, measures=measures)) is None
