"""Trains the gesture classifier on folders of pictures: three convolutions, two dense layers.

python -m dance_jax.launch --config=configs/leap_gesture.py --workdir=out/leap_gesture

DATA (`--config.data=FOLDER`) is leapGestRecog: SUBJECT/GESTURE/*.png, ten subjects, ten gestures.
`made:gestures`, the default, draws twelve synthetic pictures, whose figures mean nothing. The
original splits pictures at random, 80/10/10, so every subject is on all sides; here whole subjects
are held out in the same shares.
"""

from ml_collections import config_dict

from dance_jax.config import training


def get_config() -> config_dict.ConfigDict:
    """Returns the default config."""
    config = training()
    config.network = "gesture"
    config.data = "made:gestures"
    config.streams = ("frames",)
    config.frame_height = 120
    config.frame_width = 320

    config.group_by = ("subject",)
    config.split = "holdout"
    config.val_share = 0.1
    config.test_share = 0.1
    config.min_class_clips = 1
    config.stride_s = 0.0

    for name in config:
        if name.startswith("augment_"):
            config[name] = 0.0
    config.augment_crop = 1.0
    config.mirror_test = False
    config.label_smoothing = 0.0
    config.class_balance = False

    config.optimizer = "rmsprop"
    config.learning_rate = 0.001  # of Keras
    config.eps = 1e-7  # of Keras
    config.schedule = "constant"
    config.warmup_percent = None
    config.weight_decay = 0.0
    config.clip_norm = 0.0
    config.batch_size = 64
    config.total_epochs = 10.0
    config.eval_epochs = 1.0
    # The original keeps the last parameters; the best of its ten epochs are kept here.
    config.metric = "loss"
    return config.lock()


def sweep() -> dict[str, dict[str, tuple]]:
    """Returns the sweeps of this config: key -> values, each with every seed."""
    return {
        "learning_rate": {"learning_rate": (1e-4, 3e-4, 1e-3, 3e-3, 1e-2)},
        "classes": {"class_count": (2, 4, 6, 8, 10)},
    }
