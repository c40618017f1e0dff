"""Whether feet can have carried a body: pendulums that obey gravity, and figures that do not."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from matplotlib.text import Text

from dance_jax.analysis import movement_rows, plot_balance, standing
from dance_jax.analysis.result import Measure
from dance_jax.biomech import catalogue
from dance_jax.biomech.balance import Balance
from dance_jax.biomech.movement import GRAVITY
from tests.analysis.fakes import fake_analysis
from tests.seeds import fresh

RATE = 60.0
HEIGHT, TALL = 0.57, 1.7  # of the centre of mass in body heights; a body height in metres
W0 = np.sqrt(GRAVITY / (HEIGHT * TALL))


def stand(place, speed, low, high, *, dims=2, turned=0.0):
    """Balance of a body over a base from `low` to `high` (NaN: no foot stands) along one line."""
    n = len(place)
    time_s = np.arange(n) / RATE
    along = np.array([np.cos(turned), np.sin(turned)])[: dims - 1]
    com, velocity = np.zeros((2, n, dims))
    com[:, 0::2], velocity[:, 0::2] = place[:, None] * along, speed[:, None] * along
    ends = np.stack([np.broadcast_to(low, n), np.broadcast_to(high, n)], axis=1)
    corners = np.full((n, 8, dims - 1), np.nan)
    corners[:, :2] = ends[..., None] * along
    if dims == 3:  # broad across the line
        corners[:, 2:4] = corners[:, :2] + 0.1 * np.array([-along[1], along[0]])
        corners[:, :2] -= 0.1 * np.array([-along[1], along[0]])
    nothing = np.full(n, np.nan)
    margin = np.minimum(place - ends[:, 0], ends[:, 1] - place)
    return time_s, Balance(
        com=com,
        com_velocity=velocity,
        com_height=np.full(n, HEIGHT),
        xcom=nothing[:, None],
        contacts=np.ones((n, 2)),
        flight=np.zeros(n),
        support=corners,
        com_margin=margin,
        margin=nothing,
        time_to_contact_s=nothing,
        temporal_margin_s=nothing,
        base_width=nothing,
        base_area=nothing,
    )


def still(aside, seconds=3.0, **more):
    n = round(seconds * RATE)
    return stand(np.full(n, aside), np.zeros(n), -0.03, 0.03, **more)


@pytest.mark.parametrize("dims", [2, 3])
@pytest.mark.parametrize("side", [-1, 1])
def test_who_stands_still_beyond_the_feet_is_impossible(dims, side):
    time_s, held = still(side * 0.1, dims=dims, turned=0.4)
    found = standing.carried(held, time_s, TALL)
    assert found.known_s == pytest.approx(time_s[-1])
    assert found.impossible_s > 0.9 * found.known_s
    assert found.beyond == pytest.approx(0.07, abs=0.006)
    reason = standing.doubt(held, time_s, TALL, time_s[-1])
    assert reason.startswith("implausible: for 3.0 s of the 3.0 s") and "tilted camera" in reason


def test_what_the_allowances_cover_is_stated():
    for aside in (0.0, 0.029, 0.05):  # inside, at the edge, and by no more than `OFF` beyond
        time_s, held = still(aside)
        assert standing.doubt(held, time_s, TALL, time_s[-1]) == ""
    time_s, brief = still(0.1, 0.9)  # too short to tell from a step
    assert standing.doubt(brief, time_s, TALL, time_s[-1]) == ""


@pytest.mark.parametrize("seed", fresh(__name__, 3))
def test_whoever_falls_obeys_gravity(seed):
    """x'' = w0^2 (x - p) with p on the edge: as far out as can be, and all as it must be."""
    rng = np.random.default_rng(seed)
    edge = 0.03
    time_s = np.arange(round(rng.uniform(1.4, 2.0) * RATE)) / RATE
    start, speed = rng.uniform(0.02, 0.05), rng.uniform(0.0, 0.05)
    gone = start * np.cosh(W0 * time_s) + speed / W0 * np.sinh(W0 * time_s)
    rate = W0 * start * np.sinh(W0 * time_s) + speed * np.cosh(W0 * time_s)
    at, falling = stand(edge + gone, rate, -edge, edge)
    assert standing.carried(falling, at, TALL).impossible_s == 0
    at, frozen = stand(edge + gone, np.zeros_like(rate), -edge, edge)
    assert standing.carried(frozen, at, TALL).impossible_s > 0.5


def test_a_walk_is_possible_though_always_beyond_the_feet():
    """From foot to foot every 0.5 s, the centre of mass never over a foot: physics throughout."""
    half = np.arange(30) / RATE
    inward = 0.08 * np.cosh(W0 * (half - 0.25)) / np.cosh(W0 * 0.25)  # distance from a foot
    rate = 0.08 * W0 * np.sinh(W0 * (half - 0.25)) / np.cosh(W0 * 0.25)
    foot = np.tile(np.repeat([-1.0, 1.0], 30), 6)
    place = foot * (0.11 - 0.03 - np.tile(inward, 12))
    at, walk = stand(place, -foot * np.tile(rate, 12), foot * 0.11 - 0.03, foot * 0.11 + 0.03)
    assert (walk.com_margin < 0).mean() > 0.9
    assert standing.doubt(walk, at, TALL, at[-1]) == ""


def test_only_time_beyond_the_feet_counts():
    """Half a second far out, with no velocity, is too short: time over the feet does not add."""
    place = np.where(np.arange(360) % 120 < 30, 0.3, 0.0)
    at, held = stand(place, np.zeros(360), -0.03, 0.03)
    assert (held.com_margin < 0).mean() == 0.25
    assert standing.carried(held, at, TALL).impossible_s == 0


def test_a_tenth_of_the_time_may_be_impossible():
    for seconds, stated in ((30.0, True), (6.0, False)):
        place = np.zeros(round(seconds * RATE))
        place[60:150] = 0.15
        at, held = stand(place, np.zeros_like(place), -0.03, 0.03)
        assert (standing.doubt(held, at, TALL, at[-1]) == "") == stated


def test_too_little_standing_is_refused_and_none_is_left_to_the_measures():
    time_s, held = still(0.0, 6.0)
    rare = held._replace(com_margin=np.where(np.arange(360) % 180 < 60, held.com_margin, np.nan))
    reason = standing.doubt(rare, time_s, None, time_s[-1])
    assert reason.startswith("the feet that carry the body")
    assert "for 2.0 s of 6.0 s; 50 %" in reason
    never = held._replace(com_margin=np.full(360, np.nan))
    assert standing.doubt(never, time_s, None, time_s[-1]) == ""


def test_without_a_height_the_usual_one_serves():
    time_s, held = still(0.1)
    assert standing.carried(held, time_s) == standing.carried(held, time_s, standing.USUAL_HEIGHT_M)


def test_a_doubt_refuses_the_row_whatever_its_value():
    person = fake_analysis(4.0).people[0]
    parts = tuple(dataclasses.replace(part, seen=1.0) for part in person.parts)
    person = dataclasses.replace(person, parts=parts, metres_per_px=0.005)
    found = dict.fromkeys(catalogue.MEASURES, 0.5)
    spread = dict.fromkeys(found, (0.4, 0.6, True))
    doubts = dict.fromkeys(standing.KEYS, "implausible: it stands on nothing")
    rows = {m.key: m for m in movement_rows.rows(person, found, True, spread, doubts)}
    plain = {m.key: m for m in movement_rows.rows(person, found, True, spread)}
    assert set(standing.KEYS) <= set(rows)
    for key, row in rows.items():
        if key in standing.KEYS and plain[key].status == "ok":
            assert (row.status, row.reason) == ("refused", doubts[key])
            assert row.value is row.low is row.high is None and not row.noisy
        else:
            assert row == plain[key], key
    assert plain["balance.share_outside"].status == "ok"
    assert rows["balance.single_support_share"].status == "ok"


@pytest.mark.parametrize("believed", [True, False])
def test_the_balance_map_says_when_it_is_not_believed(believed):
    person = fake_analysis(4.0).people[0]
    n = len(person.time_s)
    names = ("com_x", "support_low", "support_high", "com_margin", "contact_left", "contact_right")
    reason = "it needs metres" if believed else f"{standing.IMPLAUSIBLE}it stands on nothing"
    row = Measure(
        "balance.sway", "Sway", "balance", None, "height", "refused", reason, n, 1.0, note=""
    )
    series = {name: np.linspace(0.0, 1.0, n) for name in names}
    person = dataclasses.replace(person, measures=(row,), series=series)
    figure = plot_balance.balance_figure(person)
    words = " ".join(text.get_text() for text in figure.findobj(Text))
    assert ("IMPLAUSIBLE" in words) != believed
