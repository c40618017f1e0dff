"""What a corpus holds: counts, durations, rates, scores, and how far its raters agree."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from dance_jax.data.agreement import icc, noise_ceiling
from dance_jax.data.alpha import fleiss_kappa, krippendorff_alpha
from dance_jax.data.corpus import SCORES, Corpus
from dance_jax.data.media_facts import MediaFacts
from dance_jax.errors import InputError

BINS = (2.0, 4.0, 6.0, 8.0)
"""Inner edges of the five bins of Fleiss' kappa, on the scale of 0 to 10."""

_GROUPS = ("style", "part", "dancer", "choreography", "music", "source", "camera")


@dataclasses.dataclass(frozen=True)
class Spread:
    """Many numbers in seven.

    Attributes:
        n: how many are known.
        total: their sum.
        mean: of them; NaN for none, like the rest.
        sd: standard deviation with n - 1.
        low: smallest.
        median: the middle one.
        high: largest.
    """

    n: int
    total: float
    mean: float
    sd: float
    low: float
    median: float
    high: float


@dataclasses.dataclass(frozen=True)
class Agreement:
    """How far the raters of one score agree.

    Attributes:
        raters: how many rated at least two of the clips.
        clips: rated by two raters or more.
        whole: rated by all of them.
        icc: form -> [value, low, high]; over the whole clips.
        alpha: Krippendorff's, interval; over all clips with two ratings.
        alpha_ordinal: likewise, ordinal.
        kappa: Fleiss', of five bins.
        ceiling: highest correlation with the raters' mean that a predictor can expect.
        each: rater -> correlation with the mean of the others.
        reason: why the ICC, kappa and ceiling are missing, "" where they are not.
    """

    raters: int
    clips: int
    whole: int
    icc: Mapping[str, tuple[float, float, float]]
    alpha: float
    alpha_ordinal: float
    kappa: float
    ceiling: float
    each: Mapping[str, float]
    reason: str = ""


@dataclasses.dataclass(frozen=True)
class Statistics:
    """Of a whole corpus.

    Attributes:
        clips: how many.
        ratings: how many.
        raters: how many that are named.
        counts: "style", "dancer", "source", ... -> value -> clips, frequent first; "" is unknown.
        seconds: length of clips.
        fps: frame rate -> clips, rounded to 0.01.
        sizes: "WIDTHxHEIGHT" -> clips.
        detection: share of frames with a person, of clips where it is known.
        scores: score -> its spread over clips (raters averaged), on 0 to 10.
        histograms: score -> clips in ten bins of 1.
        per_rater: rater -> spread of the aesthetic scores given.
        agreement: score -> Agreement, of scores with two raters or more.
    """

    clips: int
    ratings: int
    raters: int
    counts: Mapping[str, Mapping[str, int]]
    seconds: Spread
    fps: Mapping[str, int]
    sizes: Mapping[str, int]
    detection: Spread
    scores: Mapping[str, Spread]
    histograms: Mapping[str, tuple[int, ...]]
    per_rater: Mapping[str, Spread]
    agreement: Mapping[str, Agreement]

    def as_dict(self) -> dict[str, Any]:
        """Returns the fields as a dict that JSON can hold; NaN is None."""
        return _plain(dataclasses.asdict(self))


