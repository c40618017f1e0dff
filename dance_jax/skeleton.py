"""Skeletons by name: joints, parents, left-right flips, and conversions between them.

Left and right are always the dancer's own. A missing joint is NaN with confidence 0, never zero.
`mirror` and `swap_sides` work on NumPy and on JAX arrays alike.
"""

from __future__ import annotations

import dataclasses
import difflib
import functools
import types
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from dance_jax import joint_names
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
        aliases: of a custom skeleton, what its names are in HALPE-26.
    """

    name: str
    joints: tuple[str, ...]
    parents: tuple[int, ...]
    bones: tuple[tuple[str, str], ...]
    flip: tuple[int, ...]
    file_names: tuple[str, ...]
    source: str
    aliases: joint_names.Match | None = None

    def __post_init__(self) -> None:
        if isinstance(self.aliases, Mapping):  # as `dataclasses.asdict` has it, read from a file
            object.__setattr__(self, "aliases", joint_names.restored(self.aliases, self.joints))

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


def custom(
    names: Sequence[str],
    parents: Sequence[int] | None = None,
    source: str = "",
    mapping: Mapping[str, str | Sequence[str]] | None = None,
) -> Skeleton:
    """Returns a skeleton for joints or markers that no table here lists.

    Left and right are paired by name (left_x, XLeft, L_x, x_l, LASI with RASI, ...); a name without
    a counterpart mirrors to itself. What the names are in HALPE-26 is taken from the tables of
    `joint_aliases`, or from `mapping`; `describe` says what was understood and what was not.

    Args:
        names: one unique name a joint, in the order of the data.
        parents: index of each joint's parent, -1 for a root; None where there are none.
        source: where they come from.
        mapping: HALPE-26 joint -> name, or names whose mean it is; replaces the tables.

    Returns:
        The skeleton; it goes wherever a skeleton's name goes.

    Raises:
        InputError: names not unique, parents that are no forest, or an unknown name in `mapping`.
    """
    where = source or "skeleton.custom"
    names, links = joint_names.check(names, parents, where)
    for joint in mapping or ():
        index(CANON, joint)
    return Skeleton(
        name="custom",
        joints=names,
        parents=links,
        bones=tuple((names[p], names[i]) for i, p in enumerate(links) if p >= 0),
        flip=joint_names.flips(names),
        file_names=names,
        source=source,
        aliases=_known(names) if mapping is None else joint_names.given(names, mapping, where),
    )


def _known(names: tuple[str, ...]) -> joint_names.Match:
    """Returns the rules of a skeleton listed here that has just these names, else by alias."""
    for name, table in SKELETONS.items():
        for words in (table.joints, table.file_names):
            if set(words) == set(names):
                found = zip(get(CANON).joints, conversion(name, CANON), strict=True)
                rules = tuple((joint, tuple(words[i] for i in at)) for joint, at in found if at)
                return joint_names.Match(name, rules, tuple(approximate(name).items()), ())
    return joint_names.match(names)


def describe(skeleton: str | Skeleton) -> str:
    """Returns one sentence on how a skeleton's names were understood, with every doubt."""
    found = get(skeleton)
    if found.aliases is None:
        return f"the joints of {found.name}"
    return found.aliases.sentence(len(found))


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


def _rule(src: Skeleton, dst: Skeleton, joint: str) -> tuple[str, ...]:
    """Returns the joints of `src` whose mean is `joint` of `dst`; () where there are none."""
    if src == dst:
        return (joint,)
    # The same word in a custom skeleton and in a table may mean different places.
    custom_one = src.aliases is not None or dst.aliases is not None
    own = (joint,) if joint in src.joints and not custom_one else ()
    if dst.name == CANON:
        rules = TO_HALPE.get(src.name, {}) if src.aliases is None else dict(src.aliases.rules)
        return rules.get(joint, own)
    if src.name == CANON:
        rules = FROM_HALPE.get(dst.name, {}) if dst.aliases is None else dst.aliases.back()
        return rules.get(joint, own)
    through = _rule(get(CANON), dst, joint)
    parts = [_rule(src, get(CANON), part) for part in through]
    if parts and all(parts):
        return tuple(name for part in parts for name in part)
    return own


def conversion(src: str | Skeleton, dst: str | Skeleton) -> tuple[tuple[int, ...], ...]:
    """Returns, for each joint of `dst`, the indices in `src` whose mean it is; () = missing.

    Raises:
        InputError: an unknown skeleton, or a custom one none of whose names is understood.
    """
    return _conversion(get(src), get(dst))


@functools.lru_cache(maxsize=1024)
def _conversion(source: Skeleton, target: Skeleton) -> tuple[tuple[int, ...], ...]:
    for one in (source, target):
        if source != target and one.aliases is not None and not one.aliases.rules:
            why = "; ".join(one.aliases.doubts) or "no name is known"
            raise InputError(
                f"its joints cannot be told by name: {why}",
                one.source or one.name,
                "say which they are: skeleton.custom(names, mapping={'left_knee': 'LK', ...})",
            )
    return tuple(
        tuple(source.joints.index(name) for name in _rule(source, target, joint))
        for joint in target.joints
    )


def approximate(src: str | Skeleton) -> Mapping[str, str]:
    """Returns the HALPE-26 joints that `src` gives only nearly, with what they are instead."""
    found = get(src)
    if found.aliases is not None:
        return types.MappingProxyType(dict(found.aliases.approximate))
    return types.MappingProxyType(APPROXIMATE.get(found.name, {}))


def convert(
    pose: np.ndarray, confidence: np.ndarray | None, src: str | Skeleton, dst: str | Skeleton
) -> tuple[np.ndarray, np.ndarray]:
    """Converts poses from one skeleton to another; a joint is the mean of its source joints.

    Args:
        pose: [..., J, C] positions in any unit; NaN where missing.
        confidence: [..., J] in [0, 1], or None: 1 where the position is finite, else 0.
        src: the pose's skeleton, or its name.
        dst: the skeleton wanted, or its name.

    Returns:
        pose f32[..., K, C], NaN where the source has no such joint or one of its joints is missing;
        confidence f32[..., K], the least of the source joints, 0 where the position is NaN.

    Raises:
        InputError: an unknown skeleton, the wrong number of joints, or names not understood.
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
    for k, sources in enumerate(conversion(source, target)):
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
