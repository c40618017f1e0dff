"""Learns the quality of a movement from poses: correct or not, or a score, with groups held out.

python -m dance_jax.launch --config=configs/pose_quality.py --config.data=FILE --workdir=out/quality

FILE is a file of many clips with their labels (`label`: two styles such as correct and incorrect;
`results.json` has the AUC), or a corpus of `docs/corpora.md` with scores. `condition` names a label
that is told to the model, such as which exercise is asked for. The model is a ridge on features of
whole clips; features and penalty are chosen by leaving groups out inside each training part, which
suits tens to hundreds of clips. `--config.network=dance_net` trains the pose network instead.
"""

from ml_collections import config_dict

from dance_jax.config import training


def get_config() -> config_dict.ConfigDict:
    """Returns the default config."""
    config = training()
    config.streams = ("pose",)
    config.network = "rocket"
    config.feature_sets = ("statistics", "levels", "rocket")
    config.kernels = 600
    config.condition = ""

    config.label = "label"
    config.group_by = ("subject",)
    config.fps = 30.0
    config.axes = 3
    config.split = "leave_one_out"  # holdout | kfold | leave_one_out | given
    config.val_share = 0.0
    config.min_class_clips = 5

    config.weight_style = 1.0
    config.weight_aesthetic = 1.0
    config.class_balance = True
    config.mirror_test = True
    return config.lock()
