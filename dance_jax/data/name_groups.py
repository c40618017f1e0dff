"""Groups of clips told by their file names, where no annotation names a dancer or a source."""

from __future__ import annotations

import dataclasses
import pathlib
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence

from dance_jax.data.aist_names import parse_name
from dance_jax.data.container import VIDEO_SUFFIXES
from dance_jax.data.split import Member
from dance_jax.errors import InputError

BY_NAME = "(by name)"
"""Ends the key of a group that was read from a name, so that nobody takes it for an annotation."""

_PARTS = ("", "train", "val", "validation", "valid", "dev", "test")
_SHARE = 0.9  # of the names that must have the form
_MAX_NAME = 255  # characters looked at; what a file system allows
_NUMBER = r"\d+(?:\.\d+)?"
_CUT = re.compile(rf"(?P<source>.+)_(?P<start>{_NUMBER})_(?P<length>{_NUMBER})")
_AT = re.compile(r"(?P<source>.+)_\d+ms")
_CAMERA = re.compile(r"(?P<source>.+?)[ _.-]+(?:cam|camera|view|angle|c)[ _.-]?\d+", re.I)
_TAKE = re.compile(r"(?P<source>.+?)[ _.-]+(?:take|cut|part|shot|clip|seg|segment)[ _.-]?\d+", re.I)


@dataclasses.dataclass(frozen=True)
class NameGroups:
    """What the names tell.

    Attributes:
        rule: "SOURCE_START_DURATION", "AIST", ..., the user's expression, or "" where none fits.
        groups: clip -> key, such as "source (by name)" -> value; clips of another form have none.
        sentence: what was read from what, for the reader.
    """

    rule: str
    groups: Mapping[str, Mapping[str, str]]
    sentence: str

    def __bool__(self) -> bool:
        return bool(self.rule)

    def grouped(self, members: Sequence[Member]) -> list[Member]:
        """Returns the members with these groups added, to split and to audit by.

        A clip whose name has not the form is a group of its own.
        """
        keys = sorted({key for found in self.groups.values() for key in found})
        return [
            m._replace(
                groups={
                    **m.groups,
                    **{k: self.groups.get(m.clip, {}).get(k) or f"?{m.clip}" for k in keys},
                }
            )
            for m in members
        ]


NONE = NameGroups("", {}, "no group can be read from the file names")


def propose(
    clips: Sequence[str], expression: str = "", *, seconds: Mapping[str, float] | None = None
) -> NameGroups:
    """Reads groups from the names of clips, by the first form that most names have.

    The forms: names of AIST (dancers, music, take), SOURCE_START_DURATION, SOURCE_STARTms (as the
    task `prepare` writes), and names that differ in a take or camera at the end. A form is taken
    where at least 90 % of the names have it and some clips share a source by it.

    Args:
        clips: ids: paths below the folder of videos.
        expression: a regular expression with one group, the source; it is looked for in each name
            in place of all forms.
        seconds: clip -> true length where it is known; SOURCE_START_DURATION is not taken where the
            durations do not agree with most of them.

    Returns:
        The groups, empty where nothing fits.

    Raises:
        InputError: the expression is wrong, or fits no name.
    """
    names = {clip: _stem(clip) for clip in clips}
    if expression:
        return _by_expression(names, expression)
    for read in (_aist, lambda n: _cuts(n, seconds or {}), _starts, _endings):
        if found := read(names):
            return found
    return NONE


def _stem(clip: str) -> str:
    name = pathlib.PurePosixPath(clip).name[:_MAX_NAME]
    return name.rsplit(".", 1)[0] if name.lower().endswith(tuple(VIDEO_SUFFIXES)) else name


def _aist(names: Mapping[str, str]) -> NameGroups:
    """Groups clips by dancer (any that they share), music, and the take seen by all cameras."""
    parsed = {}
    for clip, name in names.items():
        try:
            parsed[clip] = parse_name(name)
        except InputError:
            continue
    if not _enough(parsed, names):
        return NONE
    together = _joined({clip: found.dancers for clip, found in parsed.items()})
    groups = {}
    for clip, found in parsed.items():
        values = {"source": found.seen_by(None), "music": found.music, "dancer": together[clip]}
        groups[clip] = {f"{k} {BY_NAME}": v for k, v in values.items() if v}
    said = "dancers, music and take are read from the AIST names (cameras of one take together)"
    return NameGroups("AIST", groups, _sentence(said, groups, len(names)))


