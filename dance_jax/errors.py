"""The one error type for a mistake that the user can mend: what, where, how."""

from __future__ import annotations


def printable(text: str) -> str:
    r"""Returns text from a file as a terminal may show it: control characters become \x1b and such.

    Names in a file may hold codes that move the cursor, set the window's title or turn the writing
    direction; what cannot be printed at all (half of a surrogate pair) would end the program.
    """
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


class InputError(ValueError):
    """A user's input or configuration is wrong; the launcher prints one line and exits with 2.

    Args:
        what: what is wrong, in one short clause.
        where: the file, key or line it was found in.
        fix: how to mend it, in one short clause.
    """

    def __init__(self, what: str, where: object = "", fix: str = "") -> None:
        self.what, self.where, self.fix = what, str(where), fix
        super().__init__(self.line())

    def line(self) -> str:
        """Returns the message as one printable line: `where: what; fix`."""
        parts = f"{self.where}: {self.what}" if self.where else self.what
        return printable(" ".join((f"{parts}; {self.fix}" if self.fix else parts).split()))


class ConfigError(InputError):
    """A configuration key is unknown, or its value has the wrong type or range."""


class NoDancerFound(InputError):
    """No frame of the input shows a person well enough to measure."""


class NoEstimator(InputError):
    """Poses cannot be looked for in any video: a model or what runs it is missing."""


class TooShort(InputError):
    """The input holds too few frames, or lasts too short a time, to measure movement."""
