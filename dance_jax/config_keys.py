"""The keys of every task: type, meaning, range; what `validate` checks a config against."""

from __future__ import annotations

from collections.abc import Mapping

from dance_jax.config_key import Key
from dance_jax.config_keys_train import TRAIN

_ESTIMATION: Mapping[str, Key] = {
    "estimator": Key(str, "pose estimator", choices=("auto", "mediapipe", "blazepose")),
    "model": Key(str, "pose model: a file, a folder, a name, or empty for the default"),
    "allow_unknown_model": Key(bool, "accept a model whose sha256 is not in the table of assets"),
    "executor": Key(str, "what runs the graphs of blazepose", choices=("auto", "litert", "jax")),
    "num_people": Key(int, "people looked for in a frame", low=1, high=10),
}

_ANALYZE: Mapping[str, Key] = {
    "input": Key(str, "a video, images, a file of poses, a folder of videos", required=True),
    "fps": Key(float, "images a second, for a folder of images", low=0.1, high=1000, optional=True),
    "start_s": Key(float, "first second that is read", low=0, high=1e6, optional=True),
    "end_s": Key(float, "last second that is read", low=0, high=1e6, optional=True),
    "person": Key(
        str, "who is reported", choices=("largest", "all", "a number from 1"), pattern=r"[1-9]\d*"
    ),
    "mirrored": Key(bool, "selfie video: left and right are exchanged"),
    "height_m": Key(float, "the dancer's body height in metres", low=0.5, high=2.5, optional=True),
    **_ESTIMATION,
    "filter_cutoff_hz": Key(float, "cutoff of the low-pass filter in hertz", low=0.1, high=100),
    "filter_order": Key(int, "order of the low-pass filter", low=1, high=8),
    "outlier_window_s": Key(
        float, "width of the outlier window in seconds; 0 turns it off", low=0, high=5
    ),
    "outlier_sigma": Key(float, "outlier limit in robust standard deviations", low=0.5, high=20),
    "max_gap_s": Key(float, "longest gap that is filled, in seconds", low=0, high=5),
    "min_confidence": Key(float, "confidence below which a joint is missing", low=0, high=1),
    "anthropometry": Key(
        str,
        "table of body segment masses",
        choices=("de_leva_mean", "de_leva_female", "de_leva_male", "winter"),
    ),
    "music": Key(str, "auto: the video's own sound; none; or an audio file"),
    "run": Key(str, "a trained network: the workdir of a training, or zoo:NAME; empty: none"),
    "overlay": Key(bool, "write overlay.mp4"),
    "heat": Key(bool, "with run: the network's class activation map in overlay.mp4"),
    "overlay_height": Key(int, "greatest height of the overlay in pixels", low=144, high=2160),
    "blur_faces": Key(bool, "blur faces in every picture that is written"),
    "plots": Key(bool, "write plots/*.png"),
    "report": Key(bool, "write report.html"),
    "max_width": Key(int, "widest input allowed, in pixels", low=16, high=16384),
    "max_height": Key(int, "tallest input allowed, in pixels", low=16, high=16384),
    "max_fps": Key(float, "highest input rate allowed, in frames a second", low=1, high=1000),
    "max_duration_s": Key(float, "longest input allowed, in seconds", low=0.5, high=86400),
}

_DEMO: Mapping[str, Key] = {
    "seed": Key(int, "which dancer, style, look and camera", low=0, high=2**31 - 1),
    "style": Key(str, "style of the dance; empty: chosen by the seed"),
    "duration_s": Key(float, "length of the dance in seconds", low=1, high=120),
    "fps": Key(float, "frames a second of the rendered video", low=10, high=120),
    "width": Key(int, "width of the rendered video in pixels", low=160, high=3840),
    "height": Key(int, "height of the rendered video in pixels", low=160, high=3840),
    "scorer": Key(bool, "train a small scorer on synthetic dancers first, and let it score"),
    **_ESTIMATION,
    "overlay": _ANALYZE["overlay"],
}

_ASSETS: Mapping[str, Key] = {
    "names": Key(tuple, "assets to fetch; a|b takes the first that can be had"),
    "path": Key(str, "a file or folder looked at first; empty: none"),
    "force": Key(bool, "fetch again although the cache has it"),
}

