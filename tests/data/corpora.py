"""Made members and motions for the tests of splits and of their auditor."""

from __future__ import annotations

import numpy as np

from dance_jax.data.split import Member
from dance_jax.data.windows_index import Motion


def members(rng, *, dancers=12, takes=5, styles=3, music=6) -> list[Member]:
    """A corpus in which each dancer has one style and dances to some of the music."""
    out = []
    for d in range(dancers):
        for t in range(int(rng.integers(1, takes + 1))):
            groups = {
                "dancer": f"d{d:02d}",
                "music": f"m{rng.integers(music)}",
                "source": f"s{d}_{t}",
            }
            out.append(Member(f"clip{d:02d}_{t}", groups, f"style{d % styles}"))
    return out


def dance(rng, seconds: float, fps: float = 25.0, joints: int = 12, axes: int = 3) -> np.ndarray:
    """f32[T,J,C] of smooth movement about a body of 1.7 m, joints 0 and 1 far apart sideways."""
    t = np.arange(round(seconds * fps)) / fps
    rest = rng.uniform(-0.25, 0.25, (joints, 3)) + np.array([0, 0.9, 0])
    rest[0, 0], rest[1, 0] = -0.6, 0.6
    rest[:, 1] += np.linspace(-0.8, 0.8, joints)
    rate = rng.uniform(0.3, 1.1, (4, joints, 3))
    phase = rng.uniform(0, 2 * np.pi, (4, joints, 3))
    size = rng.uniform(0.02, 0.06, (4, joints, 3))
    wave = (size * np.sin(2 * np.pi * rate * t[:, None, None, None] + phase)).sum(1)
    turn = 2 * np.pi * rng.uniform(0.03, 0.1, 2) * t[:, None] + rng.uniform(0, 6, 2)
    walk = np.stack([np.sin(turn[:, 0]), 0 * t, np.sin(turn[:, 1])], -1)[:, None]
    return (rest + wave + walk)[..., :axes].astype(np.float32)


def turned(pose: np.ndarray, angle: float) -> np.ndarray:
    """The pose turned about the vertical."""
    c, s = np.cos(angle), np.sin(angle)
    return (pose @ np.array([[c, 0, -s], [0, 1, 0], [s, 0, c]])).astype(np.float32)


def motion(name: str, pose: np.ndarray, fps: float = 25.0) -> Motion:
    """A Motion."""
    return Motion(name, pose, fps)
