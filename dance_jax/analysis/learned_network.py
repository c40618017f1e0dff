"""A trained network made ready for clips: what it can be given, and its compiled programs."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import os
from collections.abc import Iterator
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np
from flax.errors import FlaxError
from ml_collections import config_dict

from dance_jax.analysis.learned_programs import Explained, Programs, evenly, known, standing
from dance_jax.data.batch import Batch
from dance_jax.data.paired_clips import PairedClips
from dance_jax.errors import ConfigError, InputError
from dance_jax.interrupts import check_interrupt
from dance_jax.training import model, side_streams, zoo
from dance_jax.training.examples import Example, Examples
from dance_jax.training.model import Model
from dance_jax.training.predict import Predictions, by_clip

ROWS = 4
"""Windows of a batch with pictures: a short clip has few, and padding costs as much as a window."""

POSE_ROWS = 8
"""Windows of a batch of poses alone."""

MOST_EXPLAINED = 16
"""Windows, evenly spread, whose saliency is computed: each costs as much as 50 predictions."""


class Windows(NamedTuple):
    """What a network says of the windows of one clip.

    Attributes:
        first: i64[W] first frame of each on the network's clock.
        frames: i64[W] how many of its frames are the clip's.
        values: name -> f64[W,...], the scores, their log variances and the class logits.
        found: the same of the whole clip.
        still: `values` for the same dancer standing still in each window's mean pose; {} without
            poses.
        pooled: f32[W,D] features of each window.
        cam: f32[W,T,h,w] class activation of each frame, in logits; None without.
        batches: as the network was given them.
        encoded: of each batch f32[B,T,K], its pictures as the encoder sees them; () without.
    """

    first: np.ndarray
    frames: np.ndarray
    values: dict[str, np.ndarray]
    found: Predictions
    still: dict[str, np.ndarray]
    pooled: np.ndarray
    cam: np.ndarray | None
    batches: tuple[Batch, ...]
    encoded: tuple[Any, ...]


@dataclasses.dataclass(frozen=True, eq=False)
class Network:
    """A trained network and its programs, compiled once a shape.

    Attributes:
        model: as it was stored; its windows come in batches for one clip.
        programs: of it.
        name: of its run, or "zoo:NAME".
        entry: of the zoo; None for a run.
    """

    model: Model
    programs: Programs
    name: str
    entry: zoo.Entry | None

    @property
    def streams(self) -> tuple[str, ...]:
        """What the network takes: of "frames", "pose", "measures" and "beats"."""
        return tuple(self.model.config.streams)

    def given(self, video: bool) -> tuple[str, ...]:
        """Returns the streams that an input has."""
        return tuple(s for s in self.streams if video or s not in ("frames", "beats"))

    def check(self, where: object, *, video: bool, axes: int) -> None:
        """Refuses an input that the network cannot take, before the long part.

        Args:
            where: the input.
            video: it has pictures.
            axes: coordinates of its poses.

        Raises:
            InputError: pictures or coordinates are missing that the network was trained on.
        """
        config, name = self.model.config, f"the network of {self.name}"
        pictures = "frames" in self.streams and not video
        if pictures and "pose" not in self.streams:
            what = f"{name} sees pictures alone, and these are poses"
            raise InputError(what, where, "give the video, or a network of poses")
        if pictures and not config.stream_drop:
            what = f"{name} was trained on pictures and poses together, never on poses alone"
            raise InputError(what, where, "give the video, or train with --config.stream_drop=0.2")
        if "pose" in self.streams and axes < config.axes:
            what = f"{name} takes poses in {config.axes}D, and these are in {axes}D"
            raise InputError(what, where, "give poses in 3D, or train with --config.axes=2")
        if "frames" in self.streams and config.encoder_cached:
            what = f"{name} was trained on pictures that an encoder had seen beforehand"
            raise InputError(what, where, "train with --config.encoder_cached=False")

    def windows(self, example: Example, *, video: bool, fps: float | None = None) -> Windows:
        """Runs the network over every window of one clip once.

        With `mirror_test` in its config the mirror image counts as a second view, as it did when
        the network was measured.

        Args:
            example: prepared poses on the network's clock, with the video where there is one.
            video: give it the pictures.
            fps: images a second, of a folder of images.

        Raises:
            InputError: the pictures cannot be read, or the weights do not fit the network.
        """
        part = self._of(video)
        examples = _with_sides(Examples((example,), example.name), part.config.streams)
        loader = part.batches(examples)
        if isinstance(loader.source, PairedClips):
            loader.source.fps = fps  # that of these images, not of the training
        twice = part.config.mirror_test and not any(row.streams for row in examples.rows)
        rows: dict[str, list[np.ndarray]] = {}
        seconds: dict[str, list[np.ndarray]] = {}
        still: dict[str, list[np.ndarray]] = {}
        more: dict[str, list[np.ndarray]] = {"pooled": [], "cam": []}
        batches, encoded = [], []
        for batch in loader:
            check_interrupt()
            there = np.asarray(batch.mask)
            try:
                values, kept = self.programs.forward(part.variables, batch, part.task.picture)
            except FlaxError as error:
                what = "its weights do not fit the network that its model.json describes"
                raise InputError(what, part.path, "train it again with this version") from error
            _add(rows, values, there)
            if twice:
                turned = self.programs.mirrored(batch, part.task.picture)
                again, _ = self.programs.forward(part.variables, turned, part.task.picture)
                _add(seconds, again, there)
            if batch.pose is not None:
                alike = standing(batch)
                again, _ = self.programs.forward(part.variables, alike, part.task.picture)
                _add(still, again, there)
            for name, held in more.items():
                if name in kept:
                    held.append(np.asarray(kept[name])[there])
            batches.append(batch.replace(frames=None))
            if "encoded" in kept:
                encoded.append(kept["encoded"])
        values, turned, alike = (
            {name: np.concatenate(parts) for name, parts in held.items()}
            for held in (rows, seconds, still)
        )
        frames = np.array([window.frames for window in loader.windows])
        return Windows(
            first=np.array([window.start for window in loader.windows]),
            frames=frames,
            values=values,
            found=_together(values, turned, frames),
            still=alike,
            pooled=np.concatenate(more["pooled"]),
            cam=np.concatenate(more["cam"]) if more["cam"] else None,
            batches=tuple(batches),
            encoded=tuple(encoded),
        )

    def saliency(
        self, found: Windows, explained: Explained, *, video: bool
    ) -> Iterator[tuple[int, np.ndarray, np.ndarray]]:
        """Takes a prediction apart over joints and time, window by window.

        Against the same dancer standing still in the window's mean pose; pictures, measures and
        beats stay as they are.

        Args:
            found: of `windows`.
            explained: what is taken apart.
            video: as of `windows`.

        Yields:
            place of the window, map f32[T,J], and bool[T,J] where it is known.
        """
        part = self._of(video)
        chosen = set(evenly(len(found.first), MOST_EXPLAINED).tolist())
        at = 0
        for k, batch in enumerate(found.batches):
            places = [at + n for n in range(int(np.asarray(batch.mask).sum()))]
            at += len(places)
            if not chosen & set(places):
                continue
            check_interrupt()
            seen = found.encoded[k] if found.encoded else None
            name = explained.name if explained.kind == "score" else ""
            place = jnp.int32(explained.place)
            picture = part.task.picture
            made = self.programs.explained(part.variables, batch, seen, place, picture, name)
            made, there = np.asarray(made), np.asarray(known(batch))
            for n, at_window in enumerate(places):
                if at_window in chosen:
                    yield at_window, made[n], there[n]

    def _of(self, video: bool) -> Model:
        """Returns the model for an input with pictures, or for poses alone."""
        if video or "frames" not in self.streams:
            return self.model
        config = _changed(self.model.config, streams=self.given(False), batch_size=POSE_ROWS)
        # Without pictures there are none that poses could be placed in.
        task = dataclasses.replace(self.model.task, picture=0)
        return dataclasses.replace(self.model, config=config, task=task)


def load(run: str | os.PathLike[str]) -> Network:
    """Reads a trained network; one that was read before is kept with its compiled programs.

    Args:
        run: as of `dance_jax.load_run`.

    Raises:
        InputError: there is none, or it is damaged or of another version.
    """
    folder, entry = zoo.resolve(run)
    name = folder.resolve().name if entry is None else f"{zoo.PREFIX}{entry.name}"
    if entry is None and name == model.FOLDER:
        name = folder.resolve().parent.name
    found, programs = _kept(str(folder.resolve()), _digest(folder))
    return Network(found, programs, name, entry)


def _digest(folder: Any) -> str:
    for place in (folder / model.FACTS, folder / model.FOLDER / model.FACTS):
        if place.is_file():
            return hashlib.sha256(place.read_bytes()).hexdigest()
    return ""


@functools.lru_cache(maxsize=2)
def _kept(folder: str, digest: str) -> tuple[Model, Programs]:
    found = model.load(folder)
    rows = ROWS if "frames" in found.config.streams else POSE_ROWS
    found = dataclasses.replace(found, config=_changed(found.config, batch_size=rows))
    return found, Programs(found)


def _changed(config: Any, **values: Any) -> Any:
    made = config_dict.ConfigDict(config)
    with made.unlocked():
        made.update(values)
    return config_dict.FrozenConfigDict(made)


def _add(rows: dict[str, list], values: dict, there: np.ndarray) -> None:
    for name, value in values.items():
        rows.setdefault(name, []).append(np.asarray(value, np.float64)[there])


def _together(values: dict, again: dict, frames: np.ndarray) -> Predictions:
    """Brings windows, and where there are any their mirror images, together to the clip."""
    times = 2 if again else 1
    both = {k: np.concatenate([v, again[k]]) if again else v for k, v in values.items()}
    return by_clip(np.zeros(times * len(frames), int), np.tile(frames, times), both)


def _with_sides(examples: Examples, streams: tuple[str, ...]) -> Examples:
    """Adds movement measures and beats where the network takes them."""
    if "measures" in streams:
        examples = side_streams.with_measures(examples)
    if "beats" in streams:
        try:
            examples = side_streams.with_beats(examples)
        except ConfigError:  # there is no music: not known, which the network takes for absent
            (row,) = examples.rows
            none = np.full((len(row.clip.time_s), 2), np.nan, np.float32)
            row = dataclasses.replace(row, streams={**row.streams, "beats": none})
            examples = dataclasses.replace(examples, rows=(row,))
    return examples
