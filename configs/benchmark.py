"""Times the whole analysis against bare decode + pose estimation; prints a table, writes JSON.

python -m dance_jax.launch --config=configs/benchmark.py --workdir=out/benchmark

Both are timed in one run on the same file, so the ratio does not depend on the machine.
"""

from ml_collections import config_dict


def get_config() -> config_dict.ConfigDict:
    """Returns the default config."""
    config = config_dict.ConfigDict()
    config.task = "benchmark"

    # The video that is measured.
    config.input = ""  # empty: a rendered dancer
    config.seconds = 30.0
    config.fps = 30.0
    config.width = 1280
    config.height = 720
    config.seed = 0
    config.repeats = 1

    # How the pose is estimated.
    config.estimator = "auto"
    config.model = ""
    config.executor = "auto"
    config.num_people = 1
    return config.lock()
