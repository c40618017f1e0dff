"""Reads lists of joint names: sides, the naming they follow, and what they are in HALPE-26."""

from __future__ import annotations

import collections
import dataclasses
import functools
import re
from collections.abc import Mapping, Sequence
from typing import Any

from dance_jax.errors import InputError
from dance_jax.joint_aliases import DIALECTS

MAX_JOINTS = 2000
LIMBS = tuple(
    f"{side}_{joint}"
    for joint in ("shoulder", "elbow", "wrist", "hip", "knee", "ankle")
    for side in ("left", "right")
)
_SIDES = {"left": "L", "l": "L", "right": "R", "r": "R"}
_OTHER = {"L": "R", "R": "L"}
_TOKEN = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+|\d+")


@dataclasses.dataclass(frozen=True)
class Match:
    """What a list of names is in HALPE-26.

    Attributes:
        dialect: key of DIALECTS; "" where no naming fits.
        rules: HALPE-26 joint -> names whose mean it is.
        approximate: HALPE-26 joint -> how its place differs.
        doubts: sentences on what was not mapped, and why.
    """

    dialect: str
    rules: tuple[tuple[str, tuple[str, ...]], ...]
    approximate: tuple[tuple[str, str], ...]
    doubts: tuple[str, ...]

    def back(self) -> dict[str, tuple[str, ...]]:
        """Returns name -> HALPE-26 joint, where the place is the same."""
        nearly = dict(self.approximate)
        return {
            sources[0]: (joint,)
            for joint, sources in self.rules
            if len(sources) == 1 and joint not in nearly
        }

    def sentence(self, joints: int) -> str:
        """Returns what was understood of a list of names, with every doubt."""
        title = DIALECTS.get(self.dialect, (self.dialect or "no naming that is known", ""))[0]
        text = f"{joints} joints, {len(self.rules)} of 26 HALPE-26 joints by {title}"
        return "; ".join((text, *self.doubts))


def restored(parts: Mapping[str, Any], names: Sequence[str]) -> Match:
    """Returns the match of `dataclasses.asdict`, also where JSON made lists of its tuples.

    Raises:
        ValueError: the parts are not those of a match of these names.
    """
    try:
        made = Match(
            str(parts["dialect"]),
            tuple((str(joint), tuple(map(str, row))) for joint, row in parts["rules"]),
            tuple((str(joint), str(note)) for joint, note in parts["approximate"]),
            tuple(map(str, parts["doubts"])),
        )
    except (KeyError, TypeError) as error:
        raise ValueError("these are no aliases of a skeleton") from error
    if not {name for _, row in made.rules for name in row} <= set(names):
        raise ValueError("the aliases name a joint that the skeleton has not")
    return made


def check(
    names: Sequence[str], parents: Sequence[int] | None, where: object
) -> tuple[tuple[str, ...], tuple[int, ...]]:
    """Returns the names and parents of a skeleton, or raises InputError where they are none."""
    names = tuple(str(name) for name in names)
    if not 0 < len(names) <= MAX_JOINTS:
        raise InputError(f"it has {len(names)} joints", where, f"give 1 to {MAX_JOINTS}")
    name, times = collections.Counter(names).most_common(1)[0]
    if times > 1 or not all(name.strip() for name in names):
        what = f"the joint name {name[:60]!r} occurs twice" if times > 1 else "a joint has no name"
        raise InputError(what, where, "name each joint once")
    links = (-1,) * len(names) if parents is None else tuple(int(parent) for parent in parents)
    if len(links) != len(names) or not all(-1 <= parent < len(names) for parent in links):
        raise InputError("parents are not one index or -1 a joint", where, "give one for each name")
    done: set[int] = set()
    for start in range(len(links)):
        chain: dict[int, None] = {}
        while start >= 0 and start not in done:
            if start in chain:
                raise InputError("parents run in a circle", where, "give -1 to the root")
            chain[start] = None
            start = links[start]
        done |= chain.keys()
    return names, links


