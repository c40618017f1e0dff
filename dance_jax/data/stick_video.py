"""Writes a synthetic dance as a quick line drawing: a real video where the look does not matter."""

from __future__ import annotations

import os

import cv2
import numpy as np

from dance_jax import skeleton
from dance_jax.data.camera import Camera, project
from dance_jax.data.render import TITLE
from dance_jax.data.synthetic import SyntheticDance
from dance_jax.data.video_writer import VideoWriter

_BACK, _LINE = (236, 232, 224), (40, 60, 110)


def write_sticks(
    path: str | os.PathLike[str], dance: SyntheticDance, camera: Camera, fps: float
) -> None:
    """Draws the bones of every frame as lines; labelled synthetic in the container.

    Args:
        path: the video to write (.mp4).
        dance: one dance.
        camera: where it is seen from; its size, even, is the picture's.
        fps: nominal rate stated in the file; the frames' times are the dance's.
    """
    body = skeleton.get("halpe26")
    joints = np.round(project(dance.pose, camera) * 16).astype(int)  # sixteenths of a pixel
    thick = max(1, camera.height // 100)
    notes = {"title": TITLE, "comment": f"{dance.label}. A drawing, not a recording of a person."}
    size, options = (camera.width, camera.height), {"crf": 20, "repeatable": True}
    with VideoWriter(path, *size, fps=fps, metadata=notes, **options) as video:
        for place, when in zip(joints, dance.time_s, strict=True):
            picture = np.full((camera.height, camera.width, 3), _BACK, np.uint8)
            for joint, parent in enumerate(body.parents):
                if parent >= 0:
                    a, b = (tuple(int(x) for x in place[k]) for k in (joint, parent))
                    cv2.line(picture, a, b, _LINE, thick, cv2.LINE_AA, 4)
            video.write(picture, float(when))
