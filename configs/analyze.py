"""A dance video in, a movement report out: angles, speeds, plots, overlay, report.html.

python -m dance_jax.launch --config=configs/analyze.py --config.input=clip.mp4 --workdir=out/clip

`input` is a video, a folder of images (with `--config.fps`), a file of poses (docs/formats.md), or
a folder or quoted glob of videos (one sub-folder each). Runs on a CPU; the pose models come from
`configs/assets.py`.

Measured on 2 cores (synthetic, 30 s of 720p, 900 frames, median of 5): 20.7 s without the overlay,
24.2 s with it; 1.33 and 1.60 times a bare loop of decoding and MediaPipe in the same run.
"""

from ml_collections import config_dict


def get_config() -> config_dict.ConfigDict:
    """Returns the default config."""
    config = config_dict.ConfigDict()
    config.task = "analyze"

    # What is read.
    config.input = ""
    config.fps = config_dict.placeholder(float)  # images a second; for a folder of images only
    config.start_s = config_dict.placeholder(float)
    config.end_s = config_dict.placeholder(float)

    # Who is in it.
    config.person = "largest"  # largest | all | the number in the report's table of people
    config.mirrored = False  # True for a selfie video: left and right are the dancer's own
    config.height_m = config_dict.placeholder(float)  # gives metres; without it, body heights

    # How the pose is estimated.
    config.estimator = "auto"  # auto | mediapipe | blazepose
    config.allow_unknown_model = False
    config.model = ""
    config.executor = "auto"  # auto | litert | jax
    config.num_people = 4

    # How it is cleaned; seconds, never frames.
    config.min_confidence = 0.5
    config.outlier_window_s = 0.4
    config.outlier_sigma = 3.0
    config.max_gap_s = 0.25
    config.filter_cutoff_hz = 6.0
    config.filter_order = 4

    # How the movement is measured.
    config.anthropometry = "de_leva_mean"  # de_leva_mean | de_leva_female | de_leva_male | winter
    config.music = "auto"  # auto: the video's own sound | none | an audio file

    # What a trained network says of the dance beside it.
    config.run = ""  # the workdir of a training (configs/pose_style.py) | zoo:NAME

    # What is written.
    config.overlay = True
    config.heat = True  # with run: what the network's score rests on, over the frames
    config.overlay_height = 540
    config.blur_faces = False
    config.plots = True
    config.report = True

    # What is refused.
    config.max_width = 4096
    config.max_height = 4096
    config.max_fps = 240.0
    config.max_duration_s = 1800.0
    return config.lock()
