"""AIST++ features against a plain loop written from their definitions, and the repaired mode."""

from __future__ import annotations

import jax
import numpy as np
import pytest

from dance_jax import skeleton
from dance_jax.biomech.geometric_features import RELATIONS, geometric_features
from dance_jax.biomech.kinetic_features import kinetic_features
from dance_jax.data import synthetic
from tests.seeds import fresh

SEEDS = fresh(__name__, 3)
NAMES = [
    *("root", "lhip", "rhip", "belly", "lknee", "rknee", "spine", "lankle", "rankle", "chest"),
    *("ltoes", "rtoes", "neck", "linshoulder", "rinshoulder", "head", "lshoulder", "rshoulder"),
    *("lelbow", "relbow", "lwrist", "rwrist", "lhand", "rhand"),
]


def walk(seed: int, frames: int = 60) -> np.ndarray:
    """A body-like cloud of 24 joints that moves smoothly at random."""
    rng = np.random.default_rng(seed)
    rest = rng.normal(scale=0.35, size=(24, 3)) + np.array([0, 1, 0])
    time = np.arange(frames)[:, None, None] / 60
    swing = rng.normal(scale=0.15, size=(24, 3)) * np.sin(
        2 * np.pi * rng.uniform(0.3, 3, (24, 3)) * time + rng.uniform(0, 6, (24, 3))
    )
    return (rest + swing + 0.3 * time * rng.normal(size=3)).astype(np.float32)


def dancer(seed: int, frames_per_s: float = 60.0) -> tuple[np.ndarray, np.ndarray]:
    """A synthetic dancer as SMPL-24 joints, spine and hands filled in between and beyond."""
    dance = synthetic.generate(seed, duration_s=3, fps=frames_per_s)
    halpe = np.asarray(dance.pose, np.float32)
    joints, _ = skeleton.convert(halpe, np.ones(halpe.shape[:2], np.float32), "halpe26", "smpl24")

    def at(name):
        return halpe[:, skeleton.index("halpe26", name)]

    hip, neck = at("hip"), at("neck")
    for name, share in (("spine1", 0.25), ("spine2", 0.5), ("spine3", 0.75), ("neck", 1.0)):
        joints[:, skeleton.index("smpl24", name)] = hip + share * (neck - hip)
    joints[:, skeleton.index("smpl24", "head")] = at("head")
    for side in ("left", "right"):
        collar = 0.5 * (neck + at(f"{side}_shoulder"))
        joints[:, skeleton.index("smpl24", f"{side}_collar")] = collar
        hand = at(f"{side}_wrist") + 0.3 * (at(f"{side}_wrist") - at(f"{side}_elbow"))
        joints[:, skeleton.index("smpl24", f"{side}_hand")] = hand
    assert np.isfinite(joints).all()
    return joints, dance.time_s


def kinetic_loop(p: np.ndarray) -> np.ndarray:
    """The published kinetic features, frame by frame in float64, its misplaced bracket included."""
    p = p.astype(np.float64)
    frames, dt = len(p), 1 / 60
    out = []
    for j in range(p.shape[1]):
        sums = np.zeros(3)
        for i in range(1, frames):
            steps = [p[k, j] - p[k - 1, j] for k in range(i - 2, i + 3) if 1 <= k < frames]
            v = np.mean(steps, 0) / dt
            rates = [
                ((p[k + 1, j] - p[k, j]) / dt - (p[k, j] - p[k - 1, j] / dt)) / dt
                for k in range(i - 2, i + 3)
                if 1 <= k < frames - 1
            ]
            sums += [v[0] ** 2 + v[2] ** 2, v[1] ** 2, np.linalg.norm(np.mean(rates, 0))]
        out.extend(sums / (frames - 1))
    return np.array(out)


