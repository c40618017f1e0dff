"""The class activation map of a clip: its energy by body part, and pictures to draw it on."""

from __future__ import annotations

import functools
import pathlib
from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import numpy as np

from dance_jax import skeleton
from dance_jax.analysis import face_blur
from dance_jax.analysis.learned_network import Network, Windows
from dance_jax.analysis.learned_programs import evenly
from dance_jax.analysis.learned_result import Heat
from dance_jax.analysis.options import Options
from dance_jax.data import paired_clips, video_window, windows
from dance_jax.data.fitting import fit
from dance_jax.data.limits import Limits
from dance_jax.models import cam, encoders, inception, resnet
from dance_jax.types import Clip

PICTURES = 8
"""Frames of the contact sheet."""

PARTS = {
    **cam.PARTS,
    # Few estimators find the top of the head: nose and ears show where it is too.
    "head": (*cam.PARTS["head"], ("neck", "nose"), ("left_ear", "right_ear")),
}
"""Body parts as limb segments; the energy that is near none of them is the background's."""

_SHORT = 240  # pixels: shorter side of those frames
_FINEST = 64  # pixels: maps have a few cells, so the energy by body part needs no more
_CHUNK = 64  # frames of one call
_SOFT, _REACH = 0.03, 0.05  # body heights: half a limb's width, and its reach


def grid_of(config: Any) -> tuple[float, float]:
    """Returns (start, stride) in pixels of the cells of an encoder's last map."""
    if not encoders.ENCODERS[config.encoder]:
        return inception.GRID[encoders.last_map(config.encoder)]
    return resnet.grid(4, small_input=config.encoder_small)


def heat_of(
    network: Network,
    found: Windows,
    body: Clip,
    clip: Clip,
    path: str | pathlib.Path,
    opts: Options,
    *,
    heads: Sequence[Clip] = (),
) -> Heat:
    """Brings the maps of all windows together, and measures and draws them.

    Energy is the distance from the mean map of the training windows. Where zero lies in a map is
    not decided by training (the head's bias takes up any constant), and what lowers a score is as
    much a reason for it as what raises it (docs/cam_on_the_limb.md). Of a network that was stored
    without the mean map it is what lies above zero.

    Args:
        network: whose head was trained.
        found: of the clip, with maps.
        body: prepared HALPE-26 poses on the network's clock.
        clip: the dancer in pixels of the source.
        path: the video or folder of images.
        opts: limits, rate of images, and whether faces are blurred.
        heads: clips of everybody whose face may be seen, on the clock of `clip`.

    Raises:
        InputError: the pictures cannot be read.
    """
    config = network.model.config
    size = (config.frame_height, config.frame_width)
    maps = windows.stitch(found.cam, found.first, body.n_frames)
    grid = grid_of(config)
    mean, distance, raising = network.model.mean_map, maps, None
    if mean is not None:
        distance = np.abs(maps - mean)
        raising = part_energy(np.maximum(maps - mean, 0.0), grid, body, size)
    energy = part_energy(distance, grid, body, size)
    positive = distance[distance > 0]
    rows = evenly(len(maps), PICTURES)
    clock = body.time_s + float(body.source["start_s"])
    pictures = _pictures(clip, path, clock[rows], opts, heads)
    return Heat(
        maps=maps,
        grid=grid,
        size=size,
        image_size=clip.image_size,
        limit=float(np.percentile(positive, 99)) if positive.size else 0.0,
        score=float(found.found.values["aesthetic_map"][0]),
        energy=energy.share,
        parts=tuple(_part_rows(energy, raising)),
        pictures=pictures,
        picture_rows=rows,
        mean=mean,
    )


class Energy(NamedTuple):
    """How the energy of maps is shared out among the parts of a body.

    Attributes:
        share: f32[T,P] of each part, NaN where it is not seen or there is no energy.
        chance: f32[T,P] the same of an even map.
        names: of the parts, "background" last.
        total: f32[T] energy of each map, in no unit.
    """

    share: np.ndarray
    chance: np.ndarray
    names: tuple[str, ...]
    total: np.ndarray


