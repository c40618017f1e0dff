"""Small runs of the earlier systems' configs, on the made layouts at a small size."""

from __future__ import annotations

import pathlib
from typing import Any

from dance_jax import config as configs
from dance_jax.data import made_layouts

QUICK = {"tensorboard": False, "devices": 1, "seeds": (0,), "log_steps": 1}
SMALL: dict[str, dict[str, Any]] = {
    "choreai": {"batch_size": 4, "hidden": 4, "total_epochs": None, "total_steps": 3.0},
    "aist_genre": {
        **{"encoder": "resnet18", "encoder_width": 4, "encoder_small": True},
        **{"frame_height": 16, "frame_width": 16, "clip_frames": 4, "batch_size": 4},
        **{"total_epochs": None, "total_steps": 3.0, "eval_epochs": None},
    },
    "leap_gesture": {
        **{"frame_height": 62, "frame_width": 64, "batch_size": 8},
        **{"total_epochs": None, "total_steps": 2.0, "eval_epochs": None},
    },
}


def write(name: str, folder: pathlib.Path) -> pathlib.Path:
    """Writes the layout that a config reads, small, and returns it."""
    folder.mkdir(parents=True)
    if name == "choreai":
        made_layouts.choreai(folder)
    elif name == "aist_genre":
        made_layouts.aist(folder, seconds=0.4, side=32)
    else:
        made_layouts.gestures(folder, width=64, height=62)
    (folder / made_layouts.README).write_text(made_layouts.LABEL)
    return folder


def small(name: str, data: pathlib.Path, **more: Any) -> Any:
    """Returns a config of an earlier system at a small size."""
    made = configs.load(f"configs/{name}.py")
    made.unlock()
    made.update({"data": str(data)} | QUICK | SMALL[name] | more)
    return configs.validate(made, ready=True)
