"""Fetches the pose models by name, verifies their sha256, and keeps them in the cache.

python -m dance_jax.launch --config=configs/assets.py
python -m dance_jax.launch --config=configs/assets.py --config.path=DOWNLOADED_FILE_OR_FOLDER

The cache is `$DANCE_JAX_HOME`, else `~/.cache/dance_jax`. Needs no `--workdir`.
"""

from ml_collections import config_dict


def get_config() -> config_dict.ConfigDict:
    """Returns the default config."""
    config = config_dict.ConfigDict()
    config.task = "assets"
    config.names = (
        "pose_landmarker_lite|pose",
    )  # what `estimator=auto` needs; "a|b" takes the first that can be had
    config.path = ""
    config.force = False
    return config.lock()
