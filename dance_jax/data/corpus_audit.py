"""Audits a whole corpus: its split, the groups it names or its file names tell, and its poses."""

from __future__ import annotations

import itertools
import pathlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from dance_jax.data import leakage, name_groups
from dance_jax.data.copies import TOLERANCE
from dance_jax.data.corpus import Corpus
from dance_jax.data.corpus_poses import CorpusPoses
from dance_jax.data.media_facts import MediaFacts
from dance_jax.data.name_groups import BY_NAME, NONE, NameGroups
from dance_jax.data.problems import Problem
from dance_jax.data.split import Member, Split
from dance_jax.errors import InputError

GROUP_BY = ("auto", "none", "source", "dancer", "choreography", "music")
"""What clips may be grouped by; a regular expression on the names is the other way."""

_PROBE_FROM = 20  # clips; fewer tell nothing of a confound
_IN_PIXELS = 0.02  # the estimator's own noise hides equal movement from the 0.01 of motion capture
_STEP_IN_PIXELS_S = 0.25  # and only some windows of overlapping clips come out alike
_BY_ITSELF = ("source", "dancer")


def grouping(
    corpus: Corpus, by: str = "auto", seconds: Mapping[str, float] | None = None
) -> tuple[str, NameGroups]:
    """Decides which clips belong together.

    Args:
        corpus: the clips.
        by: "auto" takes the annotated source or dancer, and the file names where no clip has
            either; "none"; a key of `Entry.groups`; or a regular expression with one group, the
            source, on the file names.
        seconds: clip -> true length.

    Returns:
        The key of the groups, "" for none; and what the names told, `name_groups.NONE` where they
        were not asked.

    Raises:
        InputError: a key is asked for that some clip lacks, or the expression is wrong.
    """
    members = corpus.members()
    if by == "none":
        return "", NONE
    if by in GROUP_BY and by != "auto":
        if lacking := [m.clip for m in members if not m.groups.get(by)]:
            what = f"{len(lacking)} of {len(members)} clips have no {by} (first: {lacking[0]})"
            raise InputError(what, "group_by", "annotate it, or give auto")
        return by, NONE
    clips = [m.clip for m in members]
    if by != "auto":
        return f"source {BY_NAME}", name_groups.propose(clips, by)
    known = [k for k in _BY_ITSELF if all(m.groups.get(k) for m in members)]
    if known:
        # Where every clip is its own source, the dancers tell more.
        several = (k for k in known if len({m.groups[k] for m in members}) < len(members))
        return next(several, known[0]), NONE
    if any(m.groups.get(k) for m in members for k in _BY_ITSELF):
        return "", NONE  # the annotations tell it of some clips: the names do not overrule them
    found = name_groups.propose(clips, seconds=seconds)
    keys = {key for groups in found.groups.values() for key in groups}
    return next((k for n in ("dancer", "source") if (k := f"{n} {BY_NAME}") in keys), ""), found


