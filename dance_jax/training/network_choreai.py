"""choreAI: 51 numbers a row, 100 rows a clip, into a ReLU layer and two LSTM layers."""

from __future__ import annotations

import dataclasses
import functools
import os
import pathlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from dance_jax import skeleton as skeletons
from dance_jax.data import choreai_text, load, made_layouts
from dance_jax.data.clip_source import ClipSource
from dance_jax.data.corpus import Corpus, Entry
from dance_jax.data.paired_clips import PairedClips, Row
from dance_jax.errors import ConfigError, InputError
from dance_jax.models import choreai, choreai_checkpoint
from dance_jax.models.inputs import Inputs
from dance_jax.training import examples as read_examples
from dance_jax.training import networks
from dance_jax.training.examples import Example, Examples
from dance_jax.training.prepared import at_rate, main_person, prepared
from dance_jax.types import Clip

FIXED: Mapping[str, Any] = {"streams": ("pose",), "layers": 2, "axes": 2, "dtype": "float32"}
PARTS = ("train", "val", "test")
_CROWDED = 0.2  # share of rows from which two people seem to take turns


class ChoreAINet(nn.Module):
    """`models.choreai.ChoreAI` on a batch; its rows go the way of encoded pictures.

    Attributes:
        hidden: width of each layer.
        classes: number of styles.
    """

    hidden: int = 20
    classes: int = len(choreai.LABELS)

    @nn.compact
    def __call__(
        self, inputs: Inputs, *, train: bool = False
    ) -> tuple[dict[str, jax.Array], dict[str, jax.Array]]:
        """Returns ({"style_logits": f32[B,S]}, intermediates, the last output as "pooled")."""
        net = choreai.ChoreAI(self.hidden, self.classes, name="choreai")
        if inputs.encoded is None:
            raise ValueError("choreAI's network needs rows of 51 numbers")
        found, more = net(inputs.encoded, inputs.frame_mask, train=train)
        return {"style_logits": found["style"]}, {**more, "pooled": more["last"]}


def module(config: Any, classes: int, axis_name: str | None) -> nn.Module:
    """Returns the network; it has nothing to synchronise."""
    del axis_name
    return ChoreAINet(config.hidden, classes)


def frames(config: Any) -> int:
    """Returns the rows of a window: 100 for `window_s` 4 at 25 a second."""
    return max(round(config.window_s * config.fps), 2)


def start(config: Any) -> Callable[[Mapping[str, Any]], Mapping[str, Any]] | None:
    """Returns what puts the stored TensorFlow 1 checkpoint into the network; None without one."""
    return functools.partial(_stored, config=config) if config.start_from else None


def _stored(variables: Mapping[str, Any], config: Any) -> Mapping[str, Any]:
    found = choreai.from_tf1(choreai_checkpoint.read(config.start_from))
    drawn = variables["params"]["choreai"]
    if jax.tree.map(jnp.shape, found) != jax.tree.map(jnp.shape, drawn):
        width, classes = found["out"]["kernel"].shape
        what = f"the checkpoint is {width} wide and has {classes} classes"
        fix = f"take --config.hidden={width}, and data of {classes} classes"
        raise ConfigError(what, "--config.start_from", fix)
    return {**variables, "params": {"choreai": jax.tree.map(jnp.asarray, found)}}


def source(config: Any, examples: Examples) -> ClipSource:
    """Returns the rows as the stream "encoded", on a clock at `fps`."""
    rows = []
    for one in examples.rows:
        values = one.streams["encoded"]
        clock = np.arange(len(values)) / config.fps
        rows.append(Row(one.name, clock, streams={"encoded": values}))
    return PairedClips(rows, axes=0)


def is_layout(folder: str | os.PathLike[str]) -> bool:
    """True for a folder of choreAI's text: X_train.txt with labels beside it."""
    place = pathlib.Path(folder)
    return (place / "X_train.txt").is_file() and (place / "Y_train.txt").is_file()


def examples(config: Any) -> Examples:
    """Reads choreAI's layout, or the poses in pixels of any file of clips, as its rows.

    Args:
        config: keys `data`, `fps`, `file_fps`, `val_share`; of another file `label`, `group_by`.

    Raises:
        InputError: it cannot be read, or holds no poses in pixels.
        ConfigError: `label` is missing.
    """
    folder = networks.data_folder(config)
    if is_layout(folder):
        return _laid_out(config, folder, rows=True)
    if folder.is_dir() and any((folder / name).is_dir() for name in ("videos", "annotations")):
        fix = "give choreAI's folder of X_train.txt, or a file of clips of poses"
        raise InputError("choreAI's network reads no corpus of videos", folder, fix)
    if not config.label:
        what = "a file of poses needs the name of the label that is learnt"
        raise ConfigError(what, "--config.label", "such as --config.label=style")
    options = {"allow_pickle": config.allow_pickle}
    found = read_examples.from_file(
        config.data,
        label=config.label,
        groups=tuple(config.group_by),
        rate=config.file_fps,
        fps=config.fps,
        skeleton=config.skeleton,
        **options,
    )
    if config.file_fps is not None:
        options["fps"] = config.file_fps
    kept = {row.name for row in found.rows}
    raw = {}
    for number, clip in enumerate(load.load_clips(config.data, **options)):
        name = str(clip.source.get("name") or f"clip {number}")
        if name in kept:
            raw[name] = rows_of(clip, config.fps)
    made = [dataclasses.replace(r, streams={"encoded": raw[r.name]}) for r in found.rows]
    return dataclasses.replace(found, rows=tuple(made))


