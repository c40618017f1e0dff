"""Words and numbers of the report: safe text, plain figures, and findings in sentences."""

from __future__ import annotations

import math
import shlex
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from dance_jax.analysis import palette
from dance_jax.analysis.result import Analysis, Measure, PersonAnalysis

DASH = "\N{EN DASH}"
UNITS = {"deg": "degrees", "deg/s": "degrees/s", "height/s": "body heights/s", "": DASH}
PART_STATUS = {"ok": "well seen", "partial": "partly seen", "unseen": "not seen enough"}
_MAX_TEXT = 160


def printable(text: object, limit: int = _MAX_TEXT) -> str:
    """Makes any text safe to show: no control or direction-changing characters, bounded length.

    Args:
        text: what to show; a lone surrogate from an undecodable file name is fine.
        limit: characters kept; longer text loses its middle.

    Returns:
        Text that holds visible characters and spaces only.
    """
    clean = "".join(
        c if c.isprintable() else " " if c.isspace() else "\N{REPLACEMENT CHARACTER}"
        for c in str(text)
    )
    if len(clean) > limit:
        keep = (limit - 1) // 2
        clean = f"{clean[:keep]}\N{HORIZONTAL ELLIPSIS}{clean[-keep:]}"
    return clean


def number(value: Any, digits: int | None = None) -> str:
    """Writes a number for a reader: three significant figures, a dash where there is none."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return DASH
    value = float(value)
    if not math.isfinite(value):
        return DASH
    if digits is None:
        size = abs(value)
        digits = 0 if size >= 100 or value.is_integer() else 1 if size >= 10 else 2
    text = f"{value:.{digits}f}"
    return text.lstrip("-") if float(text) == 0 else text


def value_text(value: Any) -> str:
    """Writes any JSON-able value: numbers short, containers flat, nothing as a dash."""
    if value is None or value == "":
        return DASH
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        tiny = 0 < abs(value) < 0.01
        return f"{value:.3g}" if tiny else number(value)
    if isinstance(value, Mapping):
        return ", ".join(f"{printable(k)}: {value_text(v)}" for k, v in value.items()) or DASH
    if isinstance(value, (list, tuple, set, frozenset)):
        return ", ".join(value_text(v) for v in value) or DASH
    if hasattr(value, "item"):
        return value_text(value.item())
    return printable(value)


def unit(name: str) -> str:
    """Returns a unit as a reader knows it."""
    return UNITS.get(name) or printable(name)


def percent(fraction: float) -> str:
    """Returns a fraction as whole percent; never 100 when something is missing, nor 0 when not."""
    if not math.isfinite(fraction):
        return DASH
    if 0.995 <= fraction < 1:
        return "over 99 %"
    if 0 < fraction < 0.005:
        return "under 1 %"
    return f"{100 * fraction:.0f} %"


def joined(words: Sequence[str]) -> str:
    """Joins words: "a, b and c"."""
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"


def findings(person: PersonAnalysis) -> list[str]:
    """States what was found, in plain sentences; every figure is one of the measures.

    Args:
        person: an analysed dancer.

    Returns:
        Sentences in the order of the report.
    """
    frames = len(person.time_s)
    seconds = float(person.time_s[-1] - person.time_s[0]) if frames else 0.0
    found = person.frames_with_pose / max(frames, 1)
    out = [
        f"Dancer {person.person_id} was found in {percent(found)} of {frames} frames "
        f"({number(seconds, 1)} s)."
    ]
    out += [sentence for sentence in (views(person),) if sentence]
    out += _seen(person)
    by_key = {
        m.key: m
        for m in person.measures
        if m.status == "ok" and m.value is not None and math.isfinite(m.value)
    }
    out += _ranges(by_key)
    out += _speeds(by_key)
    refused = len(refusals(person.measures))
    if refused:
        out.append(
            f"{refused} {'entry was' if refused == 1 else 'entries were'} refused for lack of "
            "evidence; each is listed below with its reason."
        )
    return out


def views(person: PersonAnalysis) -> str:
    """Says from which side the dancer was seen, by share of the frames; empty where unknown."""
    shares = {
        m.key.removeprefix("view."): m.value / 100
        for m in person.measures
        if m.key.startswith("view.") and m.status == "ok" and m.value is not None
    }
    words = {"front": "from the front", "oblique": "obliquely", "side": "from the side"}
    known = sorted(
        ((share, words[name]) for name, share in shares.items() if share > 0), reverse=True
    )
    if not known:
        return ""
    (first, where), *others = known
    rest = [f"{name} in {percent(share)}" for share, name in others]
    unknown = 1 - sum(share for share, _ in known)
    if unknown > 1e-6:
        rest.append(f"from an unknown side in {percent(unknown)}")
    return ", ".join([f"Seen {where} in {percent(first)} of the frames", *rest]) + "."


def scale(person: PersonAnalysis, unit: str, height_m: float | None) -> str:
    """Says how lengths became metres or body heights, and how far that may be off.

    Args:
        person: an analysed dancer.
        unit: of the poses, "px" or "m".
        height_m: the given body height in metres, or None.

    Returns:
        Sentences; empty where the clip gives no scale.
    """
    if unit == "m":
        return "Metres are those of the given poses; the report has not scaled them."
    if not math.isfinite(person.height_px):
        return ""
    doubt = (
        "The height in the picture comes from the lengths of trunk, thighs and shanks. On 24 "
        "rendered dancers, seen from all sides, it was 0.96 to 1.07 times the true one (median "
        "1.02), so these numbers may be off by several per cent."
    )
    measured = f"the height measured in the picture ({number(person.height_px, 0)} px)"
    if person.metres_per_px is None:
        return f"One body height is {measured}. {doubt}"
    given = "the given body height" + (f" ({number(height_m, 2)} m)" if height_m else "")
    return f"Metres come from {given} over {measured}. {doubt}"


def _seen(person: PersonAnalysis) -> list[str]:
    poor = [part for part in person.parts if part.status != "ok"]
    if not poor:
        least = min(person.parts, key=lambda part: part.seen, default=None)
        if least is None:
            return []
        if least.seen >= 1:
            return ["Every body part was seen in every frame."]
        return [f"Every body part was seen in {percent(least.seen)} of the frames or more."]
    listed = joined([f"the {part.name} in {percent(part.seen)}" for part in poor])
    return [
        f"Some body parts were seen in part of the clip only: {listed} of the frames. "
        "What rests on them is limited to those frames, or refused."
    ]


def _ranges(by_key: Mapping[str, Measure]) -> list[str]:
    joints = [
        f"{side}_{joint}"
        for joint in ("shoulder", "elbow", "hip", "knee", "ankle")
        for side in (palette.LEFT, palette.RIGHT)
    ]
    ranges = {name: by_key[f"{name}.range"] for name in joints if f"{name}.range" in by_key}
    if not ranges:
        return ["No joint angle of the limbs has enough evidence in this clip."]
    name, widest = max(ranges.items(), key=lambda item: item[1].value)
    band = ""
    if widest.band is not None:
        band = f" (half of the measured clips were within {number(widest.band, 1)})"
    low, high = by_key.get(f"{name}.min"), by_key.get(f"{name}.max")
    span = f", from {number(low.value, 0)} to {number(high.value, 0)}" if low and high else ""
    out = [
        f"The widest measured range of motion is that of the {palette.plain(name)}: "
        f"{number(widest.value, 0)} degrees{span}{band}, over {percent(widest.fraction)} of the "
        "frames."
    ]
    pairs = []
    for joint in dict.fromkeys(map(palette.without_side, joints)):
        left, right = ranges.get(f"left_{joint}"), ranges.get(f"right_{joint}")
        if left and right and left.band_p90 is not None and right.band_p90 is not None:
            gap = abs(left.value - right.value)
            pairs.append((gap - math.hypot(left.band_p90, right.band_p90), gap, joint, left, right))
    if pairs:
        excess, _, joint, left, right = max(pairs, key=lambda row: row[0])
        if excess > 0:
            out.append(
                f"Left and right differ most at the {joint}: ranges of {number(left.value, 0)} "
                f"(left) and {number(right.value, 0)} degrees (right), more than the errors of "
                "either are likely to explain. Such a difference describes this dance as filmed, "
                "not the dancer's body."
            )
        else:
            out.append(
                "No left-right difference in range of motion is larger than the errors of "
                "either may explain."
            )
    return out


def _speeds(by_key: Mapping[str, Measure]) -> list[str]:
    peaks = {
        key.split(".")[1]: m
        for key, m in by_key.items()
        if key.startswith("speed.") and key.endswith(".peak") and "body" not in key
    }
    if not peaks:
        return []
    name, fastest = max(peaks.items(), key=lambda item: item[1].value)
    plane = " in the image plane" if "image plane" in fastest.note else ""
    return [
        f"The fastest tracked point is the {palette.plain(name)}, with a peak of "
        f"{number(fastest.value)} {unit(fastest.unit)}{plane}."
    ]


def refusals(measures: Iterable[Measure]) -> list[tuple[str, str]]:
    """Collects refused measures; those of one subject and one reason share a row.

    Args:
        measures: of one dancer.

    Returns:
        (what, reason) in the order of the measures.
    """
    rows: dict[tuple[str, str], list[str]] = {}
    for m in measures:
        if m.status == "ok":
            continue
        subject, _, detail = m.label.rpartition(", ")
        rows.setdefault((subject or detail, m.reason), []).append(detail if subject else "")
    return [
        (subject + (f": {', '.join(d for d in details if d)}" if any(details) else ""), reason)
        for (subject, reason), details in rows.items()
    ]


def command(analysis: Analysis) -> str:
    """Returns the command that makes this analysis again, with the options that differ."""
    from dance_jax.analysis.options import Options

    plain = Options()
    words = ["python -m dance_jax.launch --config=configs/analyze.py"]
    words.append(
        shlex.quote(f"--config.input={printable(analysis.source.get('name', 'clip.mp4'))}")
    )
    for key, value in analysis.settings.items():
        if hasattr(plain, key) and value != getattr(plain, key) and value is not None:
            shown = pathless(value) if key in ("model", "run") else value
            words.append(shlex.quote(f"--config.{key}={printable(shown)}"))
    return " ".join([*words, "--workdir=out"])


def pathless(value: object) -> str:
    """Returns the last part of a path, so that a shared report names no folder of its maker."""
    return str(value).replace("\\", "/").rstrip("/").rpartition("/")[2]
