"""What a trained network looks at in a few clips: joints over time, and parts of the picture."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from ml_collections import config_dict

from dance_jax import skeleton
from dance_jax.data.batch import Batch
from dance_jax.models import cam, encoders, inception, resnet
from dance_jax.models.saliency import joint_time_saliency
from dance_jax.training.evaluate import Outcome
from dance_jax.training.examples import Examples
from dance_jax.training.model import Model

STEPS = 16
"""Points on the path of the integrated gradients."""

_JOINTS = 17


@dataclasses.dataclass(frozen=True, eq=False)
class Shown:
    """The first window of one clip, and what the prediction rests on.

    Attributes:
        clip: its name.
        about: what the model says and what is true.
        time_s: f64[T].
        joints: names of J.
        unit: of the saliency.
        saliency: f32[T,J]; None without poses.
        gap: what the saliency misses of the difference it explains, in its unit.
        pictures: u8[T,H,W,3]; None without.
        cam: f32[T,H,W], of the map head's logit, less its mean map where that is known; None
            without.
    """

    clip: str
    about: str
    time_s: np.ndarray
    joints: tuple[str, ...]
    unit: str = ""
    saliency: np.ndarray | None = None
    gap: float = 0.0
    pictures: np.ndarray | None = None
    cam: np.ndarray | None = None

    def title(self) -> str:
        """Returns the clip and what was said of it."""
        return f"{self.clip[:48]}: {self.about}"

    def joints_shown(self) -> list[int]:
        """Returns the joints with the largest part, in the order of the skeleton."""
        part = np.abs(self.saliency).sum(0)
        return sorted(np.argsort(-part, kind="stable")[:_JOINTS].tolist())


def target_of(model: Model) -> str:
    """Returns what is explained: a score, the aesthetic first, else "style"; "" for nothing."""
    for name in ("aesthetic", *model.scores):
        if name in model.scores:
            return name
    return "style" if model.styles else ""


def has_cam(model: Model) -> bool:
    """True where the head that maps are taken apart by was trained."""
    pictures = "frames" in model.config.streams and not model.config.encoder_cached
    return bool(pictures and model.config.weight_map and "aesthetic" in model.scores)


def show(
    model: Model, examples: Examples, names: Sequence[str], about: Sequence[str]
) -> list[Shown]:
    """Explains the first window of some clips.

    Args:
        model: a trained network.
        examples: with what its streams need.
        names: of the clips, in the order they are shown.
        about: what is said of each.
    """
    said = dict(zip(names, about, strict=True))
    # One clip at a time: a window of one row is all that is compiled.
    config = config_dict.ConfigDict(model.config.to_dict())
    config.batch_size = 1
    single = dataclasses.replace(model, config=config_dict.FrozenConfigDict(config))
    target = target_of(model)
    explain = jax.jit(lambda batch: _saliency(single, batch, target))
    draw = jax.jit(lambda batch: _cam(single, batch)) if has_cam(model) else None
    out = []
    for name in names:
        chosen = examples.named([name])
        if not len(chosen):
            continue
        batch = jax.tree.map(jnp.asarray, next(iter(single.batches(chosen))))
        out.append(_shown(single, batch, name, said[name], target, explain, draw))
    return out


def of_outcome(network: Model, examples: Examples, outcome: Outcome) -> list[Shown] | str:
    """Explains the clips with the smallest and the largest error, or says why none is.

    Args:
        network: that predicted.
        examples: that hold the clips.
        outcome: truth and prediction of them.
    """
    target = target_of(network)
    if not target or ("pose" not in network.config.streams and not has_cam(network)):
        return "the network has neither poses nor a trained map to explain it by"
    if target == "style":
        known = np.flatnonzero(outcome.style >= 0)
        error = 1.0 - outcome.probability[known, outcome.style[known]]
    elif target in outcome.truth:
        known = np.flatnonzero(np.isfinite(outcome.truth[target]))
        error = np.abs(outcome.score[target] - outcome.truth[target])[known]
    else:
        return f"no tested clip has a true {target} score"
    if not len(known):
        return "no tested clip has what the network says"
    order = known[np.argsort(error, kind="stable")]
    chosen = list(dict.fromkeys((int(order[0]), int(order[-1]))))
    about = [_about(outcome, k, target) for k in chosen]
    shown = show(network, examples, [outcome.names[k] for k in chosen], about)
    if not any(one.saliency is not None or one.cam is not None for one in shown):
        return "the clips have neither poses nor pictures that the network was given"
    return shown


def _about(outcome: Outcome, k: int, target: str) -> str:
    if target == "style":
        said = outcome.styles[int(outcome.probability[k].argmax())]
        return (
            f"{said} ({outcome.probability[k].max():.2f}), truly {outcome.styles[outcome.style[k]]}"
        )
    return f"{target} {outcome.score[target][k]:.1f}, truly {outcome.truth[target][k]:.1f}"


def _shown(
    model: Model, batch: Batch, name: str, about: str, target: str, explain: Any, draw: Any
) -> Shown:
    frames = int(np.asarray(batch.frame_mask)[0].sum())
    found: dict[str, Any] = {}
    there = batch.pose is not None and "pose" in model.config.streams
    if there and bool(np.asarray(batch.joint_mask)[0].any()):
        values, gap = explain(batch)
        found |= {"saliency": np.asarray(values)[0, :frames], "gap": float(gap[0])}
        found["unit"] = "logit of the style" if target == "style" else "points"
    if draw is not None and batch.frames is not None:
        found["pictures"] = np.asarray(batch.frames)[0, :frames]
        found["cam"] = np.asarray(draw(batch))[0, :frames]
    return Shown(
        name,
        about,
        np.asarray(batch.time_s, np.float64)[0, :frames],
        tuple(skeleton.get(model.config.skeleton).joints),
        **found,
    )


def _saliency(model: Model, batch: Batch, target: str) -> tuple[jax.Array, jax.Array]:
    """Returns f32[B,T,J] and what it misses, f32[B]."""
    plain, _ = model.apply(batch)
    likeliest = plain["style_logits"].argmax(-1) if target == "style" else None

    def score(pose: jax.Array) -> jax.Array:
        said, _ = model.apply(batch.replace(pose=pose))
        if likeliest is None:
            return said[target]
        return jnp.take_along_axis(said["style_logits"], likeliest[:, None], -1)[:, 0]

    mask = batch.joint_mask & batch.frame_mask[..., None] & jnp.isfinite(batch.pose).all(-1)
    found = joint_time_saliency(score, batch.pose, mask, steps=STEPS)
    return found.map, found.gap


def _cam(model: Model, batch: Batch) -> jax.Array:
    """Returns f32[B,T,H,W], of the logit of the head that is linear on the maps."""
    _, more = model.apply(batch)
    kernel = model.variables["params"]["map_score"]["logit"]["kernel"]
    cells = cam.class_activation(more["maps"], kernel)
    if model.mean_map is not None:  # where zero lies is not decided by training
        cells = cells - model.mean_map
    config = model.config
    if encoders.ENCODERS[config.encoder]:
        grid = resnet.grid(4, small_input=config.encoder_small)
    else:
        grid = inception.GRID[encoders.last_map(config.encoder)]
    return cam.upsample(cells, *batch.frames.shape[2:4], grid)
