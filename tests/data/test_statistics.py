"""Statistics of a corpus against plain counts, and agreement where it can be told."""

from __future__ import annotations

import json
import pathlib

import numpy as np
import pytest

from dance_jax.data.agreement import icc
from dance_jax.data.alpha import fleiss_kappa, krippendorff_alpha
from dance_jax.data.corpus import Corpus, Entry, Rating
from dance_jax.data.media_facts import MediaFacts
from dance_jax.data.statistics import BINS, agreement, spread, summarise
from tests.seeds import fresh

SEEDS = fresh(__name__, 3)
RATERS = ("r1", "r2", "r3", "r4")


def corpus(rng, *, clips=40, missing=0.0, unit=False) -> tuple[Corpus, np.ndarray]:
    """Ratings of known variance: clip 2, noise 1, rater offsets."""
    table = 5 + rng.normal(0, 2, (clips, 1)) + rng.normal(0, 1, (clips, 4)) + rng.normal(0, 0.5, 4)
    table = np.clip(table, 0, 10)
    if missing:  # and no clip is rated by all
        table[rng.random(table.shape) < missing] = np.nan
        table[np.arange(clips), np.arange(clips) % 4] = np.nan
    entries = tuple(
        Entry(f"c{k:02d}", None, f"s{k % 3}", {"dancer": f"d{k % 5}", "music": ""})
        for k in range(clips)
    )
    ratings = [
        Rating(f"c{k:02d}", name, {"aesthetic_score": v, "fluidity": v / 10 if unit else v}, "t:1")
        for k, row in enumerate(table)
        for name, v in zip(RATERS, row, strict=True)
        if np.isfinite(v)
    ]
    scales = {"aesthetic_score": 10.0, "fluidity": 1.0 if unit else 10.0}
    return Corpus(pathlib.Path("x"), "annotations", entries, tuple(ratings), scales), table


@pytest.mark.parametrize("seed", SEEDS)
def test_counts_spreads_and_agreement(seed) -> None:
    made, table = corpus(np.random.default_rng(seed), unit=True)
    found = summarise(made)
    assert (found.clips, found.ratings, found.raters) == (40, 160, 4)
    assert found.counts == {
        "style": {"s0": 14, "s1": 13, "s2": 13},
        "dancer": {f"d{k}": 8 for k in range(5)},
    }
    mean = table.mean(1)
    assert found.scores["aesthetic_score"].mean == pytest.approx(mean.mean())
    assert found.scores["fluidity"].sd == pytest.approx(mean.std(ddof=1))  # put on 0 to 10
    assert found.histograms["aesthetic_score"] == tuple(np.histogram(mean, np.arange(11))[0])
    assert found.per_rater["r2"].mean == pytest.approx(table[:, 1].mean())
    told = found.agreement["fluidity"]
    assert (told.raters, told.clips, told.whole, told.reason) == (4, 40, 40, "")
    two = icc(table)["ICC(2,1)"]
    assert told.icc["ICC(2,1)"] == pytest.approx((two.value, two.low, two.high))
    assert told.alpha == pytest.approx(krippendorff_alpha(table)) and set(told.each) == set(RATERS)
    assert told.kappa == pytest.approx(fleiss_kappa(table, BINS))
    json.dumps(found.as_dict(), allow_nan=False)


def test_missing_ratings_leave_what_can_be_told() -> None:
    made, table = corpus(np.random.default_rng(SEEDS[0]), missing=0.4)
    single = Rating("c00", "once", {"aesthetic_score": 9.0}, "t:9")
    made = Corpus(made.root, made.layout, made.clips, (*made.ratings, single), made.scales)
    told = agreement(made, "aesthetic_score")
    assert told.whole == 0 and "rated by all raters" in told.reason and told.icc == {}
    assert np.isfinite(told.alpha) and np.isnan(told.ceiling)
    assert told.alpha == pytest.approx(krippendorff_alpha(table[:, np.isfinite(table).sum(0) > 1]))
    one = Corpus(
        made.root, made.layout, made.clips, tuple(r for r in made.ratings if r.rater == "r1")
    )
    assert agreement(one, "aesthetic_score") is None
    assert summarise(one).as_dict()["agreement"] == {}


def test_files_and_detection_rates() -> None:
    entries = tuple(
        Entry(f"c{k}", None, extra={"detection_rate": text})
        for k, text in enumerate(("0.9", "", "x"))
    )
    made = Corpus(pathlib.Path("x"), "annotations", entries)
    files = {
        "c0": MediaFacts(width=64, height=48, fps=25, seconds=2),
        "c1": MediaFacts(width=64, height=48, fps=29.97, seconds=4),
        "c2": MediaFacts(error="broken"),
    }
    found = summarise(made, files)
    assert found.fps == {"25": 1, "29.97": 1} and found.sizes == {"64x48": 2}
    assert (found.seconds.n, found.seconds.total, found.seconds.median) == (2, 6.0, 3.0)
    assert (found.detection.n, found.detection.mean) == (1, 0.9)
    assert summarise(made, files, {"c0": 0.5, "c1": 1.0}).detection.mean == 0.75
    empty = spread([])
    assert (
        empty.n == 0
        and np.isnan(empty.mean)
        and summarise(made).as_dict()["seconds"]["mean"] is None
    )
