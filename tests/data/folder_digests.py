"""Compares folders of a synthetic corpus by what their files say."""

from __future__ import annotations

import hashlib
import pathlib

import numpy as np

from tests.data.media import read


def digests(folder: pathlib.Path) -> dict[str, str]:
    """All files but the run's own two; of videos the times, of manifests the names alone.

    The encoder does not give equal pictures the same bytes in every run; see `furthest`.
    """
    out = {}
    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        content = path.read_bytes()
        if path.suffix == ".mp4":
            content = repr([(f.time_s, f.rgb.shape) for f in read(path)[1]]).encode()
        elif path.parent.name == "manifest":
            content = b""
        out[path.relative_to(folder).as_posix()] = hashlib.sha256(content).hexdigest()
    return {k: v for k, v in out.items() if k not in ("config.json", "versions.json")}


def furthest(folder: pathlib.Path, other: pathlib.Path) -> float:
    """RMS difference of the least alike pictures of two folders of videos, levels of 255."""
    worst = 0.0
    for path in sorted(folder.rglob("*.mp4")):
        pairs = zip(read(path)[1], read(other / path.relative_to(folder))[1], strict=True)
        for a, b in pairs:
            gap = a.rgb.astype(np.float32) - b.rgb.astype(np.float32)
            worst = max(worst, float(np.sqrt((gap**2).mean())))
    return worst
