"""The register of dance styles: names, aliases, traditions; open to additions."""

from __future__ import annotations

import dataclasses
import difflib
import functools
import importlib.resources
import json
import os
import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from dance_jax.data.textfile import read_text
from dance_jax.errors import InputError

_FIELDS = ("name", "aliases", "tradition", "licence", "note")
_MAX_STYLES = 10_000


@dataclasses.dataclass(frozen=True)
class Style:
    """One dance style.

    Attributes:
        name: as it is written here, such as "hip-hop".
        aliases: other names and spellings.
        tradition: what it belongs to, such as "street dance" or "ballroom, Latin".
        licence: terms that come with the material it was defined on, "" for none.
        note: one clause for the reader, "" for none.
    """

    name: str
    aliases: tuple[str, ...] = ()
    tradition: str = ""
    licence: str = ""
    note: str = ""


class Register:
    """Styles by name and alias; case, accents, hyphens, spaces and underscores do not matter.

    Args:
        styles: the styles.

    Raises:
        InputError: two styles share a name or an alias.
    """

    def __init__(self, styles: Iterable[Style]) -> None:
        self._styles = tuple(styles)
        self._by_key: dict[str, Style] = {}
        for style in self._styles:
            for name in (style.name, *style.aliases):
                other = self._by_key.setdefault(folded(name), style)
                if other is not style:
                    what = f"{name!r} names both {other.name!r} and {style.name!r}"
                    raise InputError(what, "styles", "give each name to one style")

    def __iter__(self) -> Iterator[Style]:
        return iter(self._styles)

    def __len__(self) -> int:
        return len(self._styles)

    def find(self, name: str) -> Style | None:
        """Returns the style of a name or alias, None where there is none."""
        return self._by_key.get(folded(name))

    def get(self, name: str) -> Style:
        """Returns the style of a name or alias.

        Raises:
            InputError: there is none; it names the nearest.
        """
        found = self.find(name)
        if found is None:
            raise InputError(f"there is no style {name!r}", "styles", self.hint(name))
        return found

    def hint(self, name: str) -> str:
        """Returns what to do about an unknown name: the nearest style, or how to add one."""
        like = difflib.get_close_matches(folded(name), self._by_key, 1, 0.7)
        if like:
            return f"did you mean {self._by_key[like[0]].name!r}?"
        return "add it to a JSON file of styles and give that with styles="

    def with_added(self, path: str | os.PathLike[str]) -> Register:
        """Returns a register with the styles of a user's JSON file; same names are replaced.

        Args:
            path: [{"name": "...", "aliases": ["..."], "tradition": "...", ...}, ...].

        Raises:
            InputError: it is no such file, or an alias is taken.
        """
        added = _parsed(read_text(path, 1 << 20), path)
        names = {folded(style.name) for style in added}
        kept = [style for style in self._styles if folded(style.name) not in names]
        return Register([*kept, *added])


def folded(name: str) -> str:
    """Returns a name without case, accents (split off as marks), and what is no letter or digit."""
    text = unicodedata.normalize("NFKD", name).casefold().replace("&", "and")
    return re.sub(r"[\W_]+", "", text)


@functools.cache
def register() -> Register:
    """Returns the styles that come with the package."""
    file = importlib.resources.files("dance_jax.data") / "styles.json"
    return Register(_parsed(file.read_text("utf-8"), "styles.json"))


def _parsed(text: str, where: object) -> list[Style]:
    try:
        content = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InputError("it is not JSON", where, "write a list of styles") from error
    if not isinstance(content, list) or len(content) > _MAX_STYLES:
        raise InputError("it is not a list of styles", where, 'write [{"name": "..."}, ...]')
    return [_style(entry, f"{where}, style {k}") for k, entry in enumerate(content, 1)]


def _style(entry: Any, where: str) -> Style:
    if not isinstance(entry, Mapping) or not set(entry) <= set(_FIELDS):
        raise InputError(
            "a style has unknown fields", where, f"the fields are {', '.join(_FIELDS)}"
        )
    values = {"aliases": [], "tradition": "", "licence": "", "note": "", "name": "", **entry}
    aliases = values.pop("aliases")
    texts = [*values.values(), *(aliases if isinstance(aliases, list) else [None])]
    if not all(isinstance(text, str) and len(text) <= 500 for text in texts):
        raise InputError(
            "a field of a style is no text", where, "aliases are a list, the rest text"
        )
    if any(not folded(name) for name in (values["name"], *aliases)):
        raise InputError("a style has no name", where, "give it one with letters")
    return Style(aliases=tuple(aliases), **values)
