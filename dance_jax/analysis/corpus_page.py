"""The task `validate`, and the page of a corpus: problems, statistics, agreement, leaks."""

from __future__ import annotations

import pathlib
from collections.abc import Mapping
from typing import Any

from dance_jax import rundir
from dance_jax.analysis import report
from dance_jax.analysis.report_text import joined, printable
from dance_jax.data.problems import counts, write_problems
from dance_jax.data.statistics import Agreement, Statistics, summarise
from dance_jax.data.styles import register
from dance_jax.data.validate_corpus import RIGHTS, Validation, validate
from dance_jax.errors import InputError

SHOWN = 500  # problems in the page, and values of one group; the files have all
_SCHEMA = "dance_jax.corpus.1"
_BAR_PX = 240


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
    )
    statistics = summarise(found.corpus, found.files)
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
    """Writes problems.csv, corpus.json and report.html into a folder."""
    write_problems(str(folder / "problems.csv"), found.problems)
    rundir.write_json(folder / "corpus.json", as_dict(found, statistics))
    write_page(folder / "report.html", found, statistics)


def as_dict(found: Validation, statistics: Statistics) -> dict[str, Any]:
    """Returns what corpus.json holds."""
    given = found.corpus.given()
    return {
        "schema": _SCHEMA,
        "root": str(found.corpus.root),
        "layout": found.corpus.layout,
        "notes": list(found.corpus.notes),
        "clean": found.clean,
        "problems": [vars(p) for p in found.problems],
        "counts": [list(row) for row in counts(found.problems)],
        "statistics": statistics.as_dict(),
        "split": given.as_dict() if given else None,
        "audit": found.audit.as_dict() if found.audit else None,
        "files": {clip: vars(facts) for clip, facts in found.files.items()},
    }


def table_lines(found: Validation, show: int) -> list[str]:
    """Returns the terminal's lines: what was read, counts of each kind, the first problems."""
    lines = [printable(note, 300) for note in found.corpus.notes]
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
        "problems": found.problems[:SHOWN],
        "more": max(0, len(found.problems) - SHOWN),
        "s": statistics,
        "counts": {key: _bars(values) for key, values in statistics.counts.items()},
        "histograms": {
            score: _bars({f"{k} to {k + 1}": n for k, n in enumerate(bins)})
            for score, bins in statistics.histograms.items()
        },
        "agreement": [_agreement(score, a) for score, a in statistics.agreement.items()],
        "audit": found.audit.sentences() if found.audit else [],
        "leaks": found.audit.findings[:SHOWN] if found.audit else (),
        "stamp": _stamp(found),
        "joined": joined,
    }
    path.write_text(report._render("corpus.html.j2", context, "'none'"), "utf-8")
    return path


def _stamp(found: Validation) -> str:
    given = found.corpus.given()
    return given.stamp if given else ""


def _bars(values: Mapping[str, int]) -> list[dict[str, Any]]:
    """Returns rows of a bar chart, widths in pixels; at most SHOWN of them."""
    top = max(values.values(), default=0) or 1
    return [
        {"name": name or "not told", "n": n, "width": round(_BAR_PX * n / top)}
        for name, n in list(values.items())[:SHOWN]
    ]


def _agreement(score: str, a: Agreement) -> dict[str, Any]:
    return {"score": score.replace("_", " "), "a": a, "forms": list(a.icc.items())}
