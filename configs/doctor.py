"""Shows what this machine has and lacks: versions, devices, memory, pose models, codecs, cache.

python -m dance_jax.launch --config=configs/doctor.py

Needs no `--workdir`; with one it also writes doctor.json.
"""

from ml_collections import config_dict


def get_config() -> config_dict.ConfigDict:
    """Returns the default config."""
    config = config_dict.ConfigDict()
    config.task = "doctor"
    config.path = ""  # a file or folder that may hold pose models, beside the cache
    return config.lock()
