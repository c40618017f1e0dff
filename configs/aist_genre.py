"""Trains the genre classifier on AIST's videos: frozen InceptionV3, then GRU 16 and GRU 8.

python -m dance_jax.launch --config=configs/aist_genre.py --workdir=out/aist_genre

DATA (`--config.data=FOLDER`) is a folder of videos with AIST's names, such as
gBR_sBM_c01_d04_mBR0_ch01.mp4 (`configs/fetch_aist.py` fetches some). `made:aist`, the default,
makes twelve synthetic clips. ImageNet weights are not shipped: without
`--config.encoder_weights=FILE.safetensors` (torchvision's inception_v3) the encoder is frozen at
random weights; the run says so, and its figures mean nothing. Unlike the original, the 20 frames
are spread over the whole clip, dancers are held out, and other cameras stay with their take.
"""

from ml_collections import config_dict

from dance_jax.config import training


def get_config() -> config_dict.ConfigDict:
    """Returns the default config."""
    config = training()
    config.network = "aist_genre"
    config.data = "made:aist"
    config.streams = ("frames",)

    config.group_by = ("dancer",)
    config.split = "holdout"
    config.test_share = 0.2
    config.val_share = 0.24  # validation_split = 0.3 of the other 0.8
    config.split_seed = 42  # random_state
    config.min_class_clips = 1
    config.stride_s = 0.0

    config.encoder = "inception_v3"  # NUM_FEATURES = 2048
    config.encoder_width = 64
    config.encoder_small = False
    config.encoder_weights = ""  # weights="imagenet"
    config.encoder_cached = True
    config.frame_height = 224  # IMG_SIZE
    config.frame_width = 224
    config.clip_frames = 20  # MAX_SEQ_LENGTH
    config.dropout = 0.4

    for name in config:
        if name.startswith("augment_"):
            config[name] = 0.0
    config.augment_crop = 1.0
    config.mirror_test = False
    config.label_smoothing = 0.0
    config.class_balance = False

    config.optimizer = "adam"
    config.eps = 1e-7  # of Keras
    config.learning_rate = 0.001
    config.schedule = "constant"
    config.warmup_percent = None
    config.weight_decay = 0.0
    config.clip_norm = 0.0
    config.batch_size = 64  # BATCH_SIZE, which its fit() is not given: it trained with Keras's 32
    config.total_epochs = 20.0  # EPOCHS, the later one; the first is 100
    config.eval_epochs = 1.0
    config.metric = "loss"  # save_best_only
    return config.lock()


def sweep() -> dict[str, dict[str, tuple]]:
    """Returns the sweeps of this config: key -> values, each with every seed."""
    return {
        "learning_rate": {"learning_rate": (1e-4, 3e-4, 1e-3, 3e-3, 1e-2)},
        "classes": {"class_count": (2, 4, 6, 8, 10)},
    }
