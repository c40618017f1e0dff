"""Writes the table of what earlier systems claim beside what this project measured.

python -m tests.claims_table     rewrites docs/claimed_vs_measured.{md,json}

docs/claims/claimed.json holds the claims, one row a number, and pointers to figures in JSON files
of this project; it holds no measured number. Every measured number comes out of the file named.

A pointer is {"what", "file", "key"}: `key` leads through the file, and an object in it selects the
one row of a list that has these items. What it leads to is an object with "value", "n", "interval",
"data" and "command", and "interval_is" in words where there is an interval of two numbers; all but
value and interval may stand further out in the file and then hold for all below. Where a file names
them otherwise, "value", "n" and "interval" of the pointer are paths from there ({"over": [path,
path]} divides, {"word": path} gives n several parts); "data", "command" and "interval_is" of the
pointer are text, for files that do not hold them. "stored_unit" is the file's unit where it
is not the claim's. "pending" is the reason to show as long as the file or the key is not there.
"""

from __future__ import annotations

import json
import math
import pathlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tests import claims_page

ROOT = pathlib.Path(__file__).resolve().parents[1]
CLAIMS = ROOT / "docs" / "claims" / "claimed.json"
PAGE = ROOT / "docs" / "claimed_vs_measured.md"

REASONS = (
    "no public data",
    "not built yet",
    "not measured on GPU",
    "not measured yet",
    "nothing to measure",
)
"""How every reason begins; what follows a colon is free."""

FACTORS = {
    ("share", "%"): 100.0,
    ("s", "ms"): 1e3,
    ("s", "h"): 1 / 3600,
    ("one", "million"): 1e-6,
    ("one", "billion"): 1e-9,
}
"""(unit in the file, unit of the claim) -> factor."""

BOUNDS = ("", "about", "at least about", "more than", "less than")
CLAIM_KEYS = {"id", "group", "quantity", "value", "unit", "bound", "source", "measured"}
CLAIM_KEYS |= {"reason", "note"}
POINTER_KEYS = {"what", "file", "key", "pending", "value", "n", "interval", "data", "command"}
POINTER_KEYS |= {"stored_unit", "interval_is"}


class ClaimError(ValueError):
    """The claims, or a file that they point to, are not as they should be."""


class NotThere(ClaimError):
    """A pointer leads nowhere: its file or its key is missing."""


def table(
    content: Mapping[str, Any], root: pathlib.Path = ROOT
) -> tuple[dict[str, Any], list[str]]:
    """Returns the table as JSON values, and what is pending though its file is there.

    Args:
        content: of docs/claims/claimed.json.
        root: folder that the pointers' files are below.

    Raises:
        ClaimError: a claim is not well formed, a pointer that is not pending leads nowhere, or a
            figure lacks its number, N, data or command.
    """
    check(content)
    rows, odd = [], []
    for claim in content["claims"]:
        row = {k: v for k, v in claim.items() if k not in ("measured", "reason")}
        row |= {"measured": [], "not_measured": []}
        for pointer in claim["measured"]:
            try:
                row["measured"].append(figure(pointer, claim["unit"], root))
            except NotThere as error:
                if "pending" not in pointer:
                    raise ClaimError(f"{claim['id']}: {error}") from None
                reason = pointer["pending"]
                row["not_measured"].append({"what": pointer["what"], "reason": reason})
                if (root / pointer["file"]).is_file():
                    odd.append(f"{claim['id']}: {error}")
            except ClaimError as error:
                raise ClaimError(f"{claim['id']}: {error}") from None
        if "reason" in claim:
            row["not_measured"].append({"what": "", "reason": claim["reason"]})
        rows.append(row)
    measured = sum(bool(row["measured"]) for row in rows)
    kinds = [_kind(row) for row in rows if not row["measured"]]
    counts = {"claimed": len(rows), "measured": measured}
    counts |= {reason: kinds.count(reason) for reason in REASONS}
    found = {"counts": counts, "documents": content["documents"], "groups": content["groups"]}
    return found | {"claims": rows}, odd


