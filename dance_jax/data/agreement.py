"""How far raters agree: intraclass correlations, and the noise ceiling of a mean score."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from dance_jax.errors import InputError


@dataclasses.dataclass(frozen=True)
class Icc:
    """One intraclass correlation with its interval.

    Attributes:
        form: "ICC(1)", "ICC(1,k)", "ICC(2,1)", "ICC(2,k)", "ICC(3,1)" or "ICC(3,k)".
        value: the estimate; it can be negative.
        low: lower end of the interval.
        high: upper end.
        level: of the interval, 0.95.
    """

    form: str
    value: float
    low: float
    high: float
    level: float


@dataclasses.dataclass(frozen=True)
class Ceiling:
    """What a perfect predictor of the true score could reach against the raters.

    Attributes:
        each: rater -> correlation with the mean of the others.
        one: mean of them: one rater against the rest.
        reliability: of the mean of all raters, by Spearman and Brown from the mean correlation of
            pairs of raters: k r / (1 + (k - 1) r).
        ceiling: square root of the reliability: the highest correlation with the raters' mean that
            a predictor without error can expect; NaN where the reliability is not positive.
        raters: how many.
        clips: rated by all of them.
    """

    each: dict[str, float]
    one: float
    reliability: float
    ceiling: float
    raters: int
    clips: int

    def as_dict(self) -> dict[str, Any]:
        """Returns the fields as a dict."""
        return dataclasses.asdict(self)


def icc(scores: np.ndarray, *, level: float = 0.95) -> dict[str, Icc]:
    """Returns the six intraclass correlations with F-based intervals.

    With the mean squares between clips (MSR), between raters (MSC), within clips (MSW) and of the
    residual (MSE), n clips and k raters:
    ICC(1) = (MSR - MSW) / (MSR + (k-1) MSW): other raters for each clip;
    ICC(2,1) = (MSR - MSE) / (MSR + (k-1) MSE + k (MSC - MSE) / n): absolute agreement;
    ICC(3,1) = (MSR - MSE) / (MSR + (k-1) MSE): consistency; "k" is the mean of k raters.

    Args:
        scores: f64[n,k], clip by rater; clips that any rater left out are dropped.
        level: of the interval.

    Returns:
        form -> Icc.

    Raises:
        InputError: fewer than two whole clips or two raters.

    Source: Shrout and Fleiss 1979, Psychological Bulletin 86(2), 420-428; McGraw and Wong 1996,
    Psychological Methods 1(1), 30-46 (the interval of ICC(2)).
    """
    from scipy.stats import f as fisher

    x = _whole(scores)
    n, k = x.shape
    ss_rows = k * ((x.mean(1) - x.mean()) ** 2).sum()
    ss_columns = n * ((x.mean(0) - x.mean()) ** 2).sum()
    ss_total = ((x - x.mean()) ** 2).sum()
    msr, msc = ss_rows / (n - 1), ss_columns / (k - 1)
    msw = (ss_total - ss_rows) / (n * (k - 1))
    mse = max(ss_total - ss_rows - ss_columns, 0.0) / ((n - 1) * (k - 1))
    p = 1 - (1 - level) / 2
    out: dict[str, Icc] = {}
    with np.errstate(divide="ignore", invalid="ignore"):
        for name, error, df2 in (("1", msw, n * (k - 1)), ("3", mse, (n - 1) * (k - 1))):
            ratio = np.divide(msr, error)
            ends = (ratio / fisher.ppf(p, n - 1, df2), ratio * fisher.ppf(p, df2, n - 1))
            single = [_of_ratio(f, k) for f in (ratio, *ends)]
            mean = [1 - np.divide(1, f) for f in (ratio, *ends)]
            out[f"ICC({name})" if name == "1" else "ICC(3,1)"] = _icc(single, level)
            out[f"ICC({name},k)"] = _icc(mean, level)
        one = (msr - mse) / (msr + (k - 1) * mse + k * (msc - mse) / n)
        # McGraw and Wong's degrees of freedom (Satterthwaite) for the absolute agreement.
        a = k * one / (n * (1 - one))
        b = 1 + k * one * (n - 1) / (n * (1 - one))
        v = (a * msc + b * mse) ** 2 / (
            (a * msc) ** 2 / (k - 1) + (b * mse) ** 2 / ((n - 1) * (k - 1))
        )
        f_low, f_high = fisher.ppf(p, n - 1, v), fisher.ppf(p, v, n - 1)
        spread = k * msc + (k * n - k - n) * mse
        low = n * (msr - f_low * mse) / (f_low * spread + n * msr)
        high = n * (f_high * msr - mse) / (spread + n * f_high * msr)
        single = (one, low, high)
    out["ICC(2,1)"] = _icc(single, level)
    out["ICC(2,k)"] = _icc([_stepped(r, k) for r in single], level)
    for entry in list(out):
        out[entry] = dataclasses.replace(out[entry], form=entry)
    return dict(sorted(out.items()))


def noise_ceiling(scores: np.ndarray, names: tuple[str, ...] | None = None) -> Ceiling:
    """Returns how well each rater agrees with the others, and the ceiling that follows.

    Args:
        scores: f64[n,k], clip by rater; clips that any rater left out are dropped.
        names: of the raters; "1", "2", ... by default.

    Raises:
        InputError: fewer than three whole clips or two raters.

    Source: Spearman 1910 and Brown 1910 for the reliability of a mean.
    """
    x = _whole(scores, least=3)
    n, k = x.shape
    names = names or tuple(str(i + 1) for i in range(k))
    each = {name: _correlation(x[:, i], np.delete(x, i, 1).mean(1)) for i, name in enumerate(names)}
    pairs = [_correlation(x[:, i], x[:, j]) for i in range(k) for j in range(i)]
    reliability = _stepped(float(np.mean(pairs)), k)
    ceiling = float(np.sqrt(reliability)) if reliability > 0 else float("nan")
    return Ceiling(each, float(np.mean(list(each.values()))), reliability, ceiling, k, n)


def _whole(scores: np.ndarray, least: int = 2) -> np.ndarray:
    x = np.asarray(scores, np.float64)
    if x.ndim != 2 or x.shape[1] < 2:
        raise InputError("agreement needs two raters or more", "ratings", "give a column a rater")
    x = x[np.isfinite(x).all(1)]
    if len(x) < least:
        what = f"{len(x)} clips are rated by all raters"
        raise InputError(what, "ratings", f"agreement needs {least} clips that all raters rated")
    return x


def _of_ratio(f: float, k: int) -> float:
    return 1.0 if np.isposinf(f) else float((f - 1) / (f + k - 1))


def _stepped(r: float, k: int) -> float:
    """Spearman and Brown: the reliability of the mean of k raters."""
    return float(k * r / (1 + (k - 1) * r)) if 1 + (k - 1) * r > 0 else float("nan")


def _icc(values: Any, level: float) -> Icc:
    value, low, high = (float(v) for v in values)
    return Icc("", value, low, high, level)


def _correlation(a: np.ndarray, b: np.ndarray) -> float:
    a, b = a - a.mean(), b - b.mean()
    size = np.sqrt((a**2).sum() * (b**2).sum())
    return float((a * b).sum() / size) if size > 0 else float("nan")
