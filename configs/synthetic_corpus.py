"""Makes a corpus of synthetic dancers: videos, poses, motion capture, known scores and raters.

python -m dance_jax.launch --config=configs/synthetic_corpus.py --workdir=out/synthetic

The run directory becomes a corpus: `videos/`, `pose_data/`, `mocap/`, `annotations/clips.csv` (one
row a clip and rater), `truth.json` (what is known), `styles.json` (for the key `styles` of
`configs/validate.py`). A run that was stopped goes on where it was. All of it says that it is
synthetic.
"""

from ml_collections import config_dict


def get_config() -> config_dict.ConfigDict:
    """Returns the default config."""
    config = config_dict.ConfigDict()
    config.task = "synthetic_corpus"

    # Every dancer dances every choreography of every style, so many takes each.
    config.dancers = 6
    config.styles = ()  # empty: all that are dances
    config.choreographies = 1
    config.takes = 1
    config.seconds = 4.0
    config.fps = 25.0
    config.common = 0.0  # 1: all four scores of a take are alike
    config.seed = 0

    # The raters, on a scale of 0 to 10.
    config.raters = 4
    config.bias_sd = 0.4
    config.noise_sd = 0.5

    # The videos.
    config.pictures = "sticks"  # sticks: quick line drawings | rendered: the mannequin
    config.width = 96
    config.height = 128

    config.max_gb = 2.0  # a larger corpus is refused
    return config.lock()
