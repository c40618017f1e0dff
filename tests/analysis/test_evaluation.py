"""The numbers of an evaluation, each beside another implementation; raters; links with movement."""

from __future__ import annotations

import itertools
import json
import pathlib

import numpy as np
import pytest
import scipy.stats
import sklearn.metrics as peer

from dance_jax.analysis import error_links, human_raters, seed_intervals
from dance_jax.analysis.evaluation import Evaluation, uncalibrated
from dance_jax.biomech import catalogue
from dance_jax.data.corpus import Corpus, Entry, Rating
from dance_jax.training import evaluate
from dance_jax.training.evaluate import Outcome
from tests.analysis.made_run import BY, STYLES, again, outcome
from tests.seeds import fresh


@pytest.fixture(scope="module", params=fresh(__name__, 1))
def found(request) -> Evaluation:
    rng = np.random.default_rng(request.param)
    first = outcome(rng)
    return Evaluation({0: first, 1: again(first, rng)}, BY, {0: [2.0] * 60, 1: [2.0] * 60})


def test_figures_equal_those_of_others(found, monkeypatch) -> None:
    monkeypatch.setattr(seed_intervals, "_DRAWS", 50)
    told = json.loads(json.dumps(found.as_dict(), allow_nan=False))
    for seed, out in found.by_seed.items():
        here = {name: row["value"] for name, row in told["seeds"][str(seed)].items()}
        known = out.style >= 0
        y, p = out.style[known], out.probability[known]
        guess = p.argmax(1)
        aside = {
            "accuracy": peer.accuracy_score(y, guess),
            "balanced_accuracy": peer.balanced_accuracy_score(y, guess),
            "macro_f1": peer.f1_score(y, guess, average="macro"),
            "log_loss": peer.log_loss(y, p, labels=range(3)),
            "auc": peer.roc_auc_score(y, p, multi_class="ovr"),
        }
        for score, truth in out.truth.items():
            there = ~np.isnan(truth)
            t, s = truth[there], out.score[score][there]
            aside |= {
                f"{score}_mse": peer.mean_squared_error(t, s),
                f"{score}_rmse": peer.root_mean_squared_error(t, s),
                f"{score}_mae": peer.mean_absolute_error(t, s),
                f"{score}_r2": peer.r2_score(t, s),
                f"{score}_pearson": scipy.stats.pearsonr(t, s)[0],
                f"{score}_spearman": scipy.stats.spearmanr(t, s)[0],
                f"{score}_r_l2": np.mean(((t - s) / 10) ** 2),
                f"{score}_coverage_90": np.mean(
                    np.abs(t - s) <= 1.6448536 * out.deviation[score][there]
                ),
            }
        assert {k: here[k] for k in aside} == pytest.approx(aside, abs=1e-9)
    rows = [told["seeds"][s] for s in ("0", "1")]
    for name, value in told["mean"].items():
        assert value == pytest.approx(np.mean([row[name]["value"] for row in rows]))
        assert told["spread"][name] == pytest.approx(np.std([r[name]["value"] for r in rows]))
    both = sum(
        peer.confusion_matrix(out.style[out.style >= 0], out.probability[out.style >= 0].argmax(1))
        for out in found.by_seed.values()
    )
    assert told["confusion"] == {"styles": list(STYLES), "rows": "true", "table": both.tolist()}


def test_groups_bands_and_bins_are_counted_by_hand(found) -> None:
    told = found.as_dict()
    outs = list(found.by_seed.values())
    for group, row in told["by_group"].items():
        rows = np.array([g == group for g in outs[0].groups])
        right = [(o.probability.argmax(1) == o.style)[rows & (o.style >= 0)].mean() for o in outs]
        error = [np.abs(o.score["aesthetic"] - o.truth["aesthetic"])[rows].mean() for o in outs]
        assert row["count"] == rows.sum()
        assert row["accuracy"] == pytest.approx(np.mean(right))
        assert row["aesthetic_mae"] == pytest.approx(np.mean(error))
    assert sum(row["count"] for row in told["by_band"].values()) == 60
    assert sum(row["count"] for row in told["by_style"].values()) == 59  # one has another style
    assert set(told["intervals"]) >= {"accuracy", "aesthetic_mse", "biomechanical_pearson"}
    known = [(o.probability[o.style >= 0], o.style[o.style >= 0]) for o in outs]
    top = np.concatenate([p.max(1) for p, _ in known])
    hit = np.concatenate([p.argmax(1) == y for p, y in known])
    mine = []
    for low, high in itertools.pairwise(np.arange(11) / 10):
        inside = (top > low) & (top <= high)
        if inside.any():
            mine.append([top[inside].mean(), hit[inside].mean(), inside.sum()])
    np.testing.assert_allclose(told["reliability"], mine)
    row = told["predictions"][0]
    assert row["aesthetic"]["predicted"] == pytest.approx(
        np.mean([o.score["aesthetic"][0] for o in outs])
    )