def poses(config: Any) -> Examples:
    """Reads choreAI's layout for dance_net: one person, body heights, y up.

    Raises:
        InputError: as `examples`.
    """
    return _laid_out(config, networks.data_folder(config), rows=False)


def rows_of(clip: Clip, fps: float) -> np.ndarray:
    """Returns f32[T,51] of a clip at one rate, as AlphaPose's text has it; missing joints are 0.

    Args:
        clip: in pixels.
        fps: rows a second.

    Raises:
        InputError: it is not in pixels, or too short.
    """
    where = clip.source.get("name") or "clip"
    if clip.unit != "px":
        raise InputError(f"its poses are in {clip.unit}", where, "choreAI reads pixels")
    person = main_person(clip)
    pose, sure = clip.pose[:, person, :, :2], clip.confidence[:, person]
    if skeletons.get(clip.skeleton).name != choreai_text.SKELETON:
        pose, sure = skeletons.convert(pose, sure, clip.skeleton, choreai_text.SKELETON)
    seen = np.isfinite(pose).all(-1)
    both = np.where(seen[..., None], np.concatenate([pose, sure[..., None]], -1), np.nan)
    values, _ = at_rate(both.astype(np.float32), clip.time_s, fps, where)
    return _numbers(values[..., :2], values[..., 2])


def _numbers(pose: np.ndarray, confidence: np.ndarray) -> np.ndarray:
    return np.asarray(choreai.pose_rows(pose, confidence), np.float32)


def _laid_out(config: Any, folder: pathlib.Path, *, rows: bool) -> Examples:
    """Reads X_PART.txt and Y_PART.txt; without a val part the end of each style's is one."""
    found: list[Example] = []
    parts: dict[str, str] = {}
    notes: list[str] = []
    crowded = 0
    made = made_layouts.is_made(folder)
    if made:
        notes.append(made_layouts.LABEL)
    for part in PARTS:
        path = folder / f"X_{part}.txt"
        if not path.is_file():
            continue
        for clip, number in _clips(path, config.file_fps or config.fps):
            name = f"{part}_{number + 1:04d}"
            crowded += clip.source["interleaved"] > _CROWDED
            try:
                ready = prepared(clip, fps=config.fps, skeleton=config.skeleton, axes=2)
            except InputError as error:
                notes.append(f"{name} left out: {error.what}")
                continue
            streams = {"encoded": _numbers(clip.pose[:, 0], clip.confidence[:, 0])} if rows else {}
            style = label_name(clip.labels.get("label", ""), path)
            groups = {"source": name}
            found.append(Example(name, ready, None, style, groups, streams=streams))
            parts[name] = part
    if not found:
        raise InputError("no clip of it can be used", folder, "; ".join(notes[:3]))
    found.sort(key=lambda row: row.name)
    if "val" not in parts.values() and config.val_share:
        parts |= _held_back(found, parts, config.val_share)
    if crowded:
        notes.append(f"in {crowded} of {len(found)} clips two people seem to take turns")
    notes.append("which clips are of one video the layout does not tell: parts may share some")
    entries = tuple(Entry(r.name, None, r.style, r.groups, parts[r.name]) for r in found)
    corpus = Corpus(folder, "choreAI's text", entries)
    return Examples(tuple(found), str(folder), "", (), made, tuple(notes), corpus)


def _clips(path: pathlib.Path, fps: float) -> Iterator[tuple[Clip, int]]:
    for number, clip in enumerate(load.load_clips(path, fps=fps, format="choreai_text")):
        yield clip, number


def _held_back(found: list[Example], parts: Mapping[str, str], share: float) -> dict[str, str]:
    """Returns the last clips of each style's training part as "val": neighbours stay together."""
    out = {}
    for style in {row.style for row in found}:
        own = [row.name for row in found if row.style == style and parts[row.name] == "train"]
        count = min(max(round(share * len(own)), 1), len(own) - 1)
        out |= dict.fromkeys(own[len(own) - count :] if count else [], "val")
    return out


def label_name(label: str, path: object) -> str:
    """Returns the style of a label: 1, 2, 3 are choreAI's own, others keep their number.

    Raises:
        InputError: there is no label.
    """
    if not label:
        raise InputError("its clips have no labels", path, "put Y_train.txt beside X_train.txt")
    number = int(label)
    known = 1 <= number <= len(choreai.LABELS)
    return choreai.LABELS[number - 1] if known else f"style {number}"
