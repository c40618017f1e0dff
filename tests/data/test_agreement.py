"""Agreement of raters against published worked examples, other programs, and known truth."""

from __future__ import annotations

import csv

import numpy as np
import pytest

from dance_jax.data.agreement import icc, noise_ceiling
from dance_jax.data.alpha import fleiss_kappa, krippendorff_alpha
from dance_jax.errors import InputError
from tests.seeds import fresh

SEEDS = fresh(__name__, 4)
nan = np.nan
# Shrout and Fleiss 1979, table 2: six targets, four judges.
SHROUT = np.array(
    [[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]], float
)
# Krippendorff 2011, section C: four observers, twelve units, missing ratings.
KRIPPENDORFF = np.array(
    [
        [1, 2, 3, 3, 2, 1, 4, 1, 2, nan, nan, nan],
        [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, nan, 3],
        [nan, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, nan],
        [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, nan],
    ]
).T
# Fleiss 1971, table 1 as given at Wikipedia's "Fleiss' kappa": ten subjects, fourteen raters.
FLEISS = [
    *([0, 0, 0, 0, 14], [0, 2, 6, 4, 2], [0, 0, 3, 5, 6], [0, 3, 9, 2, 0], [2, 2, 8, 1, 1]),
    *([7, 7, 0, 0, 0], [3, 2, 6, 3, 0], [2, 5, 3, 2, 2], [6, 5, 2, 1, 0], [0, 2, 2, 3, 7]),
]


def test_the_table_of_shrout_and_fleiss() -> None:
    found = {form: round(entry.value, 2) for form, entry in icc(SHROUT).items()}
    assert found == {
        "ICC(1)": 0.17,
        "ICC(1,k)": 0.44,
        "ICC(2,1)": 0.29,
        "ICC(2,k)": 0.62,
        "ICC(3,1)": 0.71,
        "ICC(3,k)": 0.91,
    }
    # Intervals as R's psych::ICC prints them for this table.
    intervals = {f: (round(e.low, 2), round(e.high, 2)) for f, e in icc(SHROUT).items()}
    assert intervals["ICC(1)"] == (-0.13, 0.72) and intervals["ICC(1,k)"] == (-0.88, 0.91)
    assert intervals["ICC(2,1)"] == (0.02, 0.76) and intervals["ICC(2,k)"] == (0.07, 0.93)
    assert intervals["ICC(3,1)"] == (0.34, 0.95) and intervals["ICC(3,k)"] == (0.68, 0.99)


def test_krippendorffs_example() -> None:
    found = {m: round(krippendorff_alpha(KRIPPENDORFF, m), 3) for m in ("nominal", "ordinal")}
    assert found == {"nominal": 0.743, "ordinal": 0.815}
    assert round(krippendorff_alpha(KRIPPENDORFF, "interval"), 3) == 0.849
    assert round(krippendorff_alpha(KRIPPENDORFF, "ratio"), 3) == 0.797


def test_fleiss_example() -> None:
    scores = np.array([np.repeat(np.arange(5), row) for row in FLEISS])
    assert round(fleiss_kappa(scores), 3) == 0.210
    assert fleiss_kappa(scores + 0.4, edges=(1, 2, 3, 4)) == pytest.approx(fleiss_kappa(scores))


@pytest.mark.parametrize("seed", SEEDS)
def test_kappa_is_that_of_statsmodels(seed) -> None:
    rater = pytest.importorskip("statsmodels.stats.inter_rater")
    rng = np.random.default_rng(seed)
    scores = np.clip(rng.normal(5, 2, (40, 1)) + rng.normal(0, 1.5, (40, 5)), 0, 10)
    table = rater.aggregate_raters(np.digitize(scores, (2, 4, 6, 8)))[0]
    assert fleiss_kappa(scores, (2, 4, 6, 8)) == pytest.approx(rater.fleiss_kappa(table))


@pytest.mark.parametrize("seed", SEEDS)
def test_alpha_is_its_definition_in_plain_loops(seed) -> None:
    rng = np.random.default_rng(seed)
    scores = np.round(rng.normal(3, 1, (8, 1)) + rng.normal(0, 1, (8, 3)))
    scores[rng.random(scores.shape) < 0.25] = nan
    scores[:2] = [[1, 2, 3], [4, 4, 2]]
    units = [[v for v in row if np.isfinite(v)] for row in scores]
    units = [u for u in units if len(u) > 1]
    every = [v for u in units for v in u]
    observed = sum(
        sum((a - b) ** 2 for i, a in enumerate(u) for j, b in enumerate(u) if i != j) / (len(u) - 1)
        for u in units
    ) / len(every)
    expected = sum((a - b) ** 2 for a in every for b in every) / (len(every) * (len(every) - 1))
    assert krippendorff_alpha(scores) == pytest.approx(1 - observed / expected)


