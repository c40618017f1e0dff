"""Simulated raters with stated bias and noise, so that their true agreement is known."""

from __future__ import annotations

import numpy as np

from dance_jax.errors import InputError


def biases(raters: int, sd: float) -> np.ndarray:
    """Returns what each rater adds to every score: normal quantiles with mean 0 and exactly `sd`.

    b_j = sd (z_j - mean z) / s_z, z_j = quantile of (j - 1/2) / K, s_z with K - 1 in the divisor.

    Args:
        raters: K, 2 or more.
        sd: sample standard deviation, points.

    Returns:
        f64[K], from the most severe to the most lenient.
    """
    from scipy.stats import norm

    if raters < 2:
        raise InputError(f"{raters} raters cannot disagree", "raters", "give 2 or more")
    z = norm.ppf((np.arange(raters) + 0.5) / raters)
    return sd * (z - z.mean()) / z.std(ddof=1)


def rate(
    true: np.ndarray, bias: np.ndarray, noise_sd: float, rng: np.random.Generator
) -> tuple[np.ndarray, int]:
    """Returns ratings x_ij = q_i + b_j + e_ij, e ~ N(0, noise_sd^2), kept within 0 to 10.

    Args:
        true: f64[N] true scores, points.
        bias: f64[K] of the raters, points.
        noise_sd: points.
        rng: draws the noise.

    Returns:
        f64[N,K] rounded to 0.01, and how many had to be brought back to 0 or 10 (which lowers the
        agreement a little; `designed_icc` does not know it).
    """
    free = true[:, None] + bias[None] + rng.normal(0.0, noise_sd, (len(true), len(bias)))
    kept = np.clip(free, 0.0, 10.0)
    return np.round(kept, 2), int((kept != free).sum())


def designed_icc(true: np.ndarray, bias: np.ndarray, noise_sd: float) -> dict[str, float]:
    """Returns the intraclass correlations that the raters were designed to have on these clips.

    With S2 the sample variance of the true scores, B2 that of the biases, E2 = noise_sd^2 and K
    raters: ICC(2,1) = S2 / (S2 + B2 + E2), ICC(3,1) = S2 / (S2 + E2); for the mean of K raters B2
    and E2 are divided by K. These are what the estimators give where the mean squares are at
    their expectations E[MSR] = K S2 + E2, E[MSC] = N B2 + E2, E[MSE] = E2.

    Source: the two-way model of McGraw and Wong 1996, Psychological Methods 1(1), 30-46.
    """
    s2, b2, e2, k = float(np.var(true, ddof=1)), float(np.var(bias, ddof=1)), noise_sd**2, len(bias)
    return {
        "ICC(2,1)": s2 / (s2 + b2 + e2),
        "ICC(2,k)": s2 / (s2 + (b2 + e2) / k),
        "ICC(3,1)": s2 / (s2 + e2),
        "ICC(3,k)": s2 / (s2 + e2 / k),
    }