def _kind(row: Mapping[str, Any]) -> str:
    """Returns why a row without a figure has none."""
    return next(r for r in REASONS if row["not_measured"][0]["reason"].startswith(r))


def check(content: Mapping[str, Any]) -> None:
    """Raises ClaimError where the claims are not well formed."""
    seen: set[str] = set()
    for claim in content["claims"]:
        name = claim.get("id", "?")
        _require(name not in seen and name != "?", f"{name}: an id must be there and be its own")
        seen.add(name)
        _require(set(claim) <= CLAIM_KEYS, f"{name}: unknown keys {sorted(set(claim))}")
        _require(_is_number(claim["value"]), f"{name}: the claimed value is no number")
        _require(claim.get("bound", "") in BOUNDS, f"{name}: unknown bound")
        _require(claim["group"] in content["groups"], f"{name}: unknown group")
        _require(bool(claim["source"]), f"{name}: a claim needs a source")
        for source in claim["source"]:
            known = source["document"] in content["documents"] and source["section"].strip()
            _require(bool(known), f"{name}: a source is a document and its section")
        reasons = [p["pending"] for p in claim["measured"] if "pending" in p]
        reasons += [claim["reason"]] if "reason" in claim else []
        for reason in reasons:
            starts = reason.startswith(REASONS)
            _require(starts, f"{name}: a reason begins with one of {REASONS}, not {reason!r}")
        either = bool(claim["measured"]) != ("reason" in claim)
        _require(either, f"{name}: a claim has figures or a reason why not")
        for pointer in claim["measured"]:
            _require(set(pointer) <= POINTER_KEYS, f"{name}: unknown keys {sorted(pointer)}")
            own = pathlib.PurePosixPath(pointer["file"])
            inside = not own.is_absolute() and ".." not in own.parts and own.suffix == ".json"
            claims = own.parts[:2] == ("docs", "claims") or own.stem == PAGE.stem
            _require(inside and not claims, f"{name}: {own} is no file of measured figures")
            steps = [step for step in pointer["key"] if isinstance(step, str)]
            steps += _leaves([pointer.get(name, "") for name in ("value", "n", "interval")])
            steps = [s for s in steps if isinstance(s, str) and s.lower().startswith("claim")]
            _require(not steps, f"{name}: {steps} is a claim in a file of measured figures")
            literal = [leaf for leaf in _leaves(pointer) if not isinstance(leaf, str)]
            _require(not literal, f"{name}: a pointer holds no number of its own: {literal}")


