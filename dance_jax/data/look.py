"""How a synthetic dancer looks: skin, hair, clothes and room colours, from a seed."""

from __future__ import annotations

import colorsys
import dataclasses

import numpy as np

Colour = tuple[float, float, float]  # RGB, 0-255

SKINS: tuple[Colour, ...] = (
    (244, 208, 182),
    (232, 184, 150),
    (214, 160, 122),
    (188, 130, 92),
    (150, 98, 66),
    (112, 72, 50),
)
HAIRS: tuple[Colour, ...] = (
    (24, 22, 24),
    (38, 26, 20),
    (58, 38, 26),
    (96, 62, 38),
    (110, 50, 30),
    (150, 108, 62),
)
HAIR_CUTS = ("short", "bob", "bun")
SLEEVES = ("short", "long", "none")
LEGWEAR = ("trousers", "leggings", "shorts")


@dataclasses.dataclass(frozen=True)
class Look:
    """Colours (RGB, 0-255) and cuts of one dancer, and the room's colours.

    Attributes:
        skin, hair, shirt, trousers, shoes, iris, lips: colours.
        hair_cut: one of `HAIR_CUTS`.
        sleeves: one of `SLEEVES`.
        legwear: one of `LEGWEAR`.
        wall, floor: colours of the room; the first dancer's count.
    """

    skin: Colour
    hair: Colour
    shirt: Colour
    trousers: Colour
    shoes: Colour
    iris: Colour
    lips: Colour
    hair_cut: str
    sleeves: str
    legwear: str
    wall: Colour
    floor: Colour


def _hsv(h: float, s: float, v: float) -> Colour:
    return tuple(255.0 * x for x in colorsys.hsv_to_rgb(h % 1.0, s, v))


def make_look(seed: int) -> Look:
    """Draws a look; clothes contrast with the wall and with each other."""
    rng = np.random.default_rng([seed, 1001])
    tone = int(rng.integers(len(SKINS)))
    skin = SKINS[tone]
    hue = rng.uniform()
    return Look(
        skin=skin,
        hair=HAIRS[rng.integers(len(HAIRS) if tone < 3 else 3)],
        shirt=_hsv(hue, rng.uniform(0.6, 0.85), rng.uniform(0.55, 0.8)),
        trousers=_hsv(hue + rng.uniform(0.3, 0.7), rng.uniform(0.3, 0.6), rng.uniform(0.22, 0.42)),
        shoes=_hsv(rng.uniform(), 0.2, rng.uniform(0.15, 0.3)),
        iris=_hsv(rng.choice([0.07, 0.09, 0.33, 0.58]), 0.55, 0.35),
        lips=tuple(float(c) for c in np.multiply(skin, (0.80, 0.52, 0.52))),
        hair_cut=HAIR_CUTS[rng.integers(len(HAIR_CUTS))],
        sleeves=SLEEVES[rng.integers(len(SLEEVES))],
        legwear=LEGWEAR[rng.integers(len(LEGWEAR))],
        wall=_hsv(rng.uniform(), rng.uniform(0.02, 0.10), rng.uniform(0.72, 0.84)),
        floor=_hsv(rng.uniform(0.06, 0.09), rng.uniform(0.35, 0.5), rng.uniform(0.5, 0.62)),
    )
