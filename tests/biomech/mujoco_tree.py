"""A tree of rigid segments as a MuJoCo model, and exact smooth motions of it."""

from __future__ import annotations

import dataclasses

import jax
import jax.numpy as jnp
import mujoco
import numpy as np

from dance_jax.kinematics.rotations import axis_angle_to_matrix


@dataclasses.dataclass(frozen=True)
class Body:
    """Segments that hang on each other by ball joints (hinges in the plane), the first one free.

    offset [S,3]: joint in the parent's axes; com [S,3] from the joint and inertia [S,3,3] about it,
    in the segment's axes, which are the world's at rest.
    """

    parents: tuple[int, ...]
    mass: np.ndarray
    offset: np.ndarray
    com: np.ndarray
    inertia: np.ndarray
    gravity: float
    planar: bool = False

    def model(self) -> mujoco.MjModel:
        """The same body in MuJoCo."""
        text = ["" for _ in self.parents]
        for s in range(len(self.parents) - 1, -1, -1):
            inside = "".join(text[k] for k, p in enumerate(self.parents) if p == s)
            root = self.parents[s] < 0
            if self.planar:
                joints = '<joint type="hinge" axis="0 0 1"/>'
                slides = [f'<joint type="slide" axis="{axis}"/>' for axis in ("1 0 0", "0 1 0")]
                joints = "".join(slides) * root + joints
            else:
                joints = "<freejoint/>" if root else '<joint type="ball"/>'
            i = self.inertia[s]
            six = [i[0, 0], i[1, 1], i[2, 2], i[0, 1], i[0, 2], i[1, 2]]
            text[s] = (
                f'<body name="b{s}" pos="{_words(self.offset[s] * (not root))}">{joints}'
                f'<inertial pos="{_words(self.com[s])}" mass="{_words([self.mass[s]])}"'
                f' fullinertia="{_words(six)}"/>{inside}</body>'
            )
        return mujoco.MjModel.from_xml_string(
            f'<mujoco><option gravity="0 {-self.gravity!r} 0"/>'
            f"<worldbody>{text[0]}</worldbody></mujoco>"
        )


def _words(values):
    return " ".join(repr(float(v)) for v in values)


@dataclasses.dataclass(frozen=True)
class Swing:
    """Angles [S,3] (axis-angle) and root position [3] as sums of sines of time."""

    amplitude: np.ndarray  # [H, S + 1, 3], the last row moves the root
    hertz: np.ndarray  # [H, S + 1, 3]
    phase: np.ndarray

    @classmethod
    def random(cls, rng, segments, *, planar=False, angle=0.8, hertz=1.5, still=()):
        shape = (3, segments + 1, 3)
        amplitude = rng.normal(size=shape) * angle / 3
        amplitude[:, list(still)] = 0
        if planar:
            amplitude[:, :-1, :2] = 0
            amplitude[:, -1, 2] = 0
        return cls(amplitude, rng.uniform(0.2, hertz, shape), rng.uniform(0, 6.3, shape))

    def __call__(self, t):
        wave = jnp.sin(2 * np.pi * self.hertz * t + self.phase)
        both = jnp.sum(jnp.asarray(self.amplitude) * wave, axis=0)
        return both[:-1], both[-1]


def places(body, swing, t):
    """Joint positions [S,3], orientations [S,3,3] and centres [S,3] at one time."""
    angles, root = swing(t)
    local = axis_angle_to_matrix(angles)
    joint, turn = [], []
    for s, p in enumerate(body.parents):
        joint.append(root if p < 0 else joint[p] + turn[p] @ body.offset[s])
        turn.append(local[s] if p < 0 else turn[p] @ local[s])
    centre = [j + w @ c for j, w, c in zip(joint, turn, body.com, strict=True)]
    return jnp.stack(joint), jnp.stack(turn), jnp.stack(centre)


def derivatives(f, t):
    """f, df/dt and d2f/dt2."""
    one = jnp.ones_like(t)
    first = lambda s: jax.jvp(f, (s,), (one,))  # noqa: E731
    (value, rate), (_, second) = jax.jvp(first, (t,), (one,))
    return value, rate, second


