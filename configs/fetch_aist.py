"""Fetches videos of the AIST Dance Video Database, once you accept its terms of use.

python -m dance_jax.launch --config=configs/fetch_aist.py --config.folder=FOLDER \
  --config.names='gBR_sBM_c{01..09}_d04_mBR0_ch01' --config.accept_licence=true

Without `accept_licence` it prints where the terms are and what they demand, and exits with 2. A
range `{01..09}` and a choice `{BR|PO}` stand for several names; `list` is a file of names, one a
line (the database's own lists of addresses are fine). A run that was stopped goes on where it was,
within a file too. The sha256 of every file is in SHA256SUMS: known ones are checked, new ones are
recorded on first use. Needs no `--workdir`.
"""

from ml_collections import config_dict


def get_config() -> config_dict.ConfigDict:
    """Returns the default config."""
    config = config_dict.ConfigDict()
    config.task = "fetch_aist"
    config.accept_licence = False
    config.folder = ""

    # Which videos.
    config.names = ()
    config.list = ""
    config.cameras = ("c01",)  # for names of all cameras (cAll), as AIST++ writes them
    config.max_videos = 1000
    config.allow_missing = False  # True: a name that the server does not have is no failure

    # From where, and how politely.
    config.base_url = "https://aistdancedb.ongaaccel.jp/v1.0.0/video/10M"
    config.num_processes = 2  # videos fetched at the same time
    config.tries = 5  # of one video
    config.backoff_s = 1.0  # before the second try; doubles each time
    config.timeout_s = 30.0

    # What is held.
    config.max_gb = 50.0  # of the whole folder
    config.hashes = ""  # a file of sha256sum lines that the videos must meet; empty: none
    return config.lock()