def summarise(
    corpus: Corpus,
    files: Mapping[str, MediaFacts] | None = None,
    detection: Mapping[str, float] | None = None,
) -> Statistics:
    """Returns the statistics of a corpus.

    Args:
        corpus: clips and ratings.
        files: clip -> what its file is, from `validate_corpus.validate`.
        detection: clip -> share of frames with a person; the column `detection_rate` of the
            annotations by default.
    """
    opened = [facts for facts in (files or {}).values() if not facts.error]
    rates = detection if detection is not None else _extra(corpus, "detection_rate")
    scored = [s for s in SCORES if any(s in r.scores for r in corpus.ratings)]
    means = {score: corpus.mean_scores(score) for score in scored}
    per_rater: dict[str, list[float]] = {}
    for rating in corpus.ratings:
        if "aesthetic_score" in rating.scores:
            per_rater.setdefault(rating.rater, []).append(rating.scores["aesthetic_score"])
    return Statistics(
        clips=len(corpus.clips),
        ratings=len(corpus.ratings),
        raters=len([rater for rater in corpus.raters() if rater]),
        counts={key: found for key in _GROUPS if (found := _counts(corpus, key))},
        seconds=spread(f.seconds for f in opened if f.seconds > 0),
        fps=_frequent(f"{f.fps:.5g}" for f in opened if f.fps > 0),
        sizes=_frequent(f"{f.width}x{f.height}" for f in opened if f.width),
        detection=spread(rates.values()),
        scores={score: spread(values.values()) for score, values in means.items()},
        histograms={
            score: tuple(int(n) for n in np.histogram(list(values.values()), np.arange(11.0))[0])
            for score, values in means.items()
        },
        per_rater={rater: spread(values) for rater, values in sorted(per_rater.items())},
        agreement={
            score: found for score in scored if (found := agreement(corpus, score)) is not None
        },
    )


def agreement(corpus: Corpus, score: str) -> Agreement | None:
    """Returns how far the raters agree on one score; None where no clip has two ratings.

    Raters with a single clip are left out; ICC, kappa and ceiling rest on the clips that all the
    others rated.
    """
    _, raters, table = corpus.table(score)
    table = table * 10.0 / corpus.scales.get(score, 10.0)
    kept = np.isfinite(table).sum(0) >= 2
    raters, table = tuple(r for r, k in zip(raters, kept, strict=True) if k), table[:, kept]
    several = np.isfinite(table).sum(1) >= 2
    if not several.any():
        return None
    nan = float("nan")
    forms, kappa, ceiling, each, reason = {}, nan, nan, {}, ""
    try:
        forms = {k: (v.value, v.low, v.high) for k, v in icc(table).items()}
        kappa = fleiss_kappa(table, BINS)
        found = noise_ceiling(table, raters)
        ceiling, each = found.ceiling, found.each
    except InputError as error:
        reason = f"{error.what}; {error.fix}"
    return Agreement(
        len(raters),
        int(several.sum()),
        int(np.isfinite(table).all(1).sum()),
        forms,
        krippendorff_alpha(table),
        krippendorff_alpha(table, "ordinal"),
        kappa,
        ceiling,
        each,
        reason,
    )


def spread(values: Iterable[float]) -> Spread:
    """Returns the spread of the finite values."""
    x = np.asarray([v for v in values if np.isfinite(v)], np.float64)
    nan = float("nan")
    if not len(x):
        return Spread(0, 0.0, nan, nan, nan, nan, nan)
    sd = float(x.std(ddof=1)) if len(x) > 1 else nan
    middle = (float(x.min()), float(np.median(x)), float(x.max()))
    return Spread(len(x), float(x.sum()), float(x.mean()), sd, *middle)


def _counts(corpus: Corpus, key: str) -> dict[str, int]:
    get = {"style": lambda e: e.style, "part": lambda e: e.part}
    values = [get.get(key, lambda e: e.groups.get(key, ""))(entry) for entry in corpus.clips]
    return {} if set(values) <= {""} else _frequent(values)


def _frequent(values: Iterable[str]) -> dict[str, int]:
    count = Counter(values)
    return dict(sorted(count.items(), key=lambda item: (-item[1], item[0])))


def _extra(corpus: Corpus, column: str) -> dict[str, float]:
    found = {}
    for entry in corpus.clips:
        try:
            found[entry.clip] = float(entry.extra[column])
        except (KeyError, ValueError):
            continue  # the column is free text for whoever added it
    return found


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _plain(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(part) for part in value]
    return None if isinstance(value, float) and not np.isfinite(value) else value
