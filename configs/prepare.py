"""Cuts long videos into clips of one length, size and rate, each tied to its source.

python -m dance_jax.launch --config=configs/prepare.py --config.input=FOLDER --workdir=out/clips

`input` is a corpus of any layout, a folder of videos, or one video. The run directory becomes a
corpus: `videos/SOURCE_STARTms.mp4`, `annotations/clips.csv` with `source_id` (split by it), and
`manifest.csv` with every sha256. A run that was stopped goes on where it was.
"""

from ml_collections import config_dict


def get_config() -> config_dict.ConfigDict:
    """Returns the default config."""
    config = config_dict.ConfigDict()
    config.task = "prepare"
    config.input = ""

    # What a clip is.
    config.seconds = 10.0
    config.stride_s = config_dict.placeholder(float)  # from start to start; None: no overlap
    config.min_seconds = 2.0  # a last clip shorter than this is left out
    config.fps = 25.0  # each frame is the source's nearest in time
    config.side = 512
    config.fit = "keep"  # keep: longer side | pad: square with black | crop: central square
    config.crf = 18

    # What goes with it.
    config.carry_scores = False  # scores were given for the whole source

    # What is refused.
    config.max_duration_s = 7200.0
    return config.lock()
