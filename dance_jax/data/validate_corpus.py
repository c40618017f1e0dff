"""Checks a corpus and reports every problem in one pass: tables, files, labels, rights, leaks."""

from __future__ import annotations

import dataclasses
import os
import pathlib
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence

from dance_jax.data import layout, leakage
from dance_jax.data.corpus import Corpus, Entry
from dance_jax.data.corpus_audit import audit_corpus, grouping
from dance_jax.data.corpus_poses import FRAMES, CorpusPoses, read_poses
from dance_jax.data.limits import Limits
from dance_jax.data.media_facts import MediaFacts, media_facts
from dance_jax.data.name_groups import NONE, NameGroups
from dance_jax.data.problems import Problem, ordered
from dance_jax.data.split import Split
from dance_jax.data.styles import Register, register
from dance_jax.interrupts import check_interrupt

RIGHTS = ("licence", "consent")
_REFUSED = {"no", "false", "0", "none", "refused", "withdrawn"}
_RATE_TOLERANCE = 0.01


@dataclasses.dataclass(frozen=True)
class Validation:
    """What was found.

    Attributes:
        corpus: the clips and ratings that could be read.
        problems: errors first.
        files: clip -> what its file is, for clips that have one.
        audit: of the split asked for or the corpus came with, or of it whole; None without clips.
        poses: what was read of them; None where they were not asked for.
        group: key of the groups that the probe held out, "" for none.
        names: the groups that the file names told; empty where they were not asked.
        split: the one that was audited, None where the corpus is in one piece.
    """

    corpus: Corpus
    problems: tuple[Problem, ...]
    files: Mapping[str, MediaFacts]
    audit: leakage.Audit | None
    poses: CorpusPoses | None = None
    group: str = ""
    names: NameGroups = NONE
    split: Split | None = None

    @property
    def clean(self) -> bool:
        """Neither errors nor warnings; notes are allowed."""
        return all(p.level == "note" for p in self.problems)


