"""The auditor of splits: what the parts share, and whether mere metadata tell the label."""

from __future__ import annotations

import dataclasses
import itertools
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from dance_jax.data.copies import TOLERANCE, Copies, find_copies
from dance_jax.data.groups import linked
from dance_jax.data.leak_probe import Probe, probe
from dance_jax.data.split import RANDOM_STAMP, Member, Split
from dance_jax.data.takes import Cuts, find_cuts, same_takes
from dance_jax.data.windows_index import Motion
from dance_jax.errors import InputError
from dance_jax.types import Clip

_HARMLESS = {"camera"}  # two dancers before one camera are no leak
TOLD = 1000  # findings of one kind that are kept; all are counted
KINDS = {
    "random clips": "the split was made by random clips",
    "same content": "one file content, by sha256, in two parts",
    "same take": "one take, seen by other cameras, in two parts",
    "shared group": "one dancer, source or other group in two parts",
    "copied movement": "one movement in two parts, exact, shifted or turned",
    "cut of one take": "one clip starts where, and as, a clip of another part ends",
    "told by metadata": "frame rate, length or detection rate tell the label",
}
"""Every kind of finding, most certain first."""

_ACROSS = tuple(kind for kind in KINDS if kind != "told by metadata")

MEANINGS = {
    "same take": "one take, seen by other cameras",
    "copied movement": "one movement, exact, shifted or turned",
    "cut of one take": "the one starts where, and as, the other ends",
}
"""What ties two clips, whatever the parts."""


@dataclasses.dataclass(frozen=True)
class Finding:
    """One leak between two parts, or of the whole corpus.

    Attributes:
        kind: a key of KINDS.
        parts: the two parts; () for the whole corpus.
        clips: one clip of each.
        text: what was found, in a sentence.
    """

    kind: str
    parts: tuple[str, ...]
    clips: tuple[str, ...]
    text: str


@dataclasses.dataclass(frozen=True)
class Audit:
    """What the auditor found.

    Attributes:
        split: the sentence of the split, its stamp first.
        findings: at most TOLD of a kind.
        counts: kind -> how many there are.
        looked_at: kinds for which there was something to look at.
        copies: of movements, None where none were given.
        cuts: of takes, None where no poses with places were given.
        probe: of the metadata, None where there was none.
        together: clip -> group of clips that copies, cuts, contents or takes tie together; a key
            to split by.
        one_piece: there is but one part, so nothing can lie in two.
    """

    split: str
    findings: tuple[Finding, ...]
    counts: Mapping[str, int]
    looked_at: tuple[str, ...]
    copies: Copies | None
    cuts: Cuts | None
    probe: Probe | None
    together: Mapping[str, str]
    one_piece: bool = False

    @property
    def clean(self) -> bool:
        """No finding of any kind."""
        return not self.counts

    def sentences(self) -> list[str]:
        """Says the outcome in plain words, one sentence a kind."""
        one = "The corpus is in one piece: there are no parts yet that could share anything."
        out = [one if self.one_piece else self.split]
        for kind, meaning in KINDS.items():
            if self.one_piece and kind in _ACROSS and kind in self.looked_at:
                continue
            if kind in self.counts:
                out.append(f"{self.counts[kind]} x {kind}: {meaning}.")
            elif kind in self.looked_at:
                out.append(f"None: {meaning}.")
            else:
                out.append(f"Not looked at: {meaning}.")
        for part in (self.copies, self.cuts, self.probe):
            if part is not None:
                out.append(part.sentence())
        return out

    def as_dict(self) -> dict[str, Any]:
        """Returns the fields as a dict that JSON can hold."""
        return {
            "clean": self.clean,
            "sentences": self.sentences(),
            "counts": dict(self.counts),
            "looked_at": list(self.looked_at),
            "findings": [dataclasses.asdict(f) for f in self.findings],
            "copies": self.copies.as_dict() if self.copies else None,
            "cuts": self.cuts.as_dict() if self.cuts else None,
            "probe": self.probe.as_dict() if self.probe else None,
            "together": dict(self.together),
        }