def part_energy(
    maps: np.ndarray, grid: tuple[float, float], body: Clip, size: tuple[int, int]
) -> Energy:
    """Returns each body part's share of the energy of maps, frame by frame, and that of chance.

    Args:
        maps: f32[T,h,w]; what lies below zero is no energy.
        grid: (start, stride) of its cells in pixels of the network's picture.
        body: prepared HALPE-26 poses with `image_size` and `pixels_per_unit`.
        size: (height, width) of the network's picture.
    """
    scale = min(1.0, _FINEST / max(size))
    height, width = (max(1, round(side * scale)) for side in size)
    joints = (joints_in(body, size) + 0.5) * scale - 0.5
    shape = fit(body.image_size, *size)
    tall = float(body.source["pixels_per_unit"]) * shape.height / body.image_size[1] * scale
    if not body.source["scaled"]:  # the body cannot be measured: what is seen of it stands for it
        seen = joints[np.isfinite(joints).all(-1)]
        tall = float(np.ptp(seen[:, 1])) if len(seen) else float(height)
    stride = grid[1] * scale
    run = _energy_program(
        (height, width),
        ((grid[0] + 0.5) * scale - 0.5, stride),
        skeleton.get(body.skeleton).joints,
        # Widths are rounded, so that clips of dancers of about one size share a program.
        max(0.5, round(4 * _SOFT * tall) / 4),
        max(0.5, round(2 * (_REACH * tall + 0.5 * stride)) / 2),
    )
    names = (*PARTS, cam.BACKGROUND)
    shares, chances, totals = [], [], []
    for at in range(0, len(maps), _CHUNK):
        part, pose = maps[at : at + _CHUNK], joints[at : at + _CHUNK]
        rest = _CHUNK - len(part)
        share, chance, total = run(
            np.pad(part, [(0, rest), (0, 0), (0, 0)]),
            np.pad(pose.astype(np.float32), [(0, rest), (0, 0), (0, 0)], constant_values=np.nan),
        )
        shares.append(np.stack([np.asarray(share[name]) for name in names], -1)[: len(part)])
        chances.append(np.stack([np.asarray(chance[name]) for name in names], -1)[: len(part)])
        totals.append(np.asarray(total)[: len(part)])
    return Energy(np.concatenate(shares), np.concatenate(chances), names, np.concatenate(totals))


def joints_in(body: Clip, size: tuple[int, int]) -> np.ndarray:
    """Returns f32[T,J,2], a dancer's joints in pixels of the network's picture.

    Args:
        body: prepared poses of pixels.
        size: (height, width) of the network's picture.
    """
    per_unit = float(body.source["pixels_per_unit"])
    down = body.pose[:, 0, :, :2] * np.array([per_unit, -per_unit], np.float32)
    return fit(body.image_size, *size).pixels(down, body.image_size)


def cut_off(body: Clip, size: tuple[int, int]) -> float:
    """Returns the share of a dancer's joints that lie outside of what the network sees."""
    joints = joints_in(body, size)
    seen = joints[np.isfinite(joints).all(-1)]
    inside = (seen >= 0) & (seen <= [size[1] - 1, size[0] - 1])
    return float(1 - inside.all(-1).mean()) if len(seen) else 0.0


@functools.lru_cache(maxsize=8)
def _energy_program(
    size: tuple[int, int],
    grid: tuple[float, float],
    names: tuple[str, ...],
    softness: float,
    reach: float,
) -> Any:
    @jax.jit
    def run(maps: Any, joints: Any) -> Any:
        large = cam.upsample(maps, *size, grid)
        share, chance = cam.energy_per_part(
            large, joints, names, softness=softness, reach=reach, parts=PARTS
        )
        return share, chance, jax.nn.relu(large).sum((-2, -1))

    return run


def _part_rows(found: Energy, raising: Energy | None) -> list[dict[str, Any]]:
    """Returns one row a part over the clip, each frame weighed by its energy.

    Args:
        found: of the maps.
        raising: of what in them raises the score; None where that is all of it.
    """
    rows = []
    for k, name in enumerate(found.names):
        known = np.isfinite(found.share[:, k])
        weight = found.total[known]
        total, own = float(weight.sum()), float((found.share[known, k] * weight).sum())
        row: dict[str, Any] = {
            "part": name,
            "share": own / total if total else None,
            "chance": float((found.chance[known, k] * weight).sum() / total) if total else None,
            "frames": int(known.sum()),
        }
        if raising is not None:
            # A frame in which nothing raises the score has no share of it, and adds none.
            up = float(np.nansum(raising.share[:, k] * raising.total))
            row["above"] = up / own if own > 0 else None
        rows.append(row)
    return rows


def _pictures(
    clip: Clip,
    path: str | pathlib.Path,
    asked_s: np.ndarray,
    opts: Options,
    heads: Sequence[Clip],
) -> np.ndarray:
    """Reads the source's frames nearest to some times, heads blurred where that is asked for."""
    wide, high = clip.image_size
    scale = min(1.0, _SHORT / min(wide, high))
    height, width = max(2, round(high * scale)), max(2, round(wide * scale))
    limits = Limits(
        max_width=opts.max_width,
        max_height=opts.max_height,
        max_fps=opts.max_fps,
        max_duration_s=opts.max_duration_s,
    )
    rows = paired_clips.nearest(clip.time_s, asked_s)
    alone, back = np.unique(rows, return_inverse=True)
    out = video_window.read_window(
        path, clip.time_s[alone], height, width, limits=limits, fps=opts.fps
    )
    if opts.blur_faces:
        regions = [face_blur.head_regions(one) for one in heads]
        for picture, row in zip(out, alone, strict=True):
            for of in regions:
                face_blur.blur(picture, of[row], scale)
    return out[back]