def given(names: Sequence[str], mapping: Mapping[str, str | Sequence[str]], where: object) -> Match:
    """Returns the match that a caller states: HALPE-26 joint -> name or names."""
    rules = []
    for joint, sources in mapping.items():
        sources = (sources,) if isinstance(sources, str) else tuple(sources)
        for name in sources:
            if name not in names:
                raise InputError(f"mapping names the joint {name!r}", where, "use one of its names")
        rules.append((joint, sources))
    return Match("given", tuple(rules), (), ())


def _tokens(name: str) -> list[str]:
    return [token.lower() for token in _TOKEN.findall(name)]


def _without_prefix(names: Sequence[str]) -> list[str]:
    """Takes off what programs put before every name: `mixamorig:`, `Subject:`, `Bip01 `, `J_`."""
    bare = [re.sub(r"^mixamorig\d*[:_]?", "", re.split(r"[:|]", name)[-1]) for name in names]
    bare = [re.sub(r"_4x4$", "", name, flags=re.IGNORECASE) for name in bare]
    for _ in range(3):
        starts = [match.group() for n in bare if (match := re.match(r"[^_\s.]+[_\s.]+(?=.)", n))]
        if not starts:
            break
        start, count = collections.Counter(starts).most_common(1)[0]
        if count < 0.7 * len(bare) or count < 3 or set(_tokens(start)) & set(_SIDES):
            break
        bare = [name.removeprefix(start) for name in bare]
    return bare


def parse(names: Sequence[str]) -> tuple[tuple[str, str], ...]:
    """Returns the side ("L", "R" or "") and the stem of every name of one list.

    A side is a word of its own (LeftArm, Arm_L, l_arm, ElbowRight), or the first letter where the
    list has the same name with the other letter too (LASI and RASI).

    Args:
        names: all names of one skeleton; the list as a whole decides.
    """
    bare = _without_prefix(names)
    flat = {re.sub(r"[^a-z0-9]", "", name.lower()) for name in bare}
    out = []
    for name in bare:
        words = _tokens(name)
        at = [
            i
            for i, word in enumerate(words)
            # L5 is a vertebra, not the left side
            if word in _SIDES and not (len(word) == 1 and words[i + 1 : i + 2] and
                                       words[i + 1].isdigit())
        ]  # fmt: skip
        if len(at) == 1 and len(words) > 1:
            out.append((_SIDES[words[at[0]]], "".join(words[: at[0]] + words[at[0] + 1 :])))
            continue
        plain = re.sub(r"[^a-z0-9]", "", name.lower())
        swapped = {"l": "r", "r": "l"}.get(plain[:1], "") + plain[1:]
        letter = len(plain) > 1 and plain[0] in "lr" and swapped in flat
        out.append((plain[0].upper(), plain[1:]) if letter else ("", plain))
    return tuple(out)


def flips(names: Sequence[str]) -> tuple[int, ...]:
    """Returns the permutation that exchanges left and right names; its own inverse.

    Args:
        names: all names; one without a counterpart stays where it is.
    """
    keys = parse(names)
    count = collections.Counter(keys)
    place = {key: i for i, key in enumerate(keys)}
    out = []
    for i, (side, stem) in enumerate(keys):
        other = (_OTHER.get(side, ""), stem)
        paired = side and count[side, stem] == 1 and count[other] == 1
        out.append(place[other] if paired else i)
    return tuple(out)


