"""Checks a corpus: every problem in one pass, statistics, agreement of raters, leaks.

python -m dance_jax.launch --config=configs/validate.py --config.input=FOLDER --workdir=out/corpus

`input` holds `annotations/*.csv` and `videos/`, or `videos/STYLE/*`, or `images/STYLE/CLIP/*`.
Writes problems.csv, groups.csv, corpus.json and report.html; exits with 0 when clean and with 2
when there are problems. Without `--workdir` it prints the table alone.
"""

from ml_collections import config_dict


def get_config() -> config_dict.ConfigDict:
    """Returns the default config."""
    config = config_dict.ConfigDict()
    config.task = "validate"
    config.input = ""
    config.styles = ""  # a JSON file of further styles
    config.content_hash = True  # duplicates by sha256; reads every byte
    config.open_media = True  # header and first picture of every file
    config.require_licence = True
    config.require_consent = True

    # Leaks: what ties clips together, and what a split puts apart.
    config.poses = True  # compare the movement of pose_data/ and mocap/; False: not read
    config.pose_frames = 500_000  # the bound: about 0.8 GB, some minutes
    config.allow_pickle = False
    config.group_by = "auto"  # the annotated source or dancer, else the file names
    config.split = ""  # JSON of dance_jax.data.splits
    config.show = 40  # problems printed; the files have all
    return config.lock()
