"""The one error type for a mistake that the user can mend: what, where, how."""

from __future__ import annotations


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
        """Returns the message as one line: `where: what; fix`."""
        parts = f"{self.where}: {self.what}" if self.where else self.what
        return " ".join((f"{parts}; {self.fix}" if self.fix else parts).split())


class ConfigError(InputError):
    """A configuration key is unknown, or its value has the wrong type or range."""


class NoDancerFound(InputError):
    """No frame of the input shows a person well enough to measure."""


class TooShort(InputError):
    """The input holds too few frames, or lasts too short a time, to measure movement."""