@functools.cache
def _rows(
    dialect: str,
) -> tuple[tuple[str, tuple[tuple[tuple[tuple[str, str], ...], str], ...]], ...]:
    """Returns (joint, ((keys, note), ...)) of a dialect, left and right."""
    found = []
    for row in DIALECTS[dialect][1].split(";"):
        joint, _, text = " ".join(row.split()).partition(": ")
        if not joint:
            continue
        choices = []
        for choice in text.split(" | "):
            stems, _, note = choice.partition(" ~ ")
            keys = tuple(
                (part[0], part[2:]) if part[1:2] == "." else ("", part)
                for part in stems.strip().split("+")
            )
            choices.append((keys, note.strip()))
        found.append((joint, tuple(choices)))
        if joint.startswith("left_"):
            swapped = tuple(
                (tuple((_OTHER[side], stem) for side, stem in keys), note) for keys, note in choices
            )
            found.append((joint.replace("left_", "right_"), swapped))
    return tuple(found)


def _read(dialect: str, there: dict[tuple[str, str], str]) -> tuple[dict, dict]:
    """Returns joint -> names, joint -> note of one naming; a name serves one joint only."""
    rules: dict[str, tuple[str, ...]] = {}
    notes: dict[str, str] = {}
    used: set[str] = set()
    for joint, choices in _rows(dialect):
        for keys, note in choices:
            names = tuple(there[key] for key in keys if key in there)
            if len(names) == len(keys) and not used & set(names):
                rules[joint] = names
                used |= set(names)
                if note:
                    notes[joint] = note
                break
    for middle, ends in (("hip", "hip"), ("neck", "shoulder")):
        pair = rules.get(f"left_{ends}", ()) + rules.get(f"right_{ends}", ())
        if f"left_{ends}" in rules and f"right_{ends}" in rules:
            rules[middle] = pair
            notes.pop(middle, None)
            if f"left_{ends}" in notes:
                notes[middle] = f"from each side: {notes[f'left_{ends}']}"
    return rules, notes


def _contradict(one: dict, two: dict) -> list[str]:
    """Returns names that two readings put at different joints."""
    places = {name: joint for joint in LIMBS for name in one.get(joint, ())}
    return sorted(
        name for joint in LIMBS for name in two.get(joint, ()) if places.get(name, joint) != joint
    )


@functools.lru_cache(maxsize=256)
def match(names: tuple[str, ...]) -> Match:
    """Reads a list of joint or marker names as one of the namings in use.

    The naming that gives most of the twelve limb joints is taken; where two give as many and put
    one name at different joints, none is, and `doubts` says so.

    Args:
        names: all names, unique.
    """
    keys = parse(names)
    count = collections.Counter(keys)
    there = {key: name for key, name in zip(keys, names, strict=True) if count[key] == 1}
    twice = [name for key, name in zip(keys, names, strict=True) if count[key] > 1]
    doubts = [f"names that mean the same and so were left out: {', '.join(twice[:6])}"] * bool(
        twice
    )
    readings = {dialect: _read(dialect, there) for dialect in DIALECTS}
    score = {d: sum(joint in rules for joint in LIMBS) for d, (rules, _) in readings.items()}
    best = max(DIALECTS, key=lambda dialect: (score[dialect], len(readings[dialect][0])))
    if not score[best]:
        return Match("", (), (), (*doubts, "no shoulder, elbow, wrist, hip, knee or ankle by name"))
    rules, notes = readings[best]
    for other in DIALECTS:
        if other == best or score[other] < score[best]:
            continue
        if clash := _contradict(rules, readings[other][0]):
            text = f"{', '.join(clash[:4])}: {DIALECTS[best][0]}, or {DIALECTS[other][0]}"
            return Match("", (), (), (*doubts, f"the names fit two namings: {text}"))
    missing = [joint for joint in LIMBS if joint not in rules]
    taken = {name for sources in rules.values() for name in sources}
    for other, (found, _) in readings.items():
        more = [j for j in missing if j in found and not taken & set(found[j])]
        if other != best and more:
            said = ", ".join(f"{'+'.join(found[j])} ({j}?)" for j in more[:4])
            doubts.append(f"not mapped, since they follow another naming: {said}")
            break
    if missing:
        doubts.append(f"no name for {', '.join(missing)}")
    return Match(best, tuple(rules.items()), tuple(notes.items()), tuple(doubts))
