"""What every config of the task `train` starts from; a config sets what is its own."""

from __future__ import annotations

from ml_collections import config_dict


def training() -> config_dict.ConfigDict:
    """Returns a config of the task `train` with every key, open for changes."""
    config = config_dict.ConfigDict()
    config.task = "train"

    # The data; all clips are brought to one rate, since rates tell sources apart.
    config.network = "dance_net"
    config.start_from = ""
    config.clip_frames = 20
    config.data = ""
    config.label = ""
    config.group_by = ("source",)
    config.file_fps = config_dict.placeholder(float)
    config.raters = ()
    config.allow_pickle = False
    config.fps = 25.0
    config.axes = 2
    config.skeleton = "halpe26"
    config.window_s = 4.0
    config.stride_s = 2.0
    config.split = "leave_one_out"  # holdout | kfold | leave_one_out | given
    config.folds = 5
    config.val_share = 0.0  # nothing is chosen: the last parameters are tested
    config.test_share = 0.2
    config.split_seed = 0
    config.class_count = 0
    config.class_seed = 0
    config.min_class_clips = 5
    config.allow_random_split = False

    # The network.
    config.streams = ("pose",)
    config.pose_features = ("position", "velocity", "bone")
    config.yaw = "start"  # 3D alone
    config.feature_sets = ("statistics", "speeds", "levels", "rocket")
    config.kernels = 600
    config.condition = ""
    config.pose_width = 32
    config.pose_depth = 3
    config.spatial = "graph"
    config.features = 64
    config.hidden = 64
    config.layers = 1
    config.attention_heads = 0
    config.fusion = "gated"
    config.fusion_heads = 4
    config.pooling = "both"
    config.dropout = 0.3
    config.joint_drop = 0.1
    config.statistics = False
    config.causal = False
    config.dtype = "float32"

    # Pictures, where "frames" is among the streams.
    config.poses = "annotated"
    config.estimator = "auto"
    config.frame_height = 64
    config.frame_width = 64
    config.encoder = "resnet18"
    config.encoder_width = 16
    config.encoder_norm = "batch"
    config.encoder_small = True
    config.encoder_weights = ""
    config.encoder_frozen = 0
    config.encoder_cached = False
    config.cache = ""
    config.stream_drop = 0.0

    # The loss; parts whose labels the data lacks are left out.
    config.weight_style = 1.0
    config.weight_aesthetic = 0.0
    config.weight_map = 0.0
    config.weight_biomech = 0.0
    config.weight_attributes = 0.0
    config.weight_joint = 0.0
    config.score_loss = "squared"
    config.ranking = 0.0
    config.label_smoothing = 0.1
    config.class_balance = True

    # Changes of the training clips.
    config.augment_mirror = 0.5
    config.augment_rotate_deg = 10.0
    config.augment_scale = 0.1
    config.augment_shift = 0.0
    config.augment_turn_deg = 30.0
    config.augment_tilt_deg = 5.0
    config.augment_warp = 0.1
    config.augment_tempo = 0.1
    config.augment_crop = 0.8
    config.augment_drop = 0.05
    config.augment_noise = 0.005
    config.augment_brightness = 0.0
    config.augment_contrast = 0.0
    config.augment_picture_noise = 0.0
    config.augment_cutout = 0.0

    # The optimiser.
    config.batch_size = 32
    config.optimizer = "adamw"
    config.learning_rate = 2e-3
    config.momentum = 0.9
    config.weight_decay = 0.05
    config.decay_all = False
    config.eps = 1e-8
    config.clip_norm = 1.0
    config.schedule = "cosine"
    config.decay_rate = 0.1
    config.final_fraction = 0.0
    config.plateau_patience = 5
    config.ema_decay = 0.0
    config.accumulate = 1
    config.remat = False
    config.halve_batch = False
    config.total_steps = config_dict.placeholder(float)
    config.total_epochs = 30.0
    config.warmup_steps = config_dict.placeholder(float)
    config.warmup_percent = 10.0
    config.decay_steps = config_dict.placeholder(float)
    config.decay_epochs = config_dict.placeholder(float)
    config.decay_examples = config_dict.placeholder(float)

    # The run.
    config.seeds = (0, 1, 2)
    config.eval_steps = config_dict.placeholder(float)
    config.eval_epochs = config_dict.placeholder(float)
    config.save_steps = config_dict.placeholder(float)
    config.metric = "loss"
    config.metric_mode = "min"
    config.early_stop = 0
    config.mirror_test = True
    config.save_model = False  # of every fold; the run's own model is always kept
    config.final = False
    config.report = "full"
    config.log_steps = 20
    config.keep = 1
    config.devices = 0
    config.tensorboard = True
    return config
