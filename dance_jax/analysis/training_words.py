"""Words of the page of a training: cards, sentences, and what the data and versions are."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from dance_jax.analysis import palette
from dance_jax.analysis.evaluation import Evaluation
from dance_jax.analysis.human_raters import typical
from dance_jax.analysis.report_text import number, percent, printable
from dance_jax.metrics import Interval
from dance_jax.training.evaluate import FEW_GROUPS

_CORRELATED = 5  # clips below which a correlation says nothing
_TOLD = 2  # scores that sentences are written on; tables have all


def cards(found: Evaluation) -> list[tuple[str, str]]:
    """Returns the numbers at the top of the page, each with what it is."""
    mean, out = found.mean(), []
    if "accuracy" in mean:
        out.append((number(mean["accuracy"][0], 3), "accuracy of the style"))
        out.append((number(mean["balanced_accuracy"][0], 3), "balanced accuracy"))
    for score in list(found.first.truth)[:2]:
        name = palette.plain(score)
        out.append((number(mean[f"{score}_pearson"][0], 3), f"{name}: Pearson r"))
        out.append((number(mean[f"{score}_mae"][0]), f"{name}: MAE, points"))
    return out


def sentences(found: Evaluation) -> list[str]:
    """Returns what was found, in plain sentences."""
    mean, intervals, out = found.mean(), found.intervals(), []
    groups = len(set(found.first.groups))
    if "accuracy" in mean:
        text = f"The style was told rightly in {percent(mean['accuracy'][0])} of the clips"
        text += _interval(intervals.get("accuracy"))
        most, share = found.most_frequent()
        text += (
            f". Always saying {printable(most)!r}, the most frequent style here, would be right "
            f"in {percent(share)}."
        )
        out.append(text)
    for score in list(found.first.truth)[:_TOLD]:
        r, mae, r2 = (mean[f"{score}_{name}"][0] for name in ("pearson", "mae", "r2"))
        text = f"The {palette.plain(score)} score is off by {number(mae)} points on average"
        if math.isfinite(r) and np.isfinite(found.first.truth[score]).sum() >= _CORRELATED:
            text += f" and correlates with the score it was given by {number(r)}"
            text += _interval(intervals.get(f"{score}_pearson"))
        text += "."
        if math.isfinite(r2) and r2 <= 0:
            text += " Saying the mean score of these clips every time would be no worse (R2 <= 0)."
        out.append(text)
    for name, one in list(found.raters.items())[:_TOLD]:
        people, model = typical(one.rater_r), typical(one.model_r)
        if math.isfinite(people) and math.isfinite(model):
            out.append(
                f"{palette.plain(name).capitalize()}: one rater correlates with the mean of the "
                f"others by {number(people)} on average, the model by "
                f"{number(model)} with the same means ({one.clips} clips, "
                f"{len(one.names)} raters)."
            )
    if groups < FEW_GROUPS:
        several = f"{groups} group{'s' * (groups != 1)}"
        out.append(
            f"There {'is' if groups == 1 else 'are'} {several} of {printable(found.group_by)}; an "
            f"interval over fewer than {FEW_GROUPS} would pretend to know too much, so each "
            "group's own figure is shown."
        )
    return out


def _interval(one: Interval | None) -> str:
    if one is None or not math.isfinite(one.low):
        return ""
    return f" (95 % interval over {one.groups} groups {number(one.low)} to {number(one.high)})"


def facts(
    data: Mapping[str, Any], trained_on: Mapping[str, Any], config: Mapping[str, Any]
) -> list[tuple[str, str]]:
    """Returns what the data and the network are."""
    out = _data_facts("clips", data)
    if trained_on:
        out += _data_facts("trained on", trained_on)
    split = str(config.get("split", ""))
    if not trained_on:
        by = ", ".join(config.get("group_by", ()))
        out.append(("split", f"{palette.plain(split)}, groups: {by}"))
    out += [
        ("streams", ", ".join(config.get("streams", ()))),
        (
            "poses",
            f"{config.get('axes')}D, {config.get('skeleton')}, {config.get('fps'):g} a second",
        ),
        ("windows", f"{config.get('window_s'):g} s, one each {config.get('stride_s') or 0:g} s"),
    ]
    if not trained_on:
        out.append(("seeds", ", ".join(str(seed) for seed in config.get("seeds", ()))))
    return out


def _data_facts(what: str, data: Mapping[str, Any]) -> list[tuple[str, str]]:
    source = str(data.get("source", "")).rstrip("/").rpartition("/")[2]
    synthetic = " SYNTHETIC: no person was filmed, none rated it." * bool(data.get("synthetic"))
    licences = ", ".join(data.get("licences", ())) or "not told"
    return [
        (what, f"{source}, {data.get('clips')} clips.{synthetic}"),
        (f"licence of {what}" if what == "clips" else "their licence", licences),
    ]


def version_text(versions: Mapping[str, Any]) -> str:
    """Returns versions in one line."""
    packages = versions.get("packages") or {}
    parts = [f"dance_jax {versions.get('dance_jax')} ({str(versions.get('commit'))[:10]})"]
    parts.append(f"Python {versions.get('python')}")
    parts += [f"{name} {packages[name]}" for name in ("jax", "flax", "numpy") if packages.get(name)]
    return ", ".join(parts)
