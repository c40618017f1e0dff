"""Renders synthetic dancers to pictures and video, with the truth of every frame beside them."""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import cv2
import numpy as np

from dance_jax.data import raster
from dance_jax.data.camera import Camera, frame_dancers, project
from dance_jax.data.look import Look, make_look
from dance_jax.data.mannequin import build
from dance_jax.data.occlusion import visible_joints
from dance_jax.data.room import paint_room, shade_floor
from dance_jax.data.synthetic import SyntheticDance
from dance_jax.data.video_writer import VideoWriter
from dance_jax.errors import InputError
from dance_jax.types import Clip

SUPERSAMPLE = 2
BATCH = 32  # frames that one worker renders at a time
TITLE = "SYNTHETIC dancer rendered by dance_jax"


@dataclasses.dataclass(frozen=True, eq=False)
class RenderTruth:
    """What is known about a rendered video.

    Attributes:
        time_s: f64[T] seconds, the presentation times.
        joints_px: f32[T,P,26,2] HALPE-26 joint centres in pixels, y down.
        visible: bool[T,P,26] in the picture and not behind a limb or trunk.
        pose: f32[T,P,26,3] metres in the room, y up.
        camera: the camera, in the video's size.
        seeds: P seeds of the dances.
        label: says that it is synthetic.
    """

    time_s: np.ndarray
    joints_px: np.ndarray
    visible: np.ndarray
    pose: np.ndarray
    camera: Camera
    seeds: tuple[int, ...]
    label: str

    def to_clip(self) -> Clip:
        """Returns the true 2D joints as a clip in pixels; hidden joints keep their coordinates."""
        return Clip(
            pose=self.joints_px,
            confidence=np.ones(self.joints_px.shape[:3]),
            time_s=self.time_s,
            unit="px",
            image_size=(self.camera.width, self.camera.height),
            source={"synthetic": True, "label": self.label, "seeds": list(self.seeds)},
        )

    def save(self, path: str | Path) -> None:
        """Writes an npz; the camera and the label are JSON text inside it. Atomic."""
        path = Path(path)
        note = {
            "camera": dataclasses.asdict(self.camera),
            "label": self.label,
            "seeds": list(self.seeds),
            "skeleton": "halpe26",
        }
        part = path.with_name(f".{path.name}.part")
        with open(part, "wb") as file:
            np.savez_compressed(
                file,
                time_s=self.time_s,
                joints_px=self.joints_px,
                visible=self.visible,
                pose=self.pose,
                note=np.array(json.dumps(note)),
            )
        os.replace(part, path)


def load_truth(path: str | Path) -> RenderTruth:
    """Reads what `RenderTruth.save` wrote."""
    with np.load(path, allow_pickle=False) as data:
        note = json.loads(str(data["note"]))
        camera = {k: tuple(v) if isinstance(v, list) else v for k, v in note["camera"].items()}
        return RenderTruth(
            **{k: data[k] for k in ("time_s", "joints_px", "visible", "pose")},
            camera=Camera(**camera),
            seeds=tuple(note["seeds"]),
            label=note["label"],
        )