def audit(
    split: Split,
    members: Sequence[Member],
    *,
    hashes: Mapping[str, str] | None = None,
    names: Mapping[str, str] | None = None,
    motions: Sequence[Motion] | None = None,
    placed: bool = False,
    copy_tolerance: float = TOLERANCE,
    copy_step_s: float | None = None,
    features: Mapping[str, Sequence[float] | np.ndarray] | None = None,
    probe_by: str | None = None,
    seed: int = 0,
) -> Audit:
    """Audits a split; looks at whatever is given, and says what it could not look at.

    Args:
        split: the parts.
        members: all clips, with their groups and labels.
        hashes: clip -> sha256 of its content.
        names: clip -> file name, for takes in AIST names; the ids themselves by default.
        motions: poses of clips, for copied movement; each is named by its clip.
        placed: the poses hold the place in the room or picture; then cuts of one take are looked
            for too.
        copy_tolerance: see `copies.find_copies`; 0.02 for poses estimated from video, whose own
            noise hides overlapping cuts from the 0.01 that suits motion capture.
        copy_step_s: from one window that is looked for to the next; a window's length by default.
        features: column -> number a clip, in the order of `members`, for the probe: frame rate,
            length, detection rate.
        probe_by: key of the groups that the probe holds out; the split's own groups by default.
        seed: of the probe and of chance levels.

    Raises:
        InputError: the split names a clip that `members` does not have.
    """
    part_of = split.part_of()
    if unknown := sorted(set(part_of) - {m.clip for m in members}):
        what = f"the split names {len(unknown)} clips that the corpus lacks (first: {unknown[0]})"
        raise InputError(what, "leakage audit", "make the split anew")
    ids = [m.clip for m in members]
    found: dict[str, list[Finding]] = defaultdict(list)
    looked, tied = ["random clips"], []
    if split.stamp == RANDOM_STAMP:
        found["random clips"].append(Finding("random clips", (), (), split.sentence()))
    for kind, sets in (
        ("same content", _by_value(hashes or {})),
        ("same take", same_takes_of(ids, names)),
    ):
        if kind == "same take" or hashes:
            looked.append(kind)
        for value, clips in sets.items():
            tied += itertools.pairwise(clips)
            found[kind] += _crossing(kind, part_of, clips, value)
    keys = sorted({key for m in members for key in m.groups} - _HARMLESS)
    for key in keys:
        looked.append("shared group")
        sets = _by_value({m.clip: m.groups.get(key, "") for m in members})
        for value, clips in sets.items():
            found["shared group"] += _crossing("shared group", part_of, clips, f"{key} {value}")
    copies = cuts = None
    if motions:
        looked.append("copied movement")
        copies = find_copies(motions, tolerance=copy_tolerance, step_s=copy_step_s)
        both = {(c.a, c.b) for c in copies.pairs}
        for c in copies.pairs:
            if c.a > c.b and (c.b, c.a) in both:
                continue  # told in the other direction
            tied.append((c.a, c.b))
            text = (
                f"{c.windows} windows ({c.share:.2f}) of {c.a} occur in {c.b}, "
                f"such as {c.at_a_s:.2f} s at {c.at_b_s:.2f} s"
            )
            found["copied movement"] += _pair("copied movement", part_of, c.a, c.b, text)
    if motions and placed:
        looked.append("cut of one take")
        cuts = find_cuts(motions, seed=seed)
        for c in cuts.pairs if cuts.likely else ():
            tied.append((c.first, c.second))
            text = f"{c.second} starts as {c.first} ends (gap {c.gap:.4f} of the body)"
            found["cut of one take"] += _pair("cut of one take", part_of, c.first, c.second, text)
    seen = None
    if features:
        looked.append("told by metadata")
        groups = split.groups
        if probe_by is not None:
            groups = {m.clip: m.groups.get(probe_by, "") or f"?{m.clip}" for m in members}
        held = [groups.get(clip, clip) for clip in ids]
        seen = probe(features, [m.label for m in members], held, seed=seed)
        if seen.leak:
            text = seen.sentence()
            found["told by metadata"].append(Finding("told by metadata", (), (), text))
    return Audit(
        split.sentence(),
        tuple(f for kind in KINDS for f in found[kind][:TOLD]),
        {kind: len(found[kind]) for kind in KINDS if found[kind]},
        tuple(kind for kind in KINDS if kind in looked),
        copies,
        cuts,
        seen,
        linked(ids, tied),
        len(split.parts) < 2,
    )


def motions_of(name: str, clip: Clip) -> list[Motion]:
    """Returns the movement of every person of a clip, all named by the clip.

    Frames are taken as even in time; the rate is frames a second over the whole clip.
    """
    if clip.n_frames < 2 or clip.duration_s <= 0:
        return []
    fps = (clip.n_frames - 1) / clip.duration_s
    return [Motion(name, clip.pose[:, p], fps) for p in range(clip.n_people)]


def same_takes_of(
    ids: Iterable[str], names: Mapping[str, str] | None
) -> dict[str, tuple[str, ...]]:
    """Returns take -> ids of clips that show it from different cameras."""
    clip_of = {(names or {}).get(clip, clip): clip for clip in ids}
    takes = same_takes(clip_of)
    return {take: tuple(clip_of[name] for name in clips) for take, clips in takes.items()}


def _by_value(values: Mapping[str, str]) -> dict[str, tuple[str, ...]]:
    sets: dict[str, list[str]] = defaultdict(list)
    for clip, value in sorted(values.items()):
        if value:
            sets[value].append(clip)
    return {value: tuple(clips) for value, clips in sets.items() if len(clips) > 1}


def _crossing(
    kind: str, part_of: Mapping[str, str], clips: Sequence[str], value: str
) -> list[Finding]:
    """Returns one finding for each pair of parts that share the value."""
    first: dict[str, str] = {}
    count: dict[str, int] = defaultdict(int)
    for clip in clips:
        if clip in part_of:
            first.setdefault(part_of[clip], clip)
            count[part_of[clip]] += 1
    return [
        Finding(
            kind, (a, b), (first[a], first[b]), f"{value}: {count[a]} in {a}, {count[b]} in {b}"
        )
        for a, b in itertools.combinations(sorted(first), 2)
    ]


def _pair(kind: str, part_of: Mapping[str, str], a: str, b: str, text: str) -> list[Finding]:
    parts = (part_of.get(a), part_of.get(b))
    if None in parts or parts[0] == parts[1]:
        return []
    return [Finding(kind, parts, (a, b), text)]
