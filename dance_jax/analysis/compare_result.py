"""What a comparison of two dancers holds in memory, before any file is written."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np

from dance_jax.analysis.compare_align import Alignment
from dance_jax.analysis.compare_channels import Performer
from dance_jax.analysis.compare_differences import Difference
from dance_jax.analysis.compare_places import Place
from dance_jax.analysis.compare_ranges import RangeRow
from dance_jax.analysis.result import Analysis, PersonAnalysis

SCHEMA_VERSION = "1.0"
INDEX_WORDS = "kinematic index, not validated against human ratings"


@dataclasses.dataclass(frozen=True, eq=False)
class Comparison:
    """The result of `compare`.

    Attributes:
        teacher: the teacher's whole analysis.
        student: the student's whole analysis.
        performers: both dancers as they were compared, the student mirrored where it says so.
        alignment: how the student's time runs along the teacher's; None where that failed.
        matched: whether the two do the same movement; only then moments are compared.
        reason: why moments are not compared; "" where they are.
        diff: f64[N,K] student minus teacher at every aligned moment, of every channel.
        refused: channel key -> why it is not compared.
        ranges: channel key -> range of both, of the common moments, or of all where not matched.
        differences: what is larger than the smallest difference that can be told, largest first.
        places: parts of the dance (eight-counts, phrases, or quarters) in the teacher's time.
        notes: plain sentences about the comparison as a whole.
        settings: the options used (JSON-able).
        files: what was written, by name.
    """

    teacher: Analysis
    student: Analysis
    performers: tuple[Performer, Performer]
    alignment: Alignment | None
    matched: bool
    reason: str
    diff: np.ndarray
    refused: Mapping[str, str]
    ranges: Mapping[str, RangeRow]
    differences: tuple[Difference, ...]
    places: tuple[Place, ...]
    notes: tuple[str, ...]
    settings: Mapping[str, Any]
    files: Mapping[str, Any] = dataclasses.field(default_factory=dict)

    @property
    def people(self) -> tuple[PersonAnalysis, PersonAnalysis]:
        """The two analysed dancers, teacher first."""
        return self.teacher.people[0], self.student.people[0]

    @property
    def synthetic(self) -> bool:
        """Whether one of the two is known to be rendered."""
        return self.teacher.synthetic or self.student.synthetic