class Renderer:
    """Draws frames of dancers who share a time axis; calling it with k draws frame k.

    Args:
        dances: P dances with equal times.
        camera: the camera; its size is the picture's size.
        looks: P looks; the first gives the room's colours.
    """

    def __init__(
        self, dances: Sequence[SyntheticDance], camera: Camera, looks: Sequence[Look]
    ) -> None:
        self.dances, self.camera = tuple(dances), camera
        self.figures = [
            mesh
            for dance, look in zip(dances, looks, strict=True)
            for mesh in build(dance.body, look)
        ]
        ahead = camera.axes[2] * (1.0, 0.0, 1.0)
        ahead = ahead / np.linalg.norm(ahead)
        points = np.concatenate([d.pose.reshape(-1, 3) for d in dances])
        behind = float(((points - camera.target) @ ahead).max()) + 1.0
        room = paint_room(camera, looks[0], behind, dances[0].seed)
        self.room = np.repeat(np.repeat(room, SUPERSAMPLE, 0), SUPERSAMPLE, 1)

    def __call__(self, k: int) -> np.ndarray:
        """Returns u8[H,W,3] RGB."""
        canvas = self.room.copy()
        poses = [d.pose[k] for d in self.dances]
        heights = [d.body.height_m for d in self.dances]
        shade_floor(canvas, self.camera, poses, heights, SUPERSAMPLE)
        placed = []
        for n, mesh in enumerate(self.figures):
            dance = self.dances[n // 2]
            placed.append((mesh, mesh.place(dance.pose[k], dance.orientations[k])))
        raster.draw(canvas, placed, self.camera, SUPERSAMPLE)
        size = (self.camera.width, self.camera.height)
        return cv2.resize(canvas, size, interpolation=cv2.INTER_AREA)


_RENDERER: Renderer | None = None  # one in each worker process


def _start_worker(dances, camera, looks) -> None:
    global _RENDERER
    cv2.setNumThreads(1)
    _RENDERER = Renderer(dances, camera, looks)


def _batch(indices: list[int]) -> np.ndarray:
    return np.stack([_RENDERER(k) for k in indices])


def _prepare(dance, camera, look, width, height):
    """Lists of dances and looks, and a camera of the wanted size."""
    dances = [dance] if isinstance(dance, SyntheticDance) else list(dance)
    if not dances:
        raise InputError("no dance to render", "render", "give one")
    for other in dances[1:]:
        if not np.array_equal(other.time_s, dances[0].time_s):
            raise InputError("the dances have different times", "render", "give them one time_s")
    if look is None:
        look = [make_look(d.seed) for d in dances]
    looks = [look] if isinstance(look, Look) else list(look)
    if len(looks) != len(dances):
        raise InputError(f"{len(looks)} looks for {len(dances)} dances", "render", "give one each")
    if camera is None:
        camera = frame_dancers([d.pose for d in dances], width or 480, height or 640)
    camera = camera.resized(width or camera.width, height or camera.height)
    if camera.width < 16 or camera.height < 16:
        raise InputError(f"{camera.width}x{camera.height} is too small", "render", "use 16 or more")
    return dances, camera, looks


def render_frames(
    dance: SyntheticDance | Sequence[SyntheticDance],
    camera: Camera | None = None,
    look: Look | Sequence[Look] | None = None,
    width: int | None = None,
    height: int | None = None,
    workers: int = 1,
) -> Iterator[np.ndarray]:
    """Draws a dance frame by frame; the same arguments give the same pixels, for any `workers`.

    Args:
        dance: one dance, or several with equal times (shift them with `moved`).
        camera: where it is seen from; framed around the whole dance where None.
        look: one look a dance; from the dance's seed where None.
        width: pixels; the camera's where None.
        height: pixels; the camera's where None.
        workers: processes that draw at the same time; 1 draws in this one.

    Yields:
        u8[H,W,3] RGB, in time order.

    Raises:
        InputError: dances with different times, or a wrong number of looks.
    """
    dances, camera, looks = _prepare(dance, camera, look, width, height)
    n = len(dances[0].time_s)
    if workers <= 1:
        renderer = Renderer(dances, camera, looks)
        yield from (renderer(k) for k in range(n))
        return
    import multiprocessing

    jobs = [list(range(k, min(k + BATCH, n))) for k in range(0, n, BATCH)]
    context = multiprocessing.get_context("spawn")  # a fork of a process that runs JAX may hang
    with ProcessPoolExecutor(workers, context, _start_worker, (dances, camera, looks)) as pool:
        waiting = [pool.submit(_batch, job) for job in jobs[: 2 * workers]]
        for k in range(len(jobs)):
            frames = waiting.pop(0).result()
            if k + 2 * workers < len(jobs):
                waiting.append(pool.submit(_batch, jobs[k + 2 * workers]))
            yield from frames


def truth(dance: SyntheticDance | Sequence[SyntheticDance], camera: Camera) -> RenderTruth:
    """Returns what is known about the pictures of a dance through a camera."""
    dances, camera, _ = _prepare(dance, camera, None, None, None)
    pose = np.stack([d.pose for d in dances], axis=1)
    return RenderTruth(
        time_s=dances[0].time_s,
        joints_px=project(pose, camera).astype(np.float32),
        visible=visible_joints(pose, [d.body.height_m for d in dances], camera),
        pose=pose.astype(np.float32),
        camera=camera,
        seeds=tuple(d.seed for d in dances),
        label="; ".join(d.label for d in dances),
    )


def render_video(
    path: str | Path,
    dance: SyntheticDance | Sequence[SyntheticDance],
    camera: Camera | None = None,
    look: Look | Sequence[Look] | None = None,
    width: int | None = None,
    height: int | None = None,
    fps: float | None = None,
    truth_path: str | Path | None = None,
    workers: int = 1,
) -> RenderTruth:
    """Writes a dance as H.264 video with its exact times, labelled synthetic in the container.

    Args:
        path: the video to write (.mp4).
        dance: see `render_frames`.
        camera: see `render_frames`.
        look: see `render_frames`.
        width: pixels, even.
        height: pixels, even.
        fps: nominal rate stated in the file; the dance's own mean rate where None. The frames'
            times are the dance's in any case.
        truth_path: also write the truth there as npz.
        workers: see `render_frames`.

    Returns:
        The truth of every frame.

    Raises:
        InputError: as `render_frames`, or an odd width or height.
    """
    dances, camera, looks = _prepare(dance, camera, look, width, height)
    if camera.width % 2 or camera.height % 2:
        size = f"{camera.width}x{camera.height}"
        raise InputError(f"H.264 needs even sides, not {size}", path, "change width or height")
    time_s = dances[0].time_s
    known = truth(dances, camera)
    notes = {"title": TITLE, "comment": f"{known.label}. Not a recording of a person."}
    rate = (
        fps or (len(time_s) - 1) / float(time_s[-1] - time_s[0]) if len(time_s) > 1 else fps or 30
    )
    size = (camera.width, camera.height)
    with VideoWriter(path, *size, fps=rate, crf=20, metadata=notes) as video:
        frames = render_frames(dances, camera, looks, workers=workers)
        for rgb, when in zip(frames, time_s, strict=True):
            video.write(rgb, float(when))
    if truth_path is not None:
        known.save(truth_path)
    return known
