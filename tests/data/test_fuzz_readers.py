"""Fuzzing of the pose readers: whatever the bytes, a clip or an InputError, and within seconds."""

from __future__ import annotations

import contextlib
import functools
import json
import os
import pathlib
import time

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies as st

from dance_jax.data import (
    alphapose,
    choreai_text,
    clip_npz,
    coco,
    formats,
    load,
    mediapipe_csv,
    mediapipe_files,
    openpose,
)
from dance_jax.errors import InputError
from dance_jax.types import Clip
from tests.data.people import people

SEED = 7
FULL = os.environ.get("DANCE_JAX_FULL", "") == "1"
# Files a reader; launch/accept.sh asks for the larger number.
EXAMPLES = int(os.environ.get("DANCE_JAX_FUZZ", "2000" if FULL else "60"))
OPTIONS = {"fps": 25, "image_size": (640, 480)}


@functools.cache
def sample(name: str, folder: pathlib.Path) -> bytes:
    """A small sound file of a format, as bytes."""
    clip = people(SEED, 2, duration_s=0.2)
    one = clip.person(0)
    long = people(SEED, 1, duration_s=4.0)
    path = folder / name
    write = {
        "alphapose": lambda: alphapose.write(path, clip, fps=25),
        "alphapose_cmu": lambda: alphapose.write(path, clip, form="cmu", fps=25),
        "coco": lambda: coco.write(path, clip),
        "mediapipe_json": lambda: mediapipe_files.write(path, clip),
        "mediapipe_csv": lambda: mediapipe_csv.write(path, one),
        "choreai_text": lambda: choreai_text.write(path, long),
        "clip_npz": lambda: clip_npz.write(path, clip),
    }
    if name == "openpose":
        openpose.write(path, clip)
        return min(path.iterdir()).read_bytes()
    write[name]()
    return path.read_bytes()


NAMES = ["alphapose", "alphapose_cmu", "openpose", "coco", "mediapipe_json", "mediapipe_csv"]
NAMES += ["choreai_text", "clip_npz"]
SPANS = st.lists(
    st.tuples(
        st.sampled_from(["flip", "cut", "drop", "copy", "text"]),
        st.floats(0, 1),
        st.integers(1, 40),
        st.sampled_from([b"null", b"-1", b"1e999", b"NaN", b"[", b"}", b'"', b",", b"\x00", b"{}"]),
    ),
    min_size=1,
    max_size=4,
)


def damaged(data: bytes, spans: list) -> bytes:
    out = bytearray(data)
    for kind, where, length, word in spans:
        at = int(where * len(out))
        if kind == "flip" and out:
            out[min(at, len(out) - 1)] ^= 1 << (length % 8)
        elif kind == "cut":
            del out[at:]
        elif kind == "drop":
            del out[at : at + length]
        elif kind == "copy":
            out[at:at] = out[at : at + length]
        else:
            out[at : at + len(word)] = word
    return bytes(out)


def read(path: pathlib.Path, name: str) -> list[Clip]:
    """Reads by the format's own name; only InputError may come out, in bounded time."""
    begun = time.process_time()
    try:
        found = list(load.load_clips(path, format=name, **OPTIONS))
    except InputError as error:
        assert "\n" not in error.line() and error.where
        found = []
    assert time.process_time() - begun < 5
    for clip in found:
        assert np.isfinite(clip.time_s).all() and (clip.confidence[~clip.present] == 0).all()
        assert not (np.abs(clip.pose) > 1.01e9).any()
    return found


@pytest.mark.parametrize("name", NAMES)
def test_damaged_files(name, tmp_path_factory) -> None:
    folder = tmp_path_factory.mktemp(name)
    data = sample(name, folder)
    path, given = folder / "damaged", name.removesuffix("_cmu")
    path.write_bytes(data)
    assert read(path, given)  # the sound file is read

    @hypothesis.settings(
        max_examples=EXAMPLES, suppress_health_check=[hypothesis.HealthCheck.too_slow]
    )
    @hypothesis.given(spans=SPANS)
    def check(spans):
        path.write_bytes(damaged(data, spans))
        read(path, given)
        with contextlib.suppress(InputError):
            load.detect(path)

    check()


KEYS = ["image_id", "keypoints", "score", "idx", "people", "pose_keypoints_2d", "bodies", "joints"]
KEYS += ["images", "annotations", "categories", "id", "file_name", "landmarks", "pose_landmarks"]
KEYS += ["x", "y", "visibility", "frames", "fps", "time_s", "version", "0", "frame_1", "width"]
LEAVES = st.none() | st.booleans() | st.integers(-3, 10**10) | st.floats() | st.text(max_size=3)
LEAVES |= st.sampled_from([[1.0] * 51, [2] * 54, [0.5] * 75, [1] * 78, [{"x": 1, "y": 2}] * 33])
TREES = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=5)
    ),
    max_leaves=12,
)


@pytest.mark.parametrize("name", ["alphapose", "openpose", "coco", "mediapipe_json"])
def test_json_of_any_shape(name, tmp_path_factory) -> None:
    path = tmp_path_factory.mktemp(name) / "a"

    @hypothesis.settings(max_examples=EXAMPLES)
    @hypothesis.given(whole=TREES)
    def check(whole):
        try:
            path.write_text(json.dumps(whole), "utf-8")
        except UnicodeEncodeError:
            hypothesis.reject()
        read(path, name)

    check()


@pytest.mark.parametrize("one", formats.formats(), ids=lambda one: one.name)
def test_random_bytes(one, tmp_path_factory) -> None:
    path = tmp_path_factory.mktemp(one.name) / "gBR_sBM_c01_d04_mBR3_ch04"

    @hypothesis.settings(max_examples=EXAMPLES // 2)
    @hypothesis.given(start=st.sampled_from([b"", b"PK\x03\x04", b"[", b"{", b"\x1f\x8b\x08"]),
                      data=st.binary(max_size=200))  # fmt: skip
    def check(start, data):
        path.write_bytes(start + data)
        read(path, one.name)
        assert one.sniff(formats.head(path)) is None or isinstance(
            one.sniff(formats.head(path)), str
        )

    check()
