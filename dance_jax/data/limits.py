"""The largest input that is read, and the message that names the limit."""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING

from dance_jax.errors import InputError

if TYPE_CHECKING:
    from dance_jax.data.probe import VideoInfo


@dataclasses.dataclass(frozen=True)
class Limits:
    """The largest input that is read; all but max_pixels are keys of the config `analyze`.

    Attributes:
        max_width: pixels, of the longer side: a phone held upright is no larger than one held flat.
        max_height: pixels, of the shorter side.
        max_fps: frames per second, mean over the file.
        max_duration_s: seconds.
        max_pixels: width * height * frames over the whole file.
    """

    max_width: int = 4096
    max_height: int = 4096
    max_fps: float = 240.0
    max_duration_s: float = 1800.0
    max_pixels: float = 5e11

    def refuse(self, key: str, what: str, where: object) -> InputError:
        """Returns the error that names the limit and the config key that raises it.

        Args:
            key: name of the limit; `max_pixels` is fixed, so no config key raises it.
            what: what is over it.
            where: the file.
        """
        limit = getattr(self, key)
        more = "" if key == "max_pixels" else f", or raise --config.{key}"
        return InputError(
            f"{what}, over the limit {key}={limit:g}",
            where,
            f"use a smaller or shorter clip{more}",
        )

    def check_size(self, width: int, height: int, where: object) -> None:
        """Raises InputError where the picture is larger than allowed.

        Args:
            width: pixels.
            height: pixels.
            where: the file.
        """
        what = f"the picture is {width}x{height}"
        if max(width, height) > self.max_width:
            raise self.refuse("max_width", what, where)
        if min(width, height) > self.max_height:
            raise self.refuse("max_height", what, where)

    def check(self, info: VideoInfo) -> None:
        """Raises InputError where the probed file is over any limit."""
        self.check_size(info.width, info.height, info.path)
        if info.fps > self.max_fps * 1.001:
            raise self.refuse("max_fps", f"it has {info.fps:g} frames/s", info.path)
        if info.duration_s > self.max_duration_s * 1.001:
            raise self.refuse("max_duration_s", f"it lasts {info.duration_s:.1f} s", info.path)
        frames = info.n_frames or math.ceil(info.duration_s * info.fps)
        if info.width * info.height * frames > self.max_pixels:
            amount = f"it holds {info.width * info.height * frames:.3g} pixels in {frames} frames"
            raise self.refuse("max_pixels", amount, info.path)


API_LIMITS = Limits(4096, 4096, 120.0, 600.0, 5e10)
"""What a server accepts from strangers; the command line allows more."""
