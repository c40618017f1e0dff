"""Trains a small scorer, renders a dancer, analyses the video; prints errors against the truth.

bash launch/demo.sh
python -m dance_jax.launch --config=configs/demo.py --config.seed=3 --workdir=out/demo3

Measured (synthetic, seeds 0 to 3, 300 frames each, mediapipe lite, medians against the truth in the
picture): joints off by 1.4 to 1.7 % of body height, elbows by 1.8 to 4.3 degrees, other joints
by 1.1 to 3.2 degrees. The scorer (synthetic, 24 dancers to train on, 8 held out, true poses):
Pearson 0.99, mean squared error 0.02 against the known score. All of it: 2 min 10 s on 2 cores, set
up and with nothing compiled before (one run).

Needs no video of yours. Everything that it writes is labelled synthetic.
"""

from ml_collections import config_dict


def get_config() -> config_dict.ConfigDict:
    """Returns the default config."""
    config = config_dict.ConfigDict()
    config.task = "demo"

    # The dancer and the video.
    config.seed = 0
    config.style = ""
    config.duration_s = 10.0
    config.fps = 30.0
    config.width = 480
    config.height = 640

    # A small network, trained on synthetic dancers first, scores the dance.
    config.scorer = True

    # The analysis.
    config.estimator = "auto"
    config.allow_unknown_model = False
    config.model = ""
    config.executor = "auto"
    config.num_people = 1
    config.overlay = True
    return config.lock()
