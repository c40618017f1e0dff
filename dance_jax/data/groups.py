"""Groups of clips that belong together: the connected components of what they share."""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence

from dance_jax.data.split import Member
from dance_jax.errors import InputError

CLIP = "clip"
_WHERE = "split"


def components(
    members: Sequence[Member], by: Iterable[str], *, unknown: str = "refuse"
) -> dict[str, str]:
    """Returns the group of every clip: clips that share a value of any key belong together.

    With several keys the groups are the connected components, so no dancer, piece of music or
    whatever else is asked for lies on both sides of a split.

    Args:
        members: the clips.
        by: keys of `Member.groups`, such as ("dancer", "music"); "clip" keeps every clip apart.
        unknown: what becomes of clips without a value: "refuse" raises, "together" puts all of them
            into one group (they may be the same), "apart" trusts that all of them differ.

    Returns:
        clip id -> group, named by its smallest "key=value", or by the clip where it has none.

    Raises:
        InputError: values are unknown, no key is given, or two clips have one id.
    """
    keys = (by,) if isinstance(by, str) else tuple(by)
    if not keys or unknown not in ("refuse", "together", "apart"):
        raise InputError("no key to group by is given", _WHERE, 'give by=("dancer",) or another')
    ids = [m.clip for m in members]
    if len(set(ids)) != len(ids):
        twice = next(clip for clip, count in Counter(ids).items() if count > 1)
        raise InputError(f"two clips are named {twice!r}", _WHERE, "give each clip its own id")
    sharing: dict[str, list[int]] = defaultdict(list)
    for key in keys:
        if key == CLIP:
            continue
        blank = [i for i, m in enumerate(members) if not m.groups.get(key)]
        if blank and unknown == "refuse":
            raise _unknown(members, key, blank)
        for i, m in enumerate(members):
            value = m.groups.get(key, "")
            if value or unknown == "together":
                sharing[f"{key}={value or '?'}"].append(i)
    return _name_roots(ids, sharing)


def linked(clips: Sequence[str], pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Returns the group of every clip where pairs of clips are known to belong together.

    Args:
        clips: ids.
        pairs: such as the copies or the cuts of one take that `leakage` found.

    Returns:
        clip -> the smallest id of its connected component.
    """
    place = {clip: i for i, clip in enumerate(clips)}
    sharing = {f"{k}": [place[a], place[b]] for k, (a, b) in enumerate(pairs)}
    roots = _roots(len(place), sharing.values())
    smallest: dict[int, str] = {}
    for clip in sorted(place):
        smallest.setdefault(roots[place[clip]], clip)
    return {clip: smallest[roots[i]] for clip, i in place.items()}


def hashed(text: str, seed: int) -> float:
    """Returns a number in [0, 1) that depends on the text and the seed alone."""
    digest = hashlib.sha256(f"{seed}\0{text}".encode("utf-8", "surrogatepass")).digest()
    return int.from_bytes(digest[:7], "big") / 2**56


def _roots(count: int, sets: Iterable[Sequence[int]]) -> list[int]:
    parent = list(range(count))

    def root(i: int) -> int:
        while parent[i] != i:
            parent[i] = parent[parent[i]]
            i = parent[i]
        return i

    for together in sets:
        for other in together[1:]:
            parent[root(other)] = root(together[0])
    return [root(i) for i in range(count)]


def _name_roots(ids: Sequence[str], sharing: Mapping[str, Sequence[int]]) -> dict[str, str]:
    roots = _roots(len(ids), sharing.values())
    names: dict[int, str] = {}
    for name in sorted(sharing):
        names.setdefault(roots[sharing[name][0]], name)
    return {clip: names.get(roots[i], f"{CLIP}={clip}") for i, clip in enumerate(ids)}


def _unknown(members: Sequence[Member], key: str, blank: Sequence[int]) -> InputError:
    known = sorted({k for m in members for k, v in m.groups.items() if v})
    first = members[blank[0]].clip
    what = f"{len(blank)} of {len(members)} clips have no {key} (first: {first})"
    other = f"group by one of {', '.join(known)}, " if known else ""
    return InputError(what, _WHERE, f"fill it in, {other}or give unknown='together'")
