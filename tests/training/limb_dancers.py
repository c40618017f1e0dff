"""Synthetic dancers of whom one limb alone carries the score, with the true mask of every limb.

Four limbs are raised by shares that are drawn independently; pictures are made once, and which
limb is scored is decided by the labels alone: one corpus a limb, the same videos in each.
"""

from __future__ import annotations

import dataclasses
import functools
import os
import pathlib
from collections.abc import Mapping, Sequence

import cv2
import numpy as np

from dance_jax.data import raster
from dance_jax.data.body_motion import MIRROR, turn
from dance_jax.data.camera import Camera, frame_dancers
from dance_jax.data.look import make_look
from dance_jax.data.mannequin import build
from dance_jax.data.mesh import Mesh
from dance_jax.data.render import SUPERSAMPLE
from dance_jax.data.room import paint_room
from dance_jax.data.synthetic import SyntheticDance, generate
from dance_jax.data.synthetic_design import LABEL
from dance_jax.data.tables import write_csv
from dance_jax.data.video_writer import VideoWriter
from dance_jax.kinematics.forward import JOINTS, frames

LIMBS = ("right_arm", "left_arm", "right_leg", "left_leg")
PARTS = (*LIMBS, "head", "trunk")
FRAMES, FPS = 2, 4.0
ARM_DEG, LEG_DEG = (10.0, 150.0), (0.0, 60.0)
WALL_M = 1.5  # behind the dancer
_CODES = {  # colour of a part in a picture of parts; black is the room
    "right_arm": (1, 0, 0),
    "left_arm": (0, 1, 0),
    "right_leg": (0, 0, 1),
    "left_leg": (1, 1, 0),
    "head": (0, 1, 1),
    "trunk": (1, 0, 1),
}


@dataclasses.dataclass(frozen=True)
class Design:
    """Who is filmed.

    Attributes:
        dancers: each with a body and clothes of their own.
        clips: of each dancer.
        width: of the videos, pixels.
        height: of the videos, pixels.
        seed: the same design and seed give the same dancers.
    """

    dancers: int = 320
    clips: int = 2
    width: int = 160
    height: int = 192
    seed: int = 0


@dataclasses.dataclass(frozen=True, eq=False)
class Take:
    """One clip of one dancer.

    Attributes:
        name: of its video.
        place: numbers of the dancer and of the dancer's clip, from 0.
        dancer: id.
        dance: poses and body.
        camera: that sees it.
        look: seed of the dancer's clothes.
        shares: f64[T,4] how far each of `LIMBS` is raised, 0 to 1.
    """

    name: str
    place: tuple[int, int]
    dancer: str
    dance: SyntheticDance
    camera: Camera
    look: int
    shares: np.ndarray


def score_of(shares: np.ndarray, limb: str) -> float:
    """Returns the score, 0-10: 10 times the mean over time of the share that one limb is raised.

    Args:
        shares: f64[T,4] of `LIMBS`.
        limb: which is scored.
    """
    return float(10.0 * shares[:, LIMBS.index(limb)].mean())


def takes(design: Design) -> list[Take]:
    """Returns the clips of a design."""
    pairs = [(d, c) for d in range(design.dancers) for c in range(design.clips)]
    return [take_of(design, d, c) for d, c in pairs]


def take_of(
    design: Design, dancer: int, clip: int, raised: Mapping[str, float] | None = None
) -> Take:
    """Returns one clip.

    Args:
        design: of the corpus.
        dancer: number of the dancer, from 0.
        clip: number of the dancer's clip.
        raised: limb -> share that it is raised all the time instead of what is drawn; all else
            stays as it was drawn.
    """
    who = int(np.random.default_rng([design.seed, dancer]).integers(2**31))
    rng = np.random.default_rng([design.seed, dancer, clip, 1])
    time_s = np.arange(FRAMES) / FPS
    shares = _shares(rng, time_s)
    for limb, share in (raised or {}).items():
        shares[:, LIMBS.index(limb)] = share
    dance = _posed(_dancer(who), shares, rng)
    camera = _camera(dance, rng, design)
    name, named = f"limbs_d{dancer + 1:03d}_c{clip + 1}.mp4", f"synthetic_dancer_{dancer + 1:03d}"
    return Take(name, (dancer, clip), named, dance, camera, who, shares)


