"""Examples: styles, scores, raters and groups of a corpus or of a file of poses."""

from __future__ import annotations

import csv
import pathlib

import numpy as np
import pytest

from dance_jax.data.synthetic_corpus import write_corpus
from dance_jax.data.synthetic_design import Design
from dance_jax.errors import InputError
from dance_jax.training import examples
from tests import seeds


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    folder = tmp_path_factory.mktemp("made") / "corpus"
    write_corpus(
        folder, Design(dancers=3, styles=("ballet_like", "hip_hop_like"), seconds=1.0, raters=3)
    )
    return folder


def test_a_corpus_gives_means_and_variances_of_its_raters(corpus: pathlib.Path) -> None:
    found = examples.from_corpus(corpus, fps=20.0, axes=3)
    with (corpus / "annotations" / "clips.csv").open() as file:
        table = list(csv.DictReader(file))
    assert len(found) == 6 and found.synthetic and len(found.styles) == 2
    for row in found.rows:
        given = [float(r["aesthetic_score"]) for r in table if r["video_file"] == row.name]
        assert len(given) == 3
        assert row.scores["aesthetic_score"] == pytest.approx(np.mean(given), abs=1e-6)
        np.testing.assert_allclose(np.sort(row.ratings["aesthetic_score"]), np.sort(given))
        assert row.clip.pose.shape == (20, 1, 26, 3) or len(row.clip.pose) == 21
        assert row.video.is_file() and row.groups["dancer"]
    labels = found.labels(found.styles[:1])
    assert {int(label["style"]) for label in labels} == {0, -1}
    assert np.isfinite([label["precision_ratings"] for label in labels]).all()
    half = found.named(row.name for row in found.rows[::2])
    assert [r.name for r in half.rows] == [r.name for r in found.rows[::2]]


def test_videos_alone_and_poses_alone(corpus: pathlib.Path) -> None:
    pictures = examples.from_corpus(corpus, fps=20.0, poses=False)
    assert all(row.clip is None and row.video for row in pictures.rows)
    poses = examples.from_corpus(corpus, fps=20.0, videos=False)
    assert all(row.clip is not None and row.video is None for row in poses.rows)
    with pytest.raises(InputError, match="no clip of it"):
        examples.from_corpus(corpus, fps=20.0, poses=False, videos=False)


def test_a_file_whose_clips_have_no_group_but_themselves(tmp_path: pathlib.Path) -> None:
    """`group_by=("clip",)` asks the file for no label of that name."""
    rng = np.random.default_rng(seeds.fresh(__name__, 1)[0])
    rows = rng.uniform(0.2, 0.8, (200, 51)).round(4)
    text = "\n".join(",".join(map(str, row)) for row in rows)
    (tmp_path / "X_test.txt").write_text(text + "\n", "utf-8")
    (tmp_path / "Y_test.txt").write_text("3\n1\n", "utf-8")
    told = {"label": "label", "fps": 20.0, "rate": 25.0}
    found = examples.from_file(tmp_path / "X_test.txt", groups=("clip",), **told)
    assert [row.style for row in found.rows] == ["3", "1"]
    assert all(row.groups == {} for row in found.rows)
    with pytest.raises(InputError, match="no label 'dancer'"):
        examples.from_file(tmp_path / "X_test.txt", groups=("dancer",), **told)


def test_real_files_of_poses(shared_data: pathlib.Path) -> None:
    path = shared_data / "fs_jump3d" / "fs_jump3d_h36m17.npz"
    found = examples.from_file(path, label="jump", groups=("skater",), fps=20.0, axes=3)
    assert len(found) == 190 and len({row.groups["source"] for row in found.rows}) == 3
    assert len(found.sha256) == 64 and not found.synthetic
    with pytest.raises(InputError, match="no label 'jumps'"):
        examples.from_file(path, label="jumps", groups=("skater",), fps=20.0, axes=3)
