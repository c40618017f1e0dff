"""Reads a training again and tells its result, or tests its network on other data.

python -m dance_jax.launch --config=configs/evaluate.py --config.run=RUN --workdir=out/evaluate

RUN is the workdir of a training that has ended: its outcomes are read, nothing is trained. With
`--config.data=CORPUS` its network is run on those clips; clips that it was trained on are left out.
Writes report.html, evaluation.json (with every clip's own numbers) and plots/.
"""

from ml_collections import config_dict


def get_config() -> config_dict.ConfigDict:
    """Returns the default config."""
    config = config_dict.ConfigDict()
    config.task = "evaluate"
    config.run = ""  # workdir of a training; with data also zoo:NAME

    # Other data; empty: the training's own outcomes are read.
    config.data = ""
    config.part = "all"  # all | train | val | test, of a split that the data came with
    config.label = ""  # of a file of poses; empty: as trained
    config.group_by = ()  # empty: as trained
    config.raters = ()  # whose scores are the truth; empty: all
    config.file_fps = config_dict.placeholder(float)
    config.allow_pickle = False
    config.keep_trained = False  # True: clips that were trained on count too, and it is stamped
    config.mirror = "auto"  # auto: as trained | yes | no: the mirror image is tested too
    config.batch_size = 0  # 0: as trained
    config.cache = ""  # keeps decoded videos and estimated poses; empty: as trained

    # What is written.
    config.measures = True  # which movement measures go with the errors; some 20 s to compile
    config.examples = True  # two clips: what the network looks at
    config.plots = True
    return config.lock()
