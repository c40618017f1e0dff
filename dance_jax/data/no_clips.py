"""Names files that hold no poses for what they are: videos, pictures, models, tables of labels."""

from __future__ import annotations

import re

from dance_jax.data.formats import Head
from dance_jax.data.formats import head as heads
from dance_jax.data.image_folder import IMAGE_SUFFIXES

_ESTIMATE = "estimate its poses first: dance_jax.analyze(path), or launch with configs/analyze.py"
_PICTURES = {b"\xff\xd8\xff": "JPEG", b"\x89PNG\r\n": "PNG", b"BM": "BMP", b"GIF8": "GIF"}
_MODEL_SUFFIXES = (".tflite", ".task", ".safetensors", ".index", ".ckpt", ".onnx", ".pth")
_VIDEO_SUFFIXES = (".mp4", ".mov", ".mkv", ".webm", ".avi", ".m4v")


def _video(start: bytes) -> str:
    if start[4:8] == b"ftyp":
        return "an MP4 or MOV video"
    if start.startswith(b"RIFF") and start[8:12] == b"AVI ":
        return "an AVI video"
    if start.startswith(b"\x1a\x45\xdf\xa3"):
        return "a Matroska or WebM video"
    return ""


def _sound(start: bytes) -> str:
    if start.startswith(b"RIFF") and start[8:12] == b"WAVE":
        return "a WAV sound file"
    if start.startswith((b"ID3", b"fLaC", b"OggS", b"\xff\xfb")):
        return "a sound file"
    return ""


def _model(head: Head) -> str:
    start = head.start
    if start[4:8] == b"TFL3" or any(name.endswith(".tflite") for name in head.members):
        return "a TensorFlow Lite model"
    if any(name.endswith("data.pkl") for name in head.members) and not head.is_folder:
        return "a PyTorch checkpoint"
    if re.match(rb".{8}\{\s*\"", start, re.S) and b'"data_offsets"' in start:
        return "a safetensors model"
    return ""


def reason(head: Head) -> tuple[str, object, str] | None:
    """Returns what the file is, where, and what to do, for an InputError; None if not known."""
    if head.is_folder:
        return _folder(head)
    if what := _video(head.start):
        return f"it is {what}, which holds no poses", head.path, _ESTIMATE
    for magic, name in _PICTURES.items():
        if head.start.startswith(magic):
            fix = "give the folder of all frames, and " + _ESTIMATE
            return f"it is one {name} picture", head.path, fix
    if what := _sound(head.start):
        return f"it is {what}, which holds no poses", head.path, "give it as the music of a clip"
    if what := _model(head):
        return f"it is {what}, which holds no poses", head.path, "give a file of poses"
    if head.start.startswith(b"\x93NUMPY"):
        what = "it is one NumPy array, and nothing says what its numbers are"
        return what, head.path, "save a Clip with dance_jax.data.clip_npz.write"
    if head.start.startswith(b"%PDF"):
        return "it is a PDF document", head.path, "give a file of poses"
    return _labels(head)


def _folder(head: Head) -> tuple[str, object, str] | None:
    if not head.members:
        return "the folder is empty", head.path, "give a folder of pose files"
    names = [name for name in head.members if "." in name and not name.endswith((".md", ".txt"))]
    suffixes = [name[name.rfind(".") :].lower() for name in names]
    if not suffixes:
        return None
    most = max(sorted(set(suffixes)), key=suffixes.count)
    if most in IMAGE_SUFFIXES:
        count = sum(suffix in IMAGE_SUFFIXES for suffix in suffixes)
        return f"it is a folder of {count} images, which hold no poses", head.path, _ESTIMATE
    if most in _VIDEO_SUFFIXES:
        return "it is a folder of videos, which hold no poses", head.path, _ESTIMATE
    if set(suffixes) <= set(_MODEL_SUFFIXES):
        return "it is a folder of models, which hold no poses", head.path, "give a file of poses"
    if set(suffixes) == {".csv"} and all(_labels(heads(head.path / name)) for name in names[:20]):
        what = f"it is a folder of {len(names)} tables of labels, without poses"
        return what, head.path, "give the file of poses that they belong to"
    return None


def _labels(head: Head) -> tuple[str, object, str] | None:
    """Tells a table of few columns, labels rather than poses, by its first lines."""
    lines = [line for line in head.lines[:50] if line.strip()]
    cells = [len(line.split(",")) for line in lines]
    if len(lines) < 3 or len(set(cells)) != 1 or not 2 <= cells[0] <= 24:
        return None
    has = f"{cells[0]} columns ({', '.join(word[:20] for word in lines[0].split(',')[:4])})"
    return (
        f"it is a table of {has}, too few for poses: labels or annotations",
        head.path,
        "give the file of poses that it belongs to",
    )
