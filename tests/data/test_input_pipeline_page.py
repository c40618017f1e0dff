"""The page on the input pipeline: its code runs as it stands there."""

from __future__ import annotations

import itertools
import pathlib
import re

import jax
import numpy as np
import pytest

from dance_jax.data import batch as batches
from dance_jax.data import synthetic_corpus
from dance_jax.data.loader import LoaderOptions

PAGE = pathlib.Path(__file__).resolve().parents[2] / "docs" / "input_pipeline.md"


@pytest.fixture(scope="module")
def after(tmp_path_factory: pytest.TempPathFactory) -> dict[str, object]:
    """What the page's names hold after all of its code ran, in a folder with a small corpus."""
    folder = tmp_path_factory.mktemp("page")
    small = synthetic_corpus.Design(dancers=6, choreographies=1, seconds=1.5, fps=15.0, seed=3)
    synthetic_corpus.write_corpus(folder / "corpus", small)
    code = re.findall(r"```python\n(.*?)```", PAGE.read_text("utf-8"), re.S)
    assert len(code) == 3
    names: dict[str, object] = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for block in code:
            exec(compile(block, str(PAGE), "exec"), names)
    return names


def test_the_loop_sees_every_window_of_the_training_clips_twice(after) -> None:
    loader = after["loader"]
    assert after["step"] + 1 == 2 * loader.batches_per_epoch
    assert after["state"]["batch"] == after["step"] + 1
    assert len({window.clip for window in loader.windows}) == len(after["entries"]) > 1
    assert isinstance(after["augmented"].pose, jax.Array)
    assert after["augmented"].pose.shape == (4, 30, 26, 3)
    real = np.asarray(after["augmented"].mask)
    assert np.isfinite(np.asarray(after["augmented"].labels["score"])[real]).all()


def test_what_was_cut_comes_back(after) -> None:
    pose, again = after["pose"], after["again"]
    assert len(after["first"]) >= 1 and again.tobytes() == pose.tobytes()


def test_the_pictures_are_those_of_the_videos(after) -> None:
    pictures = after["pictures"]
    batches.check(pictures)
    assert pictures.frames.shape == (2, 8, 64, 64, 3) and pictures.frames.any()


def test_the_page_names_every_option() -> None:
    text = PAGE.read_text("utf-8")
    told = set(
        itertools.chain(
            *(re.findall(r"`(\w+)`", row) for row in text.splitlines() if row.startswith("| `"))
        )
    )
    assert set(LoaderOptions.__dataclass_fields__) <= told
