"""Skeletons by name: joints, parents, left-right flips, and conversions between them.

Left and right are always the dancer's own. A missing joint is NaN with confidence 0, never zero.
NumPy only; `mirror` and `swap_sides` work on NumPy and on JAX arrays alike.
"""

from __future__ import annotations

import dataclasses
import difflib
import functools
import types
from collections.abc import Mapping
from typing import Any

import numpy as np

from dance_jax.errors import InputError
from dance_jax.skeleton_tables import APPROXIMATE, EXTRA_BONES, FROM_HALPE, TABLES, TO_HALPE

CANON = "halpe26"


@dataclasses.dataclass(frozen=True)
class Skeleton:
    """One joint naming.

    Attributes:
        name: "halpe26", "coco17", ...
        joints: joint names in the order of the format, in the words of the canon.
        parents: index of each joint's parent, -1 for the root.
        bones: pairs of joint names worth drawing or measuring.
        flip: index permutation that exchanges left and right; its own inverse.
        file_names: the joints as the format's own files name them.
        source: where the order was taken from.
    """

    name: str
    joints: tuple[str, ...]
    parents: tuple[int, ...]
    bones: tuple[tuple[str, str], ...]
    flip: tuple[int, ...]
    file_names: tuple[str, ...]
    source: str

    def __len__(self) -> int:
        return len(self.joints)


def other_side(joint: str) -> str:
    """Returns the name of the same joint on the other side ("left_knee" -> "right_knee")."""
    for a, b in (("left_", "right_"), ("right_", "left_")):
        if joint.startswith(a):
            return b + joint[len(a) :]
    return joint


def _build(name: str) -> Skeleton:
    rows, source = TABLES[name]
    cells = [row.split() for row in rows.split(";")]
    joints = tuple(cell[0] for cell in cells)
    parents = tuple(-1 if cell[1] == "-" else joints.index(cell[1]) for cell in cells)
    links = tuple((joints[p], joints[i]) for i, p in enumerate(parents) if p >= 0)
    return Skeleton(
        name=name,
        joints=joints,
        parents=parents,
        bones=links + EXTRA_BONES.get(name, ()),
        flip=tuple(joints.index(other_side(joint)) for joint in joints),
        file_names=tuple(cell[2] if len(cell) > 2 else cell[0] for cell in cells),
        source=source,
    )


SKELETONS: Mapping[str, Skeleton] = types.MappingProxyType({n: _build(n) for n in TABLES})


def get(skeleton: str | Skeleton) -> Skeleton:
    """Returns a skeleton by name.

    Raises:
        InputError: there is none of that name; the nearest one is named.
    """
    if isinstance(skeleton, Skeleton):
        return skeleton
    if skeleton not in SKELETONS:
        near = difflib.get_close_matches(str(skeleton), SKELETONS, 1, 0.3)
        fix = f"did you mean {near[0]!r}?" if near else f"use one of {', '.join(SKELETONS)}"
        raise InputError("unknown skeleton", repr(skeleton), fix)
    return SKELETONS[skeleton]


def index(skeleton: str | Skeleton, joint: str) -> int:
    """Returns the position of a joint, by its name here or in the format's own files.

    Raises:
        InputError: the skeleton has no such joint; the nearest one is named.
    """
    found = get(skeleton)
    for names in (found.joints, found.file_names):
        if joint in names:
            return names.index(joint)
    near = difflib.get_close_matches(joint, found.joints, 1, 0.3)
    fix = f"did you mean {near[0]!r}?" if near else f"use one of {', '.join(found.joints)}"
    raise InputError(f"{found.name} has no joint {joint!r}", "", fix)


def _rule(src: str, dst: str, joint: str) -> tuple[str, ...]:
    """Returns the joints of `src` whose mean is `joint` of `dst`; () where there are none."""
    if src == dst:
        return (joint,)
    own = (joint,) if joint in SKELETONS[src].joints else ()
    if dst == CANON:
        return TO_HALPE.get(src, {}).get(joint, own)
    if src == CANON:
        return FROM_HALPE.get(dst, {}).get(joint, own)
    through = _rule(CANON, dst, joint)
    parts = [_rule(src, CANON, part) for part in through]
    if parts and all(parts):
        return tuple(name for part in parts for name in part)
    return own