@functools.lru_cache(maxsize=4)
def _dancer(who: int) -> SyntheticDance:
    return generate(who, "walk", time_s=np.arange(FRAMES) / FPS, dancer=who)


def _shares(rng: np.random.Generator, time_s: np.ndarray) -> np.ndarray:
    """Draws how far each limb is raised: a level, and some swinging about it."""
    level, size = rng.uniform(0.12, 0.88, 4), rng.uniform(0.0, 0.10, 4)
    rate, phase = rng.uniform(0.3, 1.2, 4), rng.uniform(0, 2 * np.pi, 4)
    return level + size * np.sin(2 * np.pi * rate * time_s[:, None] + phase)


def _posed(dance: SyntheticDance, shares: np.ndarray, rng: np.random.Generator) -> SyntheticDance:
    """Gives a dance its limbs; each limb's, the trunk's and the head's are drawn on their own."""
    rotations = np.broadcast_to(np.eye(3), (FRAMES, len(JOINTS), 3, 3)).copy()
    most = np.deg2rad((8, 8, 10, 10, 25, 15))
    lean, bend, twist, nod, look, heading = rng.uniform(-1, 1, 6) * most
    at = JOINTS.index
    rotations[:, at("hip")] = turn(1, heading)
    rotations[:, at("neck")] = turn(1, twist) @ turn(2, bend) @ turn(0, lean)
    rotations[:, at("head")] = turn(1, look) @ turn(0, nod)
    for k, limb in enumerate(LIMBS):
        side, kind = limb.split("_")
        ahead, folded = np.deg2rad(rng.uniform((-10, 0), (25, 35)))
        low, high = ARM_DEG if kind == "arm" else LEG_DEG
        raised = np.deg2rad(low + (high - low) * shares[:, k])
        upper = turn(1, -ahead) @ turn(2, raised) @ turn(1, ahead)
        lower = turn(0, folded if kind == "leg" else -folded)
        joints = ("elbow", "wrist") if kind == "arm" else ("knee", "ankle")
        for joint, part in zip(joints, (upper, lower), strict=True):
            own = part if side == "left" else MIRROR @ part @ MIRROR
            rotations[:, at(f"{side}_{joint}")] = own
    high = dance.body.leg_m + 0.05 * dance.body.height_m
    root = np.tile((0.0, high, 0.0), (FRAMES, 1))
    pose = frames(dance.body.rig, rotations, root, np)[0]
    return dataclasses.replace(dance, rotations=rotations, root=root, pose=pose)


def _camera(dance: SyntheticDance, rng: np.random.Generator, design: Design) -> Camera:
    """Draws a camera that would hold every pose of this body, so that it tells nothing of one."""
    tall = dance.body.height_m
    wide = np.tile(dance.pose[:1], (4, 1, 1))
    for row, (x, y) in enumerate(((-0.52, 0.6), (0.52, 0.6), (0.0, 0.0), (0.0, 1.25))):
        wide[row] = (x * tall, y * tall, 0.0)
    yaw, high = rng.uniform((-15, 0.8), (15, 1.5))
    seen = frame_dancers([wide], design.width, design.height, yaw_deg=yaw, height_m=high, margin=0)
    shift = rng.uniform(-0.04, 0.04, 2) * tall @ seen.axes[:2]
    target = np.add(seen.target, shift)
    place = target + rng.uniform(0.84, 0.95) * np.subtract(seen.position, seen.target)
    place, target = (tuple(float(x) for x in point) for point in (place, target))
    return dataclasses.replace(seen, position=place, target=target)


def pictures(take: Take) -> np.ndarray:
    """Returns u8[T,H,W,3]; no shadow tells of a limb, nor does the place of the wall."""
    look = make_look(take.look)
    room = paint_room(take.camera, look, WALL_M, take.look)
    room = np.repeat(np.repeat(room, SUPERSAMPLE, 0), SUPERSAMPLE, 1)
    figures, size = build(take.dance.body, look), (take.camera.width, take.camera.height)
    out = []
    for k in range(FRAMES):
        canvas = room.copy()
        _draw(canvas, figures, take, k)
        out.append(cv2.resize(canvas, size, interpolation=cv2.INTER_AREA))
    return np.stack(out)


