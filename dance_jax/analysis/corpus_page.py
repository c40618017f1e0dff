"""The task `validate`, and the page of a corpus: problems, statistics, agreement, leaks."""

from __future__ import annotations

import dataclasses
import pathlib
from collections import Counter
from collections.abc import Mapping
from typing import Any

from dance_jax import rundir
from dance_jax.analysis import report
from dance_jax.analysis.report_text import joined, printable
from dance_jax.data.problems import counts, write_problems
from dance_jax.data.split import load_split
from dance_jax.data.statistics import Agreement, Statistics, summarise
from dance_jax.data.styles import register
from dance_jax.data.tables import write_csv
from dance_jax.data.validate_corpus import RIGHTS, Validation, validate
from dance_jax.errors import InputError

SHOWN = 500  # problems in the page; the files have all
_SCHEMA = "dance_jax.corpus.1"
_BAR_PX, _SMALL_BAR_PX = 240, 64
_ROWS = 40  # values of one group in the page


def run(config: Any, workdir: pathlib.Path | None) -> None:
    """Checks a corpus, prints a table, and writes the page, the tables and the JSON.

    Args:
        config: as `configs/validate.py`.
        workdir: the run directory; None writes nothing.

    Raises:
        InputError: there are errors or warnings; everything has been written by then.
    """
    known = register().with_added(config.styles) if config.styles else register()
    rights = [r for r in RIGHTS if getattr(config, f"require_{r}")]
    found = validate(
        config.input,
        styles=known,
        content_hash=config.content_hash,
        open_media=config.open_media,
        rights=rights,
        poses=config.poses,
        pose_frames=config.pose_frames,
        allow_pickle=config.allow_pickle,
        group_by=config.group_by,
        split=load_split(config.split) if config.split else None,
    )
    detection = found.poses.detection if found.poses else None
    statistics = summarise(found.corpus, found.files, detection or None)
    print("\n".join(table_lines(found, config.show)))
    if workdir is not None:
        with rundir.staging(workdir) as folder:
            write(folder, found, statistics)
    if not found.clean:
        bad = [p for p in found.problems if p.level != "note"]
        errors = sum(p.level == "error" for p in bad)
        what = (
            f"{errors} errors and {len(bad) - errors} warnings in {len(found.corpus.clips)} clips"
        )
        place = (
            f"see {workdir / 'problems.csv'}" if workdir else "give --workdir for the whole list"
        )
        raise InputError(what, config.input, place)


def write(folder: pathlib.Path, found: Validation, statistics: Statistics) -> None:
    """Writes problems.csv, groups.csv, corpus.json and report.html into a folder."""
    write_problems(str(folder / "problems.csv"), found.problems)
    write_groups(folder / "groups.csv", found)
    rundir.write_json(folder / "corpus.json", as_dict(found, statistics))
    write_page(folder / "report.html", found, statistics)


def write_groups(path: pathlib.Path, found: Validation) -> None:
    """Writes the group of every clip: as told, and as what was found ties clips together."""
    clips = [e.clip for e in found.corpus.clips]
    tied = found.audit.together if found.audit else {}
    columns = {
        "video_file": [_writable(clip) for clip in clips],
        "group": [_writable(_group(found, k)) for k in range(len(clips))],
        "together": [_writable(tied.get(clip, clip)) for clip in clips],
    }
    write_csv(path, columns)


def _group(found: Validation, k: int) -> str:
    entry = found.corpus.clips[k]
    named = found.names.groups.get(entry.clip, {})
    return named.get(found.group) or entry.groups.get(found.group, "")


def _writable(text: str) -> str:
    """Returns the text with bytes of an undecodable file name as escapes."""
    return text.encode("utf-8", "backslashreplace").decode()


def read_how(found: Validation) -> list[str]:
    """Returns the sentences on how clips were grouped, and which poses were compared."""
    if found.names:
        lines = [f"No dancer or source is annotated: {found.names.sentence}."]
    elif found.group:
        lines = [f"Clips are grouped by their annotated {found.group}."]
    else:
        lines = ["Clips are not grouped: no clip, or not every clip, tells its dancer or source."]
    if found.poses is None:
        lines.append("Poses were not looked at: movement was not compared.")
    else:
        lines.append(f"{found.poses.sentence[:1].upper()}{found.poses.sentence[1:]}.")
    return lines


def as_dict(found: Validation, statistics: Statistics) -> dict[str, Any]:
    """Returns what corpus.json holds."""
    return {
        "schema": _SCHEMA,
        "root": str(found.corpus.root),
        "layout": found.corpus.layout,
        "notes": list(found.corpus.notes),
        "clean": found.clean,
        "problems": [vars(p) for p in found.problems],
        "counts": [list(row) for row in counts(found.problems)],
        "statistics": statistics.as_dict(),
        "split": found.split.as_dict() if found.split else None,
        "group": found.group,
        "groups_by_name": {clip: dict(keys) for clip, keys in found.names.groups.items()},
        "read_how": read_how(found),
        "audit": found.audit.as_dict() if found.audit else None,
        "files": {clip: vars(facts) for clip, facts in found.files.items()},
    }


