"""Class activation maps of trained heads, and what they say: energy in a region, a body part."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import jax
import jax.numpy as jnp
import numpy as np

Segments = Mapping[str, Sequence[tuple[str, str]]]

PARTS: Segments = {
    "head": (("neck", "head"), ("head", "nose")),
    "trunk": (("neck", "hip"), ("left_shoulder", "right_shoulder"), ("left_hip", "right_hip")),
    "left_arm": (("left_shoulder", "left_elbow"), ("left_elbow", "left_wrist")),
    "right_arm": (("right_shoulder", "right_elbow"), ("right_elbow", "right_wrist")),
    "left_leg": (
        ("left_hip", "left_knee"),
        ("left_knee", "left_ankle"),
        ("left_ankle", "left_big_toe"),
    ),
    "right_leg": (
        ("right_hip", "right_knee"),
        ("right_knee", "right_ankle"),
        ("right_ankle", "right_big_toe"),
    ),
}
"""Body parts as limb segments between joints of HALPE-26."""

BACKGROUND = "background"


def class_activation(maps: jax.Array, weights: jax.Array) -> jax.Array:
    """Returns the map of a linear head over globally averaged features.

        cam(y, x) = sum_k w_k map_k(y, x),   mean over (y, x) of cam + bias == score

    Nothing is rectified or rescaled, so the score decomposes over the picture exactly: a region
    has as much part in the score as its sum of cam / (h w).

    Args:
        maps: [...,h,w,C], the map whose mean over space the head was given.
        weights: the head's kernel, [C] or [C,1] for a score, [C,S] for class logits.

    Returns:
        float32 or wider [...,h,w] for a score, [...,h,w,S] for classes.

    Source: Zhou et al. 2016, "Learning Deep Features for Discriminative Localization", Eq. 1-2.
    """
    if weights.ndim == 2 and weights.shape[-1] == 1:
        weights = weights[:, 0]
    wide = jnp.promote_types(maps.dtype, jnp.float32)
    return jnp.tensordot(maps.astype(wide), weights.astype(wide), 1, precision="highest")


def sum_over_frames(cam: jax.Array, known: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Returns the sum of maps cell by cell and their number, which add up over batches to a mean.

    Args:
        cam: [...,h,w]; what it holds where it does not count has no influence.
        known: bool[...], the maps that count.

    Returns:
        [h,w] and i32.
    """
    axes = tuple(range(known.ndim))
    return jnp.where(known[..., None, None], cam, 0).sum(axes), known.sum()


def grad_cam(
    score: Callable[[jax.Array], jax.Array], maps: jax.Array, *, rectify: bool = True
) -> tuple[jax.Array, jax.Array]:
    """Returns scores and the gradient-weighted map where the head is not linear on the map.

        cam(y, x) = relu(sum_k a_k map_k(y, x)),  a_k = mean over (y, x) of d score / d map_k

    For a linear head over h w averaged cells it is relu of `class_activation` divided by h w.

    Args:
        score: maps any leading axes -> scores: everything behind the maps, such as pooling,
            temporal network and head. Several scores (a batch of clips) are told apart only if
            each depends on its own maps alone, which holds of networks without BatchNorm in
            training.
        maps: [...,h,w,C], such as [B,T,h,w,C].
        rectify: keep only what raises the score, as in the paper. Without it the sum over the
            cells is the first-order effect of the map as far as the network pools it.

    Returns:
        the scores, and [...,h,w].

    Source: Selvaraju et al. 2017, "Grad-CAM", Eq. 1-2.
    """
    wide = maps.astype(jnp.promote_types(maps.dtype, jnp.float32))

    def total(given: jax.Array) -> tuple[jax.Array, jax.Array]:
        scores = score(given)
        return scores.sum(), scores

    gradient, scores = jax.grad(total, has_aux=True)(wide)
    cam = (wide * gradient.mean((-3, -2), keepdims=True)).sum(-1)
    return scores, jax.nn.relu(cam) if rectify else cam


def upsample(
    cam: jax.Array,
    height: int,
    width: int,
    grid: tuple[float, float] | None = None,
) -> jax.Array:
    """Returns a map at the size of the picture, by linear interpolation between its cells.

    Args:
        cam: [...,h,w].
        height: of the picture in pixels.
        width: of the picture.
        grid: (start, stride) in pixels of the cells' centres, from `resnet.grid` or
            `inception.GRID`; None spreads the cells evenly, as image resizing does, which is half
            a cell off for a ResNet.

    Returns:
        [...,height,width]; beyond the outer cells their values go on.
    """
    rows = _interpolation(cam.shape[-2], height, grid)
    columns = _interpolation(cam.shape[-1], width, grid)
    return jnp.einsum("...hw,Hh,Ww->...HW", cam, rows, columns, precision="highest")