_BENCHMARK: Mapping[str, Key] = {
    "suites": Key(
        tuple,
        "what is measured",
        choices=(
            "analyze",
            "startup",
            "render",
            "pose",
            "memory",
            "measures",
            "loader",
            "networks",
            "angle_validity",
        ),
    ),
    "input": Key(str, "video that is measured; empty: a rendered dancer"),
    "seconds": Key(float, "length of the rendered video in seconds", low=2, high=3600),
    "fps": Key(float, "frames a second of the rendered video", low=10, high=120),
    "width": Key(int, "width of the rendered video in pixels", low=160, high=3840),
    "height": Key(int, "height of the rendered video in pixels", low=160, high=3840),
    "repeats": Key(int, "runs of each measurement; the median is kept", low=1, high=20),
    "seed": Key(int, "which dancer is rendered", low=0, high=2**31 - 1),
    "clips": Key(int, "dancers of the angle validity study", low=1, high=1000),
    "clip_seconds": Key(float, "length of each of them in seconds", low=2, high=120),
    "corpus_clips": Key(
        int, "clips that measures and the loader are timed on", low=1, high=100_000
    ),
    "corpus_frames": Key(int, "frames of each of them", low=60, high=10_000),
    "networks": Key(
        tuple,
        "networks timed against PyTorch",
        choices=("bilstm", "resnet18", "resnet50", "pose", "full", "full50"),
    ),
    "image_size": Key(int, "side of their pictures in pixels", low=32, high=512),
    "window_frames": Key(int, "frames of the full network's windows", low=2, high=300),
    **_ESTIMATION,
}

_PERSON = Key(str, "who is compared", choices=("largest", "a number from 1"), pattern=r"[1-9]\d*")

_COMPARE: Mapping[str, Key] = {
    "teacher": Key(str, "the video, or folder of images, that is compared with", required=True),
    "student": Key(str, "the video, or folder of images, that is compared", required=True),
    "teacher_person": _PERSON,
    "student_person": _PERSON,
    "teacher_start_s": _ANALYZE["start_s"],
    "teacher_end_s": _ANALYZE["end_s"],
    "student_start_s": _ANALYZE["start_s"],
    "student_end_s": _ANALYZE["end_s"],
    "mirrored": Key(str, "the student does the mirror image", choices=("auto", "yes", "no")),
    "window_s": Key(float, "how far the student may be early or late, in seconds", low=0.1, high=5),
    "same_dance": Key(bool, "it is known, and not tested, that both do the same dance"),
    "video": Key(bool, "write compare.mp4, both dancers side by side"),
    **_ESTIMATION,
    **{
        name: _ANALYZE[name]
        for name in (
            *("fps", "min_confidence", "filter_cutoff_hz", "overlay", "overlay_height"),
            *("blur_faces", "plots", "report"),
        )
    },
}

_DOCTOR: Mapping[str, Key] = {
    "path": Key(str, "a file or folder that may hold pose models; empty: none"),
}

_EVALUATE: Mapping[str, Key] = {
    "run": Key(str, "workdir of a training that has ended; with data also zoo:NAME", required=True),
    "data": Key(str, "other clips that its network is tested on; empty: its own outcomes are read"),
    "part": Key(
        str,
        "which of those clips, by the split they came with",
        choices=("all", "train", "val", "test"),
    ),
    "label": Key(str, "label of the clips of a file of poses; empty: as trained"),
    "group_by": Key(tuple, "what clips are grouped by; empty: as trained"),
    "raters": Key(tuple, "ids of the raters whose scores are the truth; empty: all"),
    "file_fps": Key(
        float, "frames a second of a file that does not tell", low=0.1, high=1000, optional=True
    ),
    "allow_pickle": Key(bool, "read pickles, in a restricted process"),
    "keep_trained": Key(bool, "count clips that were trained on too; the page is stamped"),
    "mirror": Key(
        str,
        "test the mirror image too, and take the mean; auto: as the training tested",
        choices=("auto", "yes", "no"),
    ),
    "batch_size": Key(int, "windows at a time; 0: as trained", low=0, high=65536),
    "cache": Key(str, "folder that keeps decoded videos and estimated poses; empty: as trained"),
    "measures": Key(bool, "compute movement measures, to see which go with the errors"),
    "examples": Key(bool, "show what the network looks at in two clips"),
    "plots": Key(bool, "write plots/*.png, and show them in the report"),
}

_PREPARE: Mapping[str, Key] = {
    "input": Key(str, "a corpus, a folder of videos, or one video", required=True),
    "seconds": Key(float, "length of a clip in seconds", low=0.1, high=3600),
    "stride_s": Key(
        float, "from one start to the next, in seconds", low=0.1, high=3600, optional=True
    ),
    "min_seconds": Key(float, "a last clip shorter than this is left out", low=0, high=3600),
    "fps": Key(float, "frames a second of the clips", low=1, high=240),
    "side": Key(int, "pixels: the longer side, or both with pad and crop", low=16, high=4096),
    "fit": Key(str, "shape of the clips' picture", choices=("keep", "pad", "crop")),
    "crf": Key(int, "quality of the encoder, 0 lossless to 51", low=0, high=51),
    "carry_scores": Key(bool, "give the clips the scores of their source"),
    "max_duration_s": Key(float, "longest source allowed, in seconds", low=0.5, high=86400),
}

