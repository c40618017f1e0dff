"""BlazePose on whole batches of frames as pure JAX functions, for accelerators.

Each frame is looked at for itself (detector, then landmarks), as in MediaPipe's IMAGE mode, since
tracking goes from frame to frame. The two networks can also be called alone.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from dance_jax.pose import anchors, detection, executors, graph, landmarks, roi, tflite

DetectorFn = Callable[[graph.Params, jax.Array], detection.Detections]
LandmarkFn = Callable[[graph.Params, jax.Array], landmarks.CropPose]


class BatchPoses(NamedTuple):
    """People of B frames, P places a frame, best first; `score` says which places are taken.

    Attributes:
        landmarks: f32[B,P,33,3], px, y down.
        visibility: f32[B,P,33].
        presence: f32[B,P,33].
        world: f32[B,P,33,3], metres, y UP, z towards the viewer.
        score: f32[B,P]; likelihood that there is a person, 0 where the detector saw none.
    """

    landmarks: jax.Array
    visibility: jax.Array
    presence: jax.Array
    world: jax.Array
    score: jax.Array


def make_detector(
    model: tflite.Graph, dtype: jnp.dtype = jnp.float32
) -> tuple[graph.Params, DetectorFn]:
    """Returns (params, detector_fn) of the person detector.

    detector_fn(params, pictures[B,224,224,3] with values 0 to 255) gives all 2254 boxes of each
    picture as `Detections`: boxes[B,2254,4], keypoints[B,2254,4,2], scores[B,2254].
    """
    places = executors.roles(model, anchors.INPUT_SIZE, executors.DETECTOR, "detector")
    params, apply = graph.build(model, dtype=dtype)

    def detector_fn(params: graph.Params, pictures: jax.Array) -> detection.Detections:
        outputs = apply(params, pictures.astype(jnp.float32) * (2 / 255) - 1)
        raw, logits = (outputs[place] for place in places)
        return detection.decode(raw, logits[..., 0])

    return params, detector_fn


def make_landmarker(
    model: tflite.Graph, dtype: jnp.dtype = jnp.float32
) -> tuple[graph.Params, LandmarkFn]:
    """Returns (params, landmark_fn) of the landmark network.

    landmark_fn(params, crops[B,256,256,3] with values 0 to 255) gives a `CropPose` of B people;
    the segmentation mask is not computed.
    """
    places = executors.roles(model, landmarks.INPUT_SIZE, executors.LANDMARKER, "landmarks")
    params, apply = graph.build(model, dtype=dtype)

    def landmark_fn(params: graph.Params, crops: jax.Array) -> landmarks.CropPose:
        outputs = apply(params, crops.astype(jnp.float32) * (1 / 255))
        return landmarks.decode(*(outputs[place] for place in places))

    return params, landmark_fn


def crop(
    frames: jax.Array,
    regions: jax.Array,
    size: int,
    *,
    repeat_border: bool,
    source: jax.Array | None = None,
) -> jax.Array:
    """Cuts regions out of pictures; the counterpart of `roi.crop` on the device.

    Args:
        frames: u8[B,H,W,3].
        regions: f32[N,4], see `roi`; of a region that is not usable the values mean nothing.
        size: side of the cut-outs.
        repeat_border: outside of the picture repeat its border, else black.
        source: i32[N], the picture that each region is cut from; by default one region a picture.

    Returns:
        f32[N,size,size,3], whole numbers from 0 to 255.
    """
    height, width = frames.shape[1:3]
    x, y, side, angle = (regions[:, i, None, None] for i in range(4))
    a, b = jnp.cos(angle) * side / size, jnp.sin(angle) * side / size
    along = jnp.arange(size) - size / 2
    along_x, along_y = along[None, None, :], along[None, :, None]
    # Positions in steps of 1/32 pixel, as `roi.crop` takes them.
    at_x = jnp.round(32 * (x + a * along_x - b * along_y)) / 32
    at_y = jnp.round(32 * (y + b * along_x + a * along_y)) / 32
    left, top = jnp.floor(at_x), jnp.floor(at_y)
    share_x, share_y = (at_x - left)[..., None], (at_y - top)[..., None]
    row = (jnp.arange(frames.shape[0]) if source is None else source)[:, None, None]

    def tap(dx: int, dy: int) -> jax.Array:
        column, line = (left + dx).astype(jnp.int32), (top + dy).astype(jnp.int32)
        clipped_column, clipped_line = column.clip(0, width - 1), line.clip(0, height - 1)
        value = frames[row, clipped_line, clipped_column].astype(jnp.float32)
        if repeat_border:
            return value
        outside = (column != clipped_column) | (line != clipped_line)
        return jnp.where(outside[..., None], 0, value)

    upper = tap(0, 0) * (1 - share_x) + tap(1, 0) * share_x
    lower = tap(0, 1) * (1 - share_x) + tap(1, 1) * share_x
    # Whole grey levels, as the networks see them on the CPU.
    return jnp.round(upper * (1 - share_y) + lower * share_y)


def suppress(found: detection.Detections, limit: int) -> detection.Detections:
    """Merges the boxes of each person and keeps the best; as `detection.suppress`, fixed shapes.

    Args:
        found: all boxes of one picture: boxes[N,4], keypoints[N,4,2], scores[N].
        limit: how many people to return.

    Returns:
        Detections of `limit` people; the score is 0 where there was none left.
    """
    left = jnp.where(found.scores >= detection.MIN_SCORE, found.scores, 0)
    picked = []
    for _ in range(limit):
        best = jnp.argmax(left)
        near = detection.overlap(found.boxes[best], found.boxes) > detection.MIN_OVERLAP
        near = near.at[best].set(True)
        weight = jnp.where(near, left, 0)
        weight = weight / jnp.maximum(jnp.sum(weight), 1e-9)
        picked.append(
            (
                jnp.tensordot(weight, found.boxes, 1, precision="highest"),
                jnp.tensordot(weight, found.keypoints, 1, precision="highest"),
                left[best],
            )
        )
        left = jnp.where(near, 0, left)
    return detection.Detections(*(jnp.stack(part) for part in zip(*picked, strict=True)))


def make_pipeline(
    detector: tflite.Graph,
    landmarker: tflite.Graph,
    num_people: int = 1,
    dtype: jnp.dtype = jnp.float32,
) -> tuple[dict[str, graph.Params], Callable[[dict[str, graph.Params], jax.Array], BatchPoses]]:
    """Returns (params, pose_fn); pose_fn(params, frames u8[B,H,W,3]) gives `BatchPoses`.

    Everything stays on the device: letterbox, detector, suppression, cut-outs, landmarks. To be
    jitted by the caller; one program a shape of `frames`.

    Args:
        detector: the person detector.
        landmarker: the landmark network.
        num_people: places P a frame.
        dtype: see `graph.build`.
    """
    detector_params, detector_fn = make_detector(detector, dtype)
    landmark_params, landmark_fn = make_landmarker(landmarker, dtype)

    def pose_fn(params: dict[str, graph.Params], frames: jax.Array) -> BatchPoses:
        batch, height, width = frames.shape[:3]
        everything = jnp.tile(jnp.asarray(roi.whole(width, height)), (batch, 1))
        pictures = crop(frames, everything, anchors.INPUT_SIZE, repeat_border=False)
        found = detector_fn(params["detector"], pictures)
        people = jax.vmap(lambda one: suppress(one, num_people))(found)
        points = roi.to_picture(everything[:, None], people.keypoints)
        regions = roi.from_points(points[..., 0, :], points[..., 1, :]).reshape(-1, 4)
        seen = (people.scores.reshape(-1) > 0) & roi.usable(regions)
        regions = jnp.where(seen[:, None], regions, jnp.asarray(roi.whole(width, height)))
        crops = crop(
            frames,
            regions,
            landmarks.INPUT_SIZE,
            repeat_border=True,
            source=jnp.repeat(jnp.arange(batch), num_people),
        )
        pose = landmark_fn(params["landmarks"], crops)
        placed = landmarks.to_picture(pose, regions)
        count = landmarks.N_LANDMARKS

        def split(x: jax.Array) -> jax.Array:
            return x.reshape(batch, num_people, *x.shape[1:])

        return BatchPoses(
            landmarks=split(placed.landmarks),
            visibility=split(pose.visibility[:, :count]),
            presence=split(pose.presence[:, :count]),
            world=split(placed.world),
            score=split(jnp.where(seen, pose.score, 0)),
        )

    return {"detector": detector_params, "landmarks": landmark_params}, pose_fn


def items_per_second(
    function: Callable[..., Any], *args: Any, items: int, rounds: int = 7
) -> tuple[float, float]:
    """Measures a function once it is compiled.

    Args:
        function: a jitted function.
        *args: its arguments, on the device already.
        items: how many pictures one call takes.
        rounds: timed calls.

    Returns:
        (median items/s, compile time in s with the first call).
    """
    start = time.perf_counter()
    jax.block_until_ready(function(*args))
    compiled = time.perf_counter() - start
    times = []
    for _ in range(rounds):
        start = time.perf_counter()
        jax.block_until_ready(function(*args))
        times.append(time.perf_counter() - start)
    return items / sorted(times)[len(times) // 2], compiled
