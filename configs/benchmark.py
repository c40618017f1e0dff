"""Times the whole analysis against bare decode + pose estimation; prints a table, writes JSON.

python -m dance_jax.launch --config=configs/benchmark.py --workdir=out/benchmark

Measured on 2 cores: see docs/benchmarks/cpu.json; the angle validity study, docs/angle_validity.md,
takes about 4 minutes for 48 clips and both estimators.

Both are timed in one run on the same file, so the ratio does not depend on the machine.
"""

from ml_collections import config_dict


def get_config() -> config_dict.ConfigDict:
    """Returns the default config."""
    config = config_dict.ConfigDict()
    config.task = "benchmark"

    # What is measured: analyze | startup | render | pose | memory | measures | loader |
    # networks | angle_validity.
    config.suites = ("analyze", "startup", "render")

    # The video that is measured.
    config.input = ""  # empty: a rendered dancer
    config.seconds = 30.0
    config.fps = 30.0
    config.width = 1280
    config.height = 720
    config.seed = 0
    config.repeats = 5

    # How the pose is estimated.
    config.estimator = "auto"
    config.allow_unknown_model = False
    config.model = ""
    config.executor = "auto"
    config.num_people = 4

    # The study of when a 2D angle may be believed.
    config.clips = 48
    config.clip_seconds = 12.0

    # The corpus on which movement measures and the loader are timed, at 30 frames a second.
    config.corpus_clips = 1000
    config.corpus_frames = 300

    # The networks that are timed against PyTorch, and what pictures they are given. There is also
    # "full50": the full network on a ResNet-50, minutes to compile.
    config.networks = ("bilstm", "resnet18", "resnet50", "pose", "full")
    config.image_size = 224
    config.window_frames = 4  # of the full network; each is a pass of its encoder
    return config.lock()