def _joined(dancers: Mapping[str, Sequence[int]]) -> dict[str, str]:
    """Returns clip -> the least dancer that is tied to it by clips with several dancers."""
    least: dict[int, int] = {}

    def root(d: int) -> int:
        while least.setdefault(d, d) != d:
            d = least[d]
        return d

    for several in dancers.values():
        for d in several[1:]:
            a, b = root(several[0]), root(d)
            least[max(a, b)] = min(a, b)
    return {clip: f"d{root(ds[0]):02d}" if ds else "" for clip, ds in dancers.items()}


def _cuts(names: Mapping[str, str], seconds: Mapping[str, float]) -> NameGroups:
    """SOURCE_START_DURATION: the source is the name's first part."""
    told = {clip: float(m["length"]) for clip, name in names.items() if (m := _CUT.fullmatch(name))}
    near = [abs(told[c] - s) <= max(1.0, 0.2 * s) for c, s in seconds.items() if c in told]
    if any(length <= 0 for length in told.values()) or (near and 2 * sum(near) < len(near)):
        return NONE  # numbers of another meaning
    said = (
        "grouped by the name's first part: the names read as SOURCE_START_DURATION "
        "(such as {name}: from source {source})"
    )
    return _by_pattern("SOURCE_START_DURATION", _CUT.fullmatch, names, said)


def _starts(names: Mapping[str, str]) -> NameGroups:
    said = "grouped by the name's first part: the names read as SOURCE_STARTms ({name}: {source})"
    return _by_pattern("SOURCE_STARTms", _AT.fullmatch, names, said)


def _endings(names: Mapping[str, str]) -> NameGroups:
    """Takes off a camera, then a take or part, at the end of the name."""

    def match(clip: str, name: str) -> str:
        seen = _CAMERA.fullmatch(name)
        rest = seen["source"] if seen else name
        cut = _TAKE.fullmatch(rest)
        source = cut["source"] if cut else (rest if seen else "")
        folder = pathlib.PurePosixPath(clip).parent.name  # of a style: "1_cam2" is in many
        return f"{folder}/{source}" if source and folder.lower() not in _PARTS else source

    found = {clip: source for clip, name in names.items() if (source := match(clip, name))}
    said = (
        "grouped by the name without its ending: the names end in a take or camera "
        "(such as {name}: from {source})"
    )
    return _sources("take or camera at the end", found, names, said)


def _by_pattern(
    rule: str, match: Callable[[str], re.Match[str] | None], names: Mapping[str, str], said: str
) -> NameGroups:
    found = {clip: m["source"] for clip, name in names.items() if (m := match(name))}
    return _sources(rule, found, names, said)


def _sources(
    rule: str, found: Mapping[str, str], names: Mapping[str, str], said: str
) -> NameGroups:
    if not _enough(found, names) or max(Counter(found.values()).values()) < 2:
        return NONE
    first = next(iter(found))
    groups = {clip: {f"source {BY_NAME}": source} for clip, source in found.items()}
    said = said.format(name=names[first], source=found[first])
    return NameGroups(rule, groups, _sentence(said, groups, len(names)))


def _by_expression(names: Mapping[str, str], expression: str) -> NameGroups:
    where = "group_by"
    try:
        pattern = re.compile(expression)
    except re.error as error:
        raise InputError(f"{expression!r} is no regular expression ({error})", where, "") from error
    if pattern.groups != 1:
        what = f"{expression!r} has {pattern.groups} groups"
        raise InputError(what, where, "put one pair of brackets about the source")
    found = {clip: m[1] for clip, name in names.items() if (m := pattern.search(name)) and m[1]}
    if not found:
        what = f"{expression!r} fits none of {len(names)} names"
        raise InputError(what, where, f"the first name is {next(iter(names.values()), '')!r}")
    groups = {clip: {f"source {BY_NAME}": source} for clip, source in found.items()}
    said = f"grouped by what {expression} finds in the names"
    return NameGroups(expression, groups, _sentence(said, groups, len(names)))


def _enough(found: Mapping[str, object], names: Mapping[str, str]) -> bool:
    return len(found) > 1 and len(found) >= _SHARE * len(names)


def _sentence(said: str, groups: Mapping[str, Mapping[str, str]], clips: int) -> str:
    values: dict[str, set[str]] = {}
    for found in groups.values():
        for key, value in found.items():
            values.setdefault(key.removesuffix(BY_NAME).strip(), set()).add(value)
    counted = ", ".join(
        f"{len(v)} {'piece' if k == 'music' else k}{'s' * (len(v) != 1)}"
        f"{' of music' if k == 'music' else ''}"
        for k, v in sorted(values.items())
    )
    text = f"{said}; {counted} in {clips} clips"
    rest = clips - len(groups)
    return text + (f", {rest} clips have other names and stand alone" if rest else "")