def spin_of(turn, rate, second):
    """Angular velocity and acceleration in the world's axes from W and its derivatives."""

    def axial(m):
        return jnp.stack([m[..., 2, 1], m[..., 0, 2], m[..., 1, 0]], axis=-1)

    back = jnp.swapaxes(turn, -1, -2)
    # skew(omega) = W' W^T; the symmetric part W' W'^T of its derivative is no rotation.
    return axial(rate @ back), axial(0.5 * (second @ back - jnp.swapaxes(second @ back, -1, -2)))


def mj_states(body, swing, times):
    """What MuJoCo's coordinates and their exact derivatives are made of, at the given times."""

    def rates(t):
        _, turn, _ = places(body, swing, t)
        _, turn_rate = jax.jvp(lambda s: places(body, swing, s)[1], (t,), (jnp.ones_like(t),))
        _, root_rate = jax.jvp(lambda s: swing(s)[1], (t,), (jnp.ones_like(t),))
        omega, _ = spin_of(turn, turn_rate, turn_rate)
        above = jnp.asarray([max(p, 0) for p in body.parents])
        relative = omega - omega[above] * (jnp.asarray(body.parents) >= 0)[:, None]
        own = jnp.einsum("sji,sj->si", turn, relative)
        return root_rate, own, turn

    def at(t):
        (root_rate, own, turn), (root_acc, own_acc, _) = jax.jvp(rates, (t,), (jnp.ones_like(t),))
        angles, root = swing(t)
        return root, angles, root_rate, own, root_acc, own_acc, turn

    return [np.asarray(v) for v in jax.jit(jax.vmap(at))(jnp.asarray(times))]


def mj_moments(body, states, loads=()):
    """MuJoCo's joint moments [T,S,3] in the world's axes and the root's force [T,3].

    loads: per time, a list of (segment, force [3], point [3]).
    """
    model = body.model()
    data = mujoco.MjData(model)
    bodies = [model.body(f"b{s}") for s in range(len(body.parents))]
    dof = [b.dofadr[0] for b in bodies]  # MuJoCo numbers them depth first
    root = 2 if body.planar else 3
    turning = [d + root * (p < 0) for d, p in zip(dof, body.parents, strict=True)]
    width = 1 if body.planar else 3
    rows = np.asarray(turning)[:, None] + np.arange(width)
    moments, forces = [], []
    for k in range(len(states[0])):
        place, angles, place_rate, own, place_acc, own_acc, turn = (v[k] for v in states)
        data.qvel[:root], data.qacc[:root] = place_rate[:root], place_acc[:root]
        data.qpos[:root] = place[:root]
        data.qvel[rows], data.qacc[rows] = own[:, -width:], own_acc[:, -width:]
        for s, b in enumerate(bodies):
            at_q = model.jnt_qposadr[b.jntadr[0]] + root * (body.parents[s] < 0)
            if body.planar:
                data.qpos[at_q] = angles[s, 2]
            else:
                data.qpos[at_q : at_q + 4] = _quaternion(angles[s])
        mujoco.mj_inverse(model, data)
        total = data.qfrc_inverse.copy()
        if loads:
            applied = np.zeros(model.nv)
            for segment, force, point in loads[k]:
                at_body = bodies[segment].id
                mujoco.mj_applyFT(model, data, force, np.zeros(3), point, at_body, applied)
            total -= applied
        forces.append(np.pad(total[:root], (0, 3 - root)))
        if body.planar:
            moments.append(np.pad(total[rows], ((0, 0), (2, 0))))
        else:
            moments.append(np.einsum("sij,sj->si", turn, total[rows]))
    return np.asarray(moments), np.asarray(forces)


def _quaternion(rotvec):
    size = np.linalg.norm(rotvec)
    out = np.zeros(4)
    mujoco.mju_axisAngle2Quat(out, rotvec / size if size > 0 else np.eye(3)[0], size)
    return out
