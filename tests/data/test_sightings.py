"""Sightings to clips: frame numbers from names, gaps, scores, and crowds that do not fit."""

from __future__ import annotations

import numpy as np
import pytest

from dance_jax.data import sightings
from dance_jax.data.formats import ReadOptions
from dance_jax.errors import InputError
from tests.seeds import fresh

SEEDS = fresh(__name__, 1)


@pytest.mark.parametrize(
    ("names", "numbers", "how"),
    [
        (["img10.jpg", "img9.jpg", "img011.jpg"], [10, 9, 11], "numbered by their names"),
        (["v2_000000000003_keypoints.json", "v2_000000000012_keypoints.json"], [3, 12], "by their"),
        (["cam1_7.mp4.png", "cam1_8.mp4.png"], [0, 1], "natural order"),  # mp4 is the last digit
        (["a.jpg", "b.jpg", "B2.jpg"], [0, 2, 1], "natural order"),
        (["1a/5.jpg", "2a/5.jpg"], [0, 1], "natural order"),
        (["12", "-3"], [12, 3], "numbered by"),
    ],
)
def test_frame_numbers(names, numbers, how) -> None:
    found, said = sightings.frame_numbers(names)
    assert [found[name] for name in names] == numbers and how in said


def test_gaps_are_filled_at_their_step_unless_far_too_many() -> None:
    whole, place, gaps = sightings.grid(np.array([30, 10, 20, 60, 10]), "file")
    assert whole.tolist() == [10, 20, 30, 40, 50, 60] and place.tolist() == [2, 0, 1, 5, 0]
    assert gaps == 2
    whole, place, gaps = sightings.grid(np.array([20, 30]), "file", known=[0, 10, 20, 30, 50])
    assert whole.tolist() == [0, 10, 20, 30, 40, 50] and place.tolist() == [2, 3] and gaps == 4
    whole, place, gaps = sightings.grid(np.array([0, 1, 10**14]), "file")
    assert whole.tolist() == [0, 1, 10**14] and place.tolist() == [0, 1, 2] and not gaps
    with pytest.raises(InputError, match="frames, over"):
        sightings.grid(np.arange(0, 30 * sightings.MAX_FRAMES, 25) // 2, "file")


def test_of_a_crowd_that_does_not_fit_those_seen_most_are_kept(monkeypatch) -> None:
    rng = np.random.default_rng(SEEDS[0])
    frame, person = np.nonzero(rng.random((40, 30)) < np.linspace(0.1, 1, 30))
    seen = sightings.Sightings(
        frame,
        person,
        (100 * person[:, None, None] + rng.uniform(0, 30, (len(frame), 17, 2))).astype(np.float32),
        np.ones((len(frame), 17), np.float32),
    )

    def clip():
        return sightings.to_clip(
            seen,
            path="file",
            fps=10,
            skeleton="coco17",
            options=ReadOptions(),
            format_name="made",
            found=["made"],
        )

    assert clip().n_people == 30
    monkeypatch.setattr(sightings, "MAX_VALUES", 40 * 17 * 2 * 7 + 5)
    found = clip()
    counts = np.bincount(person)
    assert found.n_people == 7 and found.present.any(-1).sum() == sum(sorted(counts)[-7:])
    assert set(found.person_ids) == set(np.argsort(-counts, kind="stable")[:7].tolist())
    lost = counts.sum() - sum(sorted(counts)[-7:])
    assert f"23 people of 30, those seen least ({lost} poses)" in found.source["dropped"]
    monkeypatch.setattr(sightings, "MAX_VALUES", 100)
    with pytest.raises(InputError, match="too many"):
        clip()


def test_too_many_people_in_a_frame() -> None:
    many = sightings.MAX_PEOPLE + 1
    seen = sightings.Sightings(
        np.zeros(many, int), np.full(many, -1), np.ones((many, 17, 2)), np.ones((many, 17))
    )
    with pytest.raises(InputError, match="201 people, over 200"):
        sightings.people(seen, seen.frame, np.zeros(1), "file")