@functools.cache
def conversion(src: str, dst: str) -> tuple[tuple[int, ...], ...]:
    """Returns, for each joint of `dst`, the indices in `src` whose mean it is; () = missing."""
    source, target = get(src), get(dst)
    return tuple(
        tuple(source.joints.index(name) for name in _rule(source.name, target.name, joint))
        for joint in target.joints
    )


def approximate(src: str) -> Mapping[str, str]:
    """Returns the HALPE-26 joints that `src` gives only nearly, with what they are instead."""
    return types.MappingProxyType(APPROXIMATE.get(get(src).name, {}))


def convert(
    pose: np.ndarray, confidence: np.ndarray | None, src: str, dst: str
) -> tuple[np.ndarray, np.ndarray]:
    """Converts poses from one skeleton to another; a joint is the mean of its source joints.

    Args:
        pose: [..., J, C] positions in any unit; NaN where missing.
        confidence: [..., J] in [0, 1], or None: 1 where the position is finite, else 0.
        src: name of the pose's skeleton.
        dst: name of the skeleton wanted.

    Returns:
        pose f32[..., K, C], NaN where the source has no such joint or one of its joints is missing;
        confidence f32[..., K], the least of the source joints, 0 where the position is NaN.

    Raises:
        InputError: an unknown skeleton, or the wrong number of joints.
    """
    source, target = get(src), get(dst)
    pose = np.asarray(pose, np.float32)
    if pose.ndim < 2 or pose.shape[-2] != len(source):
        raise InputError(
            f"a pose of shape {pose.shape} has not the {len(source)} joints of {source.name}",
            "",
            "give pose[..., J, C] with the joints in that skeleton's order",
        )
    if confidence is None:
        confidence = np.isfinite(pose).all(-1)
    confidence = np.asarray(confidence, np.float32)
    out = np.full((*pose.shape[:-2], len(target), pose.shape[-1]), np.nan, np.float32)
    sure = np.zeros(out.shape[:-1], np.float32)
    for k, sources in enumerate(conversion(source.name, target.name)):
        if sources:
            out[..., k, :] = pose[..., sources, :].mean(-2)
            sure[..., k] = confidence[..., sources].min(-1)
    missing = ~np.isfinite(out).all(-1)
    out[missing] = np.nan
    sure[missing] = 0.0
    return out, sure


def swap_sides(values: Any, skeleton: str | Skeleton, axis: int = -2) -> Any:
    """Exchanges left and right joints and leaves every position where it is.

    This mends a mirrored (selfie) video without touching its pixels: the estimator names the
    joints of the picture, and in a mirrored picture the dancer's left arm looks like a right one.

    Args:
        values: array with a joint axis (NumPy or JAX).
        skeleton: its skeleton.
        axis: the joint axis: -2 for pose[..., J, C], -1 for confidence[..., J].
    """
    order = np.asarray(get(skeleton).flip)
    where = [slice(None)] * values.ndim
    where[axis] = order
    return values[tuple(where)]


def mirror(pose: Any, skeleton: str | Skeleton, width: float | None = None) -> Any:
    """Mirrors poses left to right: x -> -x (or width - x), and left joints become right ones.

    Args:
        pose: [..., J, C], NumPy or JAX, x first.
        skeleton: its skeleton.
        width: picture width in the pose's unit for image coordinates; None mirrors at x = 0.

    Returns:
        The pose of the mirror image of the same dancer, same shape.
    """
    sign = np.ones(pose.shape[-1], np.float32)
    sign[0] = -1.0
    shift = np.zeros_like(sign)
    shift[0] = 0.0 if width is None else width
    return swap_sides(pose, skeleton) * sign + shift
