"""Trains Shen's full network: ResNet-50 frames and poses, BiLSTM, gated fusion, loss of Eq. 12.

python -m dance_jax.launch --config=configs/shen.py --config.data=CORPUS --workdir=out/shen

CORPUS is a folder in the layout of `docs/corpora.md`: videos/, annotations/ (aesthetic_score,
biomech_score, style, fluidity, expressiveness, precision), and pose_data/ or
`--config.poses=estimated`. Every hyper-parameter that the paper's code states stands here. It needs
a GPU; `--config.encoder_weights=resnet50.safetensors` starts from ImageNet, which is not shipped.
Not measured: the paper's clips are not public.
"""

from ml_collections import config_dict

from dance_jax.config import training


def get_config() -> config_dict.ConfigDict:
    """Returns the default config."""
    config = training()

    # The data: 150 frames of 224 pixels, dancers held out.
    config.streams = ("frames", "pose")
    config.fps = 30.0
    config.window_s = 5.0
    config.stride_s = 5.0
    config.frame_height = 224
    config.frame_width = 224
    config.split = "holdout"
    config.group_by = ("dancer",)
    config.val_share = 0.15
    config.test_share = 0.15
    config.min_class_clips = 1

    # The network: spatial features 512, two LSTM layers of 256, dropout 0.3, 8 heads, CAM.
    config.encoder = "resnet50"
    config.encoder_width = 64
    config.encoder_norm = "batch"
    config.encoder_small = False
    config.features = 512
    config.pose_width = 64
    config.hidden = 256
    config.layers = 2
    config.attention_heads = 8
    config.fusion = "gated"
    config.fusion_heads = 8
    config.dropout = 0.3
    config.stream_drop = 0.2  # ours: either stream alone is learnt too

    # The loss, Eq. 12; style and attributes are heads of the code, the map's score is the CAM's.
    config.weight_aesthetic = 1.0
    config.weight_biomech = 0.5
    config.weight_joint = 0.3
    config.weight_style = 0.2
    config.weight_attributes = 0.2
    config.weight_map = 0.2
    config.score_loss = "squared"

    # Changes of the training clips, the same in every frame.
    config.augment_mirror = 0.5
    config.augment_rotate_deg = 10.0
    config.augment_scale = 0.1
    config.augment_shift = 0.05
    config.augment_tempo = 0.2
    config.augment_warp = 0.0
    config.augment_crop = 0.8
    config.augment_brightness = 0.15
    config.augment_contrast = 0.2
    config.augment_picture_noise = 0.02
    config.augment_cutout = 0.3

    # The optimiser: Adam, 1e-3, L2 1e-4, a tenth every 20 epochs, clipped at 1, stop after 5.
    config.batch_size = 32
    config.optimizer = "adam"
    config.learning_rate = 1e-3
    config.weight_decay = 1e-4
    config.clip_norm = 1.0
    config.schedule = "step"
    config.decay_rate = 0.1
    config.decay_epochs = 20.0
    config.warmup_percent = None
    config.total_epochs = 50.0
    config.eval_epochs = 1.0
    config.early_stop = 5
    config.metric = "clip_aesthetic_mse"
    config.dtype = "bfloat16"
    config.remat = True
    config.mirror_test = True
    return config.lock()
