"""What is told beside a network's figures: its data, how good it is, and what to beware of."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

from dance_jax.analysis import report_text
from dance_jax.analysis.learned_network import Network
from dance_jax.analysis.learned_result import LEVEL, Score
from dance_jax.analysis.report_learned import counted

FEW_CLIPS = 100
"""With fewer training clips a reader is warned."""

FEW_TESTED = 30
"""With fewer clips that it was measured on, a reader is warned."""

UNLIKE = 0.99
"""Above this share of training clips that are nearer to theirs, a clip is unlike them."""

_Z = 1.6448536269514722  # of a normal distribution, for 90 %
_PREDICTED = ("gaussian", "rated")  # losses that train the variance


def record(network: Network) -> dict[str, Any]:
    """Returns what analysis.json tells of the network: `learned`."""
    facts, config = network.model.facts, network.model.config
    out = {
        "run": network.name,
        "weights_sha256": facts["weights_sha256"],
        "streams": list(config.streams),
        "fps": config.fps,
        "window_s": config.window_s,
        "stride_s": config.stride_s or config.window_s,
        "mirror_test": config.mirror_test,
        "predicts_variance": config.score_loss in _PREDICTED,
        "styles": list(facts["styles"]),
        "scores": list(facts["scores"]),
        "temperature": facts["temperature"],
        "data": dict(facts["data"]),
        "measured": dict(facts["measured"]),
    }
    if network.entry is not None:
        out |= {"data_licence": network.entry.data_licence, "command": network.entry.command}
    return out


def score_of(network: Network, name: str, value: float, log_var: float | None) -> Score:
    """Returns a score with its 90 % interval.

    A network that was trained by a likelihood predicts its variance. For another one the interval
    is the error that was measured on clips it was not trained on, as of a normal distribution:
    its own variance was never trained.

    Args:
        network: which.
        name: of the score.
        value: of the clip.
        log_var: logarithm of the variance of the clip's windows, mixed.
    """
    config, held = network.model.config, network.model.facts["measured"]
    mean = held.get("mean", {}) if held else {}
    clips = counted(held["clips"], "clip") if held else ""
    if config.score_loss in _PREDICTED and log_var is not None:
        half, basis = _Z * math.exp(0.5 * log_var), "predicted"
        note = f"The network predicts this {report_text.percent(LEVEL)} interval"
        coverage = mean.get(f"{name}_coverage_90")
        if coverage is None:
            note += "; how often it holds the truth was not measured."
        else:
            note += (
                f"; on {clips} such intervals held the truth in {report_text.percent(coverage)}."
            )
    elif mean.get(f"{name}_rmse") is not None:
        half, basis = _Z * float(mean[f"{name}_rmse"]), "measured error"
        note = (
            f"An interval of {report_text.percent(LEVEL)} from the error measured on {clips}; the "
            "network itself was not trained to know how sure it is."
        )
    else:
        return Score(name, value, None, None, "none", "No error of this score was measured.")
    return Score(name, value, max(0.0, value - half), min(10.0, value + half), basis, note)


def cautions(network: Network, *, given: tuple[str, ...]) -> Iterator[str]:
    """Yields what a reader must know of the network, whatever the clip."""
    facts = network.model.facts
    data, held, name = facts["data"], facts["measured"], network.name
    if data["synthetic"]:
        yield (
            f"The network {name} was trained on synthetic dancers alone. What it says of a real "
            "dancer is no evidence."
        )
    if data["clips"] < FEW_CLIPS:
        yield f"The network {name} was trained on {counted(data['clips'], 'clip')} only."
    if not held:
        yield f"How good the network {name} is was not measured."
    else:
        if held["clips"] < FEW_TESTED:
            yield (
                f"The figures of the network {name} rest on {counted(held['clips'], 'clip')} of "
                f"{counted(held['groups'], 'group')} only."
            )
        if held.get("stamp"):
            yield f"The network {name}: {held['stamp']}"
    if missing := [s for s in network.streams if s not in given]:
        words = {"frames": "pictures", "beats": "music"}
        yield (
            f"The network {name} was given no {words.get(missing[0], missing[0])}, which it was "
            "trained on beside the rest."
        )


def unlike_words(network: Network, likeness: Mapping[str, Any]) -> str:
    """Returns the warning of a clip that is unlike the training set."""
    clips = counted(network.model.facts["data"]["clips"], "training clip")
    most = "any of these is from its own nearest"
    if likeness["share"] < 1:
        most = f"{report_text.percent(likeness['share'])} of these are from their own nearest"
    return (
        f"This dance is unlike what the network {network.name} was trained on: to the network it "
        f"is farther from the nearest of {clips} than {most}. Its answers are guesses."
    )


def cut_words(network: Network, away: float) -> str:
    """Returns the warning of a dancer who is partly outside of what the network sees."""
    config = network.model.config
    shape = "square" if config.frame_height == config.frame_width else "part"
    return (
        f"The network {network.name} sees the middle {shape} of the picture alone: "
        f"{report_text.percent(away)} of this dancer's joints lie outside of it."
    )