def validate(
    root: str | os.PathLike[str],
    *,
    styles: Register | None = None,
    content_hash: bool = True,
    open_media: bool = True,
    rights: Sequence[str] = RIGHTS,
    poses: bool = True,
    pose_frames: int = FRAMES,
    allow_pickle: bool = False,
    group_by: str = "auto",
    split: Split | None = None,
    limits: Limits | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Validation:
    """Checks everything that can be checked; one file is open at a time, no video is held.

    Poses are held, up to a bound, since movement is compared with all other movement.

    Args:
        root: the folder of the corpus.
        styles: the styles that are known; those of the package by default.
        content_hash: look for duplicate content by sha256 (reads every byte).
        open_media: open every video and decode its first picture.
        rights: columns whose absence is a problem.
        poses: read the poses beside the videos, and look for copied movement and cuts of one take.
        pose_frames: frames times people that are compared at most.
        allow_pickle: read pickles of poses, in a restricted process.
        group_by: see `corpus_audit.grouping`.
        split: audit this one in place of the one that the corpus came with.
        limits: the largest input allowed.
        progress: called with (files done, files in all).

    Raises:
        InputError: it is no corpus, or a table cannot be read at all; clips lack the group that is
            asked for; or the split names other clips.
    """
    corpus, found = layout.load_corpus(root)
    found = list(found)
    _styles(corpus, styles or register(), found)
    _raters(corpus, found)
    _rights(corpus, rights, found)
    _beside(corpus, found)
    _unlisted(root, corpus, found)
    files: dict[str, MediaFacts] = {}
    present = [entry for entry in corpus.clips if entry.path is not None]
    for count, entry in enumerate(present):
        check_interrupt()
        facts = media_facts(
            entry.path, content_hash=content_hash, open_media=open_media, limits=limits
        )
        files[entry.clip] = facts
        _file(entry, facts, found)
        if progress is not None:
            progress(count + 1, len(present))
    _duplicates(corpus, files, found)
    seconds = {clip: f.seconds for clip, f in files.items() if not f.error and f.seconds > 0}
    group, names = grouping(corpus, group_by, seconds)
    read = None
    if poses:
        read = read_poses(corpus, files, found, max_frames=pose_frames, allow_pickle=allow_pickle)
    audit = audit_corpus(corpus, files, found, poses=read, group=group, names=names, split=split)
    chosen = split or corpus.given()
    problems = tuple(ordered(found))
    return Validation(corpus, problems, files, audit, read, group, names, chosen)


def _styles(corpus: Corpus, known: Register, found: list[Problem]) -> None:
    places: dict[str, list[Entry]] = defaultdict(list)
    for entry in corpus.clips:
        places[entry.style].append(entry)
    for style, entries in places.items():
        if not style and len(entries) < len(corpus.clips):
            for entry in entries:
                said, fix = f"{entry.clip} has no style", "fill it in"
                found.append(Problem("warning", "no style", entry.where, "style", said, fix))
        elif style and known.find(style) is None:
            said = f"{style!r} ({len(entries)} clips) is not in the register of styles"
            fix = known.hint(style)
            found.append(Problem("error", "unknown style", entries[0].where, "style", said, fix))
    one: dict[str, str] = {}
    for style in places:
        if (entry := known.find(style)) is not None and one.setdefault(entry.name, style) != style:
            said = f"{style!r} and {one[entry.name]!r} are one style, {entry.name}"
            at = places[style][0].where
            found.append(Problem("warning", "two spellings", at, "style", said, "use one"))


def _raters(corpus: Corpus, found: list[Problem]) -> None:
    clips: dict[str, set[str]] = defaultdict(set)
    first: dict[str, str] = {}
    for rating in corpus.ratings:
        clips[rating.rater].add(rating.clip)
        first.setdefault(rating.rater, rating.where)
    for rater, rated in sorted(clips.items()):
        if rater and len(rated) == 1 and len(corpus.clips) > 1:
            said = f"rater {rater} rated one clip: nothing tells how severe the rater is"
            fix = "let each rater rate several clips"
            at = first[rater]
            found.append(Problem("warning", "rater with one clip", at, "rater_id", said, fix))


def _rights(corpus: Corpus, rights: Sequence[str], found: list[Problem]) -> None:
    for right in rights:
        without = [e for e in corpus.clips if not getattr(e, right)]
        if without and len(without) == len(corpus.clips):
            said = f"no clip has a {right}"
            fix = f"add a column {right} to the annotations"
            found.append(Problem("warning", f"no {right}", str(corpus.root), right, said, fix))
            continue
        for entry in without:
            said = f"{entry.clip} has no {right}"
            found.append(Problem("warning", f"no {right}", entry.where, right, said, "fill it in"))
    if "consent" in rights:
        for entry in corpus.clips:
            if entry.consent.casefold() in _REFUSED:
                said = f"{entry.clip}: consent is {entry.consent!r}"
                fix = "take the clip out"
                found.append(Problem("error", "consent refused", entry.where, "consent", said, fix))


def _beside(corpus: Corpus, found: list[Problem]) -> None:
    """Looks for the files of motion capture and of poses that the tables name."""
    for entry in corpus.clips:
        for column, folder in (("mocap_file", "mocap"), ("pose_file", "pose_data")):
            name = getattr(entry, column)
            if not name:
                continue
            places = (corpus.root / folder / name, corpus.root / name)
            inside = ".." not in pathlib.PurePath(name).parts and not os.path.isabs(name)
            if not inside or not any(place.exists() for place in places):
                said = f"{name} is not in {folder}/"
                fix = "add it or blank the cell"
                found.append(Problem("error", "missing file", entry.where, column, said, fix))


def _unlisted(root: str | os.PathLike[str], corpus: Corpus, found: list[Problem]) -> None:
    if corpus.layout != "annotations":
        return
    named = {entry.path for entry in corpus.clips}
    for path in layout.media_files(layout.find_layout(root)):
        if path not in named:
            said = "no row of the annotations names it"
            found.append(
                Problem("warning", "not annotated", str(path), "", said, "add a row or remove it")
            )


def _file(entry: Entry, facts: MediaFacts, found: list[Problem]) -> None:
    where = str(entry.path)
    if facts.error:
        found.append(Problem("error", "unreadable file", where, "", facts.error, facts.fix))
        return
    if facts.truncated:
        said = "the file is cut short: its index points past its end"
        found.append(Problem("error", "truncated video", where, "", said, "copy it again"))
    if entry.fps and facts.fps and abs(entry.fps / facts.fps - 1) > _RATE_TOLERANCE:
        said = f"annotated as {entry.fps:g} frames/s, the file has {facts.fps:.5g}"
        fix = "take the file's rate, or blank the cell"
        found.append(Problem("warning", "other frame rate", entry.where, "fps", said, fix))


def _duplicates(corpus: Corpus, files: Mapping[str, MediaFacts], found: list[Problem]) -> None:
    same: dict[str, list[Entry]] = defaultdict(list)
    for entry in corpus.clips:
        digest = files[entry.clip].sha256 if entry.clip in files else ""
        if digest:
            same[digest].append(entry)
    for digest, entries in same.items():
        for entry in entries[1:]:
            first = entries[0]
            said = f"the same content as {first.clip} (sha256 {digest[:16]})"
            fix = "keep one of them"
            where = str(entry.path)
            found.append(Problem("error", "duplicate content", where, "", said, fix))
            if entry.style and first.style and entry.style != first.style:
                said = f"one content, labelled {entry.style!r} here and {first.style!r} there"
                found.append(Problem("error", "different labels", entry.where, "style", said, fix))