def masks(
    take: Take, height: int, width: int, rows: Sequence[int] = range(FRAMES)
) -> dict[str, np.ndarray]:
    """Returns part -> bool[T,height,width], the pixels of which more than half show it.

    What is hidden behind another part is that part's.

    Args:
        take: which.
        height: of the masks, that of the video divided by a whole number.
        width: of the masks.
        rows: which frames.
    """
    figures = _coded_figures(take.look)
    out: dict[str, list[np.ndarray]] = {part: [] for part in PARTS}
    size = (take.camera.height * SUPERSAMPLE, take.camera.width * SUPERSAMPLE, 3)
    for k in rows:
        canvas = np.zeros(size, np.uint8)
        _draw(canvas, figures, take, k)
        on = canvas > 64  # shading leaves more than half of 255
        for part, code in _CODES.items():
            whole = (on == np.array(code, bool)).all(-1).astype(np.float32)
            share = cv2.resize(whole, (width, height), interpolation=cv2.INTER_AREA)
            out[part].append(share > 0.5)
    return {part: np.stack(rows) for part, rows in out.items()}


def reach(design: Design, take: Take, limb: str, height: int, width: int) -> np.ndarray:
    """Returns bool[height,width], where a limb is seen at one share or another that it is raised.

    A limb that hangs lowers a score by not being where it would be when it is raised.

    Args:
        design: of the take.
        take: which; all else stays as it is in its first frame.
        limb: which.
        height: as of `masks`.
        width: as of `masks`.
    """
    found = np.zeros((height, width), bool)
    for share in np.linspace(0.05, 0.95, 7):
        other = take_of(design, *take.place, {limb: float(share)})
        found |= masks(other, height, width, rows=(0,))[limb][0]
    return found


@functools.lru_cache(maxsize=4)
def _coded_figures(who: int) -> tuple[Mesh, ...]:
    return tuple(_coded(mesh) for mesh in build(_dancer(who).body, make_look(who)))


def _draw(canvas: np.ndarray, figures: Sequence, take: Take, k: int) -> None:
    dance = take.dance
    placed = [(m, m.place(dance.pose[k], dance.orientations[k])) for m in figures]
    raster.draw(canvas, placed, take.camera, SUPERSAMPLE)


def _coded(mesh: Mesh) -> Mesh:
    """Returns a mesh whose faces have the colours of their parts."""
    parts = [_part_of(joint) for joint in JOINTS]
    codes = np.array([_CODES[part] for part in parts], float)
    colour = codes[mesh.origin[mesh.faces[:, 0]]]
    return dataclasses.replace(mesh, colour=255.0 * colour)


def _part_of(joint: str) -> str:
    """Returns the part whose surface hangs on a joint: an arm from its shoulder on."""
    side, _, rest = joint.partition("_")
    if side in ("left", "right") and rest not in ("eye", "ear"):
        return f"{side}_{'arm' if rest in ('shoulder', 'elbow', 'wrist') else 'leg'}"
    return "trunk" if joint == "hip" else "head"


def write_videos(folder: pathlib.Path, design: Design) -> list[Take]:
    """Makes the videos that are missing, and returns the takes."""
    made = takes(design)
    folder.mkdir(parents=True, exist_ok=True)
    for take in made:
        place = folder / take.name
        if place.is_file():
            continue
        part = place.with_name(f".{take.name}")
        notes = {"title": LABEL, "comment": take.dance.label}
        size = (take.camera.width, take.camera.height)
        with VideoWriter(part, *size, fps=FPS, crf=16, metadata=notes) as video:
            for rgb, when in zip(pictures(take), take.dance.time_s, strict=True):
                video.write(rgb, float(when))
        os.replace(part, place)
    return made


def write_corpus(folder: pathlib.Path, videos: pathlib.Path, made: list[Take], limb: str) -> None:
    """Writes the corpus in which one limb is scored; its videos are those of all the others."""
    (folder / "annotations").mkdir(parents=True, exist_ok=True)
    if not (folder / "videos").exists():
        (folder / "videos").symlink_to(videos.resolve(), target_is_directory=True)
    columns = {
        "video_file": [take.name for take in made],
        "aesthetic_score": [score_of(take.shares, limb) for take in made],
        "dancer_id": [take.dancer for take in made],
        "style": ["limbs (synthetic)"] * len(made),
        "licence": ["MIT (synthetic)"] * len(made),
        "consent": ["not needed (synthetic, no person)"] * len(made),
    }
    write_csv(folder / "annotations" / "clips.csv", columns)
