"""From a config to a network and its targets."""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import jax.numpy as jnp
import numpy as np

from dance_jax import parallel
from dance_jax.data import rater_model
from dance_jax.errors import ConfigError
from dance_jax.kinematics.angles import JOINT_ANGLE_NAMES
from dance_jax.losses import Target
from dance_jax.models import encoders, weights, weights_torchvision
from dance_jax.models.dance_net import DanceNet
from dance_jax.models.pose_features import FeatureOptions
from dance_jax.training import augmentation, networks, sources, warm_start
from dance_jax.training.examples import Examples
from dance_jax.training.task import SCORE_LABELS, Task


def dtype_of(name: str) -> Any:
    """Returns the type of the computation: "float32" or "bfloat16"."""
    return {"float32": jnp.float32, "bfloat16": jnp.bfloat16}[name]


def targets_of(config: Any, examples: Examples) -> tuple[Target, ...]:
    """Returns the parts of the loss whose labels the examples have.

    Scores are trained by the squared error (`score_loss="squared"`, Shen's Eq. 12), by the
    Gaussian likelihood, or by that of every rater with a severity and a noise of their own
    ("rated"), in points; the style by the cross-entropy; joint angles by the squared
    distance of (sin, cos), which is 2 (1 - cos of the error) on the circle.

    Args:
        config: of a training, keys `weight_*`, `score_loss`, `ranking`, `label_smoothing`.
        examples: of the training part.

    Raises:
        ConfigError: nothing of what the weights ask for is labelled.
    """
    rated = {name for row in examples.rows for name in row.scores}
    weights = {
        "aesthetic": config.weight_aesthetic,
        "biomechanical": config.weight_biomech,
        **dict.fromkeys(("fluidity", "expressiveness", "precision"), config.weight_attributes),
    }
    out: list[Target] = []
    for name, weight in weights.items():
        if not weight or SCORE_LABELS[name] not in rated:
            continue
        options: tuple[tuple[str, Any], ...] = ()
        label = SCORE_LABELS[name]
        if config.score_loss == "gaussian":
            options = (("log_variance", f"{name}_log_var"), ("beta", 0.5))
        if config.score_loss == "rated":
            options = (*_raters(examples, label), ("log_variance", f"{name}_log_var"))
            label = f"{label}_ratings"
        out.append(Target(name, config.score_loss, name, label, weight, options))
        if config.ranking and name == "aesthetic":
            out.append(Target("ranking", "ranking", name, SCORE_LABELS[name], config.ranking))
    shown = config.weight_map and sources.picture_size(config)
    if shown and any(target.prediction == "aesthetic" for target in out):
        out.append(Target("map", "squared", "aesthetic_map", "aesthetic_score", config.weight_map))
    if config.weight_style and len(examples.styles) > 1:
        out.append(_style_target(config, examples))
    if config.weight_joint and any(row.clip is not None for row in examples.rows):
        out.append(Target("joint", "squared", "angles", "joint_angles", config.weight_joint))
    if not any(target.name != "joint" for target in out):
        what = "no score and no two styles that the weights ask for are labelled"
        raise ConfigError(what, "--config.weight_*", f"the data has: {', '.join(rated) or 'none'}")
    return tuple(out)


def _raters(examples: Examples, label: str) -> tuple[tuple[str, Any], ...]:
    """Returns the raters' severity and variance, estimated on the training part alone.

    Raises:
        ConfigError: the ratings do not tell raters apart.
    """
    given = [row.ratings[label] for row in examples.rows if label in row.ratings]
    try:
        found = rater_model.fit(np.stack(given))
    except ValueError as error:
        what = f"raters of {label} cannot be modelled: {error}"
        raise ConfigError(what, "--config.score_loss", "take squared or gaussian") from error
    severity, variance = (tuple(map(float, part)) for part in found[:2])
    return ("severity", severity), ("variance", variance)


def _style_target(config: Any, examples: Examples) -> Target:
    """Returns the style's part; with `class_balance` every class weighs alike in the loss."""
    options: list[tuple[str, Any]] = []
    if config.label_smoothing:
        options.append(("smoothing", config.label_smoothing))
    if config.class_balance:
        count = Counter(row.style for row in examples.rows if row.style)
        mean = sum(count.values()) / len(count)
        weights = tuple(mean / count[style] for style in examples.styles)
        options.append(("class_weights", weights))
    weight = config.weight_style
    return Target("style", "cross_entropy", "style_logits", "style", weight, tuple(options))


