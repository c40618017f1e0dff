"""The keys of the task `train`."""

from __future__ import annotations

from collections.abc import Mapping

from dance_jax.config_key import Key

_SHARE = {"low": 0.0, "high": 0.9}
_RATE = {"low": 0.0, "high": 0.95}


def _duration(prefix: str, meaning: str, *units: str) -> dict[str, Key]:
    """Returns the keys of a duration, of which one may be set."""
    return {
        f"{prefix}_{unit}": Key(float, f"{meaning}, in {unit}", low=0, high=1e9, optional=True)
        for unit in units
    }


_DATA: Mapping[str, Key] = {
    "data": Key(str, "a corpus, or a file or folder of clips of poses", required=True),
    "label": Key(str, "label of the clips of a file that is learnt; a corpus has its styles"),
    "group_by": Key(tuple, "what no two parts may share: dancer, source, or a label of the file"),
    "file_fps": Key(
        float, "frames a second of a file that does not tell", low=0.1, high=1000, optional=True
    ),
    "raters": Key(tuple, "ids of the raters whose scores are learnt and tested; empty: all"),
    "allow_pickle": Key(bool, "read pickles, in a restricted process"),
    "fps": Key(float, "frames a second that all clips are brought to", low=1, high=240),
    "axes": Key(int, "coordinates of the poses", choices=(2, 3)),
    "skeleton": Key(str, "joints that the network sees"),
    "window_s": Key(float, "length of the windows in seconds", low=0.1, high=600),
    "stride_s": Key(
        float, "seconds from window to window; 0: windows do not overlap", low=0, high=600
    ),
    "split": Key(str, "parts of the data", choices=("holdout", "kfold", "leave_one_out", "given")),
    "folds": Key(int, "folds of kfold", low=2, high=100),
    "val_share": Key(
        float, "share of the clips to choose with; 0: the last parameters are taken", **_SHARE
    ),
    "test_share": Key(float, "share of the clips to test on, of a holdout", low=0.01, high=0.9),
    "split_seed": Key(int, "of the split", low=0, high=2**31 - 1),
    "class_count": Key(
        int, "classes that are learnt, drawn by class_seed; 0: all there are", low=0, high=10**6
    ),
    "class_seed": Key(int, "of the classes that are drawn", low=0, high=2**31 - 1),
    "min_class_clips": Key(
        int, "test clips of a style with fewer clips to train on are left out", low=1, high=10**6
    ),
    "allow_random_split": Key(bool, 'permit group_by=("clip",), which leaks; it is stamped'),
}

_NETWORK: Mapping[str, Key] = {
    "network": Key(
        str,
        "which network; rocket: a ridge on features of clips; the last three: earlier systems'",
        choices=("dance_net", "rocket", "choreai", "aist_genre", "gesture"),
    ),
    "feature_sets": Key(
        tuple,
        "rocket: what is computed of whole clips, chosen among inside each training part",
        choices=(
            "statistics",
            "speeds",
            "accelerations",
            "levels",
            "rocket",
            "flight",
            "flight_directions",
            "flight_travel",
            "departure",
            "condition",
        ),
    ),
    "kernels": Key(int, "rocket: random kernels", low=6, high=100_000),
    "condition": Key(
        str, "rocket: label of the clips that is told to the model, such as the exercise"
    ),
    "start_from": Key(
        str, "choreai: prefix of its TensorFlow 1 checkpoint that is started from; empty: none"
    ),
    "clip_frames": Key(
        int, "aist_genre: frames of a clip, spread over the whole of it", low=1, high=4096
    ),
    "streams": Key(
        tuple,
        "what the network is given; frames or pose at least",
        choices=("frames", "pose", "measures", "beats"),
    ),
    "pose_features": Key(
        tuple,
        "what is computed from poses",
        choices=("position", "velocity", "acceleration", "bone", "angle"),
    ),
    "yaw": Key(
        str,
        "3D: the body is turned about the vertical to face the same way",
        choices=("none", "clip", "start", "frame"),
    ),
    "pose_width": Key(int, "width of a joint's vector", low=4, high=1024),
    "pose_depth": Key(int, "blocks of the pose stream", low=1, high=24),
    "spatial": Key(str, "how joints are mixed", choices=("graph", "attention", "both")),
    "features": Key(int, "width of a stream", low=4, high=2048),
    "hidden": Key(int, "units of each direction of the LSTM", low=4, high=2048),
    "layers": Key(int, "layers of the LSTM", low=1, high=8),
    "attention_heads": Key(int, "heads of attention over time; 0: none", low=0, high=32),
    "fusion": Key(
        str,
        "how what is shown and what is remembered are fused",
        choices=("gated", "concat", "cross_attention", "mfmhla"),
    ),
    "fusion_heads": Key(int, "heads of the fusion's attention", low=1, high=32),
    "pooling": Key(str, "frames to a clip", choices=("attention", "mean", "both")),
    "dropout": Key(float, "rate of dropout", **_RATE),
    "joint_drop": Key(float, "rate at which a joint is hidden in training", **_RATE),
    "statistics": Key(bool, "the heads see statistics of the movement beside what is learnt"),
    "causal": Key(bool, "the network looks back only, for streams and control"),
    "dtype": Key(str, "type of the computation", choices=("float32", "bfloat16")),
}

