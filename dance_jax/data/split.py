"""A Split: which clips are trained on, chosen with and tested on, and how that was decided."""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from dance_jax.data.textfile import read_text, write_text
from dance_jax.errors import InputError

RANDOM_STAMP = "random clips: leaks"
"""Stamped on every split that does not keep groups together, and on every report that uses it."""

GIVEN_STAMP = "given split: not made here"
SCHEMA = "dance_jax.split.1"


class Member(NamedTuple):
    """A clip as the splits see it.

    Attributes:
        clip: its id, one of a kind.
        groups: key -> value, such as {"dancer": "d04", "music": "BR2"}; "" where unknown.
        label: what parts should hold alike, "" for none.
    """

    clip: str
    groups: Mapping[str, str]
    label: str = ""


@dataclasses.dataclass(frozen=True)
class Split:
    """Parts of a corpus.

    Attributes:
        parts: "train", "val", "test" -> ids of clips, sorted.
        by: keys that were kept together; () for a split that was given.
        kind: "holdout", "fold 1 of 5", "without dancer=d04", or "given".
        seed: what the hash was salted with.
        stamp: RANDOM_STAMP, GIVEN_STAMP, or "".
        groups: clip -> group.
        notes: sentences that a reader must know: true shares, labels that a part lacks.
    """

    parts: Mapping[str, tuple[str, ...]]
    by: tuple[str, ...]
    kind: str
    seed: int = 0
    stamp: str = ""
    groups: Mapping[str, str] = dataclasses.field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def part_of(self) -> dict[str, str]:
        """Returns clip -> part."""
        return {clip: part for part, clips in self.parts.items() for clip in clips}

    def sentence(self) -> str:
        """Says how the split was made and how large it is, the stamp first."""
        sizes = ", ".join(f"{part} {len(clips)}" for part, clips in self.parts.items())
        made = f"{self.kind}, by {' and '.join(self.by)}" if self.by else self.kind
        held = len(set(self.groups.values()))
        text = f"split ({made}; {held} groups; clips: {sizes})" if held else f"split ({sizes})"
        return f"{self.stamp.upper()}. {text}" if self.stamp else text

    def as_dict(self) -> dict[str, Any]:
        """Returns what its JSON file holds."""
        return {
            "schema": SCHEMA,
            **dataclasses.asdict(self),
            "parts": {part: list(clips) for part, clips in self.parts.items()},
            "by": list(self.by),
            "groups": dict(self.groups),
            "notes": list(self.notes),
        }

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes the JSON file, whole or not at all; equal splits give equal bytes."""
        write_text(path, json.dumps(self.as_dict(), indent=1, sort_keys=True) + "\n")


def load_split(path: str | os.PathLike[str]) -> Split:
    """Reads the JSON file of a split.

    Raises:
        InputError: it is none, or a clip is in two parts.
    """
    try:
        content = json.loads(read_text(path, 16 << 20))
    except (ValueError, RecursionError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError("it is not JSON", path, "give the file of a split") from error
    if not isinstance(content, dict) or content.get("schema") != SCHEMA:
        raise InputError("it is not the file of a split", path, f'its "schema" must be {SCHEMA}')
    try:
        parts = {str(p): tuple(map(str, clips)) for p, clips in content["parts"].items()}
        split = Split(
            parts,
            tuple(map(str, content["by"])),
            str(content["kind"]),
            int(content["seed"]),
            str(content["stamp"]),
            {str(clip): str(group) for clip, group in content["groups"].items()},
            tuple(map(str, content["notes"])),
        )
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise InputError(f"the split is incomplete ({error!r})", path, "write it again") from error
    check_disjoint(split.parts, path)
    return split


def given_split(
    parts: Mapping[str, Sequence[str]], *, groups: Mapping[str, str] | None = None
) -> Split:
    """Wraps ready-made parts, as they are; `leakage.audit` says what they share.

    Raises:
        InputError: a clip is in two parts.
    """
    check_disjoint(parts, "split")
    clips = {part: tuple(sorted(inside)) for part, inside in parts.items()}
    return Split(clips, (), "given", stamp=GIVEN_STAMP, groups=dict(groups or {}))


def check_disjoint(parts: Mapping[str, Sequence[str]], where: object) -> None:
    """Raises InputError where a clip is in two parts, or twice in one."""
    seen: dict[str, str] = {}
    for part, clips in parts.items():
        for clip in clips:
            if clip in seen:
                what = f"the clip {clip!r} is in {seen[clip]} and in {part}"
                raise InputError(what, where, "keep it in one")
            seen[clip] = part
