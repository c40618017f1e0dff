"""What a trained network says of one dancer, in memory and as JSON values."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np

LEVEL = 0.9
"""Share of clips whose true score an interval is meant to hold."""

SCORE_NAMES = {
    "aesthetic": "Aesthetic score",
    "biomechanical": "Biomechanical score",
    "fluidity": "Fluidity",
    "expressiveness": "Expressiveness",
    "precision": "Precision",
}


@dataclasses.dataclass(frozen=True)
class Score:
    """A score from 0 to 10 with its interval.

    Attributes:
        name: "aesthetic", "biomechanical", "fluidity", "expressiveness" or "precision".
        value: mean over the clip's windows.
        low: lower end of the 90 % interval; None where there is none.
        high: its upper end.
        basis: where the interval comes from: "predicted", "measured error" or "none".
        note: the same as a sentence, with how often such intervals held the truth.
    """

    name: str
    value: float
    low: float | None
    high: float | None
    basis: str
    note: str


@dataclasses.dataclass(frozen=True, eq=False)
class Heat:
    """The class activation map of a clip's pictures.

    Attributes:
        maps: f32[T,h,w] of each frame of the network's clock, in logits of the score.
        grid: (start, stride) of its cells in pixels of the network's picture.
        size: (height, width) of that picture.
        image_size: (width, height) of the source.
        limit: distance that is drawn in full strength; 0 where there is none.
        score: of the head that the map takes apart, 0 to 10.
        energy: f32[T,P] share of each body part; NaN where it is not seen or there is no energy.
        parts: rows "part", "share", "chance" and "frames"; from the mean map "above" too.
        pictures: u8[K,H,W,3], frames of the source, faces blurred where asked.
        picture_rows: i64[K], the row of `maps` that each of them belongs to.
        mean: f32[h,w], that of the network's training windows, from which energy is measured and
            drawn; None where it is not known: then it is from zero, and what lies above alone.
    """

    maps: np.ndarray
    grid: tuple[float, float]
    size: tuple[int, int]
    image_size: tuple[int, int]
    limit: float
    score: float
    energy: np.ndarray
    parts: tuple[Mapping[str, Any], ...]
    pictures: np.ndarray
    picture_rows: np.ndarray
    mean: np.ndarray | None = None

    @property
    def note(self) -> str:
        """What the maps are measured from, as sentences."""
        if self.mean is None:
            return (
                "The map is measured from zero, and what lies above raises the score: the network "
                "was stored without the mean map of its training windows. Where zero lies was not "
                "decided by training; train it again with this version for a map that tells more."
            )
        return (
            "The map is measured from what the network sees in the mean training window: what "
            "lies above raises the score, what lies below lowers it, and both are energy."
        )


@dataclasses.dataclass(frozen=True, eq=False)
class Shares:
    """What each joint adds to a prediction at each moment (integrated gradients).

    Attributes:
        map: f32[T,J] in `unit`; NaN where a joint is missing or the window was not explained.
        joints: names of the joints.
        explains: what is taken apart: the name of a score, or of a style.
        unit: "points", or "log-odds" of a style.
        value: mean prediction of the windows explained.
        still: that of the same dancer standing still in each window's mean pose.
        gap: mean of value - still - sum of the map: what the quadrature misses.
        windows: number of windows explained, of `of_windows`.
        of_windows: number of windows there are.
        steps: points on the path.
        rows: rows "joint", "part", "adds" (its sum, mean over the windows) and "share" (of the
            absolute values).
        parts: the same by body part: "part", "adds", "share".
    """

    map: np.ndarray
    joints: tuple[str, ...]
    explains: str
    unit: str
    value: float
    still: float
    gap: float
    windows: int
    of_windows: int
    steps: int
    rows: tuple[Mapping[str, Any], ...]
    parts: tuple[Mapping[str, Any], ...]


@dataclasses.dataclass(frozen=True, eq=False)
class Learned:
    """What a trained network says of one dancer.

    Attributes:
        network: its name, for pictures.
        refused: why it says nothing of this dancer; "" where it does.
        time_s: f64[T], the network's clock on the clip's own time.
        given: streams that it was given, of "frames", "pose", "measures" and "beats".
        windows: rows "start_s", "end_s", "styles" (probabilities in the order of the classes) and
            "scores".
        styles: (style, calibrated probability), the likeliest first; () without a style head.
        scores: those that were trained.
        likeness: "distance" to the nearest training clip, "share" of the training clips that are
            nearer to theirs, and "unlike"; {} where the training set was too small to tell.
        heat: the class activation map; None where there is none.
        shares: the joint x time saliency; None where there is none.
        absent: (what, why) of what a reader may look for.
        warnings: plain sentences.
        synthetic: its training data were generated.
    """

    network: str
    refused: str = ""
    time_s: np.ndarray = dataclasses.field(default_factory=lambda: np.zeros(0))
    given: tuple[str, ...] = ()
    windows: tuple[Mapping[str, Any], ...] = ()
    styles: tuple[tuple[str, float], ...] = ()
    scores: tuple[Score, ...] = ()
    likeness: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    heat: Heat | None = None
    shares: Shares | None = None
    absent: tuple[tuple[str, str], ...] = ()
    warnings: tuple[str, ...] = ()
    synthetic: bool = False


def to_json(learned: Learned) -> dict[str, Any]:
    """Returns `people[].learned` of analysis.json; what there is not is absent."""
    if learned.refused:
        return {"refused": learned.refused}
    out: dict[str, Any] = {
        "given": list(learned.given),
        "windows": [dict(row) for row in learned.windows],
        "warnings": list(learned.warnings),
        "absent": [{"what": what, "why": why} for what, why in learned.absent],
    }
    if learned.styles:
        out["styles"] = [{"style": name, "probability": p} for name, p in learned.styles]
    if learned.scores:
        out["scores"] = [
            dataclasses.asdict(score) | {"level": None if score.low is None else LEVEL}
            for score in learned.scores
        ]
    if learned.likeness:
        out["likeness"] = dict(learned.likeness)
    if learned.heat is not None:
        out["cam"] = {
            "explains": "aesthetic_map",
            "value": learned.heat.score,
            "measured_from": "zero" if learned.heat.mean is None else "mean training window",
            "note": learned.heat.note,
            "parts": [dict(row) for row in learned.heat.parts],
        }
    if learned.shares is not None:
        held = learned.shares
        names = ("explains", "unit", "value", "still", "gap", "windows", "of_windows", "steps")
        out["saliency"] = {name: getattr(held, name) for name in names} | {
            "joints": [dict(row) for row in held.rows],
            "parts": [dict(row) for row in held.parts],
        }
    return out


def arrays(learned: Learned) -> dict[str, np.ndarray]:
    """Returns what `learned.npz` holds: the series on the network's clock."""
    out = {
        "time_s": learned.time_s,
        "window_start_s": np.array([row["start_s"] for row in learned.windows]),
        "window_end_s": np.array([row["end_s"] for row in learned.windows]),
    }
    if learned.heat is not None:
        out |= {
            "cam": learned.heat.maps,
            "cam_grid": np.array(learned.heat.grid, np.float64),
            "cam_picture": np.array(learned.heat.size),
            "cam_parts": np.array([row["part"] for row in learned.heat.parts]),
            "cam_energy": learned.heat.energy,
        }
        if learned.heat.mean is not None:
            out["cam_mean"] = learned.heat.mean
    if learned.shares is not None:
        out |= {
            "saliency": learned.shares.map,
            "saliency_joints": np.array(learned.shares.joints),
            "saliency_of": np.array(learned.shares.explains),
        }
    return out