def task_of(config: Any, examples: Examples, *, pixels: bool = False) -> Task:
    """Returns the network that a config describes, for these examples.

    Args:
        config: of a training.
        examples: of the training part; scores start at their mean.
        pixels: of `sources.in_pictures`, over all the examples.

    Raises:
        ConfigError: as `targets_of`, or the keys of the encoder do not go together.
    """
    targets = targets_of(config, examples)
    if (other := networks.other(config)) is not None:
        return Task(
            other.module(config, len(examples.styles), parallel.AXIS),
            targets,
            styles=examples.styles,
            start=other.start(config),
        )
    scores = (row.scores.get("aesthetic_score") for row in examples.rows)
    given = [score for score in scores if score is not None]
    start = min(max(sum(given) / len(given), 0.5), 9.5) if given else 5.0
    kinds = {target.name for target in targets}
    size = sources.picture_size(config)
    module = module_of(
        config,
        styles=len(examples.styles) if "style" in kinds else 0,
        angles="joint" in kinds,
        start=start,
    )
    streams = any(row.streams for row in examples.rows)
    return Task(
        module,
        targets,
        augment=augmentation.of_config(config, pixels=pixels, streams=streams),
        styles=examples.styles if "style" in kinds else (),
        start=_start(config, examples, pixels, tuple(kinds & set(SCORE_LABELS))),
        picture=size[0] if pixels and size else 0,
        skeleton=config.skeleton,
    )


def module_of(
    config: Any, *, styles: int, angles: bool, start: float, axis_name: str | None = parallel.AXIS
) -> DanceNet:
    """Returns the network alone.

    Args:
        config: of a training.
        styles: classes of the style head; 0 for none.
        angles: it predicts joint angles at each frame.
        start: every score at first.
        axis_name: of the mapped axis; None where the network is not mapped.

    Raises:
        ConfigError: the keys of the encoder do not go together.
    """
    return DanceNet(
        streams=tuple(config.streams),
        encoder=config.encoder,
        encoder_options=encoder_options(config),
        features=config.features,
        hidden=config.hidden,
        layers=config.layers,
        attention_heads=config.attention_heads,
        fusion=config.fusion,
        fusion_heads=config.fusion_heads,
        pooling=config.pooling,
        pose=pose_options(config, tuple(config.pose_features)),
        pose_width=config.pose_width,
        pose_depth=config.pose_depth,
        spatial=config.spatial,
        joint_drop=config.joint_drop,
        statistics=config.statistics,
        n_styles=styles,
        angle_names=JOINT_ANGLE_NAMES if angles else (),
        start=start,
        dropout=config.dropout,
        causal=config.causal,
        dtype=dtype_of(config.dtype),
        axis_name=axis_name,
    )


def pose_options(config: Any, groups: tuple[str, ...]) -> FeatureOptions:
    """Returns how a config's poses become features of these groups."""
    return FeatureOptions(
        skeleton=config.skeleton,
        groups=groups,
        yaw=config.yaw if config.axes == 3 else "none",
        causal=config.causal,
    )


def encoder_options(config: Any) -> tuple[tuple[str, Any], ...]:
    """Returns the attributes of the encoder that a config sets.

    Raises:
        ConfigError: a key does not go with that encoder.
    """
    if config.encoder_weights and config.encoder not in weights_torchvision.ARCHITECTURES:
        what = f"no file of weights is known for {config.encoder}"
        raise ConfigError(what, "--config.encoder_weights", "leave it empty, or take resnet18")
    if not encoders.ENCODERS[config.encoder]:
        if config.encoder_small or config.encoder_width != 64 or config.encoder_norm != "batch":
            what = "InceptionV3 has one size and BatchNorm"
            raise ConfigError(what, "--config.encoder_*", "leave width, small and norm as they are")
        # It expects pictures normalised as its weights were trained, not as ResNet's.
        options = (("transform_input", True),)
        return (*options, ("frozen", True)) if config.encoder_frozen else options
    return (
        ("width", config.encoder_width),
        ("norm", config.encoder_norm),
        ("small_input", config.encoder_small),
        ("frozen_stages", config.encoder_frozen),
    )


def _start(
    config: Any, examples: Examples, pixels: bool, scores: Sequence[str]
) -> Callable[[Any], Any] | None:
    """Returns what is done to the variables that were drawn, None for nothing."""
    steps = []
    if sources.picture_size(config) and config.encoder_weights:
        steps.append(functools.partial(_loaded, config=config))
    if config.statistics:
        size = sources.picture_size(config)
        steps.append(
            functools.partial(
                warm_start.with_statistics,
                config=config,
                examples=examples,
                options=pose_options(config, ("position",)),
                picture=size[0] if pixels and size else 0,
                scores=scores,
            )
        )

    def start(variables: Any) -> Any:
        for step in steps:
            variables = step(variables)
        return variables

    return start if steps else None


def _loaded(variables: Any, config: Any) -> Any:
    """Puts the weights that a config names into the encoder."""
    keys = weights_torchvision.keys(config.encoder)
    return weights.load(config.encoder_weights, variables, keys, at=("encoder",)).variables