def geometric_loop(p: np.ndarray) -> np.ndarray:
    """The published geometric features, frame by frame in float64."""
    p = p.astype(np.float64)
    hl = np.linalg.norm([0.255331904, -0.01564902, -0.0229464881])
    sw = np.linalg.norm([0.390804825, -0.000120804, -0.0057649701])
    hw = np.linalg.norm([0.118891079, 0.008233395, -0.0041215494])
    dt = 1 / 120

    def at(i, name):
        fixed = {
            "zero": [0, 0, 0],
            "up": [0, 1, 0],
            "down": [0, -1, 0],
            "low": [0, p[i, :, 1].min(), 0],
        }
        return np.array(fixed[name]) if name in fixed else p[i, NAMES.index(name)]

    def unit(x):
        return x / np.linalg.norm(x)

    def move(i, a, b, c, limit):
        drift = (at(i, c) - at(i, a)) - (at(i - 1, c) - at(i - 1, a))
        return drift @ unit(at(i, b) - at(i, a)) / dt > limit

    def nmove(i, a, b, c, d, limit):
        drift = (at(i, d) - at(i, a)) - (at(i - 1, d) - at(i - 1, a))
        return drift @ unit(np.cross(at(i, c) - at(i, a), at(i, b) - at(i, a))) / dt > limit

    def nplane(i, a, b, c, d, limit):
        return (at(i, d) - at(i, c)) @ unit(at(i, b) - at(i, a)) > limit

    def plane(i, a, b, c, d, limit):
        normal = np.cross(at(i, c) - at(i, a), at(i, b) - at(i, a))
        return (at(i, d) - at(i, a)) @ unit(normal) > limit

    def angle(i, a, b, c, d, low, high):
        cosine = unit(at(i, b) - at(i, a)) @ unit(at(i, d) - at(i, c))
        return low < np.degrees(np.arccos(cosine)) < high

    def fast(i, a, limit):
        return np.linalg.norm(at(i, a) - at(i - 1, a)) / dt > limit

    rows = []
    for i in range(1, len(p)):
        rows.append(
            [
                nmove(i, "neck", "rhip", "lhip", "rwrist", 1.8 * hl),
                nmove(i, "neck", "lhip", "rhip", "lwrist", 1.8 * hl),
                nplane(i, "chest", "neck", "neck", "rwrist", 0.2 * hl),
                nplane(i, "chest", "neck", "neck", "lwrist", 0.2 * hl),
                move(i, "belly", "chest", "chest", 1.8 * hl),
                move(i, "belly", "chest", "chest", 1.8 * hl),
                angle(i, "relbow", "rshoulder", "relbow", "rwrist", 0, 110),
                angle(i, "lelbow", "lshoulder", "lelbow", "lwrist", 0, 110),
                nplane(i, "lshoulder", "rshoulder", "lwrist", "rwrist", 2.5 * sw),
                move(i, "lwrist", "rwrist", "rwrist", 1.4 * hl),
                move(i, "rwrist", "root", "lwrist", 1.4 * hl),
                move(i, "lwrist", "root", "rwrist", 1.4 * hl),
                fast(i, "rwrist", 2.5 * hl),
                fast(i, "lwrist", 2.5 * hl),
                plane(i, "root", "lhip", "ltoes", "rankle", 0.38 * hl),
                plane(i, "root", "rhip", "rtoes", "lankle", 0.38 * hl),
                nplane(i, "zero", "up", "low", "rankle", 1.2 * hl),
                nplane(i, "zero", "up", "low", "lankle", 1.2 * hl),
                nplane(i, "lhip", "rhip", "lankle", "rankle", 2.1 * hw),
                angle(i, "rknee", "rhip", "rknee", "rankle", 0, 110),
                angle(i, "lknee", "lhip", "lknee", "lankle", 0, 110),
                fast(i, "rankle", 2.5 * hl),
                fast(i, "lankle", 2.5 * hl),
                angle(i, "neck", "root", "rshoulder", "relbow", 25, 180),
                angle(i, "neck", "root", "lshoulder", "lelbow", 25, 180),
                angle(i, "neck", "root", "rhip", "rknee", 50, 180),
                angle(i, "neck", "root", "lhip", "lknee", 50, 180),
                plane(i, "rankle", "neck", "lankle", "root", 0.5 * hl),
                angle(i, "neck", "root", "zero", "up", 70, 110),
                nplane(i, "zero", "down", "low", "rwrist", -1.2 * hl),
                nplane(i, "zero", "down", "low", "lwrist", -1.2 * hl),
                fast(i, "root", 2.3 * hl),
            ]
        )
    return np.mean(rows, 0)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("made", ["random", "synthetic"])