def test_intervals_are_those_of_the_mean_over_seeds(found, monkeypatch) -> None:
    monkeypatch.setattr(seed_intervals, "_DRAWS", 200)
    monkeypatch.setattr(evaluate, "_INTERVALS", 200)
    first = next(iter(found.by_seed.values()))
    alone = Evaluation({0: first}, BY).intervals()
    theirs = evaluate.intervals(first)
    assert {k: v.as_dict() for k, v in alone.items()} == {k: v.as_dict() for k, v in theirs.items()}
    for name, one in found.intervals().items():
        assert one.value == pytest.approx(found.mean()[name][0]) and one.low < one.value < one.high


def test_two_classes_have_an_auc_of_each_group() -> None:
    out = outcome(np.random.default_rng(4))
    p = out.probability[:, :2] / out.probability[:, :2].sum(1, keepdims=True)
    two = Outcome(out.names, out.groups, ("no", "yes"), out.style % 2, p, {}, {}, {})
    found = Evaluation({0: two}, BY)
    for group, row in found.table("group").items():
        inside = np.array([g == group for g in two.groups])
        if len(set(two.style[inside])) == 2:
            auc = peer.roc_auc_score(two.style[inside], p[inside, 1])
            assert row["auc"] == pytest.approx(auc)
        else:
            assert "auc" not in row
    one = found.intervals()["auc"]
    assert one.low < one.value < one.high
    assert one.value == pytest.approx(peer.roc_auc_score(two.style, p[:, 1]))


def test_the_temperature_is_taken_back() -> None:
    rng = np.random.default_rng(3)
    z, t = rng.normal(0, 2, (50, 4)), rng.uniform(0.3, 4, 50)

    def softmax(x: np.ndarray) -> np.ndarray:
        return np.exp(x) / np.exp(x).sum(1, keepdims=True)

    np.testing.assert_allclose(uncalibrated(softmax(z / t[:, None]), t), softmax(z), atol=1e-12)


def test_a_figure_without_meaning_has_a_reason_and_no_number() -> None:
    one = outcome(np.random.default_rng(0), clips=6, groups=1)
    flat = {name: np.full(6, 4.0) for name in one.score}
    still = Outcome(
        one.names, one.groups, (), np.full(6, -1), np.zeros((6, 0)), one.truth, flat, {}
    )
    told = json.loads(json.dumps(Evaluation({0: still}, BY).as_dict(), allow_nan=False))
    pearson = told["seeds"]["0"]["aesthetic_pearson"]
    assert pearson["value"] is None and pearson["reason"]
    assert told["mean"]["aesthetic_pearson"] is None
    assert "confusion" not in told and not told["intervals"] and not told["coverage"]


def rated(clips, table, raters=("r1", "r2", "r3")) -> Corpus:
    entries = tuple(Entry(clip, pathlib.Path(clip)) for clip in clips)
    rows = tuple(
        Rating(clip, rater, {"aesthetic_score": float(x)}, "made")
        for clip, line in zip(clips, table, strict=True)
        for rater, x in zip(raters, line, strict=True)
        if np.isfinite(x)
    )
    return Corpus(pathlib.Path(), "annotations", entries, rows, {"aesthetic_score": 10.0})


