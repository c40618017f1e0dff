"""The genre classifier on AIST's videos: a frozen encoder, frames of the whole clip, two GRUs."""

from __future__ import annotations

import pathlib
from collections.abc import Callable, Mapping
from typing import Any

import flax.linen as nn
import jax
import numpy as np

from dance_jax.data import made_layouts
from dance_jax.data.aist_names import GENRES, parse_name
from dance_jax.data.clip_source import ClipSource
from dance_jax.data.container import VIDEO_SUFFIXES
from dance_jax.data.paired_clips import PairedClips, Row
from dance_jax.data.video_window import frame_times
from dance_jax.errors import InputError
from dance_jax.interrupts import check_interrupt
from dance_jax.models.aist_genre import AISTGenre
from dance_jax.models.inputs import Inputs
from dance_jax.training import networks
from dance_jax.training.encoded import with_encoded
from dance_jax.training.examples import Example, Examples
from dance_jax.training.network import dtype_of

FIXED: Mapping[str, Any] = {"streams": ("frames",), "encoder_cached": True, "stride_s": 0.0}


class GenreNet(nn.Module):
    """`models.aist_genre.AISTGenre` on a batch of encoded frames.

    Attributes:
        classes: number of genres.
        dropout: after the second GRU.
        dtype: of the products.
    """

    classes: int
    dropout: float = 0.4
    dtype: Any = np.float32

    @nn.compact
    def __call__(
        self, inputs: Inputs, *, train: bool = False
    ) -> tuple[dict[str, jax.Array], dict[str, jax.Array]]:
        """Returns ({"style_logits": f32[B,S]}, intermediates, the dense layer as "pooled")."""
        net = AISTGenre(self.classes, self.dropout, self.dtype, name="genre")
        if inputs.encoded is None:
            raise ValueError("the genre network needs encoded frames")
        found, more = net(inputs.encoded, inputs.frame_mask, train=train)
        return {"style_logits": found["style"]}, {**more, "pooled": more["last"]}


def module(config: Any, classes: int, axis_name: str | None) -> nn.Module:
    """Returns the network; it has nothing to synchronise."""
    del axis_name
    return GenreNet(classes, config.dropout, dtype_of(config.dtype))


def frames(config: Any) -> int:
    """Returns the frames of a clip, all of them one window."""
    return int(config.clip_frames)


def start(config: Any) -> Callable[[Mapping[str, Any]], Mapping[str, Any]] | None:
    """Returns None: only the encoder starts from weights, and it is frozen."""
    del config
    return None


def whole_clip(times: np.ndarray, count: int) -> np.ndarray:
    """Returns up to `count` of a clip's times, spread evenly over the whole of it.

    The clip is cut in `count` equal parts, and the frame in the middle of each is taken. The
    original takes the first frames: a third of a second of ten.

    Args:
        times: f64[T] of its frames.
        count: N; a clip of fewer frames gives all of them.
    """
    if len(times) <= count:
        return times
    return times[((np.arange(count) + 0.5) * len(times) / count).astype(int)]


def examples(config: Any) -> Examples:
    """Reads a folder of AIST's videos, and encodes frames of each.

    The genre, the dancer and the rest are in the names. As in the original, videos of several
    dancers are left out; those without a genre too.

    Args:
        config: keys `data`, `clip_frames`, and of `encoded.with_encoded`.

    Raises:
        InputError: there is no such video, or one cannot be read.
    """
    folder = networks.data_folder(config)
    rows, notes = [], []
    several, foreign = 0, 0
    for path in _videos(folder):
        check_interrupt()
        try:
            name = parse_name(path)
        except InputError:
            foreign += 1
            continue
        if not name.genre or len(name.dancers) != 1:
            several += 1
            continue
        groups = {
            "dancer": f"d{name.dancers[0]:02d}",
            "music": name.music,
            "choreography": f"{name.genre} {name.situation} {name.number:02d}",
            "take": name.seen_by(None),
            "camera": "" if name.camera is None else f"c{name.camera:02d}",
        }
        rows.append(Example(name.name, None, path, GENRES.get(name.genre, name.genre), groups))
    made = made_layouts.is_made(folder)
    if made:
        notes.append(made_layouts.LABEL)
    if several:
        notes.append(f"{several} videos of several dancers, or without a genre, left out")
    if foreign:
        notes.append(f"{foreign} videos left out: their names are not AIST's")
    if not rows:
        fix = "give a folder of videos such as gBR_sBM_c01_d04_mBR0_ch01.mp4"
        raise InputError("no video of one dancer in it has a name of AIST", folder, fix)
    rows.sort(key=lambda row: row.name)
    licences = ("MIT (synthetic)",) if made else ("AIST Dance Database terms",)
    found = Examples(tuple(rows), str(folder), "", licences, made, tuple(notes))

    def times(row: Example) -> np.ndarray:
        return whole_clip(frame_times(row.video), config.clip_frames)

    return with_encoded(config, found, times=times)


def _videos(folder: pathlib.Path) -> list[pathlib.Path]:
    if not folder.is_dir():
        raise InputError("there is no such folder", folder, "give the folder of AIST's videos")
    kinds = tuple(VIDEO_SUFFIXES)
    return sorted(p for p in folder.rglob("*") if p.name.lower().endswith(kinds) and p.is_file())


def source(config: Any, examples: Examples) -> ClipSource:
    """Returns the encoded frames, a clip of `clip_frames` or fewer each."""
    del config
    rows = []
    for one in examples.rows:
        values = one.streams["encoded"]
        clock = np.arange(len(values), dtype=np.float64)
        rows.append(Row(one.name, clock, streams={"encoded": values}))
    return PairedClips(rows, axes=0)
