"""From a plan to joint rotations: planted feet, two-bone legs, arms and trunk, at any times."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import gaussian_filter1d, minimum_filter1d

from dance_jax.data.body import SOLE, Body
from dance_jax.data.plan import LEFT, Plan, Swing, smoothstep

GRID_HZ = 240.0
HEEL_S = 0.16  # the heel rises this long before the foot leaves the floor
SIDES = ("left", "right")
MIRROR = np.diag([-1.0, 1.0, 1.0])


def turn(axis: int, angle: np.ndarray) -> np.ndarray:
    """[T,3,3] right-handed rotations about a coordinate axis (0 x, 1 y, 2 z), radians."""
    angle = np.asarray(angle, float)
    c, s = np.cos(angle), np.sin(angle)
    out = np.zeros((*angle.shape, 3, 3))
    out[..., axis, axis] = 1.0
    i, j = (axis + 1) % 3, (axis + 2) % 3
    out[..., i, i] = out[..., j, j] = c
    out[..., i, j], out[..., j, i] = -s, s
    return out


def foot_path(
    home: tuple[float, float, float], swings: list[Swing], time_s: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The ball of one foot: planted between its swings, exactly still there.

    Args:
        home: (x, z, yaw) before the first swing.
        swings: in time order.
        time_s: [T] increasing seconds.

    Returns:
        place [T,3] metres above the standing height, yaw [T] and heel pitch [T] in radians.
    """
    state = np.broadcast_to(np.asarray(home, float), (len(time_s), 3)).copy()
    extra = np.zeros((len(time_s), 3))
    pitch = np.zeros(len(time_s))
    last = np.asarray(home, float)
    for swing in swings:
        goal = np.asarray(swing.goal)
        first = np.searchsorted(time_s, swing.start_s - HEEL_S)
        end = np.searchsorted(time_s, swing.end_s)
        t, part = time_s[first:end], slice(first, end)
        u = (t - swing.start_s) / (swing.end_s - swing.start_s)
        state[part] += smoothstep(u)[:, None] * (goal - last)
        state[end:] = goal
        bump = np.where(u > 0, np.sin(np.pi * np.clip(u, 0, 1)) ** 2, 0.0)
        extra[part] += bump[:, None] * np.add(swing.reach, (0.0, swing.lift, 0.0))
        rise = smoothstep((t - swing.start_s) / HEEL_S + 1.0) * (1 - smoothstep(u / 0.7))
        pitch[part] += swing.push * rise + 0.5 * bump * (np.linalg.norm(swing.reach) > 0.05)
        last = goal
    place = extra + np.stack([state[:, 0], np.zeros(len(time_s)), state[:, 1]], axis=-1)
    return place, state[:, 2], pitch