def table_lines(found: Validation, show: int) -> list[str]:
    """Returns the terminal's lines: what was read, the audit, counts, the first problems."""
    lines = [printable(note, 300) for note in (*found.corpus.notes, *read_how(found))]
    if found.audit is not None:
        lines += [f"audit: {printable(line, 500)}" for line in found.audit.sentences()]
    if not found.problems:
        return [*lines, f"{len(found.corpus.clips)} clips, no problem"]
    rows = [(level, kind, str(n)) for level, kind, n in counts(found.problems)]
    width = max(len(kind) for _, kind, _ in rows)
    lines += [f"{level:<8}{kind:<{width}}  {n:>6}" for level, kind, n in rows]
    for p in found.problems[:show]:
        column = f", {p.column}" if p.column else ""
        lines.append(f"{p.level}: {printable(p.where, 200)}{column}: {printable(p.text, 300)}")
    if len(found.problems) > show:
        lines.append(f"... and {len(found.problems) - show} more")
    return lines


def write_page(path: pathlib.Path, found: Validation, statistics: Statistics) -> pathlib.Path:
    """Writes the self-contained page of a corpus; it runs no script and loads nothing.

    Args:
        path: the .html file to write.
        found: what the validation found.
        statistics: of the same corpus.

    Returns:
        The path.
    """
    levels = {
        level: sum(p.level == level for p in found.problems) for level in ("error", "warning")
    }
    context = {
        "title": f"Corpus: {printable(found.corpus.root.resolve().name)}",
        "corpus": found.corpus,
        "clean": found.clean,
        "levels": levels,
        "kinds": counts(found.problems),
        "problems": [
            dataclasses.replace(p, where=_near(p.where, found)) for p in found.problems[:SHOWN]
        ],
        "place": printable(found.corpus.root.resolve(), 300),
        "several": _several,
        "more": max(0, len(found.problems) - SHOWN),
        "s": statistics,
        "counts": {key: _table(key, v) for key, v in _counts(found, statistics).items()},
        "histogram": _histogram(statistics),
        "agreement": [_agreement(score, a) for score, a in statistics.agreement.items()],
        "read_how": read_how(found),
        "audit": found.audit.sentences() if found.audit else [],
        # What concerns the corpus whole is said in the sentences already.
        "leaks": [f for f in found.audit.findings if f.parts][:SHOWN] if found.audit else [],
        "stamp": _stamp(found),
        "joined": joined,
    }
    path.write_text(report._render("corpus.html.j2", context, "'none'"), "utf-8")
    return path


def _stamp(found: Validation) -> str:
    return found.split.stamp if found.split else ""


def _counts(found: Validation, statistics: Statistics) -> dict[str, Mapping[str, int]]:
    """Returns the counts of the annotations, and those that the file names tell."""
    named: dict[str, Counter[str]] = {}
    for groups in found.names.groups.values():
        for key, value in groups.items():
            named.setdefault(key, Counter())[value] += 1
    by_name = {
        key: dict(sorted(count.items(), key=lambda item: (-item[1], item[0])))
        for key, count in sorted(named.items())
    }
    return {**statistics.counts, **by_name}


def _near(where: str, found: Validation) -> str:
    """Returns a place as seen from the corpus: whole paths are long and the same in every row."""
    root = str(found.corpus.root)
    if where.rstrip("/") == root.rstrip("/"):
        return "the corpus"
    return where.removeprefix(root.rstrip("/") + "/")


def _several(count: int, word: str) -> str:
    return f"{count} {word}{'s' * (count != 1)}"


def _table(key: str, values: Mapping[str, int]) -> dict[str, Any]:
    """Returns bars of the most frequent values, or a sentence where bars would tell nothing."""
    said = ""
    if len(values) == 1:
        ((name, n),) = values.items()
        said = f"{printable(name or 'not told')}: all {n} clips."
    elif set(values.values()) == {1}:
        said = f"{len(values)} values, one clip each."
    shown = dict(list(values.items())[:_ROWS])
    more = len(values) - len(shown)
    rest = sum(values.values()) - sum(shown.values())
    note = f"{_several(more, 'more value')} with {_several(rest, 'clip')}." if more else ""
    return {"rows": [] if said else _bars(shown, _BAR_PX), "said": said, "note": note}


def _histogram(statistics: Statistics) -> list[dict[str, Any]]:
    """Returns one row a bin, with a bar for each score."""
    bars = [
        _bars({str(k): n for k, n in enumerate(bins)}, _SMALL_BAR_PX)
        for bins in statistics.histograms.values()
    ]
    return [
        {"name": f"{k} to {k + 1}", "bars": list(row)}
        for k, row in enumerate(zip(*bars, strict=True))
    ]


def _bars(values: Mapping[str, int], width: int) -> list[dict[str, Any]]:
    """Returns rows of a bar chart, widths in pixels."""
    top = max(values.values(), default=0) or 1
    return [
        {"name": name or "not told", "n": n, "width": round(width * n / top)}
        for name, n in values.items()
    ]


def _agreement(score: str, a: Agreement) -> dict[str, Any]:
    return {"score": score.replace("_", " "), "a": a, "forms": list(a.icc.items())}
