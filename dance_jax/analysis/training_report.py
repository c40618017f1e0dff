"""The page of a training or an evaluation: figures, tables, and what they rest on."""

from __future__ import annotations

import dataclasses
import math
import pathlib
import shlex
from collections.abc import Mapping, Sequence
from typing import Any

from dance_jax import rundir
from dance_jax.analysis import (
    command_words,
    plot_style,
    plot_training_groups,
    plot_training_links,
    plot_training_scores,
    plot_training_styles,
    report,
    training_tables,
    training_words,
)
from dance_jax.analysis.error_links import Links
from dance_jax.analysis.evaluation import SCHEMA, Evaluation, plain
from dance_jax.analysis.model_examples import Shown
from dance_jax.analysis.training_run import FoldFacts
from dance_jax.biomech import catalogue

JSON, PAGE = "evaluation.json", "report.html"
_LISTED = 40  # names of clips in the page


@dataclasses.dataclass(frozen=True, eq=False)
class Told:
    """All that a page is made of.

    Attributes:
        heading: "Training" or "Evaluation on other data".
        found: the figures.
        config: of the training.
        versions: of what trained.
        data: of `model.data_facts`: what the clips are from.
        trained_on: the same of the training, where it is another set.
        command: words of the command line that made the page.
        folds: of the training; () for other data.
        links: of movement measures with errors, or why there are none.
        shown: clips with saliency, or why there are none.
        seen: sentences on clips that were trained on; () where none can be.
        stamp: a warning over the page, "" for none.
        notes: what was left out, and why.
    """

    heading: str
    found: Evaluation
    config: Mapping[str, Any]
    versions: Mapping[str, Any]
    data: Mapping[str, Any]
    command: Sequence[str]
    trained_on: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    folds: tuple[FoldFacts, ...] = ()
    links: Links | str = "not asked for"
    shown: list[Shown] | str = "not asked for"
    seen: tuple[str, ...] = ()
    overlap: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    stamp: str = ""
    notes: tuple[str, ...] = ()

    @property
    def synthetic(self) -> bool:
        """Whether every clip says that it is synthetic."""
        return bool(self.data.get("synthetic"))


def write(folder: pathlib.Path, told: Told, *, plots: bool = True) -> None:
    """Writes evaluation.json, plots/training_*.png and report.html into a folder.

    Args:
        folder: of the run; files of that name are replaced.
        told: what is said.
        plots: draw the figures.
    """
    drawn = draw(folder / "plots", told) if plots else {}
    rundir.write_json(folder / JSON, as_dict(told))
    (folder / PAGE).write_text(page(told, drawn), "utf-8")


def as_dict(told: Told) -> dict[str, Any]:
    """Returns what evaluation.json holds."""
    return plain(
        {
            "schema": SCHEMA,
            "heading": told.heading,
            "synthetic": told.synthetic,
            "command": command(told.command),
            "trained_by": command(command_words.train_words(told.config)),
            "versions": {"trained": told.versions, "evaluated": rundir.versions()},
            "data": told.data,
            "trained_on": told.trained_on,
            "config": told.config,
            **told.found.as_dict(),
            "stamp": told.stamp or told.found.stamp,
            "folds": [
                {
                    name: value
                    for name, value in dataclasses.asdict(one).items()
                    if name not in ("rows", "stamp")
                }
                for one in told.folds
            ],
            "overlap": told.overlap,
            "links": told.links if isinstance(told.links, str) else told.links.as_dict(),
            "notes": list(told.notes),
        }
    )


def draw(folder: pathlib.Path, told: Told) -> dict[str, pathlib.Path]:
    """Writes every figure that there is anything to show in: name -> file.

    Args:
        folder: for the files.
        told: what is said.
    """
    found, look = told.found, {"synthetic": told.synthetic}
    shown = [] if isinstance(told.shown, str) else told.shown
    makers: dict[str, Any] = {
        "scatter": lambda: plot_training_scores.scatter_figure(found, **look),
        "errors": lambda: plot_training_scores.error_figure(found, **look),
        "raters": lambda: plot_training_scores.raters_figure(found.raters, **look),
        "styles": lambda: plot_training_styles.style_figure(found, **look),
        "confusion": lambda: plot_training_styles.confusion_figure(found, **look),
        "reliability": lambda: plot_training_styles.reliability_figure(found, **look),
        "groups": lambda: plot_training_groups.group_figure(found, **look),
        "learning": lambda: (
            plot_training_groups.learning_figure(told.folds, **look) if told.folds else None
        ),
        "links": lambda: (
            None
            if isinstance(told.links, str)
            else plot_training_links.links_figure(told.links, **look)
        ),
        "saliency": lambda: plot_training_links.saliency_figure(shown, **look),
        "cam": lambda: plot_training_links.cam_figure(shown, **look),
    }
    out = {}
    for name, maker in makers.items():
        figure = maker()
        if figure is not None:
            out[name] = plot_style.save(figure, folder / f"training_{name}.png")
    return out


def page(told: Told, drawn: Mapping[str, pathlib.Path]) -> str:
    """Returns the self-contained page; it loads nothing and runs no script.

    Args:
        told: what is said.
        drawn: name -> file of the figures.
    """
    found = told.found
    mean, intervals, scores = found.mean(), found.intervals(), tuple(found.first.truth)
    context = {
        "title": f"{'SYNTHETIC: ' * told.synthetic}{told.heading}",
        "told": told,
        "found": found,
        "stamp": told.stamp or found.stamp,
        "clips": len(found.first),
        "groups": len(set(found.first.groups)),
        "seeds": len(found.by_seed),
        "cards": training_words.cards(found),
        "sentences": training_words.sentences(found),
        "style_rows": training_tables.style_table(mean, intervals, found.figures(), scores),
        "scores": training_tables.score_table(mean, intervals, found.figures(), scores),
        "intervals": intervals,
        "baselines": training_tables.baseline_table(found),
        "raters": training_tables.rater_rows(found),
        "by": {key: training_tables.kind_table(found, key) for key in ("style", "group", "band")},
        "folds": told.folds,
        "links": training_tables.link_rows(told.links),
        "why_links": told.links if isinstance(told.links, str) else "",
        "shown": told.shown if not isinstance(told.shown, str) else [],
        "why_shown": told.shown if isinstance(told.shown, str) else "",
        "left_out": list(found.left_out)[:_LISTED],
        "more_left_out": max(0, len(found.left_out) - _LISTED),
        "worst": training_tables.worst(found),
        "plots": {name: report._data_uri(file, "image/png") for name, file in drawn.items()},
        "command": command(told.command),
        "trained_by": command(command_words.train_words(told.config)),
        "facts": training_words.facts(told.data, told.trained_on, told.config),
        "versions": training_words.version_text(told.versions),
        "now": training_words.version_text(rundir.versions()),
        "measures": len(catalogue.MEASURES),
        "nan": math.nan,
    }
    return report._render("training.html.j2", context, "'none'")


def command(words: Sequence[str]) -> str:
    """Returns the words of a command line as a shell takes them."""
    return " ".join(shlex.quote(word) for word in words)