_FRAMES: Mapping[str, Key] = {
    "poses": Key(
        str,
        "where the poses of a corpus come from: its files, or its videos by an estimator",
        choices=("annotated", "estimated"),
    ),
    "estimator": Key(str, "of estimated poses", choices=("auto", "mediapipe", "blazepose")),
    "frame_height": Key(int, "pixels of the pictures that the network sees", low=16, high=1024),
    "frame_width": Key(int, "pixels of the pictures that the network sees", low=16, high=1024),
    "encoder": Key(
        str,
        "of the pictures",
        choices=("resnet10", "resnet18", "resnet34", "resnet50", "inception_v3"),
    ),
    "encoder_width": Key(
        int, "channels of a ResNet's first layer; 64 is the paper's", low=4, high=512
    ),
    "encoder_norm": Key(str, "normalisation of a ResNet", choices=("batch", "group")),
    "encoder_small": Key(bool, "a ResNet for pictures of about 64 pixels: a stem without stride"),
    "encoder_weights": Key(
        str, "a .safetensors file of torchvision's or timm's names; empty: none"
    ),
    "encoder_frozen": Key(
        int, "first stages that are not trained; 4: the whole encoder", low=0, high=4
    ),
    "encoder_cached": Key(bool, "run a frozen encoder once a picture, and train on what it gave"),
    "cache": Key(str, "folder that keeps decoded videos and estimated poses; empty: memory"),
    "stream_drop": Key(
        float,
        "share of training windows that lose frames or poses, so that either is learnt",
        **_RATE,
    ),
}

_LOSS: Mapping[str, Key] = {
    "weight_style": Key(float, "of the style in the loss", low=0, high=1e3),
    "weight_aesthetic": Key(float, "of the aesthetic score (Eq. 12: 1.0)", low=0, high=1e3),
    "weight_map": Key(
        float,
        "of the aesthetic score as the head tells it that the CAM takes apart",
        low=0,
        high=1e3,
    ),
    "weight_biomech": Key(float, "of the biomechanical score (Eq. 12: 0.5)", low=0, high=1e3),
    "weight_attributes": Key(float, "of each attribute", low=0, high=1e3),
    "weight_joint": Key(float, "of the joint angles (Eq. 12: 0.3)", low=0, high=1e3),
    "score_loss": Key(str, "loss of the scores", choices=("squared", "gaussian", "rated")),
    "ranking": Key(float, "weight of the order of aesthetic scores; 0: none", low=0, high=1e3),
    "label_smoothing": Key(float, "of the style", low=0, high=0.9),
    "class_balance": Key(bool, "every style weighs alike in the loss"),
}

