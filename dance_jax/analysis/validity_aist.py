"""Measures the error of 2D angles on real dancers: the nine calibrated views of AIST++.

Every sequence of AIST++ is seen by nine cameras around the dancer. Each view's 2D detections go
through the filters of the report; each 2D angle is then compared with the angle of the 3D key
points in that camera's axes, as `validity_study` does for rendered dancers, by the direction from
which the camera sees the dancer. The same is done with the 3D points projected by the camera: that
is the error of projection alone, without a detector.

The 3D points come from the same detections of all nine views, so an error that the views share is
not seen: these errors tend to be too low. COCO-17 has no feet: nothing is said of ankles and feet.

    python -m dance_jax.analysis.validity_aist FOLDER OUT --allow_pickle
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import pathlib
import sys
from typing import Any

from dance_jax.analysis import validity
from dance_jax.analysis.options import Options
from dance_jax.analysis.validity_study import LIMIT_DEG, choose_threshold, tabulate
from dance_jax.analysis.validity_views import Sequence, read, views_of
from dance_jax.errors import InputError

# Scores of a heat map's peak, not probabilities of being seen: 0.3 is usual for such detectors.
MIN_CONFIDENCE = 0.3
# What the report asks of its own detectors; the bands hold for either.
STRICT_CONFIDENCE = 0.5
MIN_FRAMES, MIN_SEQUENCES = 50, 2  # a cell of these dancers counts from so many frames in so many
TABLE = "angle_validity_real.json"
_KEPT = ("cells", "by_yaw", "in_plane", "out_of_plane", "reported")


def worse(rendered: dict[str, Any], real: dict[str, Any]) -> dict[str, Any]:
    """Returns the rendered cell, or the real one where that is worse and `enough` speaks for it.

    An unknown rendered cell stays unknown unless the real one is over the limit: real dancers never
    loosen the rule, since their errors tend to be too low.
    """
    if real["median"] is None or not real["enough"]:
        return rendered
    least = LIMIT_DEG if rendered["median"] is None else rendered["median"]
    return real if real["median"] > least else rendered


def combined(rendered: dict[str, Any], real: dict[str, Any]) -> dict[str, dict[str, float | None]]:
    """Chooses the thresholds in force: a frame is kept where neither study is over the limit.

    Args:
        rendered: "cells" of `angle_validity.json`.
        real: "cells" of the detections.

    Returns:
        angle group -> view -> ratio, None where no ratio keeps the error within the limit.
    """
    return {
        name: {
            view: choose_threshold(
                [worse(*pair) for pair in zip(by_view[view], real[name][view], strict=True)]
            )
            for view in validity.VIEWS
        }
        for name, by_view in rendered.items()
    }


def _mark(tables: list[dict[str, Any]], whole: dict[str, Any]) -> None:
    """Marks the cells and reported numbers for which enough sequences speak."""
    for name, by_view in whole["cells"].items():
        for view, cells in by_view.items():
            for k, cell in enumerate(cells):
                frames = [table["cells"][name][view][k]["n"] for table in tables]
                cell["enough"] = sum(n >= MIN_FRAMES for n in frames) >= MIN_SEQUENCES
        for key, cell in whole["reported"][name].items():
            given = [table["reported"][name].get(key, {"n": 0})["n"] for table in tables]
            cell["enough"] = cell["median"] is not None and (
                sum(n > 0 for n in given) >= MIN_SEQUENCES
            )


def study(sequences: list[Sequence], opts: Options | None = None) -> dict[str, Any]:
    """Runs the study.

    Args:
        sequences: from `read`.
        opts: None: those of the report, with MIN_CONFIDENCE.

    Returns:
        The content of `angle_validity_real.json`: "threshold" is the rule in force (`combined`),
        "alone" the one that these dancers alone would give; "detected" and "projected" hold what
        `validity_study.tabulate` gives under the rule in force, "strict" the detections with
        STRICT_CONFIDENCE, "sequences" the kept frames of each sequence, "views" what was found of
        each view.
    """
    opts = Options.make({"min_confidence": MIN_CONFIDENCE}) if opts is None else opts
    parts = [views_of(sequence, opts) for sequence in sequences]
    detected, projected, about = ([x for part in parts for x in part[k]] for k in range(3))
    first = tabulate(detected)
    _mark([tabulate(part[0]) for part in parts], first)
    rule = combined(validity.table()["cells"], first["cells"])
    each = [tabulate(part[0], rule) for part in parts]
    strict_opts = dataclasses.replace(opts, min_confidence=STRICT_CONFIDENCE)
    strict = [views_of(sequence, strict_opts)[0] for sequence in sequences]
    strict_table = tabulate([clip for part in strict for clip in part], rule)
    _mark([tabulate(part, rule) for part in strict], strict_table)
    tables = {"detected": tabulate(detected, rule), "projected": tabulate(projected, rule)}
    _mark(each, tables["detected"])
    return {
        "made": {
            "data": "AIST++ 2D key points against its optimised 3D key points",
            "licence": "annotations of AIST++: Google, CC BY 4.0",
            "sequences": [sequence.name for sequence in sequences],
            "views": len(detected),
            "frames": sum(len(clip["yaw"]) for clip in detected),
            "min_confidence": opts.min_confidence,
            "filter_cutoff_hz": opts.filter_cutoff_hz,
        },
        "threshold": rule,
        "alone": first["threshold"],
        **{key: {part: table[part] for part in _KEPT} for key, table in tables.items()},
        "strict": {"min_confidence": STRICT_CONFIDENCE}
        | {part: strict_table[part] for part in ("in_plane", "reported")},
        "sequences": [table["in_plane"] for table in each],
        "views": about,
    }


def main(argv: list[str] | None = None) -> int:
    """Command line: FOLDER OUT --allow_pickle; writes the table, the page and the figure."""
    from dance_jax.analysis import validity_aist_report

    parser = argparse.ArgumentParser(prog="python -m dance_jax.analysis.validity_aist")
    parser.add_argument("folder", help="has keypoints2d, keypoints3d and cameras of AIST++")
    parser.add_argument("out", help="folder for the table, the page and the figure")
    parser.add_argument("--allow_pickle", action="store_true", help="you trust the files' source")
    given = parser.parse_args(argv)
    try:
        found = read(pathlib.Path(given.folder), allow_pickle=given.allow_pickle)
    except InputError as error:
        print(error.line(), file=sys.stderr)
        return 2
    out = pathlib.Path(given.out)
    out.mkdir(parents=True, exist_ok=True)
    table = study(found)
    (out / TABLE).write_text(json.dumps(table, indent=1) + "\n", "utf-8")
    validity_aist_report.write(table, out)
    return 0


if __name__ == "__main__":
    sys.exit(main())
