"""Splits by group, never by clip: hold-out, k-fold and leave-one-group-out, dealt by hash."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from dance_jax.data.groups import CLIP, components, hashed
from dance_jax.data.split import RANDOM_STAMP, Member, Split
from dance_jax.errors import InputError

SHARES: Mapping[str, float] = {"train": 0.7, "val": 0.15, "test": 0.15}
_WHERE = "split"


def holdout(
    members: Sequence[Member],
    by: Iterable[str],
    *,
    shares: Mapping[str, float] = SHARES,
    seed: int = 0,
    stratify: bool = False,
    keep: Split | None = None,
    unknown: str = "refuse",
    allow_random_clips: bool = False,
) -> Split:
    """Deals whole groups into train, val and test.

    Without `stratify` a group's part depends on its name and the seed alone, so clips and groups
    added later move nothing (with several keys a clip that joins two groups makes them one, and may
    rename it: give `keep` then); the shares hold on average over many groups, and if a part stays
    empty groups are dealt in the order of their hashes instead. With `stratify` large groups are
    dealt first, each to the part where the labels then come closest to the shares; `keep` pins what
    an earlier split had.

    Args:
        members: the clips.
        by: keys to group by, or ("clip",) with `allow_random_clips`.
        shares: part -> share of the clips; they are scaled to 1.
        seed: another seed, another split.
        stratify: make the labels' shares alike in all parts, as far as groups allow.
        keep: an earlier split; its clips stay in their parts.
        unknown: see `components`.
        allow_random_clips: permit ("clip",); the split then carries the stamp that it leaks.

    Raises:
        InputError: as `components`; or fewer groups than parts; or `keep` has the clips of one
            group in two parts.
    """
    keys = _keys(by, allow_random_clips)
    parts = {name: share / sum(shares.values()) for name, share in shares.items() if share > 0}
    group_of = components(members, keys, unknown=unknown)
    groups = _gather(members, group_of)
    if len(groups) < len(parts):
        raise _too_few(len(groups), len(parts), keys)
    pinned = _pinned(keep, group_of)
    notes: list[str] = []
    if stratify:
        dealt = _deal_stratified(groups, parts, seed, pinned)
    else:
        edges = np.cumsum(list(parts.values()))
        names = list(parts)
        dealt = {
            g: pinned.get(g)
            or names[min(int(np.searchsorted(edges, hashed(g, seed), "right")), len(names) - 1)]
            for g in groups
        }
        if not pinned and set(dealt.values()) != set(parts):
            dealt = _deal_in_order(groups, parts, seed)
            notes.append("so few groups were dealt in the order of their hashes")
    return _split(members, group_of, dealt, tuple(parts), keys, "holdout", seed, notes, parts)


def kfold(
    members: Sequence[Member],
    by: Iterable[str],
    k: int = 5,
    *,
    seed: int = 0,
    stratify: bool = False,
    unknown: str = "refuse",
    allow_random_clips: bool = False,
) -> list[Split]:
    """Deals whole groups into k parts; each is the test part of one split, the next one its val.

    Args:
        members: the clips.
        by: keys to group by.
        k: number of folds, 2 or more; with 2 there is no val part.
        seed: another seed, another split.
        stratify: as in `holdout`.
        unknown: see `components`.
        allow_random_clips: as in `holdout`.

    Returns:
        k splits; every clip is tested once.

    Raises:
        InputError: as `holdout`.
    """
    if k < 2:
        raise InputError(f"{k} folds are no cross-validation", _WHERE, "give 2 or more")
    keys = _keys(by, allow_random_clips)
    group_of = components(members, keys, unknown=unknown)
    groups = _gather(members, group_of)
    if len(groups) < k:
        raise _too_few(len(groups), k, keys)
    folds = {str(i): 1 / k for i in range(k)}
    if stratify:
        dealt = _deal_stratified(groups, folds, seed, {})
    else:
        dealt = {g: str(int(hashed(g, seed) * k)) for g in groups}
        if len(set(dealt.values())) < k:
            order = sorted(groups, key=lambda g: hashed(g, seed))
            dealt = {g: str(i % k) for i, g in enumerate(order)}
    out = []
    for i in range(k):
        role = {str(j): "train" for j in range(k)} | {str(i): "test"}
        if k > 2:
            role[str((i + 1) % k)] = "val"
        names = ("train", "val", "test") if k > 2 else ("train", "test")
        named = {g: role[fold] for g, fold in dealt.items()}
        kind = f"fold {i + 1} of {k}"
        out.append(_split(members, group_of, named, names, keys, kind, seed, [], None))
    return out


def leave_one_group_out(
    members: Sequence[Member], by: Iterable[str], *, unknown: str = "refuse"
) -> list[Split]:
    """Returns one split a group, in the order of their names: that group is test, the rest train.

    Raises:
        InputError: as `components`; or there is but one group.
    """
    keys = _keys(by, False)
    group_of = components(members, keys, unknown=unknown)
    groups = sorted(set(group_of.values()))
    if len(groups) < 2:
        raise _too_few(len(groups), 2, keys)
    return [
        _split(
            members,
            group_of,
            {g: "test" if g == held else "train" for g in groups},
            ("train", "test"),
            keys,
            f"without {held}",
            0,
            [],
            None,
        )
        for held in groups
    ]


def _keys(by: Iterable[str], allow_random_clips: bool) -> tuple[str, ...]:
    keys = (by,) if isinstance(by, str) else tuple(by)
    if CLIP in keys and (len(keys) > 1 or not allow_random_clips):
        what = "a split of random clips puts cuts of one take on both sides"
        raise InputError(what, _WHERE, "group by dancer or source, or give allow_random_clips=True")
    return keys


def _too_few(groups: int, parts: int, keys: Sequence[str]) -> InputError:
    what = f"the clips form {groups} group(s) by {' and '.join(keys)}, too few for {parts} parts"
    return InputError(what, _WHERE, "group by another key, or use fewer parts")


def _gather(members: Sequence[Member], group_of: Mapping[str, str]) -> dict[str, Counter[str]]:
    """Returns group -> label -> number of clips, groups in the order of their names."""
    found: dict[str, Counter[str]] = {g: Counter() for g in sorted(set(group_of.values()))}
    for m in members:
        found[group_of[m.clip]][m.label] += 1
    return found


def _pinned(keep: Split | None, group_of: Mapping[str, str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for part, clips in (keep.parts if keep else {}).items():
        for clip in clips:
            group = group_of.get(clip)
            if group is not None and found.setdefault(group, part) != part:
                what = f"the group {group} has clips in {found[group]} and {part} of the kept split"
                raise InputError(what, _WHERE, "make a new split without keep=")
    return found


def _deal_in_order(
    groups: Mapping[str, Counter[str]], parts: Mapping[str, float], seed: int
) -> dict[str, str]:
    """Gives every part one group, then each next one to the part that lacks most clips."""
    order = sorted(groups, key=lambda g: hashed(g, seed))
    total = sum(sum(c.values()) for c in groups.values())
    have, dealt = dict.fromkeys(parts, 0.0), {}
    for i, group in enumerate(order):
        lacks = {p: share * total - have[p] for p, share in parts.items()}
        empty = [p for p in parts if not have[p]]
        must = len(order) - i <= len(empty)
        part = max(empty if must else list(parts), key=lambda p: lacks[p])
        dealt[group] = part
        have[part] += sum(groups[group].values())
    return dealt


def _deal_stratified(
    groups: Mapping[str, Counter[str]],
    parts: Mapping[str, float],
    seed: int,
    pinned: Mapping[str, str],
) -> dict[str, str]:
    """Deals the largest groups first, each to where the labels then come closest to the shares."""
    labels = sorted({label for counts in groups.values() for label in counts})
    table = {g: np.array([c[label] for label in labels], float) for g, c in groups.items()}
    total = np.maximum(sum(table.values()), 1e-9)
    share = np.array(list(parts.values()))[:, None]
    names, have, dealt = list(parts), np.zeros((len(parts), len(labels))), {}
    for group, part in pinned.items():
        dealt[group] = part
        if part in names:
            have[names.index(part)] += table[group]
    rest = [g for g in groups if g not in dealt]
    rest.sort(key=lambda g: (-table[g].sum(), hashed(g, seed)))
    for i, group in enumerate(rest):
        empty = [k for k in range(len(names)) if not have[k].any()]
        open_ = empty if len(rest) - i <= len(empty) else range(len(names))
        costs = []
        for k in open_:
            now = have.copy()
            now[k] += table[group]
            # Squared distance to the shares, in shares of each label; what all parts still lack is
            # the same for all k, so only the parts' own excess decides.
            costs.append((float((((now / total - share) ** 2) / share).sum()), k))
        k = min(costs)[1]
        have[k] += table[group]
        dealt[group] = names[k]
    return dealt


def _split(
    members: Sequence[Member],
    group_of: Mapping[str, str],
    dealt: Mapping[str, str],
    names: Sequence[str],
    keys: tuple[str, ...],
    kind: str,
    seed: int,
    notes: Sequence[str],
    shares: Mapping[str, float] | None,
) -> Split:
    parts: dict[str, list[str]] = {name: [] for name in names}
    labels: dict[str, Counter[str]] = {name: Counter() for name in names}
    for m in members:
        part = dealt[group_of[m.clip]]
        parts.setdefault(part, []).append(m.clip)
        labels.setdefault(part, Counter())[m.label] += 1
    said = list(notes)
    if shares:
        got = ", ".join(
            f"{p} {len(parts[p]) / len(members):.2f} (of {s:.2f})" for p, s in shares.items()
        )
        said.append(f"shares of the clips: {got}")
    kinds = {m.label for m in members}
    if kinds != {""}:
        for part in parts:
            if lacking := sorted(kinds - set(labels[part])):
                said.append(f"{part} has no clip of {', '.join(lacking)}")
    stamp = RANDOM_STAMP if CLIP in keys else ""
    clips = {name: tuple(sorted(inside)) for name, inside in parts.items()}
    return Split(clips, keys, kind, seed, stamp, dict(sorted(group_of.items())), tuple(said))
