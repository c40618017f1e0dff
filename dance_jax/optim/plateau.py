"""The learning rate that falls when a metric stops getting better: a pure state of the host."""

from __future__ import annotations

import dataclasses
from typing import Any


@dataclasses.dataclass(frozen=True)
class Plateau:
    """Lowers the learning rate where a metric stops getting better.

    A value is better where it is below best (1 - rtol), after a change of sign for "max". After
    `patience` values in a row that are not, the scale is multiplied by `factor`; then `cooldown`
    values are not counted.

    Attributes:
        factor: from 0 to 1.
        patience: values.
        rtol: relative improvement that counts.
        cooldown: values.
        min_scale: the scale is not lowered below.
        mode: "min" or "max".
        best: value so far, its sign changed for "max"; None before the first.
        waited: values since the best.
        cooling: values left of the cooldown.
        scale: of the learning rate.
    """

    factor: float = 0.1
    patience: int = 10
    rtol: float = 1e-4
    cooldown: int = 0
    min_scale: float = 0.0
    mode: str = "min"
    best: float | None = None
    waited: int = 0
    cooling: int = 0
    scale: float = 1.0

    def update(self, value: float) -> Plateau:
        """Returns the state after one more value; one that is not finite is no improvement."""
        value = -value if self.mode == "max" else value
        limit = None if self.best is None else self.best - self.rtol * abs(self.best)
        better = value == value and (limit is None or value < limit)
        best = value if better else self.best
        if self.cooling:
            return dataclasses.replace(self, best=best, waited=0, cooling=self.cooling - 1)
        waited = 0 if better else self.waited + 1
        if waited < self.patience:
            return dataclasses.replace(self, best=best, waited=waited)
        scale = max(self.scale * self.factor, self.min_scale)
        return dataclasses.replace(self, best=best, waited=0, cooling=self.cooldown, scale=scale)

    def as_dict(self) -> dict[str, Any]:
        """Returns JSON values, which `Plateau(**values)` takes."""
        return dataclasses.asdict(self)
