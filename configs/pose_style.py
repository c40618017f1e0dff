"""Trains the pose network to tell styles of dance, fold by fold, with groups held out.

python -m dance_jax.launch --config=configs/pose_style.py --config.data=CORPUS --workdir=out/style

CORPUS is a folder of `docs/corpora.md` with poses, or a file of many clips with their labels (then
also `--config.label=style --config.group_by="('source_video',)"`). Every group is held out once;
`results.json` has the figures of every seed, each group, and two baselines on the same folds.
"""

from ml_collections import config_dict

from dance_jax.config import training


def get_config() -> config_dict.ConfigDict:
    """Returns the default config."""
    config = training()
    config.streams = ("pose",)

    config.group_by = ("source",)
    config.split = "leave_one_out"  # holdout | kfold | leave_one_out | given
    config.val_share = 0.0  # nothing is chosen: the last parameters are tested
    config.min_class_clips = 5
    config.window_s = 4.0
    config.stride_s = 2.0

    config.pose_width = 32
    config.features = 64
    config.hidden = 64
    config.layers = 1
    config.dropout = 0.3
    config.joint_drop = 0.1

    config.weight_style = 1.0
    config.label_smoothing = 0.1
    config.class_balance = True

    config.augment_mirror = 0.5
    config.augment_rotate_deg = 10.0
    config.augment_scale = 0.1
    config.augment_turn_deg = 30.0  # 3D alone
    config.augment_tilt_deg = 5.0
    config.augment_warp = 0.1
    config.augment_tempo = 0.1
    config.augment_crop = 0.8
    config.augment_drop = 0.05
    config.augment_noise = 0.005

    config.total_epochs = 30.0
    config.mirror_test = True
    return config.lock()
