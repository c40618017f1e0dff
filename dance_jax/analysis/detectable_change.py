"""The smallest difference that can be told from none, as measured on repeated recordings.

The figures come from `dance_jax.analysis.detectable_study`: the same movement recorded twice and
compared as teacher and student. What enters the limits, and what is shown for context only, is in
the table itself (`docs/compare_schema.md`).
"""

from __future__ import annotations

import functools
import importlib.resources
import json
from typing import Any


@functools.cache
def table() -> dict[str, Any]:
    """Reads the stored result; `docs/compare_schema.md` says what is in it."""
    file = importlib.resources.files("dance_jax.analysis").joinpath("detectable_change.json")
    return json.loads(file.read_text("utf-8"))


def limit(group: str, statistic: str) -> float | None:
    """Returns the smallest difference that can be told, in the channel's unit.

    Args:
        group: a channel without its side ("elbow", "wrist.height"), or "timing".
        statistic: "moment" (mean over half a second), "range" or "whole" (mean of the clip).

    Returns:
        The limit in degrees, body heights or seconds; None where it has not been measured.
    """
    value = table()["limits"].get(group, {}).get(statistic)
    return None if value is None else float(value)
