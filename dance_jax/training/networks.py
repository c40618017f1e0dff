"""The networks of earlier systems: which there are, what each reads, and what none of them has.

`config.network` names one. Its file here has five functions: `examples(config)` reads its layout,
`source(config, examples)` gives its windows, `frames(config)` their length, `module(config,
classes, axis_name)` the network, which takes `Inputs`, and `start(config)` weights to start from.
"""

from __future__ import annotations

import importlib
import pathlib
from collections.abc import Callable, Mapping
from typing import Any, Protocol, cast

import flax.linen as nn

from dance_jax import config_train
from dance_jax.assets import cache_dir
from dance_jax.data import made_layouts
from dance_jax.data.clip_source import ClipSource
from dance_jax.errors import ConfigError
from dance_jax.training.examples import Examples

MODULES = {name: f"network_{name}" for name in ("choreai", "aist_genre", "gesture")}
MADE = "made:"
"""Before the name of a layout of `data.made_layouts`, in `config.data`."""

_PARTS_OF_DANCE_NET = (
    *("pose_features", "yaw", "pose_width", "pose_depth", "spatial", "features"),
    *("attention_heads", "fusion", "fusion_heads", "pooling", "joint_drop", "causal"),
    *("weight_aesthetic", "weight_map", "weight_biomech", "weight_attributes", "weight_joint"),
    *("ranking", "stream_drop", "poses", "statistics"),
)


class Network(Protocol):
    """What the file of a network has.

    Attributes:
        FIXED: key -> the one value that it may have.
    """

    FIXED: Mapping[str, Any]

    def examples(self, config: Any) -> Examples:
        """Reads the layout of the system."""
        ...

    def source(self, config: Any, examples: Examples) -> ClipSource:
        """Returns what windows are read from."""
        ...

    def frames(self, config: Any) -> int:
        """Returns the length of a window."""
        ...

    def module(self, config: Any, classes: int, axis_name: str | None) -> nn.Module:
        """Returns the network: `Inputs` in, ({"style_logits"}, {"pooled", ...}) out."""
        ...

    def start(self, config: Any) -> Callable[[Mapping[str, Any]], Mapping[str, Any]] | None:
        """Returns what puts weights into the variables that were drawn; None for none."""
        ...


def other(config: Any) -> Network | None:
    """Returns the network that a config names; None for dance_net.

    Args:
        config: key `network`.
    """
    if config.network not in MODULES:
        return None
    # On use: those files build on the ones that ask here.
    found = importlib.import_module(f"dance_jax.training.{MODULES[config.network]}")
    return cast(Network, found)


def read(config: Any) -> Examples | None:
    """Reads the layout of an earlier system; None where the data is of another kind.

    The text of choreAI is read for dance_net too.

    Args:
        config: of a training.

    Raises:
        InputError: it cannot be read.
    """
    network = other(config)
    if network is not None:
        return network.examples(config)
    from dance_jax.training import network_choreai

    folder = data_folder(config)
    return network_choreai.poses(config) if network_choreai.is_layout(folder) else None


def data_folder(config: Any) -> pathlib.Path:
    """Returns where the data of a config is; a made layout is made now, in the cache.

    Args:
        config: key `data`: a path, or "made:choreai", "made:aist", "made:gestures".

    Raises:
        ConfigError: there is no made layout of that name.
    """
    if not config.data.startswith(MADE):
        return pathlib.Path(config.data)
    name = config.data.removeprefix(MADE)
    if name not in made_layouts.MAKERS:
        fix = f"there are {', '.join(MADE + one for one in made_layouts.MAKERS)}"
        raise ConfigError(f"there is no made layout {name!r}", "--config.data", fix)
    return made_layouts.make(name, cache_dir() / "made")


def check(config: Any) -> None:
    """Refuses what a network would pass over in silence.

    Args:
        config: of a training.

    Raises:
        ConfigError: a key asks for something that the network does not have.
    """
    network = other(config)
    if config.network == "rocket" and (config.final or config.save_model):
        what = "a ridge on features is not kept as a network"
        raise ConfigError(what, "--config.final, --config.save_model", "leave them false")
    if network is None:
        if config.start_from:
            what = "dance_net starts from no checkpoint of choreAI"
            raise ConfigError(what, "--config.start_from", "leave it empty")
        return
    usual = config_train.training()
    wanted = {name: usual[name] for name in _PARTS_OF_DANCE_NET if name in usual}
    wanted |= {name: 0.0 for name in usual if name.startswith("augment_")}
    wanted |= {"augment_crop": 1.0, "mirror_test": False, **network.FIXED}
    for name, value in wanted.items():
        if config[name] != value:
            what = f"the network {config.network!r} has only {value!r} here, got {config[name]!r}"
            raise ConfigError(what, f"--config.{name}", "leave it as the config has it")
