"""Dancers and a stiff figure in flight, for the tests of dynamics and energy."""

from __future__ import annotations

import functools

import jax.numpy as jnp
import numpy as np

from dance_jax.biomech import segments
from dance_jax.biomech.movement import Movement, movement
from dance_jax.data.synthetic import generate
from dance_jax.kinematics.butterworth import butterworth_zero_phase
from tests.kinematics.oracle import standing

H = 1.7
FRAMES = 90  # of every clip here: one shape, one compilation


@functools.lru_cache(maxsize=8)
def dancing(seed, style=None):
    dance = generate(seed, style, duration_s=FRAMES / 30)
    height = dance.body.height_m
    pose = np.asarray(dance.pose, np.float32)
    return movement(pose, dance.time_s, height=height, height_m=height)


@functools.lru_cache(maxsize=4)
def twice_as_fast(seed):
    """One filtered dance at 30 and at 60 frames a second."""
    dance = generate(seed, duration_s=FRAMES / 30, fps=60.0)
    pose = np.asarray(butterworth_zero_phase(dance.pose.astype(np.float32), dance.time_s, 3.0))
    height = dance.body.height_m
    return [
        movement(pose[::step], dance.time_s[::step], height=height, height_m=height)
        for step in (2, 1)
    ]


def stiff(theta, path, fps, c=3, pivot=None):
    """A stiff flat figure turned by theta about its centre (or pivot), which follows a path."""
    pose = standing(1.0) * [1, 1, 0]
    about = np.asarray(segments.centre_of_mass(pose)) if pivot is None else pivot
    turn = np.zeros((len(theta), 3, 3))
    turn[:, 0, 0], turn[:, 0, 1] = np.cos(theta), -np.sin(theta)
    turn[:, 1, 0], turn[:, 1, 1], turn[:, 2, 2] = np.sin(theta), np.cos(theta), 1
    out = np.einsum("tab,jb->tja", turn, pose - about) + path[:, None]
    time = np.arange(len(theta)) / fps
    return Movement(jnp.asarray(out[..., :c], jnp.float32), time, jnp.asarray(H, jnp.float32))
