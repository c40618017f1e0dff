"""Finds the head region of every tracked person in every frame and blurs it beyond recognition."""

from __future__ import annotations

import cv2
import numpy as np

from dance_jax import skeleton
from dance_jax.analysis import palette
from dance_jax.types import Clip

HOLD_S = 1.0
_FACE_MARGIN = 1.9  # radius over the distance from the face's middle to its outermost point
_TRUNK_FRACTION = 0.36  # radius over the length from neck to hip: a head and half as much again
_SHOULDER_FRACTION = 0.55
_GROW_PER_S = 0.6  # a head that is not seen may move: the held region grows
_FINE, _CELLS = 16, 5  # a blurred head keeps 5 x 5 colours, smoothed on a 16 x 16 grid


def head_circles(clip: Clip) -> np.ndarray:
    """Locates each person's head where the pose was found.

    The circle is centred on the face points; its radius is the largest of three estimates from
    face, shoulders and trunk, so that a head in profile is covered too. Without a face point it
    stands on the neck, along the trunk.

    Args:
        clip: HALPE-26 pixels of every person that was found.

    Returns:
        f64[T,P,3] (x, y, radius) in pixels; NaN where the head is not known.
    """
    pose = np.asarray(clip.pose[..., :2], np.float64)
    at = {name: skeleton.index("halpe26", name) for name in skeleton.get("halpe26").joints}
    face = pose[:, :, [at[name] for name in palette.FACE_JOINTS]]
    seen = np.isfinite(face).all(-1)
    count = seen.sum(-1)
    with np.errstate(invalid="ignore", divide="ignore"):
        centre = np.where(seen[..., None], face, 0.0).sum(-2) / count[..., None]
        spread = np.hypot(*np.moveaxis(face - centre[..., None, :], -1, 0))
    reach = np.where(seen, spread, 0.0).max(-1) * _FACE_MARGIN
    neck, hip = pose[:, :, at["neck"]], pose[:, :, at["hip"]]
    trunk = np.hypot(*np.moveaxis(neck - hip, -1, 0))
    wide = pose[:, :, at["left_shoulder"]] - pose[:, :, at["right_shoulder"]]
    shoulders = np.hypot(*np.moveaxis(wide, -1, 0))
    body = np.fmax(_TRUNK_FRACTION * trunk, _SHOULDER_FRACTION * shoulders)
    # A crouch or a bow shortens the trunk: half of the clip's usual size always stays covered.
    usual = np.full(clip.n_people, np.nan)
    for person in range(clip.n_people):
        sizes = body[:, person][np.isfinite(body[:, person])]
        usual[person] = np.median(sizes) if sizes.size else np.nan
    radius = np.fmax(np.fmax(reach, body), 0.75 * usual)
    no_face = count == 0
    centre = np.where(no_face[..., None], neck + 0.45 * (neck - hip), centre)
    circles = np.concatenate([centre, radius[..., None]], -1)
    circles[~np.isfinite(circles).all(-1) | (circles[..., 2] <= 0)] = np.nan
    return circles


def head_regions(clip: Clip, hold_s: float = HOLD_S) -> list[list[tuple[float, float, float]]]:
    """Lists the circles to blur in each frame, gaps included.

    In a gap the last known circle is held forwards and the next one backwards for `hold_s`, each
    growing with the time; where both hold, the circle between them is covered too.

    Args:
        clip: HALPE-26 pixels of every person that was found.
        hold_s: how long a region is held on either side of a gap, in seconds.

    Returns:
        T lists of (x, y, radius) in pixels.
    """
    circles = head_circles(clip)
    time_s = clip.time_s
    out: list[list[tuple[float, float, float]]] = [[] for _ in range(clip.n_frames)]
    for person in range(clip.n_people):
        track = circles[:, person]
        known = np.flatnonzero(np.isfinite(track[:, 2]))
        if not known.size:
            continue
        for t in range(clip.n_frames):
            after = int(np.searchsorted(known, t))
            if after < known.size and known[after] == t:
                out[t].append(tuple(track[t]))
                continue
            sides = []
            for k in (after - 1, after):
                if 0 <= k < known.size and (away := abs(time_s[t] - time_s[known[k]])) <= hold_s:
                    x, y, radius = track[known[k]]
                    sides.append((x, y, radius * (1.0 + _GROW_PER_S * away)))
            out[t].extend(sides)
            if len(sides) == 2:
                a, b = known[after - 1], known[after]
                share = (time_s[t] - time_s[a]) / (time_s[b] - time_s[a])
                middle = (1.0 - share) * np.asarray(sides[0]) + share * np.asarray(sides[1])
                out[t].append(tuple(middle))
    return out


def blur(rgb: np.ndarray, circles: list[tuple[float, float, float]], scale: float = 1.0) -> None:
    """Makes heads unrecognisable, in place: smooths, keeps a few cells, and fills in between.

    Args:
        rgb: u8[H,W,3] frame.
        circles: (x, y, radius) in pixels of the source picture.
        scale: frame pixels per source pixel.
    """
    height, width = rgb.shape[:2]
    for x, y, radius in circles:
        x, y, radius = x * scale, y * scale, max(radius * scale, 2.0)
        left, right = max(int(x - radius), 0), min(int(np.ceil(x + radius)) + 1, width)
        top, bottom = max(int(y - radius), 0), min(int(np.ceil(y + radius)) + 1, height)
        if right - left < 2 or bottom - top < 2:
            continue
        part = rgb[top:bottom, left:right]
        size = (right - left, bottom - top)
        # Smoothed before it is sampled, so that no fine pattern folds into the cells.
        small = cv2.resize(part, (_FINE, _FINE), interpolation=cv2.INTER_AREA)
        small = cv2.GaussianBlur(small, (0, 0), _FINE / 8.0)
        cells = cv2.resize(small, (_CELLS, _CELLS), interpolation=cv2.INTER_AREA)
        flat = cv2.resize(cells, size, interpolation=cv2.INTER_LINEAR)
        mask = np.zeros(part.shape[:2], np.uint8)
        cv2.circle(mask, (round(x - left), round(y - top)), round(radius), 255, -1)
        cv2.copyTo(flat, mask, part)