def _interpolation(cells: int, pixels: int, grid: tuple[float, float] | None) -> jax.Array:
    """Returns the matrix [pixels, cells] of linear interpolation along one axis."""
    stride = pixels / cells if grid is None else grid[1]
    start = (stride - 1) / 2 if grid is None else grid[0]
    at = np.clip((np.arange(pixels) - start) / stride, 0, cells - 1)
    return jnp.asarray(np.maximum(0, 1 - np.abs(at[:, None] - np.arange(cells))), jnp.float32)


def energy_inside(cam: jax.Array, region: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Returns the share of the positive energy that lies in a region, and what chance gives.

        share = sum of relu(cam) in the region / sum of relu(cam),   chance = area of the region

    Args:
        cam: [...,H,W].
        region: bool[...,H,W].

    Returns:
        share [...] (NaN where nothing is positive) and chance [...], the region's share of the
        picture: what a map that knows nothing of the dancer would have inside.
    """
    positive = jax.nn.relu(cam)
    inside = jnp.where(region, positive, 0).sum((-2, -1))
    return _ratio(inside, positive.sum((-2, -1))), region.mean((-2, -1), dtype=cam.dtype)


def energy_per_part(
    cam: jax.Array,
    joints: jax.Array,
    names: Sequence[str],
    *,
    softness: float,
    reach: float,
    parts: Segments = PARTS,
) -> tuple[dict[str, jax.Array], dict[str, jax.Array]]:
    """Returns each body part's share of the positive energy, and what chance gives it.

        share_p = sum over pixels of relu(cam) a_p / sum of relu(cam)
        a_p = softmax over the parts and the background of -d_p^2 / (2 softness^2)

    with d_p the distance of the pixel from the nearest segment of part p, and `reach` for the
    background: a pixel farther than that from every limb belongs to nobody.

    Args:
        cam: [...,H,W] at the size of the picture (`upsample`).
        joints: [...,J,2], x and y in pixels of that picture, NaN where missing.
        names: names of the joints.
        softness: pixels over which one part passes into the next; about half a limb's width.
        reach: half the width of a limb, plus what the map blurs, in pixels.
        parts: part -> segments between joints. Segments with an unknown joint are left out.

    Returns:
        part or "background" -> share [...], and the same of an even map. NaN for a part of which
        no segment is seen, for all where nothing is positive or no part is seen; the others add
        up to one.

    Raises:
        ValueError: no segment of a part has its joints in `names`, or a width is not positive.
    """
    if not (softness > 0 and reach > 0):
        raise ValueError(f"softness and reach must be positive, got {softness} and {reach}")
    logits = []
    for part, segments in parts.items():
        pairs = [(names.index(a), names.index(b)) for a, b in segments if {a, b} <= set(names)]
        if not pairs:
            raise ValueError(f"no segment of {part!r} lies between the joints {tuple(names)}")
        logits.append(_square_distance(cam.shape[-2:], joints, pairs))
    squares = jnp.stack(logits, -1)  # [...,H,W,P]
    seen = jnp.isfinite(squares[..., 0, 0, :])  # [...,P]
    squares = jnp.concatenate([squares, jnp.full_like(squares[..., :1], reach**2)], -1)
    own = jax.nn.softmax(-squares / (2 * softness**2), axis=-1)  # [...,H,W,P+1]
    positive = jax.nn.relu(cam)
    energy = jnp.einsum("...hw,...hwp->...p", positive, own, precision="highest")
    share = _ratio(energy, positive.sum((-2, -1))[..., None])
    chance = own.mean((-3, -2))
    known = jnp.concatenate([seen, seen.any(-1, keepdims=True)], -1)
    order = (*parts, BACKGROUND)
    share, chance = (jnp.where(known, value, jnp.nan) for value in (share, chance))
    return (
        {part: share[..., i] for i, part in enumerate(order)},
        {part: chance[..., i] for i, part in enumerate(order)},
    )


def _square_distance(
    size: tuple[int, ...], joints: jax.Array, pairs: Sequence[tuple[int, int]]
) -> jax.Array:
    """Returns [...,H,W]: squared distance to the nearest segment, infinite where none is seen."""
    y, x = np.mgrid[: size[0], : size[1]].astype(np.float32)
    pixels = jnp.stack([x, y], -1)  # [H,W,2]
    nearest = jnp.full((*joints.shape[:-2], *size), jnp.inf, jnp.float32)
    for i, j in pairs:
        a = joints[..., i, None, None, :]
        along = joints[..., j, None, None, :] - a
        length = jnp.square(along).sum(-1)
        t = ((pixels - a) * along).sum(-1) / jnp.where(length > 0, length, 1)
        gap = pixels - a - jnp.clip(t, 0, 1)[..., None] * along
        square = jnp.square(gap).sum(-1)
        nearest = jnp.minimum(nearest, jnp.where(jnp.isfinite(square), square, jnp.inf))
    return nearest


def _ratio(part: jax.Array, whole: jax.Array) -> jax.Array:
    return jnp.where(whole > 0, part / jnp.where(whole > 0, whole, 1), jnp.nan)