_AUGMENT: Mapping[str, Key] = {
    "augment_mirror": Key(float, "probability of the mirror image", low=0, high=1),
    "augment_rotate_deg": Key(float, "most degrees in the picture's plane", low=0, high=180),
    "augment_scale": Key(float, "most change of size, as a share", **_RATE),
    "augment_shift": Key(float, "most shift, in heights of the box", low=0, high=10),
    "augment_turn_deg": Key(float, "3D: most degrees about the vertical", low=0, high=180),
    "augment_tilt_deg": Key(float, "3D: most degrees about x", low=0, high=90),
    "augment_warp": Key(float, "most change of the speed within a clip", **_RATE),
    "augment_tempo": Key(float, "most change of a clip's speed", **_RATE),
    "augment_crop": Key(float, "smallest share of the frames that is kept", low=0.1, high=1),
    "augment_drop": Key(float, "probability that a joint is missing for a while", low=0, high=1),
    "augment_noise": Key(float, "of each coordinate, in heights of the box", low=0, high=1),
    "augment_brightness": Key(float, "pictures: most that is added, as a share of white", **_RATE),
    "augment_contrast": Key(float, "pictures: most change of contrast, as a share", **_RATE),
    "augment_picture_noise": Key(float, "pictures: of each value, as a share of white", **_RATE),
    "augment_cutout": Key(float, "pictures: probability of a grey square", low=0, high=1),
}

_OPTIMISER: Mapping[str, Key] = {
    "batch_size": Key(int, "windows of an update, of this process", low=1, high=65536),
    "optimizer": Key(str, "which optimiser", choices=("sgd", "adam", "adamw", "rmsprop")),
    "learning_rate": Key(float, "at the end of the warm-up", low=0, high=100),
    "momentum": Key(float, "momentum of sgd", low=0, high=0.9999),
    "weight_decay": Key(float, "L2 penalty; of adamw decoupled", low=0, high=10),
    "decay_all": Key(bool, "the penalty is on biases and scales too, not on matrices alone"),
    "eps": Key(float, "added to the root in adam and adamw, below it in rmsprop", low=0, high=1),
    "clip_norm": Key(float, "greatest norm of the gradient; 0: no limit", low=0, high=1e6),
    "schedule": Key(
        str,
        "of the learning rate",
        choices=("constant", "step", "cosine", "exponential", "plateau"),
    ),
    "decay_rate": Key(float, "factor of step and exponential", low=0, high=1),
    "final_fraction": Key(float, "of the learning rate at the end of cosine", low=0, high=1),
    "plateau_patience": Key(int, "evaluations until plateau lowers the rate", low=1, high=10**6),
    "ema_decay": Key(float, "of averaged parameters, which are tested; 0: none", low=0, high=1),
    "accumulate": Key(int, "micro-batches of a batch", low=1, high=65536),
    "remat": Key(bool, "compute activations again in the backward pass"),
    "halve_batch": Key(bool, "make micro-batches smaller where memory runs out"),
    **_duration("total", "length of the training", "steps", "epochs"),
    **_duration("warmup", "rise of the learning rate", "steps", "percent"),
    **_duration("decay", "time of one decay", "steps", "epochs", "examples"),
}

_RUN: Mapping[str, Key] = {
    "seeds": Key(tuple, "a training each", any_length=True),
    "metric": Key(str, "that chooses the parameters, of the validation part"),
    "metric_mode": Key(str, "which of two is better", choices=("min", "max")),
    "early_stop": Key(
        int, "evaluations without a better one that end it; 0: never", low=0, high=10**6
    ),
    "mirror_test": Key(bool, "test the mirror image too, and take the mean"),
    "save_model": Key(bool, "keep the network of every fold and seed, beside its checkpoints"),
    "final": Key(
        bool, "after the folds train on all clips; that network is the run's, the folds its figures"
    ),
    "report": Key(
        str,
        "page at the end: whole, quick (no movement measures, no examples), or none",
        choices=("full", "quick", "none"),
    ),
    "log_steps": Key(int, "steps between rows of metrics", low=1, high=10**6),
    "keep": Key(int, "last checkpoints kept beside the best", low=1, high=1000),
    "devices": Key(int, "that share a batch; 0: all", low=0, high=4096),
    "tensorboard": Key(bool, "write events.* for TensorBoard"),
    **_duration("eval", "time between evaluations", "steps", "epochs"),
    **_duration("save", "time between further checkpoints", "steps"),
}

TRAIN: Mapping[str, Key] = {
    **_DATA,
    **_NETWORK,
    **_FRAMES,
    **_LOSS,
    **_AUGMENT,
    **_OPTIMISER,
    **_RUN,
}
"""All keys of the task `train`."""
