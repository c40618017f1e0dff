"""The task `prepare`: a corpus of equal clips out of long videos, each tied to its source."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import pathlib
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from dance_jax import rundir
from dance_jax.data.container import VIDEO_SUFFIXES
from dance_jax.data.corpus import SCORES, Corpus, Entry
from dance_jax.data.cutting import Cutting, Piece, cut
from dance_jax.data.layout import load_corpus
from dance_jax.data.limits import Limits
from dance_jax.data.media_facts import file_sha256
from dance_jax.data.tables import write_csv
from dance_jax.errors import InputError

SCHEMA = "dance_jax.prepare.1"
_MANIFEST = "manifest"
_FIELDS = ("dancer", "choreography", "music", "camera")


@dataclasses.dataclass(frozen=True)
class Prepared:
    """What was made.

    Attributes:
        rows: one a clip, as in manifest.csv.
        kept: sources that were there already.
        made: sources that were cut now.
        failed: (video, why) of those that could not be read.
        notes: (video, sentence) on what was odd.
    """

    rows: tuple[Mapping[str, Any], ...]
    kept: int
    made: int
    failed: tuple[tuple[str, str], ...]
    notes: tuple[tuple[str, str], ...]


def run(config: Any, workdir: pathlib.Path) -> None:
    """Cuts a corpus into clips.

    Args:
        config: as `configs/prepare.py`.
        workdir: the run directory; it becomes a corpus in the layout of annotations.

    Raises:
        InputError: videos could not be read; all others have been cut by then.
    """
    cutting = Cutting(
        config.seconds,
        config.stride_s,
        config.min_seconds,
        config.fps,
        config.side,
        config.fit,
        config.crf,
    )
    limits = Limits(max_duration_s=config.max_duration_s)
    found = prepare(
        config.input, workdir, cutting, carry_scores=config.carry_scores, limits=limits, say=print
    )
    print(f"{len(found.rows)} clips of {found.kept + found.made} videos, {found.kept} kept as made")
    if found.failed:
        what = f"{len(found.failed)} videos could not be read (first: {found.failed[0][1]})"
        raise InputError(what, found.failed[0][0], "mend or remove them, and run again")


def prepare(
    root: str | os.PathLike[str],
    out: str | os.PathLike[str],
    cutting: Cutting,
    *,
    carry_scores: bool = False,
    limits: Limits | None = None,
    say: Callable[[str], None] | None = None,
) -> Prepared:
    """Cuts every video of a corpus, and writes clips, tables and manifest.

    Each source has a manifest of its own, written when all its clips are there: a run that was
    stopped goes on with the source it was at, and keeps the clips of that source that are whole.

    Args:
        root: a corpus of any layout, a folder of videos, or one video.
        out: the folder to fill: `videos/`, `annotations/clips.csv`, `manifest.csv`, `manifest/`.
        cutting: length, size and rate.
        carry_scores: give the clips the scores of their source; they were given for all of it.
        limits: the largest input allowed.
        say: called with one line a source.

    Raises:
        InputError: there is no video, or a file in `out` is not of this run.
    """
    out = pathlib.Path(out)
    corpus = _sources(pathlib.Path(root))
    names = source_names([e.clip for e in corpus.clips])
    for folder in ("videos", "annotations", _MANIFEST):
        (out / folder).mkdir(parents=True, exist_ok=True)
    _remove_stale(out / "videos")
    rows: list[Mapping[str, Any]] = []
    failed: list[tuple[str, str]] = []
    notes: list[tuple[str, str]] = []
    kept = made = 0
    for entry in corpus.clips:
        source = names[entry.clip]
        if entry.path is None or entry.path.is_dir():
            lacks = "there is no such file"
            folder = "a folder of images has no times: make it a video first"
            failed.append((entry.clip, lacks if entry.path is None else folder))
            continue
        try:
            digest = file_sha256(entry.path)
            key = _key(digest, cutting)
            pieces = _held(out, source, key)
            if pieces is None:
                pieces, said = cut(entry.path, out / "videos", source, key, cutting, limits=limits)
                notes += [(entry.clip, note) for note in said]
                held = {"schema": SCHEMA, "key": key, "source": entry.clip, "sha256": digest}
                held["clips"] = [dataclasses.asdict(piece) for piece in pieces]
                rundir.write_json(out / _MANIFEST / f"{source}.json", held)
                made += 1
            else:
                kept += 1
        except (InputError, OSError) as error:
            if isinstance(error, InputError) and "another file" in error.what:
                raise
            why = error.what if isinstance(error, InputError) else str(error.strerror)
            failed.append((entry.clip, why))
            continue
        rows += [_row(entry, source, digest, piece, cutting) for piece in pieces]
        if say is not None:
            say(f"{entry.clip}: {len(pieces)} clips")
    if rows:
        _write_tables(out, corpus, rows, carry_scores)
    return Prepared(tuple(rows), kept, made, tuple(failed), tuple(notes))


def source_names(clips: Sequence[str]) -> dict[str, str]:
    """Returns clip -> a file name of letters, digits, "-" and "_" that no other clip has."""
    plain = {}
    for clip in clips:
        stem = clip.rsplit(".", 1)[0] if clip.lower().endswith(VIDEO_SUFFIXES) else clip
        plain[clip] = re.sub(r"[^A-Za-z0-9_-]+", "_", stem.replace("/", "__"))[:120].strip("_")
    count: dict[str, int] = {}
    for name in plain.values():
        count[name.lower()] = count.get(name.lower(), 0) + 1
    out = {}
    for clip, name in plain.items():
        tag = hashlib.sha256(clip.encode("utf-8", "surrogatepass")).hexdigest()[:8]
        # A name that others share, or that lost its letters, gets a mark of the full one.
        out[clip] = name if name and count[name.lower()] == 1 else f"{name or 'source'}_{tag}"
    return out


def _sources(root: pathlib.Path) -> Corpus:
    if root.is_file():
        return Corpus(root.parent, "videos", (Entry(root.name, root),))
    try:
        return load_corpus(root)[0]
    except InputError:
        if not root.is_dir():
            raise
    files = sorted(p for p in root.iterdir() if p.name.lower().endswith(VIDEO_SUFFIXES))
    if not files:
        raise InputError("it holds no videos", root, "give a corpus, or a folder of videos")
    return Corpus(root, "videos", tuple(Entry(p.name, p) for p in files))


def _key(digest: str, cutting: Cutting) -> str:
    text = json.dumps([SCHEMA, digest, dataclasses.asdict(cutting)], sort_keys=True)
    return "cut " + hashlib.sha256(text.encode()).hexdigest()[:20]


def _held(out: pathlib.Path, source: str, key: str) -> list[Piece] | None:
    """Returns the clips of a source that is done, None where it has to be cut."""
    path = out / _MANIFEST / f"{source}.json"
    if not path.is_file():
        return None
    try:
        held = json.loads(path.read_text("utf-8"))
        pieces = [Piece(**piece) for piece in held["clips"]]
        same = held["key"] == key
    except (ValueError, TypeError, KeyError) as error:
        what = "another file has the name of a manifest"
        raise InputError(what, path, "move it away") from error
    if not same:
        what = "another file has this source's name: it was cut otherwise, or has changed"
        raise InputError(what, path, "choose another --workdir")
    whole = all(
        (out / "videos" / p.file).is_file() and file_sha256(out / "videos" / p.file) == p.sha256
        for p in pieces
    )
    return pieces if whole else None


def _remove_stale(folder: pathlib.Path) -> None:
    """Removes what writers of clips left that were killed: hidden files named by their process."""
    for path in folder.glob(".*ms.*.partial.mp4"):
        number = path.name.split(".")[-3]
        if number.isdigit() and not pathlib.Path(f"/proc/{number}").exists():
            path.unlink(missing_ok=True)


def _row(
    entry: Entry, source: str, digest: str, piece: Piece, cutting: Cutting
) -> Mapping[str, Any]:
    return {
        "video_file": piece.file,
        "source_id": entry.groups.get("source") or source,
        "source_file": entry.clip,
        "source_sha256": digest,
        "start_s": piece.start_s,
        "seconds": piece.frames / cutting.fps,
        "fps": cutting.fps,
        "frames": piece.frames,
        "width": piece.width,
        "height": piece.height,
        "sha256": piece.sha256,
        "style": entry.style,
        **{f"{key}_id" if key != "camera" else key: entry.groups.get(key, "") for key in _FIELDS},
        "licence": entry.licence,
        "consent": entry.consent,
    }


def _write_tables(
    out: pathlib.Path, corpus: Corpus, rows: Sequence[Mapping[str, Any]], carry_scores: bool
) -> None:
    write_csv(out / "manifest.csv", {name: [r[name] for r in rows] for name in rows[0]})
    columns = ("video_file", "source_id", "style", "dancer_id", "choreography_id", "music_id")
    columns = (*columns, "camera", "fps", "licence", "consent")
    table = [{c: r[c] for c in columns} for r in rows]
    if carry_scores and corpus.ratings:
        table = [
            {**{c: r[c] for c in columns}, "rater_id": rating.rater}
            | {s: rating.scores.get(s) for s in SCORES}
            for r in rows
            for rating in corpus.ratings
            if rating.clip == r["source_file"]
        ]
    if table:
        path = out / "annotations" / "clips.csv"
        write_csv(path, {name: [r[name] for r in table] for name in table[0]})