def _leaves(value: Any) -> Iterator[Any]:
    if isinstance(value, Mapping):
        for inner in value.values():
            yield from _leaves(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _leaves(inner)
    else:
        yield value


def _require(holds: bool, what: str) -> None:
    if not holds:
        raise ClaimError(what)


def _is_number(value: Any) -> bool:
    known = isinstance(value, int | float) and not isinstance(value, bool)
    return known and math.isfinite(value)


def figure(pointer: Mapping[str, Any], unit: str, root: pathlib.Path) -> dict[str, Any]:
    """Returns the measured figure that a pointer leads to, in the claim's unit.

    Raises:
        NotThere: the file, the key or the figure (null) is missing.
        ClaimError: it is no finite number, or N, data or command are missing.
    """
    path = root / pointer["file"]
    if not path.is_file():
        raise NotThere(f"{pointer['file']} is not there")
    content = json.loads(path.read_text("utf-8"))
    place = f"{pointer['file']} at {pointer['key']}"
    chain = _follow(content, pointer["key"], place)
    at = chain[-1]
    factor = 1.0
    if stored := pointer.get("stored_unit"):
        _require((stored, unit) in FACTORS, f"{place}: {stored} cannot be told in {unit}")
        factor = FACTORS[stored, unit]
    value = _value(at, pointer.get("value", "value"), place)
    if value is None:
        raise NotThere(f"{place}: the figure is null")
    _require(_is_number(value), f"{place}: {value!r} is no finite number")
    asked = pointer.get("n")
    if isinstance(asked, Mapping):
        n = {word: _at(at, where, place) for word, where in asked.items()}
    else:
        n = _at(at, asked, place) if asked else _nearest(chain, "n")
    _require(n not in (None, "", {}), f"{place}: N is missing")
    out = {"what": pointer["what"], "value": value * factor, "unit": unit, "n": n}
    out["interval"] = _interval(at, pointer.get("interval"), factor, place)
    for name in ("data", "command", "interval_is"):
        if name == "interval_is" and not isinstance(out["interval"], list):
            continue
        held = _nearest(chain, name)
        twice = held is not None and name in pointer
        _require(not twice, f"{place}: {name} is said by the file and by the pointer")
        text = pointer.get(name) if held is None else held
        _require(isinstance(text, str) and bool(text.strip()), f"{place}: {name} is missing")
        out[name] = text
    commit = content.get("versions", {}).get("commit") if isinstance(content, dict) else None
    return out | {"commit": commit, "file": pointer["file"], "key": pointer["key"]}


def _follow(content: Any, key: Sequence[Any], place: str) -> list[Any]:
    """Returns every container on the way, the last being what the key leads to."""
    chain = [content]
    for step in key:
        here = chain[-1]
        if isinstance(step, Mapping):
            rows = here if isinstance(here, list) else []
            fit = [r for r in rows if all(r.get(k) == v for k, v in step.items())]
            if len(fit) != 1:
                raise NotThere(f"{place}: {len(fit)} rows are {dict(step)}")
            chain.append(fit[0])
        elif isinstance(here, Mapping) and step in here:
            chain.append(here[step])
        else:
            raise NotThere(f"{place}: no {step!r}")
    return chain


def _at(at: Any, where: str | Sequence[str], place: str) -> Any:
    return _follow(at, [where] if isinstance(where, str) else where, place)[-1]


def _value(at: Any, asked: Any, place: str) -> Any:
    if isinstance(asked, Mapping):
        above, below = (_at(at, where, place) for where in asked["over"])
        known = _is_number(above) and _is_number(below) and below != 0
        _require(known, f"{place}: {above!r} / {below!r} is no number")
        return above / below
    return _at(at, asked, place)


def _interval(at: Any, asked: Any, factor: float, place: str) -> Any:
    """Returns [low, high] in the claim's unit, words of the file, or None."""
    if asked is not None:
        found = _at(at, asked, place)
    else:
        found = at.get("interval") if isinstance(at, Mapping) else None
    if isinstance(found, Mapping):
        found = [found["low"], found["high"]]
    if found is None or isinstance(found, str):
        return found
    fine = len(found) == 2 and all(_is_number(end) for end in found)
    _require(fine, f"{place}: {found!r} is no interval")
    return [end * factor for end in found]


def _nearest(chain: Sequence[Any], name: str) -> Any:
    """Returns what the innermost container that has it says."""
    for container in reversed(chain):
        if isinstance(container, Mapping) and container.get(name) is not None:
            return container[name]
    return None


def texts(root: pathlib.Path = ROOT) -> tuple[str, str, list[str]]:
    """Returns the page, the JSON file, and what is pending though its file is there."""
    found, odd = table(json.loads(CLAIMS.read_text("utf-8")), root)
    return claims_page.page(found), json.dumps(found, indent=1, ensure_ascii=False) + "\n", odd


if __name__ == "__main__":
    markdown, values, waiting = texts()
    PAGE.write_text(markdown, "utf-8")
    PAGE.with_suffix(".json").write_text(values, "utf-8")
    for line in waiting:
        print(f"pending, though the file is there: {line}")
