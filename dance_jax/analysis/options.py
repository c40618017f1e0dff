"""The options of an analysis: one frozen dataclass, checked before any work starts."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from dance_jax import config, config_keys
from dance_jax.errors import ConfigError

MIN_FRAMES = 16
MIN_SECONDS = 0.5


@dataclasses.dataclass(frozen=True)
class Options:
    """What `dance_jax.analyze` can be asked for; `configs/analyze.py` has the same keys.

    Attributes:
        fps: frames per second of a folder of images; None for a video.
        start_s: first second to analyse; None from the beginning.
        end_s: last second to analyse; None to the end.
        person: "largest", "all", or a track's id as text.
        mirrored: True for selfie video that shows left and right exchanged.
        height_m: body height of the dancer in metres; None leaves lengths in body heights.
        estimator: "auto", "mediapipe" or "blazepose".
        model: path of a pose model; "" takes the one in the cache.
        allow_unknown_model: accept a model whose sha256 is not in the table of assets.
        executor: "auto", "litert" or "jax" (blazepose only).
        num_people: how many people the estimator looks for.
        filter_cutoff_hz: -6 dB frequency of the zero-phase Butterworth low-pass, Hz.
        filter_order: order of its design, before it runs forwards and backwards.
        outlier_window_s: width of the Hampel window in seconds; 0 turns it off.
        outlier_sigma: deviations beyond this many robust sigmas are outliers.
        max_gap_s: gaps up to this length are filled, in seconds.
        min_confidence: a joint below this confidence counts as unseen.
        anthropometry: table of body segment masses: "de_leva_mean", "de_leva_female",
            "de_leva_male" or "winter".
        music: "auto" takes the video's own sound, "none" no music, else an audio file.
        run: a trained network: the workdir of a training, or "zoo:NAME"; "" for none.
        overlay: write `overlay.mp4`.
        heat: with a network that has class activation maps, lay them over `overlay.mp4`.
        overlay_height: greatest height of the overlay in pixels.
        blur_faces: blur every face in the overlay.
        plots: write `plots/*.png`.
        report: write `report.html`.
        max_width: widest input accepted, pixels.
        max_height: tallest input accepted, pixels.
        max_fps: fastest input accepted, frames per second.
        max_duration_s: longest input accepted, seconds.
    """

    fps: float | None = None
    start_s: float | None = None
    end_s: float | None = None
    person: str = "largest"
    mirrored: bool = False
    height_m: float | None = None
    estimator: str = "auto"
    model: str = ""
    allow_unknown_model: bool = False
    executor: str = "auto"
    num_people: int = 4
    filter_cutoff_hz: float = 6.0
    filter_order: int = 4
    outlier_window_s: float = 0.4
    outlier_sigma: float = 3.0
    max_gap_s: float = 0.25
    min_confidence: float = 0.5
    anthropometry: str = "de_leva_mean"
    music: str = "auto"
    run: str = ""
    overlay: bool = True
    heat: bool = True
    overlay_height: int = 540
    blur_faces: bool = False
    plots: bool = True
    report: bool = True
    max_width: int = 4096
    max_height: int = 4096
    max_fps: float = 240.0
    max_duration_s: float = 1800.0

    def __post_init__(self) -> None:
        for key, rule in config_keys.KEYS["analyze"].items():
            if key != "input":
                config.check(getattr(self, key), rule, f"config.{key}")
        if self.start_s is not None and self.end_s is not None and self.end_s <= self.start_s:
            raise ConfigError(f"{self.end_s} is not after start_s={self.start_s}", "config.end_s")

    @classmethod
    def make(cls, options: Mapping[str, Any]) -> Options:
        """Builds the options from a mapping; an unknown key names the nearest valid one.

        Raises:
            ConfigError: for an unknown key or a value out of range.
        """
        names = [field.name for field in dataclasses.fields(cls)]
        for key in options:
            if key not in names:
                near = config.nearest(key, names)
                raise ConfigError("unknown option", key, f"did you mean {near!r}?" if near else "")
        return cls(**options)
