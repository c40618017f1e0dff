"""What a trained network says of the dancers of an analysis: `--config.run=WORKDIR`."""

from __future__ import annotations

import dataclasses
import pathlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from dance_jax import skeleton
from dance_jax.analysis import learned_heat, learned_shares, learned_words
from dance_jax.analysis.estimate import unmirror
from dance_jax.analysis.learned_network import Network, Windows, load
from dance_jax.analysis.learned_result import Learned
from dance_jax.analysis.learned_words import record
from dance_jax.analysis.options import Options
from dance_jax.analysis.result import PersonAnalysis
from dance_jax.errors import InputError
from dance_jax.interrupts import check_interrupt
from dance_jax.models import calibration, familiarity
from dance_jax.training.examples import Example
from dance_jax.training.prepared import prepared
from dance_jax.types import Clip

__all__ = ["load", "of_people", "of_person", "record", "warnings"]

LONGEST_S = 300.0
"""Seconds of a dance that a network is given, from where the dancer is first seen."""

CUT_OFF = 0.1
"""Above this share of joints outside of the network's picture a reader is warned."""

_MOST_BYTES = 5e8  # of pictures that are held at once


def of_people(
    people: Sequence[PersonAnalysis],
    network: Network,
    clip: Clip,
    chosen: Sequence[int],
    opts: Options,
    *,
    path: str | pathlib.Path | None = None,
    sightings: Clip | None = None,
) -> tuple[PersonAnalysis, ...]:
    """Adds what a network says to each analysed dancer.

    Args:
        people: the dancers.
        network: which.
        clip: HALPE-26 poses of everybody who was found.
        chosen: the dancers' places on axis P.
        opts: the options.
        path: the video or folder of images; None for poses alone.
        sightings: see `Analysis.sightings`.

    Returns:
        The dancers with `learned`.

    Raises:
        InputError: the network cannot be given such an input at all.
    """
    where = clip.source.get("path", "clip")
    network.check(where, video=path is not None, axes=clip.pose.shape[-1])
    heads = [clip, *([] if sightings is None else [sightings])]
    out = []
    for person, at in zip(people, chosen, strict=True):
        check_interrupt()
        found = of_person(
            network, clip.person(at), opts, path=path, heads=heads, others=clip.n_people - 1
        )
        out.append(dataclasses.replace(person, learned=found))
    return tuple(out)


def of_person(
    network: Network,
    clip: Clip,
    opts: Options,
    *,
    path: str | pathlib.Path | None = None,
    heads: Sequence[Clip] = (),
    others: int = 0,
) -> Learned:
    """Returns what a network says of one dancer.

    Of a video that is declared mirrored the network sees the mirror image, poses and pictures
    alike; what is told of left and right is the dancer's own.

    Args:
        network: which.
        clip: HALPE-26 poses of that dancer alone.
        opts: the options.
        path: the video or folder of images; None for poses alone.
        heads: clips of everybody whose face may be seen, for blurring.
        others: how many more people are in the pictures.
    """
    config, video = network.model.config, path is not None
    shown = unmirror(clip) if opts.mirrored else clip
    frames = "frames" in network.streams and video
    part, cut = _stretch(shown, config, frames)
    axes = config.axes if "pose" in network.streams else 2
    try:
        body = prepared(part, fps=config.fps, skeleton="halpe26", axes=axes)
        joints = body
        if config.skeleton != "halpe26":
            joints = prepared(part, fps=config.fps, skeleton=config.skeleton, axes=axes)
        name = str(clip.source.get("name", "clip"))
        example = Example(name, joints, pathlib.Path(path) if video else None)
        found = network.windows(example, video=video, fps=opts.fps)
        heat = None
        if found.cam is not None:
            heat = learned_heat.heat_of(network, found, body, shown, path, opts, heads=heads)
    except InputError as error:
        return Learned(network.name, refused=error.what)
    shares = None
    if "pose" in network.streams:
        shares = learned_shares.shares_of(network, found, joints, video=video)
    if opts.mirrored:
        heat, shares = _own_sides(heat, shares)
    likeness = _likeness(network, found)
    given = network.given(video)
    notes = [*cut, *_notes(network, joints, given, others if frames else 0)]
    size = (config.frame_height, config.frame_width)
    if frames and (away := learned_heat.cut_off(body, size)) > CUT_OFF:
        notes.append(learned_words.cut_words(network, away))
    if likeness.get("unlike"):
        notes.insert(0, learned_words.unlike_words(network, likeness))
    return Learned(
        network=network.name,
        time_s=joints.time_s + float(joints.source["start_s"]),
        given=given,
        windows=tuple(_rows(network, found, joints)),
        styles=_styles(network, found.found.values),
        scores=tuple(
            learned_words.score_of(
                network,
                name,
                float(found.found.values[name][0]),
                _single(found.found.values, f"{name}_log_var"),
            )
            for name in network.model.scores
        ),
        likeness=likeness,
        heat=heat,
        shares=shares,
        absent=tuple(_absent(network, heat, shares, likeness, video)),
        warnings=tuple(notes),
        synthetic=bool(network.model.facts["data"]["synthetic"]),
    )


