"""The report's section of a trained network, as texts and rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from dance_jax.analysis import palette, report_text
from dance_jax.analysis.result import PersonAnalysis

_TESTED = ("accuracy", "balanced_accuracy", "ece")
_FIGURES = {
    "accuracy": "style: accuracy",
    "balanced_accuracy": "style: balanced accuracy",
    "ece": "style: calibration error",
    "mae": "mean absolute error, points",
    "pearson": "Pearson correlation",
    "coverage_90": "90 % intervals that held the truth",
}


def section(person: PersonAnalysis, record: Mapping[str, Any] | None) -> dict[str, Any]:
    """Arranges what a network says of one dancer; empty without one.

    Args:
        person: an analysed dancer.
        record: `Analysis.learned`.

    Returns:
        {"name", "refused", "data", "measured", "figures", "styles", "style_note", "scores",
        "likeness", "warnings", "cam", "cam_note", "cam_caption", "cam_above", "saliency",
        "saliency_note", "absent"}.
    """
    held = person.learned
    if held is None or record is None:
        return {}
    out: dict[str, Any] = {"name": held.network, "refused": held.refused}
    if held.refused:
        return out
    from dance_jax.analysis.learned_result import SCORE_NAMES

    out |= {
        "data": data_words(record["data"]),
        "synthetic": held.synthetic,
        "measured": measured_words(record["measured"]),
        "figures": _figures(record),
        "styles": held.styles,
        "style_note": style_words(record) if held.styles else "",
        "scores": [
            {
                "label": SCORE_NAMES.get(score.name, score.name),
                "value": report_text.number(score.value, 1),
                "ends": ""
                if score.low is None
                else f"{report_text.number(score.low, 1)} to {report_text.number(score.high, 1)}",
                "note": score.note,
            }
            for score in held.scores
        ],
        "likeness": _likeness(held.likeness, record["data"]["clips"]),
        "warnings": held.warnings,
        "cam": [],
        "cam_note": "",
        "cam_caption": "",
        "cam_above": False,
        "saliency": [],
        "saliency_note": "",
        "absent": held.absent,
    }
    if held.heat is not None:
        out["cam"] = [
            {
                "part": palette.plain(row["part"]),
                "share": report_text.percent(row["share"]) if row["share"] is not None else None,
                "chance": report_text.percent(row["chance"]) if row["share"] is not None else None,
                "times": row["share"] / row["chance"] if row["share"] and row["chance"] else None,
                "above": report_text.percent(row["above"])
                if row.get("above") is not None
                else None,
            }
            for row in held.heat.parts
        ]
        out["cam_note"] = part_words(held.heat.parts)
        out["cam_above"] = held.heat.mean is not None
        what = "the map's energy" if out["cam_above"] else "what raises the score"
        out["cam_caption"] = (
            f"Share of {what} that lies on each body part, and what an even map would have there. "
            f"{held.heat.note} The map has few cells, so a part also gets what lies beside it. It "
            "takes apart the score that rests on the pictures alone."
        )
    if held.shares is not None:
        out["saliency"] = sorted(held.shares.parts, key=lambda row: -row["share"])
        out["saliency_note"] = _saliency_words(held.shares, SCORE_NAMES)
    return out


def data_words(data: Mapping[str, Any]) -> str:
    """Returns what a network was trained on: number, kind, name and licence of the data."""
    kind = " of synthetic dancers" if data["synthetic"] else ""
    licence = f"; licence {', '.join(data['licences'])}" if data["licences"] else ""
    return f"{counted(data['clips'], 'clip')}{kind} ({data['source']}{licence})"


def measured_words(measured: Mapping[str, Any]) -> str:
    """Returns on what its figures rest, or that there are none."""
    if not measured:
        return "How good it is was not measured."
    on = f"{counted(measured['clips'], 'clip')} of {counted(measured['groups'], 'group')}"
    if measured.get("of_folds"):
        return (
            f"Measured on {on} by networks that were trained alike on the other groups; this one "
            "was trained on all of them."
        )
    return f"Measured on {on} that it was not trained on."


def style_words(record: Mapping[str, Any]) -> str:
    """Returns what the probabilities of the styles mean."""
    text = (
        f"The network knows {counted(len(record['styles']), 'style')} and shares its belief among "
        "them: a dance of another style is given one of these all the same."
    )
    if record["temperature"] == 1.0:
        return f"{text} The probabilities are not calibrated: no clips were kept for that."
    return f"{text} Calibrated on clips it was not trained on (temperature scaling)."


def counted(number: int, what: str) -> str:
    """Returns "1 clip", "4 clips"."""
    return f"{number} {what}{'' if number == 1 else 's'}"


def part_words(rows: Sequence[Mapping[str, Any]]) -> str:
    """Returns which body parts hold more than chance gives them, as a sentence."""
    known = [
        r for r in rows if r["share"] is not None and r["chance"] and r["part"] != "background"
    ]
    more = sorted(known, key=lambda r: r["share"] / r["chance"], reverse=True)
    if not more:
        return (
            "No body part can be told: nothing in the pictures raises the score, or none is seen."
        )
    top = more[0]
    up = top.get("above")  # absent where the map is measured from zero
    what = "what raises the score" if up is None else "the map's energy"
    name = str(top["part"]).replace("_", " ")
    times = top["share"] / top["chance"]
    if times <= 1:
        rest = next(row["share"] for row in rows if row["part"] == "background")
        return (
            f"No body part holds more than an even map would give it: {100 * rest:.0f} % of "
            f"{what} lies beside the dancer. The network looks at something else."
        )
    raises = (
        "" if up is None else f" {100 * up:.0f} % of that raises the score, the rest lowers it."
    )
    return (
        f"Most for its size lies on the {name}: {100 * top['share']:.0f} % of {what}, "
        f"{times:.1f} times what an even map would have there.{raises}"
    )


def _figures(record: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Returns rows "what", "value", "low" and "high" of what was measured."""
    measured = record["measured"]
    if not measured:
        return []
    keys = [(key, _FIGURES[key].capitalize()) for key in _TESTED]
    for name in record["scores"]:
        kinds = ["mae", "pearson"]
        kinds += ["coverage_90"] if record["predicts_variance"] else []
        keys += [(f"{name}_{kind}", f"{name.capitalize()}: {_FIGURES[kind]}") for kind in kinds]
    rows = []
    for key, what in keys:
        if (value := measured["mean"].get(key)) is not None:
            ends = measured["intervals"].get(key) or {}
            rows.append({"what": what, "value": value} | {e: ends.get(e) for e in ("low", "high")})
    return rows


def _likeness(likeness: Mapping[str, Any], clips: int) -> str:
    if not likeness or likeness["unlike"]:  # of that a warning tells
        return ""
    return (
        "To the network this dance is no stranger than its training clips are to one another: "
        f"{report_text.percent(likeness['share'])} of {counted(clips, 'clip')} lie nearer to their "
        "nearest of another dancer or source."
    )


def _saliency_words(shares: Any, names: Mapping[str, str]) -> str:
    number = report_text.number
    if shares.unit == "points":
        what = f"the {names.get(shares.explains, shares.explains).lower()}"
    else:
        what = f"the log-odds of the style {shares.explains}"
    part = ""
    if shares.windows < shares.of_windows:
        part = f" ({shares.windows} of {shares.of_windows} windows, evenly spread)"
    return (
        f"Over the windows{part} {what} is {number(shares.value, 2)} on average. With the dancer "
        f"standing still in the mean pose of each window it is {number(shares.still, 2)}. The "
        f"difference of {number(shares.value - shares.still, 2)} is shared out among joints and "
        f"moments by integrated gradients ({shares.steps} steps; "
        f"{number(abs(shares.gap), 3)} {shares.unit} are lost by their number)."
    )