class Mover:
    """Evaluates a plan on one body at any times.

    Args:
        plan: what to do.
        body: who does it.
        until_s: the last time that will be asked for.
        wobble_m: amplitude of the sway of the hip, metres.
        tremor_deg: amplitude of the shaking of the arms, degrees.
        rng: draws the phases of the sway and the shaking.
    """

    def __init__(
        self,
        plan: Plan,
        body: Body,
        until_s: float,
        wobble_m: float,
        tremor_deg: float,
        rng: np.random.Generator,
    ) -> None:
        self.plan, self.body = plan, body
        self.wobble_m, self.tremor_deg = wobble_m, tremor_deg
        self.phases = rng.uniform(0, 2 * np.pi, (2, 8, 3))
        offsets = np.asarray(body.rig.offsets)
        self.offset = {name: offsets[k] for k, name in enumerate(body.rig.joints)}
        self.ball = {
            side: 0.5 * (self.offset[f"{side}_big_toe"] + self.offset[f"{side}_small_toe"])
            for side in SIDES
        }
        self.floor = SOLE * body.height_m
        self.ankle_y = self.floor - self.ball["left"][1]
        self.grid = np.arange(-0.5, until_s + 0.5, 1.0 / GRID_HZ)
        self.hip_xz, self.hip_y = self._pelvis()

    def _noise(self, kind: int, row: int, time_s: np.ndarray, hz: tuple[float, ...]) -> np.ndarray:
        waves = [
            np.sin(2 * np.pi * f * time_s + p)
            for f, p in zip(hz, self.phases[kind, row], strict=True)
        ]
        return np.mean(waves, axis=0)

    def feet(self, time_s: np.ndarray) -> list[tuple[np.ndarray, np.ndarray, np.ndarray]]:
        """For each foot: ankle [T,3] metres, orientation [T,3,3], forward direction [T,3]."""
        heel = self.plan.heel.at(time_s)[:, 0]
        out = []
        for k, side in enumerate(SIDES):
            place, yaw, pitch = foot_path(self.plan.home[k], self.plan.swings[k], time_s)
            place[:, 1] += self.floor
            frame = turn(1, yaw) @ turn(0, pitch + heel)
            # The plan's home is where the ankle stands; the ball lies ahead of it.
            ahead = turn(1, yaw)[:, :, 2] * self.ball[side][2]
            out.append((place + ahead - frame @ self.ball[side], frame, turn(1, yaw)[:, :, 2]))
        return out

    def _lean(self, time_s: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Lowering of the hip (fraction of the leg) and the forward lean with it (radians)."""
        drop = self.plan.drop.at(time_s)[:, 0]
        beats = np.interp(time_s, self.plan.moves_s, np.arange(len(self.plan.moves_s)))
        drop = drop + self.plan.bounce * (0.5 + 0.5 * np.cos(2 * np.pi * beats))
        return drop, np.deg2rad(self.plan.trunk.at(time_s)[:, 0]) + 1.1 * drop

    def _pelvis(self) -> tuple[np.ndarray, np.ndarray]:
        """Path of the hip on the grid: over the feet, low enough for both legs to reach."""
        t, leg = self.grid, self.body.leg_m
        feet = self.feet(t)
        share = np.clip(self.plan.weight.at(t), 0, 1)
        xz = share * feet[LEFT][0][:, ::2] + (1 - share) * feet[1][0][:, ::2]
        drop, lean = self._lean(t)
        psi = self.plan.heading.at(t)[:, 0]
        front = np.stack([np.sin(psi), np.cos(psi)], axis=-1)
        xz = xz + front * (0.03 * leg - 0.30 * self.offset["neck"][1] * np.sin(lean))[:, None]
        sway = [self._noise(0, k, t, (0.37, 0.71, 1.13)) for k in (0, 1)]
        xz = gaussian_filter1d(xz, 0.07 * GRID_HZ, axis=0) + self.wobble_m * np.stack(sway, -1)
        hang = -self.offset["left_hip"][1]
        heel = np.minimum(feet[0][0][:, 1], feet[1][0][:, 1]) - self.ankle_y
        wish = self.ankle_y + leg * (0.9985 - drop) + hang + np.maximum(heel, 0)
        room = np.minimum(*(self._reach(t, xz, psi, k, feet[k][0]) for k in (0, 1)))
        width = int(0.10 * GRID_HZ) | 1
        y = minimum_filter1d(np.minimum(wish, room), width, mode="nearest")
        return xz, gaussian_filter1d(y, 0.035 * GRID_HZ)

    def _reach(self, t, xz, psi, k, ankle) -> np.ndarray:
        """Highest hip at which leg k reaches its ankle."""
        offset = self.offset[f"{SIDES[k]}_hip"]
        hip = xz + offset[0] * np.stack([np.cos(psi), -np.sin(psi)], axis=-1)
        across = np.sum((hip - ankle[:, ::2]) ** 2, axis=-1)
        reach = 0.9985 * self.body.leg_m
        return ankle[:, 1] + np.sqrt(np.maximum(reach**2 - across, 0.05)) - offset[1]

    def _leg(self, hip, ankle, frame, ahead, pelvis, side) -> tuple[np.ndarray, ...]:
        """World orientations of thigh, shank and foot that bring the ankle where it should be."""
        upper = np.linalg.norm(self.offset[f"{side}_knee"])
        lower = np.linalg.norm(self.offset[f"{side}_ankle"])
        line = ankle - hip
        reach = np.linalg.norm(line, axis=-1, keepdims=True)
        line = line / reach
        reach = np.clip(reach, 0.35 * (upper + lower), 0.9995 * (upper + lower))
        pole = ahead + pelvis[:, :, 2]
        pole = pole - np.sum(pole * line, axis=-1, keepdims=True) * line
        pole = pole / np.linalg.norm(pole, axis=-1, keepdims=True)
        along = (upper**2 - lower**2 + reach**2) / (2 * reach)
        out = np.sqrt(np.maximum(upper**2 - along**2, 0.0))
        knee = hip + along * line + out * pole
        hinge = np.cross(pole, line)

        def bone(a: np.ndarray, b: np.ndarray) -> np.ndarray:
            y = (a - b) / np.linalg.norm(a - b, axis=-1, keepdims=True)
            return np.stack([hinge, y, np.cross(hinge, y)], axis=-1)

        return bone(hip, knee), bone(knee, hip + reach * line), frame

    def __call__(self, time_s: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Rotations [T,26,3,3] as in `kinematics.forward.frames` and root [T,3] in metres."""
        t = np.asarray(time_s, float)
        joints = self.body.rig.joints
        rotation = np.broadcast_to(np.eye(3), (len(t), len(joints), 3, 3)).copy()
        lean = self._lean(t)[1]
        root = np.stack(
            [np.interp(t, self.grid, x) for x in (*self.hip_xz.T, self.hip_y)], axis=-1
        )[:, [0, 2, 1]]
        psi = self.plan.heading.at(t)[:, 0]
        pelvis = turn(1, psi)
        bend, twist = np.deg2rad(self.plan.trunk.at(t)[:, 1:]).T
        sway = self.wobble_m * 2.5 * self._noise(0, 2, t, (0.43, 0.83, 1.31))
        look, nod = np.deg2rad(self.plan.head.at(t)).T
        rotation[:, joints.index("hip")] = pelvis
        rotation[:, joints.index("neck")] = turn(1, twist) @ turn(2, bend + sway) @ turn(0, lean)
        rotation[:, joints.index("head")] = (
            turn(1, look) @ turn(0, nod - 0.7 * lean) @ turn(2, -0.4 * bend)
        )
        feet = self.feet(t)
        for k, side in enumerate(SIDES):
            ankle, frame, ahead = feet[k]
            hip = root + pelvis @ self.offset[f"{side}_hip"]
            thigh, shank, foot = self._leg(hip, ankle, frame, ahead, pelvis, side)
            rotation[:, joints.index(f"{side}_knee")] = pelvis.swapaxes(1, 2) @ thigh
            rotation[:, joints.index(f"{side}_ankle")] = thigh.swapaxes(1, 2) @ shank
            for tip in ("heel", "big_toe", "small_toe"):
                rotation[:, joints.index(f"{side}_{tip}")] = shank.swapaxes(1, 2) @ foot
            for name, part in zip(("shoulder", "elbow", "wrist"), self._arm(k, t), strict=True):
                rotation[:, joints.index(f"{side}_{name}")] = part
        return rotation, root

    def _arm(self, k: int, t: np.ndarray) -> list[np.ndarray]:
        """Rotations of the collar bone, the upper arm and the forearm of one side."""
        value = self.plan.arms[k].at(t)
        shake = [self._noise(1, 4 * k + j, t, (4.1, 5.3, 6.7)) for j in range(4)]
        value = value + self.tremor_deg * np.stack(shake, axis=-1) * (1, 0.5, 0.5, 1)
        value[:, 3] = np.clip(value[:, 3], 3.0, 140.0)
        elevation, azimuth, inward, elbow = np.deg2rad(value).T
        collar = turn(2, 0.20 * smoothstep((elevation - 0.9) / 2.0))
        arm = turn(1, -azimuth) @ turn(2, elevation) @ turn(1, azimuth - inward)
        parts = [collar, collar.swapaxes(1, 2) @ arm, turn(0, -elbow)]
        return parts if k == LEFT else [MIRROR @ part @ MIRROR for part in parts]
