"""Reads the annotation CSV into clips and ratings; every fault of a row becomes a Problem."""

from __future__ import annotations

import difflib
import math
import os
import pathlib
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence

from dance_jax.data.corpus import GROUPS, SCORES, Entry, Rating
from dance_jax.data.problems import Problem
from dance_jax.data.sheet import Row, Sheet, number, read_sheet

REQUIRED = ("video_file",)
_FILES = ("mocap_file", "pose_file")
_FACTS = (*GROUPS.values(), "rater_id", "camera", "fps", "licence", "consent", "source_id")
COLUMNS = (*REQUIRED, *SCORES, "style", *_FILES, *_FACTS)
_ALIASES = {"license": "licence", "video": "video_file", "rater": "rater_id", "source": "source_id"}
_TOP = 10.0
_LONGEST = 1000
_CLIP_FACTS = (
    "style",
    *GROUPS.values(),
    "source_id",
    "camera",
    "fps",
    "licence",
    "consent",
    *_FILES,
)

Find = Callable[[str, str], pathlib.Path | None]
"""(name in the table, part) -> the file, None where there is none; the layout knows."""


class Annotations:
    """Gathers the rows of one or more tables.

    Args:
        find: where the file of a name is.
    """

    def __init__(self, find: Find) -> None:
        self._find = find
        self._rows: dict[str, list[tuple[Row, str, str, Sheet]]] = defaultdict(list)
        self.problems: list[Problem] = []
        self.ratings: list[Rating] = []
        self.scales: dict[str, float] = {}

    def add(self, path: str | os.PathLike[str], part: str = "") -> None:
        """Reads one table.

        Args:
            path: the CSV file.
            part: "train", "val", "test", or "".

        Raises:
            InputError: it cannot be read at all.
        """
        sheet = self._renamed(read_sheet(path))
        self.problems += sheet.problems
        self._check_columns(sheet)
        if "video_file" not in sheet.columns:
            return
        for row in sheet.rows:
            where = f"{sheet.path}:{row.line}"
            name = row.cells["video_file"].replace("\\", "/")
            if not name:
                said = "the row names no video"
                self._tell("error", "no video", where, "video_file", said, "fill it in")
            elif not self._is_inside(name, where, "video_file"):
                continue
            else:
                self._rows[name].append((self._checked(row, where), where, part, sheet))

    def _checked(self, row: Row, where: str) -> Row:
        """Returns the row without the names of files that are outside the corpus."""
        cells = {column: row.cells.get(column, "").replace("\\", "/") for column in _FILES}
        bad = [c for c, name in cells.items() if name and not self._is_inside(name, where, c)]
        return Row(row.line, {**row.cells, **dict.fromkeys(bad, "")}) if bad else row

    def _is_inside(self, name: str, where: str, column: str) -> bool:
        """Tells of a name that leads out of the corpus, or that no file can have."""
        parts = name.split("/")
        if name.startswith("/") or ".." in parts or ":" in name or "\0" in name:
            said, kind = f"{name[:200]!r} leads out of the corpus", "outside the corpus"
        elif len(name) > _LONGEST or max(len(part.encode()) for part in parts) > 255:
            said, kind = f"{name[:60]!r}... is too long for a file name", "no file name"
        else:
            return True
        fix = "name files by their path under videos/"
        if column != "video_file":
            fix = "name files by their path in the corpus, or blank the cell"
        self._tell("error", kind, where, column, said, fix)
        return False

    def entries(self) -> list[Entry]:
        """Returns one Entry a clip, and completes ratings, scales and problems."""
        out = [self._entry(name, rows) for name, rows in sorted(self._rows.items())]
        self._settle_scales()
        return out

    def _entry(self, name: str, rows: Sequence[tuple[Row, str, str, Sheet]]) -> Entry:
        first, where, part, _ = rows[0]
        seen: dict[tuple[str, str], str] = {}  # (rater, part) -> place
        for row, place, of, sheet in rows:
            rater = row.cells.get("rater_id", "")
            same = seen.setdefault((rater, of), place)
            if same != place:
                by = f" by rater {rater}" if rater else ""
                said = f"{name} is rated{by} at {same} too"
                fix = "keep one row" if rater else "name the raters in rater_id"
                self._tell("error", "duplicate row", place, "video_file", said, fix)
            if of != part:
                said = f"{name} is in {part or 'no part'} at {where} and in {of or 'no part'} here"
                self._tell("error", "clip in two parts", place, "video_file", said, "keep one")
            self._rate(name, rater, row, place, sheet)
        facts = {fact: self._agreed(name, fact, rows) for fact in _CLIP_FACTS}
        fps = number(facts["fps"], rows[0][3].delimiter) if facts["fps"] else None
        if facts["fps"] and not (fps and 0 < fps <= 1000):
            said = f"{facts['fps']!r} is no frame rate"
            self._tell(
                "error", "not a number", where, "fps", said, "give frames a second, or blank"
            )
            fps = None
        groups = {key: facts[column] for key, column in GROUPS.items()}
        groups |= {"source": facts["source_id"], "camera": facts["camera"]}
        path = self._find(name, part)
        if path is None:
            said = f"{name} is not in the corpus"
            self._tell("error", "missing file", where, "video_file", said, "add it or drop the row")
        return Entry(
            name,
            path,
            facts["style"],
            groups,
            part,
            fps,
            facts["licence"],
            facts["consent"],
            facts["mocap_file"],
            facts["pose_file"],
            {c: v for c, v in first.cells.items() if c not in COLUMNS},
            where,
        )

    def _rate(self, name: str, rater: str, row: Row, where: str, sheet: Sheet) -> None:
        scores = {}
        for column in SCORES:
            text = row.cells.get(column, "")
            if not text:
                continue
            value = number(text, sheet.delimiter)
            if value is None or not math.isfinite(value):
                said = f"{text!r} is no number"
                self._tell("error", "not a number", where, column, said, "give 0 to 10, or blank")
            elif not 0 <= value <= _TOP:
                said = f"{text} is outside 0 to 10"
                self._tell("error", "score out of range", where, column, said, "give 0 to 10")
            else:
                scores[column] = value
        if scores:
            self.ratings.append(Rating(name, rater, scores, where))

    def _agreed(self, name: str, fact: str, rows: Iterable[tuple[Row, str, str, Sheet]]) -> str:
        """Returns what all rows of a clip say of it; blank cells take what others say."""
        found, at = "", ""
        for row, where, _, _ in rows:
            text = row.cells.get(fact, "")
            if text and found and text != found:
                said = f"{name} has {fact} {text!r} here and {found!r} at {at}"
                self._tell("error", "different labels", where, fact, said, "say the same in both")
            elif text and not found:
                found, at = text, where
        return found

    def _settle_scales(self) -> None:
        """The overall score is 0 to 10; the others may be 0 to 1, where no value is above 1."""
        for column in SCORES:
            values = [r.scores[column] for r in self.ratings if column in r.scores]
            if not values:
                continue
            unit = column != "aesthetic_score" and max(values) <= 1
            self.scales[column] = 1.0 if unit else _TOP
            small = sum(v <= 1 for v in values)
            if not unit and column != "aesthetic_score" and 2 * small > len(values):
                top = max(values)
                said = f"{small} of {len(values)} values are at most 1 and the largest is {top:g}"
                fix = "put the whole column on one scale, 0 to 1 or 0 to 10"
                self._tell("warning", "mixed scales", "all tables", column, said, fix)

    def _check_columns(self, sheet: Sheet) -> None:
        where, meant = f"{sheet.path}:1", []
        for column in REQUIRED:
            if column not in sheet.columns:
                like = difflib.get_close_matches(column, sheet.columns, 1, 0.6)
                meant += like
                fix = f"rename {like[0]!r}" if like else f"the header must hold {column}"
                self._tell("error", "wrong columns", where, column, f"there is no {column}", fix)
        if not {"style", *SCORES} & set(sheet.columns):
            said = "there is neither a style nor a score"
            fix = f"add style or one of {', '.join(SCORES)}"
            self._tell("error", "wrong columns", where, "", said, fix)
        for column in sheet.columns:
            if column in COLUMNS or column in meant:
                continue
            like = difflib.get_close_matches(column, COLUMNS, 1, 0.75)
            if like and like[0] not in sheet.columns:
                said, fix = f"{column!r} is not known", f"did you mean {like[0]}?"
                self._tell("warning", "wrong columns", where, column, said, fix)
            else:
                said = f"{column!r} is kept but not used"
                self._tell("note", "extra column", where, column, said, "")

    def _renamed(self, sheet: Sheet) -> Sheet:
        names = {c: _ALIASES.get(c.lower(), c.lower()) for c in sheet.columns}
        names = {c: new if new in COLUMNS else c for c, new in names.items()}
        if len(set(names.values())) < len(names):
            return sheet
        rows = tuple(Row(r.line, {names[c]: v for c, v in r.cells.items()}) for r in sheet.rows)
        return sheet._replace(columns=tuple(names[c] for c in sheet.columns), rows=rows)

    def _tell(self, level: str, kind: str, where: str, column: str, text: str, fix: str) -> None:
        self.problems.append(Problem(level, kind, where, column, text, fix))