def warnings(network: Network, people: Sequence[PersonAnalysis]) -> Iterator[str]:
    """Yields what stands among the warnings of the whole analysis: of the network, then of each."""
    given = next((p.learned.given for p in people if not p.learned.refused), network.streams)
    yield from learned_words.cautions(network, given=given)
    for person in people:
        who = f"Person {person.person_id}: " if len(people) > 1 else ""
        if person.learned.refused:
            yield f"{who}The network {network.name} says nothing: {person.learned.refused}."
        for line in person.learned.warnings:
            yield f"{who}{line}"


def _stretch(clip: Clip, config: Any, frames: bool) -> tuple[Clip, list[str]]:
    """Returns the part of a clip that the network is given, and what is told of the rest."""
    seen = np.flatnonzero(clip.present.any((1, 2)))
    most = LONGEST_S
    if frames:
        picture = 3 * config.frame_height * config.frame_width
        most = min(most, max(_MOST_BYTES / picture / config.fps, 2 * config.window_s))
    first, last = int(seen[0]), int(seen[-1])
    end = int(np.searchsorted(clip.time_s, clip.time_s[first] + most, side="right")) - 1
    notes = []
    if end < last:
        length = clip.time_s[last] - clip.time_s[first]
        notes.append(f"The network was given the first {most:.0f} s of {length:.0f} s of dance.")
    kept = slice(first, min(end, last) + 1)
    part = clip.replace(
        pose=clip.pose[kept],
        confidence=clip.confidence[kept],
        time_s=clip.time_s[kept],
        pose_world=None,
    )
    return part, notes


def _notes(network: Network, clip: Clip, given: Sequence[str], others: int) -> Iterator[str]:
    config = network.model.config
    if clip.duration_s < 0.9 * config.window_s:
        yield (
            f"This dance lasts {clip.duration_s:.1f} s; the network was trained on windows of "
            f"{config.window_s:g} s."
        )
    if others:
        yield (
            f"The network saw the whole picture, with {others} other "
            f"{'person' if others == 1 else 'people'} in it: its answer may be about them too."
        )
    if "pose" in given and not clip.source["scaled"]:
        yield "The body could not be measured in this clip, so the poses kept their own size."


def _rows(network: Network, found: Windows, clip: Clip) -> Iterator[dict[str, Any]]:
    """Yields one row a window: its times, the probabilities of the styles, and the scores."""
    time_s = clip.time_s + float(clip.source["start_s"])
    styles = None
    if "style_logits" in found.values:
        logits = found.values["style_logits"]
        styles = np.asarray(calibration.probabilities(logits, network.model.temperature))
    for k, (first, frames) in enumerate(zip(found.first, found.frames, strict=True)):
        row: dict[str, Any] = {
            "start_s": float(time_s[first]),
            "end_s": float(time_s[first + frames - 1]),
            "scores": {name: float(found.values[name][k]) for name in network.model.scores},
        }
        if styles is not None:
            row["styles"] = styles[k].tolist()
        yield row


def _styles(network: Network, values: Mapping[str, Any]) -> tuple[tuple[str, float], ...]:
    """Returns every class with its calibrated probability, the likeliest first."""
    if "style_logits" not in values:
        return ()
    shares = calibration.probabilities(values["style_logits"][0], network.model.temperature)
    shares = np.asarray(shares, np.float64)
    order = np.argsort(-shares, kind="stable")
    return tuple((network.model.styles[k], float(shares[k] / shares.sum())) for k in order)


def _likeness(network: Network, found: Windows) -> dict[str, Any]:
    known = network.model.familiar
    if known is None:
        return {}
    distance, share = familiarity.strangeness(known, found.pooled.mean(0)[None])
    return {
        "distance": float(distance[0]),
        "share": float(share[0]),
        "unlike": bool(share[0] > learned_words.UNLIKE),
    }


def _own_sides(heat: Any, shares: Any) -> tuple[Any, Any]:
    """Gives left and right back to the dancer, where the network saw the mirror image."""

    def swapped(rows: Sequence[Mapping[str, Any]], *keys: str) -> tuple[dict[str, Any], ...]:
        return tuple(
            {k: skeleton.other_side(v) if k in keys else v for k, v in row.items()} for row in rows
        )

    if heat is not None:
        heat = dataclasses.replace(heat, parts=swapped(heat.parts, "part"))
    if shares is not None:
        shares = dataclasses.replace(
            shares,
            joints=tuple(skeleton.other_side(joint) for joint in shares.joints),
            rows=swapped(shares.rows, "joint", "part"),
            parts=swapped(shares.parts, "part"),
        )
    return heat, shares


def _absent(
    network: Network, heat: Any, shares: Any, likeness: Mapping[str, Any], video: bool
) -> Iterator[tuple[str, str]]:
    facts = network.model.facts
    if not facts["styles"]:
        yield "style", "the network was not trained to tell styles"
    if "aesthetic" not in facts["scores"]:
        yield "aesthetic score", "the network was not trained on one"
    if heat is None:
        why = "the network sees no pictures"
        if "frames" in network.streams:
            why = "no head was trained that such maps take apart (weight_map is 0)"
            why = why if video else "no pictures were given"
        yield "class activation map", why
    if shares is None:
        why = "the network sees no poses"
        why = why if "pose" not in network.streams else "it has no score and no style to explain"
        yield "saliency of the joints", why
    if not likeness:
        yield "likeness to the training set", "the training set was too small to tell"


def _single(values: Mapping[str, np.ndarray], name: str) -> float | None:
    return float(values[name][0]) if name in values else None
