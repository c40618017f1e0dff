"""What a frozen encoder makes of the pictures: computed once a clip, kept, and trained on."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import pathlib
from collections.abc import Callable, Mapping
from typing import Any

import jax
import numpy as np

from dance_jax import logs, rng
from dance_jax._version import __version__
from dance_jax.data.clip_cache import ClipCache
from dance_jax.data.load import file_hash
from dance_jax.data.paired_clips import nearest_pictures
from dance_jax.data.pose_clips import content_hash
from dance_jax.errors import ConfigError
from dance_jax.interrupts import check_interrupt
from dance_jax.models import encoders, weights, weights_torchvision
from dance_jax.training import network, sources
from dance_jax.training.examples import Example, Examples

PICTURES = 16
"""Pictures of one call of the encoder: one shape, so one compilation."""

RANDOM = (
    "{} is frozen at RANDOM weights, since --config.encoder_weights names no file: "
    "its features, and every figure that rests on them, mean nothing"
)
Times = Callable[[Example], np.ndarray]


def with_encoded(config: Any, examples: Examples, *, times: Times | None = None) -> Examples:
    """Returns the examples with the stream "encoded", f32[T,K], NaN without a video.

    Args:
        config: keys `encoder`, `encoder_*`, `frame_height`, `frame_width`, `fps`, `cache`, `dtype`.
        examples: with videos.
        times: gives the f64[T] seconds at which an example's pictures are encoded, the nearest
            picture each; by default its clock.

    Raises:
        ConfigError: no example has a video, or the keys of the encoder do not go together.
        InputError: a video or the weights cannot be read.
    """
    if not any(row.video for row in examples.rows):
        raise ConfigError("no clip has a video", "--config.encoder_cached", "give a corpus of them")
    clock = times or functools.partial(sources.clock_of, fps=config.fps)
    encoder = Encoder(config)
    cache = sources.cache_of(config)
    progress = logs.Progress(f"encoding by {config.encoder}", unit="clips")
    rows = []
    for number, row in enumerate(examples.rows, 1):
        check_interrupt()
        at = clock(row)
        if row.video is None:
            made = np.full((len(at), encoder.width), np.nan, np.float32)
        else:
            made = _kept(encoder, cache, row, at, config.fps)
        rows.append(dataclasses.replace(row, streams={**row.streams, "encoded": made}))
        progress.update(number, len(examples), "encode")
    notes = examples.notes if encoder.sha256 else (RANDOM.format(config.encoder), *examples.notes)
    return dataclasses.replace(examples, rows=tuple(rows), notes=notes)


class Encoder:
    """A frozen encoder: pictures in, features out. It is made at the first picture.

    Args:
        config: as of `with_encoded`.

    Attributes:
        size: (height, width) of the pictures.
        sha256: of the file of its weights; "" where they are random.
    """

    def __init__(self, config: Any) -> None:
        self.config, self.size = config, (config.frame_height, config.frame_width)
        options = dict(network.encoder_options(config))
        self.options = {k: v for k, v in options.items() if k not in ("frozen", "frozen_stages")}
        if not encoders.ENCODERS[config.encoder]:
            # Pictures come normalised by ImageNet; InceptionV3 was trained on [-1, 1].
            self.options["transform_input"] = True
        given = config.encoder_weights
        self.sha256 = file_hash(pathlib.Path(given)) if given else ""
        dtype = network.dtype_of(config.dtype)
        self._module = encoders.make(config.encoder, dtype=dtype, **self.options)
        self._blank = np.zeros((1, *self.size, 3), np.float32)
        self._run = jax.jit(self._features)

    @functools.cached_property
    def variables(self) -> Mapping[str, Any]:
        """Random ones, the same everywhere, or those of the file."""
        drawn = jax.jit(self._module.init)(rng.key(0, "encoder"), self._blank)
        if not self.config.encoder_weights:
            return drawn
        keys = weights_torchvision.keys(self.config.encoder)
        found = weights.load(self.config.encoder_weights, drawn, keys, dont_load=r"^fc\.")
        return found.variables

    @functools.cached_property
    def width(self) -> int:
        """K, the features of a picture."""
        shapes = jax.eval_shape(self._module.init, rng.key(0, "encoder"), self._blank)
        return int(jax.eval_shape(self._features, shapes, self._blank).shape[-1])

    def _features(self, variables: Mapping[str, Any], pictures: jax.Array) -> jax.Array:
        made = self._module.apply(variables, weights.normalise(pictures), train=False)
        return made.get("features", made["pooled"]).astype(np.float32)

    def __call__(self, pictures: np.ndarray) -> np.ndarray:
        """Returns f32[T,K] of u8[T,H,W,3]."""
        count = len(pictures)
        short = np.zeros((-count % PICTURES, *pictures.shape[1:]), pictures.dtype)
        rows = np.concatenate([pictures, short]).reshape(-1, PICTURES, *pictures.shape[1:])
        made = [np.asarray(self._run(self.variables, part)) for part in rows]
        return np.concatenate(made)[:count]

    def facts(self) -> dict[str, Any]:
        """Returns all that decides what it makes of a picture, as JSON values."""
        return {
            "encoder": self.config.encoder,
            "options": {k: str(v) for k, v in self.options.items()},
            "weights": self.sha256 or "random",
            "size": list(self.size),
            "dtype": self.config.dtype,
            "version": __version__,
        }


def _kept(
    encoder: Encoder, cache: ClipCache | None, row: Example, at: np.ndarray, fps: float
) -> np.ndarray:
    """Returns f32[T,K] of one example, from the cache where it is there."""

    def make() -> dict[str, np.ndarray]:
        return {"encoded": encoder(nearest_pictures(row.video, at, *encoder.size, fps=fps))}

    if cache is None:
        return make()["encoded"]
    times = hashlib.sha256(np.ascontiguousarray(at)).hexdigest()
    key = {**encoder.facts(), "times": times}
    return np.asarray(cache.arrays(content_hash(row.video), key, make)["encoded"])
