"""Which joints a prediction rests on, and when: the saliency of all windows brought together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from dance_jax import skeleton
from dance_jax.analysis import palette
from dance_jax.analysis.learned_network import Network, Windows
from dance_jax.analysis.learned_programs import STEPS, Explained, log_odds
from dance_jax.analysis.learned_result import Shares
from dance_jax.data import windows
from dance_jax.types import Clip

PARTS = ("head", "trunk", "left_arm", "right_arm", "left_leg", "right_leg")

_ARM = ("shoulder", "elbow", "wrist", "hand", "finger", "thumb", "index", "pinky", "knuckle")
_LEG = ("hip", "knee", "ankle", "heel", "toe", "foot")
_HEAD = ("head", "nose", "eye", "ear", "mouth", "face")


def part_of(joint: str) -> str:
    """Returns the body part of a joint by its name; what is neither limb nor head is the trunk."""
    side, rest = palette.side(joint), palette.without_side(joint)

    def is_of(words: tuple[str, ...]) -> bool:
        return any(word.startswith(words) for word in rest.split("_"))

    limb = "arm" if is_of(_ARM) else "leg" if is_of(_LEG) else ""
    if side != palette.CENTRE and limb:
        return f"{side}_{limb}"
    return "head" if is_of(_HEAD) else "trunk"


def explained(network: Network, found: Windows) -> Explained | None:
    """Chooses what is explained: the aesthetic score, else the first score, else the style.

    Of the style it is the log-odds of the clip's likeliest class.
    """
    scores = network.model.scores
    if scores:
        name = "aesthetic" if "aesthetic" in scores else scores[0]
        return Explained(name, "score")
    if network.model.styles:
        place = int(found.found.values["style_logits"][0].argmax())
        return Explained(network.model.styles[place], "style", place)
    return None


def shares_of(network: Network, found: Windows, clip: Clip, *, video: bool) -> Shares | None:
    """Takes the network's main prediction apart over the joints and the time of a clip.

    Args:
        network: which.
        found: of the clip.
        clip: its poses on the network's clock.
        video: the network was given pictures.

    Returns:
        None where the network has nothing to explain.
    """
    wanted = explained(network, found)
    if wanted is None:
        return None
    maps, first, places = [], [], []
    for place, values, there in network.saliency(found, wanted, video=video):
        maps.append(np.where(there, values, np.nan))
        first.append(found.first[place])
        places.append(place)
    held = np.stack(maps)
    value, still = (
        _prediction(network, wanted, found.values),
        _prediction(network, wanted, found.still),
    )
    value, still = value[places], still[places]
    joints = skeleton.get(clip.skeleton).joints
    each = np.nansum(held, 1)  # [W,J]
    size = np.nansum(np.abs(held), 1)
    parts = [part_of(joint) for joint in joints]
    rows = _rows(joints, each.mean(0), size.mean(0))
    return Shares(
        map=_stitched(held, np.array(first), clip.n_frames),
        joints=joints,
        explains=wanted.name,
        unit="points" if wanted.kind == "score" else "log-odds",
        value=float(value.mean()),
        still=float(still.mean()),
        gap=float((value - still - each.sum(1)).mean()),
        windows=len(places),
        of_windows=len(found.first),
        steps=STEPS,
        rows=tuple(row | {"part": part} for row, part in zip(rows, parts, strict=True)),
        parts=tuple(_together(rows, parts)),
    )


def _prediction(network: Network, wanted: Explained, values: dict[str, Any]) -> np.ndarray:
    if wanted.kind == "score":
        return values[wanted.name]
    logits = values["style_logits"] / network.model.temperature
    return np.asarray(log_odds(logits, wanted.place), np.float64)


def _stitched(held: np.ndarray, first: np.ndarray, frames: int) -> np.ndarray:
    """Returns f32[T,J], windows averaged where they overlap, NaN where none was explained."""
    covered = np.zeros(frames, bool)
    for start in first:
        covered[start : start + held.shape[1]] = True
    gaps = np.flatnonzero(~covered)
    nothing = np.full((len(gaps), *held.shape[1:]), np.nan, held.dtype)
    return windows.stitch(np.concatenate([held, nothing]), np.concatenate([first, gaps]), frames)


def _rows(joints: Sequence[str], adds: np.ndarray, size: np.ndarray) -> list[dict[str, Any]]:
    total = float(size.sum())
    return [
        {
            "joint": joint,
            "adds": float(adds[k]),
            "share": float(size[k] / total) if total else 0.0,
        }
        for k, joint in enumerate(joints)
    ]


def _together(rows: Sequence[dict[str, Any]], parts: Sequence[str]) -> list[dict[str, Any]]:
    out = []
    for part in PARTS:
        own = [row for row, of in zip(rows, parts, strict=True) if of == part]
        out.append(
            {
                "part": part,
                "adds": sum(row["adds"] for row in own),
                "share": sum(row["share"] for row in own),
            }
        )
    return out