@pytest.mark.parametrize("seed", SEEDS)
def test_icc_finds_the_made_reliability_and_its_interval_covers(seed) -> None:
    """clip + rater + noise variances of 4, 1 and 2: ICC(1) = ICC(2,1) = 4/7, ICC(3,1) = 4/6."""
    rng = np.random.default_rng(seed)
    covered, values = np.zeros(3), []
    for _ in range(60):
        made = (
            rng.normal(0, 2, (60, 1)) + rng.normal(0, 1, (1, 40)) + rng.normal(0, 2**0.5, (60, 40))
        )
        found = icc(made)
        truth = {"ICC(2,1)": 4 / 7, "ICC(3,1)": 4 / 6, "ICC(3,k)": 40 * (4 / 6) / (1 + 39 * 4 / 6)}
        values.append([found[f].value for f in truth])
        covered += [found[f].low <= t <= found[f].high for f, t in truth.items()]
    assert np.mean(values, 0) == pytest.approx(list(truth.values()), abs=0.03)
    assert (covered >= 48).all()  # of 60 at 95 %; fewer than 48 has a chance below 1e-5


@pytest.mark.parametrize("seed", SEEDS)
def test_the_ceiling_is_what_a_perfect_predictor_reaches(seed) -> None:
    rng = np.random.default_rng(seed)
    truth = rng.normal(0, 1, 20_000)
    scores = truth[:, None] + rng.normal(0, 1.5, (20_000, 4)) + rng.normal(0, 1, 4)
    found = noise_ceiling(scores, ("a", "b", "c", "d"))
    assert found.ceiling == pytest.approx(np.corrcoef(truth, scores.mean(1))[0, 1], abs=0.02)
    assert found.reliability == pytest.approx(1 / (1 + 1.5**2 / 4), abs=0.03)
    assert set(found.each) == set("abcd") and found.clips == 20_000
    assert found.one == pytest.approx(1 / np.sqrt((1 + 1.5**2) * (1 + 1.5**2 / 3)), abs=0.03)


def test_agreement_at_its_ends() -> None:
    same = np.repeat(np.arange(5.0)[:, None], 3, 1)
    assert all(entry.value == pytest.approx(1) for entry in icc(same).values())
    assert krippendorff_alpha(same) == 1 and fleiss_kappa(same) == 1
    assert noise_ceiling(same).ceiling == pytest.approx(1)
    flat = np.full((5, 3), 7.0)
    assert np.isnan([krippendorff_alpha(flat), fleiss_kappa(flat), noise_ceiling(flat).one]).all()
    assert all(np.isnan(entry.value) for entry in icc(flat).values())
    gaps = np.where(np.eye(5, 3, dtype=bool), nan, same)
    assert krippendorff_alpha(gaps) == 1 and noise_ceiling(np.vstack([gaps, same])).clips == 7
    for broken in (flat[:, :1], np.full((3, 2), nan)):
        for measure in (icc, noise_ceiling, krippendorff_alpha, fleiss_kappa):
            with pytest.raises(InputError):
                measure(broken)
    with pytest.raises(InputError, match="is no metric"):
        krippendorff_alpha(same, "cosine")


def test_the_five_judges_of_ski_jumping(shared_data, figures) -> None:
    """Each judge against the mean of the other four, as the corpus' notes state it."""
    path = shared_data / "skijump_judged" / "jumps_with_judges.csv"
    rows = list(csv.DictReader(path.open(encoding="utf-8")))
    marks = np.array([[float(r[f"judge{j}"]) for j in "ABCDE"] for r in rows])
    found = noise_ceiling(marks, tuple("ABCDE"))
    assert {j: round(r, 2) for j, r in found.each.items()} == {
        **{"A": 0.88, "B": 0.87, "C": 0.91},
        **{"D": 0.93, "E": 0.93},
    }
    alpha = krippendorff_alpha(marks)
    two = icc(marks)["ICC(2,1)"]
    figures["ski jump, 5 judges"] = {
        **{
            "ICC(2,1)": [round(v, 3) for v in (two.value, two.low, two.high)],
            "alpha": round(alpha, 3),
        },
        **{"ceiling": round(found.ceiling, 3), "clips": found.clips},
    }
    assert two.value == pytest.approx(alpha, abs=0.02)  # both measure absolute agreement
    assert found.clips == 32 and 0.95 < found.ceiling < 1