def test_compat_equals_the_published_definition(seed, made):
    joints = walk(seed) if made == "random" else dancer(seed)[0][:90]
    kinetic = np.asarray(kinetic_features(joints, mode="aist_compat"))
    np.testing.assert_allclose(kinetic, kinetic_loop(joints), rtol=1e-5, atol=1e-6)
    geometric = np.asarray(geometric_features(joints, mode="aist_compat"))
    # A frame that lies on a threshold to 1e-7 may fall on either side: one frame at most.
    np.testing.assert_allclose(geometric, geometric_loop(joints), atol=1.01 / (len(joints) - 1))
    assert np.mean(np.abs(geometric - geometric_loop(joints)) < 1e-6) > 0.95
    assert geometric.shape == (32,) and len(RELATIONS) == 32


@pytest.mark.parametrize("seed", SEEDS)
def test_the_published_bracket_depends_on_the_place_and_the_fixed_one_does_not(seed):
    joints, time_s = dancer(seed)
    far = joints + np.float32([1, 0, 0])
    compat, moved = (np.asarray(kinetic_features(x, mode="aist_compat")) for x in (joints, far))
    assert np.median(np.abs(moved[2::3] / compat[2::3] - 1)) > 0.02
    fixed, moved = (np.asarray(kinetic_features(x, time_s)) for x in (joints, far))
    np.testing.assert_allclose(moved, fixed, rtol=5e-3, atol=1e-4)


@pytest.mark.parametrize("seed", SEEDS)
def test_fixed_does_not_depend_on_the_frame_rate(seed):
    rng = np.random.default_rng(seed)
    swing = np.round(rng.uniform(0.3, 2, 24), 1)  # Hz; whole periods in 10 s
    lag, size = rng.uniform(0, 6, 24), rng.uniform(0.05, 0.5, 24)
    # By the definition: what a window of 5/60 s leaves of a sine.
    kept = np.sinc(swing * 5 / 60)
    energy = 0.5 * (2 * np.pi * swing * size * kept) ** 2
    pushes = size * (2 * np.pi * swing) ** 2 * kept * 2 / np.pi
    for rate in (30, 60, 120):
        time_s = np.arange(10 * rate + 1) / rate
        joints = np.zeros((len(time_s), 24, 3))
        joints[:, :, 0] = size * np.sin(2 * np.pi * swing * time_s[:, None] + lag)
        found = np.asarray(kinetic_features(joints, time_s)).reshape(24, 3)
        np.testing.assert_allclose(found[:, 0], energy, rtol=0.04)
        np.testing.assert_allclose(found[:, 2], pushes, rtol=0.04)
    dense, dense_time = dancer(seed, 60)
    one, two = kinetic_features(dense, dense_time), kinetic_features(dense[::2], dense_time[::2])
    energy = np.asarray(one).reshape(-1, 3)[:, :2].sum(1)
    coarse = np.asarray(two).reshape(-1, 3)[:, :2].sum(1)
    # Half of the samples show no more movement, and less of it where a step falls between them: a
    # joint that mostly steps may lose most of its energy, but most joints step little.
    assert np.all(coarse < 1.05 * energy + 1e-3)
    assert np.median((coarse + 1e-3) / (energy + 1e-3)) > 0.85
    a, b = geometric_features(dense, dense_time), geometric_features(dense[::2], dense_time[::2])
    assert np.abs(np.asarray(a) - np.asarray(b)).max() < 0.08
    slow = geometric_features(dense, dense_time, mode="aist_compat")
    assert np.asarray(slow)[12:14].sum() >= np.asarray(a)[12:14].sum()


@pytest.mark.parametrize("seed", SEEDS)
def test_missing_frames_are_left_out_and_small_clips_refused(seed):
    joints, time_s = dancer(seed)
    broken = joints.copy()
    broken[20:30] = np.nan
    for feature in (kinetic_features, geometric_features):
        value = np.asarray(feature(broken, time_s))
        assert np.isfinite(value).all()
        assert np.isnan(np.asarray(feature(np.full_like(joints, np.nan), time_s))).all()
        assert np.isnan(np.asarray(feature(joints[:1], time_s[:1]))).all()
        with pytest.raises(ValueError, match="mode"):
            feature(joints, time_s, mode="other")
        with pytest.raises(ValueError, match="time_s"):
            feature(joints)
    batch = jax.vmap(kinetic_features)(np.stack([joints, broken]), np.stack([time_s, time_s]))
    np.testing.assert_allclose(batch[1], kinetic_features(broken, time_s), rtol=2e-4, atol=1e-5)
    slope = jax.grad(lambda x: kinetic_features(x, time_s).sum())(broken)
    assert np.isfinite(slope).all() and np.abs(slope).max() > 0
