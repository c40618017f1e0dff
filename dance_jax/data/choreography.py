"""From a style and a seed to a plan: beats, arm shapes, steps and turns with exact times."""

from __future__ import annotations

import numpy as np

from dance_jax.data.dances import ARMS, CALIBRATION, Style
from dance_jax.data.plan import LEFT, RIGHT, Plan, Swing, Track, smoothstep

LEAD_S = 1.0  # the plan starts this long before time zero, so that motion is under way there


class Composer:
    """Writes a plan beat by beat; every method of a step returns the beats it takes."""

    def __init__(
        self,
        style: Style,
        rng: np.random.Generator,
        duration_s: float,
        leg: float,
        hip_width: float,
        amplitude: float,
        timing_sd_s: float,
    ) -> None:
        self.style, self.rng, self.amplitude = style, rng, amplitude
        self.leg, self.half = leg, 0.5 * hip_width * style.stance
        self.period = 60.0 / rng.uniform(*style.bpm)
        self.until = duration_s + 1.0
        first = rng.uniform(0.25, 0.75) * self.period - LEAD_S
        beats = np.arange(first, self.until + 9 * self.period, self.period)
        error = np.clip(rng.normal(0, timing_sd_s, len(beats)), -2 * timing_sd_s, 2 * timing_sd_s)
        self.at = beats + np.clip(error, -0.2 * self.period, 0.2 * self.period)
        self.centre, self.psi, self.side = np.zeros(2), 0.0, int(rng.integers(2))
        if "walk" in style.steps:
            self.psi = rng.uniform(-0.6, 0.6)
        rest = ARMS["rest"]
        d = style.base_drop
        self.plan = Plan(
            beats_s=beats,
            moves_s=self.at,
            home=(self.place(LEFT), self.place(RIGHT)),
            swings=([], []),
            arms=(Track(rest), Track(rest)),
            trunk=Track((0, 0, 0)),
            head=Track((0, 0)),
            drop=Track((d,)),
            heel=Track((0,)),
            heading=Track((self.psi,)),
            weight=Track((0.5,)),
            turns=[],
            bounce=style.bounce * amplitude,
        )

    def place(self, foot: int, side: float = 0.0, front: float = 0.0, psi: float | None = None):
        """Returns (x, z, yaw) of a foot near its home, metres and radians.

        Args:
            foot: LEFT or RIGHT.
            side: shift outwards, metres.
            front: shift to the front, metres.
            psi: heading of the body in radians; the present one by default.
        """
        psi = self.psi if psi is None else psi
        sign = 1.0 if foot == LEFT else -1.0
        across, along = sign * (self.half + side), front
        x = self.centre[0] + across * np.cos(psi) + along * np.sin(psi)
        z = self.centre[1] - across * np.sin(psi) + along * np.cos(psi)
        return x, z, psi + sign * np.deg2rad(self.style.turnout_deg)

    def swing(self, foot: int, end_s: float, goal, *, last_s: float = 0.0, **more) -> None:
        """Adds a step; the other foot carries meanwhile.

        Args:
            foot: LEFT or RIGHT.
            end_s: landing, seconds.
            goal: (x, z, yaw) where it lands, see `place`.
            last_s: seconds in the air; 0 chooses them by the beat.
            **more: `lift`, `reach` and `push` of `Swing`.
        """
        last_s = last_s or min(0.42, 0.8 * self.period)
        lift = more.pop("lift", self.style.lift)
        earlier = self.plan.swings[foot]
        start_s = max(end_s - last_s, earlier[-1].end_s + 0.05 if earlier else -np.inf)
        end_s = max(end_s, start_s + 0.2)
        earlier.append(Swing(start_s, end_s, tuple(map(float, goal)), lift, **more))
        self.carry(foot, start_s)

    def carry(self, free: int, time_s: float, share: float = 0.94) -> None:
        """Puts the weight onto the other foot just as `free` leaves the floor.

        Args:
            free: the foot that leaves, LEFT or RIGHT.
            time_s: lift-off, seconds.
            share: fraction of the weight on the other foot.
        """
        self.plan.weight.add(time_s + 0.05, (1 - share if free == LEFT else share,), 0.34)

    def settle(self, time_s: float, left: float = 0.5) -> None:
        """Weight returns to both feet."""
        self.plan.weight.add(time_s + 0.2, (left,), 0.34)

    def dip(self, low_s: float, depth: float, half_s: float) -> None:
        """Bends and stretches the knees.

        Args:
            low_s: when they are lowest, seconds.
            depth: how far the hips sink, as a fraction of the leg length.
            half_s: seconds down, and again up.
        """
        base = self.style.base_drop
        self.plan.drop.add(low_s, (base + depth * self.amplitude,), half_s)
        self.plan.drop.add(low_s + half_s, (base,), half_s)

    # --- steps -------------------------------------------------------------------------------
    def plie(self, i: int) -> int:
        """Both knees bend over two beats."""
        self.dip(self.at[i + 1], self.rng.uniform(0.10, 0.17), self.period)
        return 2

    def bounce(self, i: int) -> int:
        """Two small bends, one a beat."""
        for k in (0, 1):
            self.dip(self.at[i + k] + 0.5 * self.period, 0.05, 0.4 * self.period)
        return 2

    def releve(self, i: int) -> int:
        """Both heels rise and sink over two beats."""
        self.plan.heel.add(self.at[i + 1], (0.5 * self.amplitude,), 0.8 * self.period)
        self.plan.heel.add(self.at[i + 2], (0.0,), 0.8 * self.period)
        return 2

    def tendu(self, i: int) -> int:
        """One foot is stretched to the side or front and drawn back; the other carries."""
        foot = self.side = 1 - self.side
        out = 0.30 * self.leg * self.amplitude
        side, front = (out, 0.0) if self.rng.random() < 0.7 else (0.05, 0.8 * out)
        for k, goal in ((1, self.place(foot, side, front)), (2, self.place(foot))):
            self.swing(foot, self.at[i + k], goal, lift=0.015)
        self.settle(self.at[i + 2])
        return 2

    def raise_leg(self, i: int) -> int:
        """One knee or leg rises to its height on the middle beat."""
        foot = self.side = 1 - self.side
        sign = 1.0 if foot == LEFT else -1.0
        size = self.leg * self.amplitude
        out, front = (0.30, 0.05) if self.rng.random() < 0.6 else (0.05, 0.22)
        c, s = np.cos(self.psi), np.sin(self.psi)
        across, along = sign * out * size, front * size
        reach = (across * c + along * s, 0.32 * size, -across * s + along * c)
        last = self.at[i + 2] - self.at[i] - 0.15 * self.period
        self.swing(foot, self.at[i + 2], self.place(foot), last_s=last, lift=0.0, reach=reach)
        self.settle(self.at[i + 2])
        return 2

    def step_side(self, i: int) -> int:
        """A step to the side and the other foot closes."""
        sign = -np.sign(self.centre[0]) if abs(self.centre[0]) > 0.15 else self.rng.choice([-1, 1])
        foot = LEFT if sign * np.cos(self.psi) > 0 else RIGHT
        size = 0.26 * self.leg * self.amplitude * (1 if foot == LEFT else -1)
        self.centre = self.centre + size * np.array([np.cos(self.psi), -np.sin(self.psi)])
        self.swing(foot, self.at[i + 1], self.place(foot))
        self.settle(self.at[i + 1])
        self.swing(1 - foot, self.at[i + 2], self.place(1 - foot))
        self.settle(self.at[i + 2])
        return 2

    def lunge(self, i: int) -> int:
        """A wide step to the side into a bent knee, and back."""
        foot = self.side = 1 - self.side
        self.swing(foot, self.at[i + 1], self.place(foot, 0.32 * self.leg * self.amplitude))
        self.settle(self.at[i + 1], 0.62 if foot == LEFT else 0.38)
        self.dip(self.at[i + 2], 0.11, self.period)
        self.swing(foot, self.at[i + 3], self.place(foot))
        self.settle(self.at[i + 3])
        return 4

    def stamp(self, i: int) -> int:
        """Flat-footed stamps in place, one a beat, feet in turn."""
        for k in (1, 2):
            foot = self.side = 1 - self.side
            self.swing(foot, self.at[i + k], self.place(foot), last_s=0.3, push=0.05)
            self.settle(self.at[i + k])
        return 2

    def turn(self, i: int, angle: float | None = None, beats: int = 4) -> int:
        """The whole body turns on small steps.

        Args:
            i: the first beat.
            angle: radians, positive to the dancer's left; None: once round, either way.
            beats: how long it takes.

        Returns:
            The number of beats.
        """
        if angle is None:
            angle = 2 * np.pi * self.rng.choice([-1, 1])
        start, end, before = self.at[i], self.at[i + beats], self.psi
        self.plan.heading.add(end, (before + angle,), end - start)
        self.plan.turns.append((float(start), float(end), float(angle)))
        n = max(2, int(np.ceil(abs(angle) / (np.pi / 4))))
        step = (end - start) / n
        for k in range(1, n + 1):
            foot = (LEFT if angle > 0 else RIGHT) if k % 2 else (RIGHT if angle > 0 else LEFT)
            land = start + k * step
            ahead = before + angle * float(smoothstep((land + step - start) / (end - start)))
            self.swing(
                foot, land, self.place(foot, psi=ahead), last_s=0.85 * step, lift=0.04, push=0.15
            )
        self.psi = before + angle
        other = 1 - foot
        self.swing(other, end + 0.4, self.place(other), last_s=0.3, lift=0.03, push=0.1)
        self.settle(end + 0.4)
        return beats + 1

    def walk(self, i: int) -> int:
        """One step ahead, or a half turn where the room ends."""
        ahead = np.array([np.sin(self.psi), np.cos(self.psi)])
        if self.centre @ ahead > 0.55:
            return self.turn(i, np.pi * self.rng.choice([-1, 1]), 3)
        foot = self.side = 1 - self.side
        self.centre = self.centre + 0.30 * self.leg * self.amplitude * ahead
        goal = self.place(foot, front=0.14 * self.leg)
        self.swing(foot, self.at[i + 1], goal, last_s=0.68 * self.period, push=0.6)
        for arm, track in enumerate(self.plan.arms):
            ahead_deg = (24, 78, 20, 26) if arm != foot else (20, -62, 10, 12)
            track.add(self.at[i] + 0.5 * self.period, (9, 8, 15, 18), 0.5 * self.period)
            track.add(self.at[i + 1], ahead_deg, 0.5 * self.period)
        return 1

    def calibration(self, i: int) -> int:
        """One row of the calibration table."""
        left, right, bend, drop, heading = CALIBRATION[i % len(CALIBRATION)]
        time_s, last = self.at[i + 1], 0.85 * self.period
        for track, name in zip(self.plan.arms, (left, right), strict=True):
            track.add(time_s, self.shape(name), last)
        self.plan.trunk.add(time_s, (0, bend * self.amplitude, 0), last)
        self.plan.drop.add(time_s, (self.style.base_drop + drop * self.amplitude,), last)
        angle = np.deg2rad(heading) - self.psi
        if abs(angle) > 1e-6:
            self.turn(i, angle, 1)
        return 1

    # --- upper body --------------------------------------------------------------------------
    def shape(self, name: str) -> np.ndarray:
        """An arm shape, shrunk towards rest by the dancer's amplitude."""
        rest = np.asarray(ARMS["rest"], float)
        return rest + (0.25 + 0.75 * self.amplitude) * (np.asarray(ARMS[name]) - rest)

    def upper_body(self) -> None:
        """Arm shapes with the trunk and head that go with them, over the whole dance."""
        style, rng, i = self.style, self.rng, 0
        while self.at[i] < self.until:
            beats = int(rng.choice(style.arm_beats))
            last = rng.uniform(*style.sharpness) * beats * self.period
            pair = style.shapes[rng.integers(len(style.shapes))]
            for track, name in zip(self.plan.arms, pair[:: rng.choice([1, -1])], strict=True):
                track.add(self.at[i + beats], self.shape(name), last)
            tilt = rng.uniform(-1, 1, 3) * style.trunk_deg * self.amplitude
            self.plan.trunk.add(self.at[i + beats], tilt, max(last, 0.45))
            self.plan.head.add(
                self.at[i + beats], rng.uniform(-1, 1, 2) * style.head_deg, max(last, 0.4)
            )
            i += beats

    def compose(self) -> Plan:
        """Fills the plan to its end."""
        steps = {"raise": self.raise_leg, "side": self.step_side}
        names, weights = zip(*self.style.steps.items(), strict=True)
        weights = np.asarray(weights) / np.sum(weights)
        i = 0
        while self.at[i] < self.until:
            name = names[self.rng.choice(len(names), p=weights)]
            i += steps.get(name, getattr(self, name, None))(i)
        if not {"calibration", "walk"} & set(self.style.steps):
            self.upper_body()
        return self.plan
