"""What is wrong with a corpus: one row a problem, with place, cause and mend."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Iterable, Sequence

from dance_jax.data.tables import write_csv
from dance_jax.errors import InputError

LEVELS = ("error", "warning", "note")
"""An error makes the corpus unusable as it is; a warning weakens results; a note is harmless."""


@dataclasses.dataclass(frozen=True)
class Problem:
    """One thing that is wrong, or worth knowing.

    Attributes:
        level: one of LEVELS.
        kind: a few words, the same for all of its kind, such as "score out of range".
        where: file, with ":line" where there is one.
        column: of the table, "" where there is none.
        text: what was found.
        fix: how to mend it.
    """

    level: str
    kind: str
    where: str
    column: str = ""
    text: str = ""
    fix: str = ""

    def as_error(self) -> InputError:
        """Returns the problem as the error that a strict reader raises."""
        place = f"{self.where}, column {self.column}" if self.column else self.where
        return InputError(self.text or self.kind, place, self.fix)


def ordered(problems: Iterable[Problem]) -> list[Problem]:
    """Returns the problems, errors first, then by kind and in the order they were found."""
    rank = {level: k for k, level in enumerate(LEVELS)}
    return sorted(problems, key=lambda p: (rank[p.level], p.kind))


def counts(problems: Iterable[Problem]) -> list[tuple[str, str, int]]:
    """Returns (level, kind, how many), errors and frequent kinds first."""
    rank = {level: k for k, level in enumerate(LEVELS)}
    found = Counter((p.level, p.kind) for p in problems)
    rows = [(level, kind, n) for (level, kind), n in found.items()]
    return sorted(rows, key=lambda row: (rank[row[0]], -row[2], row[1]))


def write_problems(path: str, problems: Sequence[Problem]) -> None:
    """Writes problems.csv, one row a problem; a header alone where there is none."""
    names = [field.name for field in dataclasses.fields(Problem)]
    write_csv(path, {name: [_writable(getattr(p, name)) for p in problems] for name in names})


def _writable(text: str) -> str:
    """Returns the text with bytes of an undecodable file name as escapes."""
    return text.encode("utf-8", "backslashreplace").decode()
