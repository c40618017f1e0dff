"""How far two sets of clips lie apart: Frechet distance with its floor, KID, diversity.

Statistics of whole sets on the host in float64: no part of a loss.
"""

from __future__ import annotations

import dataclasses

import numpy as np


@dataclasses.dataclass(frozen=True)
class SetDistance:
    """The distance of a set of clips from a reference set, with what is needed to judge it.

    Attributes:
        n_reference: clips in the reference set.
        n: clips in the other set.
        frechet: squared Frechet distance of the two Gaussian fits, z-scored features.
        frechet_floor: the same for random subsets of n reference clips against the reference: what
            an equally good set of this size scores (mean).
        frechet_floor_p95: its 95th percentile; below it nothing is shown to differ.
        frechet_interval: 95 % bootstrap interval over the clips of both sets, moved so that the
            bootstrap's mean lies on `frechet`: the copies that a bootstrap draws raise every draw.
        kid: kernel distance (unbiased MMD^2, cubic kernel); its mean does not depend on n.
        kid_interval: 95 % interval of it from random halves of both sets.
        diversity: mean pairwise Euclidean distance within the set.
        diversity_reference: the same within the reference.
    """

    n_reference: int
    n: int
    frechet: float
    frechet_floor: float
    frechet_floor_p95: float
    frechet_interval: tuple[float, float]
    kid: float
    kid_interval: tuple[float, float]
    diversity: float
    diversity_reference: float


def standardise(reference: np.ndarray, *others: np.ndarray) -> tuple[np.ndarray, ...]:
    """Returns z-scores by the mean and standard deviation of the reference.

        z = (x - mean) / (sd + 1e-10)

    Features that do not vary in the reference are left out of every set.

    Args:
        reference: [N, D].
        *others: [M, D] each.
    """
    reference = np.asarray(reference, np.float64)
    mean, sd = reference.mean(0), reference.std(0)
    keep = sd > 1e-10 * np.maximum(np.abs(mean), 1.0)
    return tuple(
        ((np.asarray(x, np.float64) - mean) / (sd + 1e-10))[:, keep] for x in (reference, *others)
    )


def frechet_distance(a: np.ndarray, b: np.ndarray) -> float:
    """Returns the squared Frechet distance of the Gaussians fitted to two sets.

        |m_a - m_b|^2 + tr(S_a + S_b - 2 (S_a S_b)^(1/2))

    The trace of the root is the sum of the singular values of A^T B with S = A A^T: exact for
    singular covariances too, where a matrix root is not.

    Args:
        a: [N, D], N >= 2.
        b: [M, D], M >= 2.

    Source: Dowson & Landau 1982; Heusel et al. 2017 (FID).
    """
    a, b = _checked(a), _checked(b)
    centred_a = (a - a.mean(0)) / np.sqrt(len(a) - 1)
    centred_b = (b - b.mean(0)) / np.sqrt(len(b) - 1)
    shift = a.mean(0) - b.mean(0)
    # tr (S_a S_b)^(1/2) = sum of singular values of A B^T, A = [N, D], B = [M, D].
    root = np.linalg.svd(_narrow(centred_a) @ _narrow(centred_b).T, compute_uv=False).sum()
    return float(shift @ shift + (centred_a**2).sum() + (centred_b**2).sum() - 2 * root)


def _narrow(x: np.ndarray) -> np.ndarray:
    """Returns R with R^T R = x^T x and at most as many rows as columns."""
    return np.linalg.qr(x, mode="r") if len(x) > x.shape[1] else x


def _checked(x: np.ndarray) -> np.ndarray:
    x = np.asarray(x, np.float64)
    if x.ndim != 2 or len(x) < 2:
        raise ValueError(f"a set must be [N >= 2, D], got {x.shape}")
    if not np.isfinite(x).all():
        raise ValueError("a set holds NaN or infinite features: leave those clips out first")
    return x


def kernel_distance(a: np.ndarray, b: np.ndarray) -> float:
    """Returns the unbiased squared maximum mean discrepancy with k(x, y) = (x.y / D + 1)^3.

    Args:
        a: [N, D], N >= 2.
        b: [M, D], M >= 2.

    Source: Binkowski et al. 2018 (KID).
    """
    a, b = _checked(a), _checked(b)
    dim = a.shape[1]
    within_a, within_b = (a @ a.T / dim + 1) ** 3, (b @ b.T / dim + 1) ** 3
    across = (a @ b.T / dim + 1) ** 3
    n, m = len(a), len(b)
    same = (within_a.sum() - np.trace(within_a)) / (n * (n - 1))
    same += (within_b.sum() - np.trace(within_b)) / (m * (m - 1))
    return float(same - 2 * across.mean())


def diversity(x: np.ndarray) -> float:
    """Returns the mean Euclidean distance over all pairs of a set [N >= 2, D]."""
    x = _checked(x)
    squared = (x**2).sum(1)
    gap = np.sqrt(np.maximum(squared[:, None] + squared[None] - 2 * x @ x.T, 0.0))
    np.fill_diagonal(gap, 0.0)
    return float(gap.sum() / (len(x) * (len(x) - 1)))


def compare_sets(
    reference: np.ndarray, other: np.ndarray, *, seed: int = 0, repeats: int = 200
) -> SetDistance:
    """Compares a set of clips with a reference set, features z-scored by the reference.

    The floor answers what a Frechet distance of a small set means: with 40 clips and 72 features
    most of it is the size of the set.

    Args:
        reference: [N >= 4, D] features of the reference clips.
        other: [M >= 4, D] features of the clips that are judged.
        seed: of the random subsets.
        repeats: number of random subsets and of bootstrap draws.

    Returns:
        The distances with N, floor and intervals.

    Raises:
        ValueError: a set is too small or holds NaN.
    """
    ref, oth = standardise(_checked(reference), _checked(other))
    if min(len(ref), len(oth)) < 4:
        raise ValueError(f"4 clips a set are needed, got {len(ref)} and {len(oth)}")
    rng = np.random.default_rng(seed)
    n, m = len(ref), len(oth)
    floor = [frechet_distance(*_disjoint(ref, m, rng)) for _ in range(repeats)]
    drawn = [
        frechet_distance(ref[rng.integers(0, n, n)], oth[rng.integers(0, m, m)])
        for _ in range(repeats)
    ]
    halves = [
        kernel_distance(
            ref[rng.choice(n, n // 2, replace=False)], oth[rng.choice(m, m // 2, replace=False)]
        )
        for _ in range(repeats)
    ]
    # A half-sample's deviation has about the spread of the full sample's own error.
    low, high = np.percentile(halves, (2.5, 97.5))
    distance = frechet_distance(ref, oth)
    ends = distance + np.percentile(drawn, (2.5, 97.5)) - np.mean(drawn)
    return SetDistance(
        n_reference=n,
        n=m,
        frechet=distance,
        frechet_floor=float(np.mean(floor)),
        frechet_floor_p95=float(np.percentile(floor, 95)),
        frechet_interval=(float(ends[0]), float(ends[1])),
        kid=kernel_distance(ref, oth),
        kid_interval=(float(low), float(high)),
        diversity=diversity(oth),
        diversity_reference=diversity(ref),
    )


def _disjoint(
    reference: np.ndarray, m: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Draws m reference clips, and the rest; where too few remain, m with replacement and all."""
    order = rng.permutation(len(reference))
    if len(reference) - m >= max(m, 4):
        return reference[order[m:]], reference[order[:m]]
    return reference, reference[rng.integers(0, len(reference), m)]
