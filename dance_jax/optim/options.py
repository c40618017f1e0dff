"""How parameters are updated, as data: read from a config and checked."""

from __future__ import annotations

import dataclasses
import re
from typing import Any

from dance_jax.config import steps
from dance_jax.errors import ConfigError

OPTIMIZERS = ("sgd", "adam", "adamw", "rmsprop")
SCHEDULES = ("constant", "step", "cosine", "exponential", "plateau")


@dataclasses.dataclass(frozen=True)
class OptimOptions:
    """How parameters are updated; every duration in steps.

    Attributes:
        optimizer: of `OPTIMIZERS`.
        learning_rate: at the end of the warm-up.
        momentum: of sgd; 0 for none.
        nesterov: look ahead (sgd).
        b1: decay of the first moment (adam, adamw).
        b2: decay of the second.
        rho: decay of the second moment (rmsprop).
        eps: added to the root of the second moment; of rmsprop below the root, as in Keras.
        weight_decay: added to the gradient as weight_decay * w (an L2 penalty), for adamw to the
            update (decoupled).
        decay_all: the penalty is on biases and scales too.
        clip_norm: greatest norm of the gradient; 0 for no limit.
        schedule: of `SCHEDULES`; "plateau" is constant times a scale that the host lowers.
        warmup_steps: the rate rises linearly from 0 over these.
        total_steps: of the run, the warm-up included ("cosine" ends there).
        decay_steps: "step" and "exponential": the rate is multiplied by `decay_rate` once in so
            many steps after the warm-up, at once or smoothly.
        decay_rate: that factor.
        final_fraction: of the learning rate, at the end of "cosine".
        frozen: regular expressions; a parameter whose path, such as "encoder/conv1/kernel", holds
            a match is not trained.
        rates: (regular expression, factor): the first that matches multiplies the rate of a
            parameter, as for an encoder that is fine-tuned slowly.
    """

    optimizer: str = "adam"
    learning_rate: float = 1e-3
    momentum: float = 0.9
    nesterov: bool = False
    b1: float = 0.9
    b2: float = 0.999
    rho: float = 0.9
    eps: float = 1e-8
    weight_decay: float = 0.0
    decay_all: bool = False
    clip_norm: float = 0.0
    schedule: str = "constant"
    warmup_steps: int = 0
    total_steps: int = 0
    decay_steps: int = 0
    decay_rate: float = 0.1
    final_fraction: float = 0.0
    frozen: tuple[str, ...] = ()
    rates: tuple[tuple[str, float], ...] = ()


def from_config(
    config: Any, *, batch_size: int, dataset_size: int, total_steps: int
) -> OptimOptions:
    """Returns the options that a config asks for.

    Keys have the names of the options; durations are `warmup_*` and `decay_*` with the unit steps,
    epochs, examples or percent. A key that the config lacks keeps its default.

    Args:
        config: a ConfigDict or mapping.
        batch_size: examples of one update over all devices.
        dataset_size: examples of an epoch.
        total_steps: of the run.

    Raises:
        ConfigError: a duration is missing, given twice or cannot be converted, or a value is wrong.
    """
    sizes = {"batch_size": batch_size, "dataset_size": dataset_size, "total_steps": total_steps}
    skip = {"warmup_steps", "decay_steps", "total_steps"}
    names = [f.name for f in dataclasses.fields(OptimOptions) if f.name not in skip]
    given = {name: config[name] for name in names if config.get(name, None) is not None}
    for name in ("frozen", "rates"):
        if name in given:
            given[name] = tuple(tuple(v) if name == "rates" else v for v in given[name])
    decays = given.get("schedule") in ("step", "exponential")
    options = OptimOptions(
        **given,
        total_steps=total_steps,
        warmup_steps=steps("warmup", config, **sizes, default=0),
        decay_steps=steps("decay", config, **sizes) if decays else 0,
    )
    check(options)
    return options


def check(options: OptimOptions) -> None:
    """Raises ConfigError where options contradict themselves, naming the key."""
    for name, value, known in (
        ("optimizer", options.optimizer, OPTIMIZERS),
        ("schedule", options.schedule, SCHEDULES),
    ):
        if value not in known:
            fix = f"one of: {', '.join(known)}"
            raise ConfigError(f"{value!r} is not a choice", f"--config.{name}", fix)
    if options.schedule in ("step", "exponential") and options.decay_steps < 1:
        what = f"schedule={options.schedule} needs the steps of one decay"
        raise ConfigError(what, "--config.decay_steps", "give 1 or more")
    if options.schedule == "cosine" and options.total_steps <= options.warmup_steps:
        what = f"a warm-up of {options.warmup_steps} of {options.total_steps} steps leaves none"
        raise ConfigError(what, "--config.warmup_*", "shorten the warm-up, or train for longer")
    for name in ("frozen", "rates"):
        for entry in getattr(options, name):
            try:
                re.compile(entry if name == "frozen" else entry[0])
            except re.error as error:
                what = f"{entry!r} is no regular expression ({error})"
                raise ConfigError(what, f"--config.{name}", "mend it") from error