_SYNTHETIC_CORPUS: Mapping[str, Key] = {
    "dancers": Key(int, "how many dancers", low=1, high=1000),
    "styles": Key(tuple, "styles of the generator; empty: all that are dances"),
    "choreographies": Key(int, "of each style", low=1, high=1000),
    "takes": Key(int, "of each dancer and choreography", low=1, high=1000),
    "seconds": Key(float, "length of a clip in seconds", low=0.1, high=600),
    "fps": Key(float, "frames a second", low=1, high=240),
    "seed": Key(
        int, "the same keys and seed give the same dances and ratings", low=0, high=2**31 - 1
    ),
    "raters": Key(int, "who rate every clip", low=2, high=100),
    "bias_sd": Key(float, "spread of the raters' biases in points", low=0, high=10),
    "noise_sd": Key(float, "spread of each rating's noise in points", low=0, high=10),
    "common": Key(float, "share of the scores that a dancer's level decides", low=0, high=1),
    "pictures": Key(str, "what the videos show", choices=("sticks", "rendered")),
    "width": Key(int, "of the videos in pixels, even", low=16, high=3840),
    "height": Key(int, "of the videos in pixels, even", low=16, high=3840),
    "max_gb": Key(float, "largest size of the corpus in gigabytes", low=0.001, high=1000),
}

_VALIDATE: Mapping[str, Key] = {
    "input": Key(str, "the folder of a corpus", required=True),
    "styles": Key(str, "a JSON file of further styles; empty: none"),
    "content_hash": Key(bool, "look for duplicate content by sha256"),
    "open_media": Key(bool, "open every video and decode its first picture"),
    "require_licence": Key(bool, "a clip without a licence is a problem"),
    "require_consent": Key(bool, "a clip without consent is a problem"),
    "poses": Key(bool, "read the poses beside the videos and compare their movement"),
    "pose_frames": Key(int, "frames times people compared at most", low=1000, high=10_000_000),
    "allow_pickle": Key(bool, "read pickles of poses, in a restricted process"),
    "group_by": Key(
        str,
        "what clips are grouped by, or a regular expression on their names with one (group)",
        choices=("auto", "none", "source", "dancer", "choreography", "music"),
        pattern=r".*\(.+\).*",
    ),
    "split": Key(str, "the JSON file of a split that is audited; empty: the corpus' own"),
    "show": Key(int, "problems that are printed; the files have all", low=0, high=100_000),
}

_FETCH_AIST: Mapping[str, Key] = {
    "accept_licence": Key(bool, "you have read the terms of use and accept them"),
    "folder": Key(str, "where the videos go", required=True),
    "names": Key(tuple, "names of videos; {01..09} and {BR|PO} stand for several"),
    "list": Key(str, "a file of names, one a line; empty: none"),
    "cameras": Key(tuple, "c01 to c09, for names of all cameras (cAll)"),
    "max_videos": Key(int, "only the first of the names", low=1, high=20_000),
    "allow_missing": Key(bool, "a name that the server does not have is no failure"),
    "base_url": Key(str, "address of the folder of videos", required=True),
    "num_processes": Key(int, "videos fetched at the same time", low=1, high=16),
    "tries": Key(int, "tries of one video", low=1, high=50),
    "backoff_s": Key(float, "seconds before the second try; doubles each time", low=0, high=60),
    "timeout_s": Key(float, "seconds without a byte until a try ends", low=0.1, high=600),
    "max_gb": Key(float, "largest size of the folder, in gigabytes", low=0.001, high=1e5),
    "hashes": Key(str, "a file of sha256sum lines to be met; empty: none"),
}

KEYS: Mapping[str, Mapping[str, Key]] = {
    "analyze": _ANALYZE,
    "assets": _ASSETS,
    "benchmark": _BENCHMARK,
    "compare": _COMPARE,
    "demo": _DEMO,
    "doctor": _DOCTOR,
    "evaluate": _EVALUATE,
    "fetch_aist": _FETCH_AIST,
    "prepare": _PREPARE,
    "synthetic_corpus": _SYNTHETIC_CORPUS,
    "train": TRAIN,
    "validate": _VALIDATE,
}
"""All keys of each task, `task` itself left out; every key must be in the config and no other."""