def audit_corpus(
    corpus: Corpus,
    files: Mapping[str, MediaFacts],
    found: list[Problem],
    *,
    poses: CorpusPoses | None = None,
    group: str = "",
    names: NameGroups = NONE,
    split: Split | None = None,
) -> leakage.Audit | None:
    """Audits the split, or the corpus whole; what it finds becomes problems.

    In a corpus without a split, clips that share a file name's take, movement or a cut are a
    problem where they lie in different groups: a split by group would not hold them together.

    Args:
        corpus: the clips.
        files: clip -> what its file is.
        found: gets the problems.
        poses: of the clips, None where they were not read.
        group: key of the groups, from `grouping`.
        names: what the names told, from `grouping`.
        split: another one than the corpus came with.

    Returns:
        The audit, None without clips.

    Raises:
        InputError: the split names clips that the corpus lacks.
    """
    members = names.grouped(corpus.members()) if names else corpus.members()
    if not members:
        return None
    given = split or corpus.given()
    whole = given or Split({"all": tuple(e.clip for e in corpus.clips)}, (), "whole corpus")
    options = {
        "hashes": {clip: facts.sha256 for clip, facts in files.items() if facts.sha256},
        "names": {e.clip: pathlib.PurePath(e.clip).name for e in corpus.clips},
        "features": _features(corpus, members, files, poses),
        "probe_by": group or None,
    }
    moving = {}
    if poses is not None and poses.motions:
        moving = {"motions": poses.motions, "placed": poses.placed}
        if poses.pixels:
            moving |= {"copy_tolerance": _IN_PIXELS, "copy_step_s": _STEP_IN_PIXELS_S}
        else:
            moving |= {"copy_tolerance": TOLERANCE}
    try:
        audit = leakage.audit(whole, members, **options, **moving)
    except InputError as error:
        if not moving or error.where == "leakage audit":
            raise
        said, fix = f"movement was not compared: {error.what}", error.fix
        found.append(Problem("warning", "poses not compared", str(corpus.root), "", said, fix))
        audit = leakage.audit(whole, members, **options)
    for leak in audit.findings:
        where = " and ".join(leak.clips) or str(corpus.root)
        fix = "split by group: dance_jax.data.splits" if leak.parts else "group splits by source"
        parts = " and ".join(leak.parts)
        said = f"{parts}: {leak.text}" if parts else leak.text
        found.append(Problem("warning", f"leak: {leak.kind}", where, "", said, fix))
    if given is None:
        _untied(corpus, audit, {m.clip: m.groups.get(group, "") for m in members}, group, found)
    return audit


def _features(
    corpus: Corpus,
    members: Sequence[Member],
    files: Mapping[str, MediaFacts],
    poses: CorpusPoses | None,
) -> dict[str, list[float]] | None:
    """Returns what says nothing of the dance, a number a clip; None where it cannot be probed."""
    kinds = Counter(m.label for m in members)
    if len(members) < _PROBE_FROM or len(kinds) < 2 or "" in kinds:
        return None
    nan = float("nan")
    seen = [files.get(m.clip, MediaFacts(error="none")) for m in members]
    detected = dict(poses.detection) if poses is not None else {}
    for entry in corpus.clips:
        if "detection_rate" in entry.extra and entry.clip not in detected:
            try:
                detected[entry.clip] = float(entry.extra["detection_rate"])
            except ValueError:
                continue  # free text of whoever added the column
    out = {}
    if any(not f.error and f.fps > 0 for f in seen):
        out["frames/s"] = [nan if f.error else f.fps for f in seen]
        out["seconds"] = [nan if f.error else f.seconds for f in seen]
    if detected:
        out["detection rate"] = [detected.get(m.clip, nan) for m in members]
    # What is the same in all clips tells nothing, and chance would be taken for a finding.
    varying = {name: column for name, column in out.items() if np.ptp(np.nan_to_num(column)) > 1e-9}
    return varying or None


def _untied(
    corpus: Corpus,
    audit: leakage.Audit,
    group: Mapping[str, str],
    key: str,
    found: list[Problem],
) -> None:
    """Tells of clips that belong together and that no group holds together."""
    takes = leakage.same_takes_of(
        group, {e.clip: pathlib.PurePath(e.clip).name for e in corpus.clips}
    )
    kinds: dict[str, Iterable[tuple[str, str]]] = {
        "same take": [pair for clips in takes.values() for pair in itertools.pairwise(clips)],
        "copied movement": [(c.a, c.b) for c in audit.copies.pairs] if audit.copies else [],
        "cut of one take": [(c.first, c.second) for c in audit.cuts.pairs]
        if audit.cuts and audit.cuts.likely
        else [],
    }
    for kind, pairs in kinds.items():
        apart = {
            frozenset(pair): pair
            for pair in pairs
            if not group[pair[0]] or group[pair[0]] != group[pair[1]]
        }
        if not apart:
            continue
        first, clips = next(iter(apart.values())), {c for pair in apart for c in pair}
        other = f" that the groups by {key} keep apart" if key else ""
        said = (
            f"{len(apart)} pair{'s' * (len(apart) != 1)} of clips{other}, {len(clips)} clips in "
            f"all (such as {first[0]} and {first[1]}): {leakage.MEANINGS[kind]}"
        )
        fix = "hold them together: group splits by the column `together` of groups.csv"
        found.append(Problem("warning", f"tied clips: {kind}", str(corpus.root), "", said, fix))
