"""Windows of real videos hold the very frames that a reading from the start gives."""

from __future__ import annotations

import pathlib

import numpy as np
import pytest

from dance_jax.data.video import open_video
from dance_jax.data.video_window import frame_times, read_window
from tests.seeds import fresh

VIDEOS = 8  # of the short clips; of the others, all
LONGEST = 1500  # frames that are looked at


@pytest.mark.full
def test_windows_of_real_videos(shared_data: pathlib.Path, full_size, figures) -> None:
    if not full_size:
        pytest.skip("launch/accept.sh runs it")
    rng = np.random.default_rng(fresh(__name__, 1)[0])
    folders = [shared_data / "videos", shared_data / "streetdance4" / "clips"]
    short = sorted(folders[1].glob("*.mp4"))
    paths = [p for p in sorted(folders[0].iterdir()) if p.suffix in (".mp4", ".avi", ".webm")]
    paths += list(rng.choice(short, min(VIDEOS, len(short)), replace=False)) if short else []
    compared = 0
    for path in paths:
        clock = frame_times(path)[:LONGEST]
        count = min(8, len(clock))
        starts = [int(rng.integers(0, len(clock) - count + 1)) for _ in range(2)]
        picks = [np.arange(at, at + count) for at in starts]
        picks.append(np.unique(np.linspace(len(clock) // 2, len(clock) - 1, 4).astype(int)))
        needed = {int(k) for pick in picks for k in pick}
        with open_video(path) as source:
            frames = {}
            for frame in source:
                if frame.index in needed:
                    frames[frame.index] = frame.rgb
                if len(frames) == len(needed):
                    break
        for pick in picks:
            expected = np.stack([frames[int(k)] for k in pick])
            got = read_window(path, clock[pick], *expected.shape[1:3])
            assert (got == expected).all(), (path.name, pick)
            compared += len(pick)
    assert compared >= 10
    figures["frames of real videos, bit for bit"] = {"videos": len(paths), "frames": compared}
