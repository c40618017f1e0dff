"""Trains choreAI's network on its own text: 51 numbers a row, 100 rows a clip, three styles.

python -m dance_jax.launch --config=configs/choreai.py --workdir=out/choreai

DATA (`--config.data=FOLDER`) holds X_train.txt, Y_train.txt, X_test.txt and Y_test.txt. choreAI's
own are not public; `made:choreai`, the default, makes twelve synthetic clips in that layout, whose
figures mean nothing. A file of many clips of poses in pixels is read too, with `label` and
`group_by`. `configs/choreai.py:60` has the width of the stored checkpoint and of the notebook that
printed 0.8485; `--config.start_from=FOLDER/danceClassify.ckpt-332 --config.total_epochs=0` tests
that checkpoint as it is. `configs/choreai.py:pose` is our pose network on the same clips.
`--sweep=learning_rate` and `--sweep=classes` draw validation accuracy. The original looked at its
test clips while it trained; here they are read once.

Measured on streetdance4 (209 clips of four street dances, `data=streetdance4 label=style
group_by="('source_video',)" split=leave_one_out min_class_clips=5`, 35 min on two busy cores):
accuracy 0.022 (sd over 3 seeds 0.011; 164 test clips of 8 source videos; chance 0.25, pose
statistics + ridge 0.51), against 0.634 (0.075; 62 clips) where clips are dealt at random: places
in the picture tell the video, not the dance.
"""

from ml_collections import config_dict

from dance_jax.config import training


def get_config(variant: str = "20") -> config_dict.ConfigDict:
    """Returns the config.

    Args:
        variant: "20" (as published), "60" (as the stored checkpoint), or "pose" (our network).
    """
    if variant not in ("20", "60", "pose"):
        raise ValueError(f"take 20, 60 or pose, not {variant!r}")
    config = training()
    config.data = "made:choreai"
    config.file_fps = 25.0  # the text has no clock, and the network asks for none
    config.fps = 25.0
    config.window_s = 4.0  # n_steps = 100
    config.split = "given"
    config.val_share = 0.0  # the original chose nothing: its last parameters are tested
    config.min_class_clips = 1
    config.streams = ("pose",)
    if variant == "pose":
        config.stride_s = 2.0
        config.total_epochs = 30.0
        return config.lock()

    config.network = "choreai"
    config.stride_s = 0.0
    config.hidden = int(variant)  # n_hidden
    config.layers = 2
    for name in config:
        if name.startswith("augment_"):
            config[name] = 0.0
    config.augment_crop = 1.0
    config.mirror_test = False
    config.label_smoothing = 0.0
    config.class_balance = False

    config.optimizer = "adam"
    config.eps = 1e-8
    config.learning_rate = 0.0005  # init_learning_rate; 0.00005 where it does not decay
    config.schedule = "step"
    config.decay_rate = 0.96
    config.decay_examples = 100000.0  # decay_steps; global_step * batch_size, a staircase
    config.warmup_percent = None
    config.weight_decay = 0.0015  # lambda_loss_amount, on every parameter
    config.decay_all = True
    config.clip_norm = 0.0
    config.batch_size = 512
    config.total_epochs = 200.0  # training_iters = 200 * training_data_count
    config.eval_steps = 8.0  # display_iter = 8 * batch_size, of validation clips where there are
    config.dropout = 0.0
    return config.lock()


def sweep() -> dict[str, dict[str, tuple]]:
    """Returns the sweeps of this config: key -> values, each with every seed."""
    held = {"val_share": (0.2,)}
    rates = (1e-9, 1e-8, 1e-7, 1e-6, 1e-5, 5e-5, 5e-4, 5e-3, 5e-2)
    return {
        "learning_rate": {"learning_rate": rates, **held},
        "classes": {"class_count": (2, 3), **held},
    }
