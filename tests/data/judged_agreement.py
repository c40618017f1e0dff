"""How far five judges of ski jumping agree: the only judged movement among the real recordings.

python -m tests.data.judged_agreement     rewrites docs/rater_agreement.json from ../shared/data
"""

from __future__ import annotations

import csv
import functools
import json
import pathlib
from collections.abc import Callable
from typing import Any

import numpy as np

from dance_jax import rundir
from dance_jax.data.agreement import icc, noise_ceiling
from dance_jax.data.alpha import fleiss_kappa, krippendorff_alpha
from dance_jax.metrics.bootstrap import group_bootstrap

ROOT = pathlib.Path(__file__).resolve().parents[2]
TABLE = ROOT.parent / "shared" / "data" / "skijump_judged" / "jumps_with_judges.csv"
FILE = ROOT / "docs" / "rater_agreement.json"
MEASURES: dict[str, Callable[[np.ndarray], float]] = {
    "fleiss_kappa": fleiss_kappa,
    "krippendorff_alpha": krippendorff_alpha,
    "icc_2_1": lambda marks: icc(marks)["ICC(2,1)"].value,
    "one_against_the_others": lambda marks: noise_ceiling(marks).one,
    "noise_ceiling": lambda marks: noise_ceiling(marks).ceiling,
}


def read(path: pathlib.Path = TABLE) -> tuple[np.ndarray, list[str]]:
    """Returns the marks f64[jumps, 5] and the athlete of each jump."""
    with path.open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    marks = np.array([[float(row[f"judge{judge}"]) for judge in "ABCDE"] for row in rows])
    return marks, [row["surname"] for row in rows]


def measured(marks: np.ndarray, athletes: list[str], draws: int = 1000) -> dict[str, Any]:
    """Returns every measure with its 95 % interval over athletes."""
    found: dict[str, Any] = {}
    for name, measure in MEASURES.items():
        of_rows = functools.partial(lambda rows, measure: measure(marks[rows]), measure=measure)
        interval = group_bootstrap(of_rows, athletes, draws=draws)
        found[name] = {"value": interval.value, "interval": [interval.low, interval.high]}
    return found


if __name__ == "__main__":
    judged, names = read()
    content = {
        "command": "python -m tests.data.judged_agreement",
        "data": "skijump_judged: style marks of ski jumps, 0 to 20 in steps of 0.5, not dance",
        "n": {"jumps": len(judged), "athletes": len(set(names)), "judges": judged.shape[1]},
        "interval_is": "95 %, athletes drawn 1,000 times with replacement",
        "versions": {"commit": rundir.commit()},
        "measures": measured(judged, names),
    }
    FILE.write_text(json.dumps(content, indent=1) + "\n", "utf-8")