@pytest.mark.parametrize("seed", fresh(f"{__name__}.raters", 2))
def test_raters_and_model_are_held_to_the_same_means(seed) -> None:
    rng = np.random.default_rng(seed)
    out = outcome(rng)
    table = out.truth["aesthetic"][:, None] + rng.normal(0, 0.5, (60, 3)) + [0.0, 0.3, -0.3]
    table[4, 1] = np.nan  # this clip is not whole
    # Clips beyond those that were tested, on which the raters do not agree at all, do not count.
    more = [f"other_{k}.mp4" for k in range(40)]
    corpus = rated([*out.names, *more], np.vstack([table, rng.uniform(0, 10, (40, 3))]))
    found = human_raters.raters_of(corpus, [out, again(out, rng)])
    assert set(found) == {"aesthetic"}  # nobody rated the biomechanics
    one, whole = found["aesthetic"], np.arange(60) != 4
    assert one.clips == 59 and one.names == ("r1", "r2", "r3")
    for k in range(3):
        others = np.delete(table[whole], k, 1).mean(1)
        assert one.rater_r[k] == pytest.approx(np.corrcoef(table[whole, k], others)[0, 1])
        assert one.rater_mae[k] == pytest.approx(np.abs(table[whole, k] - others).mean())
    alone = human_raters.raters_of(corpus, [out])["aesthetic"]
    others = table[whole, 1:].mean(1)
    said = out.score["aesthetic"][whole]
    assert alone.model_r[0] == pytest.approx(np.corrcoef(said, others)[0, 1])
    assert alone.model_mae[0] == pytest.approx(np.abs(said - others).mean())
    assert one.agreement.ceiling < 1 and min(one.rater_r) > 0.9
    single = rated(out.names, table[:, :1], ("r1",))
    assert human_raters.raters_of(single, [out]) == {} == human_raters.raters_of(None, [out])


def measures_of(rng: np.random.Generator, names, style) -> dict[str, np.ndarray]:
    """Returns measures that have nothing to do with any score, and differ by style."""
    table = rng.normal(0, 1, (len(names), len(catalogue.MEASURES))) + 3.0 * style[:, None]
    table[:, 1] = 3.0  # does not vary
    table[: len(names) // 2, 2] = np.nan  # too often missing
    table[0, 3] = np.nan
    return dict(zip(names, table, strict=True))


@pytest.mark.parametrize("seed", fresh(f"{__name__}.links", 2))
def test_a_planted_link_is_found_and_chance_is_not(seed, monkeypatch) -> None:
    monkeypatch.setattr(error_links, "_DRAWS", 200)
    rng, keys, beyond = np.random.default_rng(seed), list(catalogue.MEASURES), 0
    for draw in range(20):
        out = outcome(rng)
        out.style[5] = 0
        measures = measures_of(rng, out.names, out.style)
        found = error_links.links([out], measures, "aesthetic", seed=draw)
        beyond += abs(found.error[0]) > found.limit
        assert len(found.keys) == len(keys) - 2 and found.within_styles
    assert beyond <= 6  # 5 in 100 are to be expected
    error = out.score["aesthetic"] - out.truth["aesthetic"]
    for k, name in enumerate(out.names):
        # A rank correlation sees any falling relation, whatever the style adds.
        measures[name][7] = np.exp(-error[k]) + 100 * out.style[k]
    found = error_links.links([out], measures, "aesthetic")
    assert found.keys[0] == keys[7] and found.error[0] == pytest.approx(-1)
    assert abs(found.error[1]) < 0.6 and found.limit < 0.75
    few = {name: measures[name] for name in out.names[:11]}
    assert error_links.links([out], few, "aesthetic") is None


def test_without_styles_a_link_is_spearmans(monkeypatch) -> None:
    monkeypatch.setattr(error_links, "_DRAWS", 20)
    rng = np.random.default_rng(8)
    out = outcome(rng)  # one clip has a style of its own, too few to be compared within
    measures = measures_of(rng, out.names, out.style)
    found = error_links.links([out], measures, "aesthetic")
    at = found.keys.index(list(catalogue.MEASURES)[4])
    column = np.array([measures[name][4] for name in out.names])
    truth = out.truth["aesthetic"]
    assert not found.within_styles
    assert found.truth[at] == pytest.approx(scipy.stats.spearmanr(column, truth)[0])
