"""The validator tells every planted fault in one pass, and nothing of a clean corpus."""

from __future__ import annotations

import os
import tracemalloc

import numpy as np
import pytest
from PIL import Image

from dance_jax.data.problems import Problem, counts, ordered, write_problems
from dance_jax.data.splits import holdout
from dance_jax.data.styles import register
from dance_jax.data.tables import read_csv
from dance_jax.data.validate_corpus import validate
from tests.data.media import make_video, steady

HEADER = "video_file,aesthetic_score,style,rater_id,dancer_id,licence,consent,fps"


@pytest.fixture
def clean(tmp_path):
    """Four clips, two raters, nothing wrong."""
    (tmp_path / "videos").mkdir()
    (tmp_path / "annotations").mkdir()
    rows = [HEADER]
    for k in range(4):
        make_video(tmp_path / "videos" / f"v{k}.mp4", steady(6 + k), movflags="+faststart")
        rows += [f"v{k}.mp4,{5 + k},waltz,r{r},d{k},CC BY,yes,25" for r in (1, 2)]
    (tmp_path / "annotations" / "all.csv").write_text("\n".join(rows))
    return tmp_path


def edit(root, old, new, count=-1) -> None:
    path = root / "annotations" / "all.csv"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, count))


def kinds(found, level=None) -> list[str]:
    return sorted(p.kind for p in found.problems if level in (None, p.level))


def test_a_clean_corpus_is_clean(clean) -> None:
    found = validate(clean)
    assert found.clean and found.problems == () and len(found.files) == 4
    facts = found.files["v1.mp4"]
    assert (facts.width, facts.height, facts.frames, facts.error) == (128, 96, 7, "")
    assert facts.fps == pytest.approx(25) and len(facts.sha256) == 64
    assert found.audit.clean and "Not looked at: frame rate" in " ".join(found.audit.sentences())


def test_every_planted_fault_is_told_at_once(clean) -> None:
    videos = clean / "videos"
    (videos / "v1.mp4").write_bytes((videos / "v0.mp4").read_bytes())  # same content
    (videos / "v2.mp4").write_bytes((videos / "v2.mp4").read_bytes()[:-700])  # cut short
    (videos / "v3.mp4").write_bytes(b"not a video")
    make_video(videos / "extra.mp4", steady(5))
    edit(clean, "v1.mp4,6,waltz,r1", "v1.mp4,6,tnago,r1", 1)
    edit(clean, "v1.mp4,6,waltz,r2", "v1.mp4,6,tnago,r2", 1)
    edit(clean, "v2.mp4,7,waltz,r2,d2,CC BY,yes,25", "v2.mp4,70,waltz,r3,d2,,,30")
    edit(clean, "v2.mp4,7,waltz,r1,d2,CC BY,yes,25", "v2.mp4,7,waltz,r1,d2,,no,30")
    path = clean / "annotations" / "all.csv"
    path.write_text(path.read_text() + "\ngone.mp4,5,waltz,r9,d9,CC BY,yes,25")
    found = validate(clean)
    assert kinds(found, "error") == sorted(
        [
            *("duplicate content", "different labels", "unreadable file", "unknown style"),
            *("score out of range", "missing file", "consent refused", "truncated video"),
        ]
    )
    assert kinds(found, "warning") == sorted(
        ["no licence", "rater with one clip", "not annotated", "other frame rate"]
    )
    assert not found.clean and [p.level for p in found.problems] == ["error"] * 8 + ["warning"] * 4
    by = {p.kind: p for p in found.problems}
    assert "did you mean 'tango'?" in by["unknown style"].fix
    assert (
        by["duplicate content"].where.endswith("v1.mp4")
        and "v0.mp4" in by["duplicate content"].text
    )
    assert "r9" in by["rater with one clip"].text and "extra.mp4" in by["not annotated"].where
    assert all(p.text and p.fix and p.where for p in found.problems)


def test_rights_spellings_and_users_styles(clean, tmp_path_factory) -> None:
    path = clean / "annotations" / "all.csv"
    path.write_text(
        path.read_text().replace("licence,consent", "note1,note2").replace("waltz", "Zouk")
    )
    found = validate(clean)
    assert kinds(found, "warning") == ["no consent", "no licence"]  # one row each, not one a clip
    assert kinds(found, "error") == ["unknown style"]
    mine = tmp_path_factory.mktemp("styles") / "mine.json"
    mine.write_text('[{"name": "zouk"}]')
    assert validate(clean, rights=(), styles=register().with_added(mine)).clean
    path.write_text(
        path.read_text().replace("v1.mp4,6,Zouk", "v1.mp4,6,Slow Waltz").replace("Zouk", "waltz")
    )
    assert kinds(validate(clean, rights=()), "warning") == ["two spellings"]


def test_a_given_split_is_kept_and_audited(clean) -> None:
    (clean / "annotations" / "all.csv").unlink()
    for part, numbers in (("train", (0, 1)), ("test", (2, 3))):
        rows = [HEADER, *(f"v{k}.mp4,5,waltz,r1,d{k % 2},CC BY,yes,25" for k in numbers)]
        (clean / "annotations" / f"{part}.csv").write_text("\n".join(rows))
    found = validate(clean)
    assert found.corpus.given().parts == {
        "train": ("v0.mp4", "v1.mp4"),
        "test": ("v2.mp4", "v3.mp4"),
    }
    assert kinds(found) == ["leak: shared group"] * 2
    assert "dancer d0: 1 in test, 1 in train" in found.problems[0].text
    (clean / "videos" / "v3.mp4").write_bytes((clean / "videos" / "v0.mp4").read_bytes())
    assert "leak: same content" in kinds(validate(clean))


def test_labels_told_by_the_frame_rate_are_told(tmp_path) -> None:
    for k in range(24):
        style = ("waltz", "tango")[k % 2]
        (tmp_path / "videos" / style).mkdir(parents=True, exist_ok=True)
        path = tmp_path / "videos" / style / f"{k}.mp4"
        make_video(path, steady(4 + k // 8, 25 + 5 * (k % 2)), rate=25 + 5 * (k % 2), noise=k)
    found = validate(tmp_path, rights=())
    assert kinds(found) == ["leak: told by metadata"]
    assert found.audit.probe.random.accuracy == 1.0
    assert "frames/s, seconds alone" in found.problems[0].text


def test_image_folders(tmp_path) -> None:
    for style, count in (("waltz", 3), ("tango", 2)):
        folder = tmp_path / "images" / style / "c1"
        folder.mkdir(parents=True)
        for k in range(count):
            Image.fromarray(np.full((20, 30, 3), 9 * k, np.uint8)).save(folder / f"{k}.png")
    found = validate(tmp_path, rights=())
    assert found.clean and found.files["waltz/c1"].frames == 3
    (tmp_path / "images" / "tango" / "c1" / "0.png").write_bytes(b"\x89PNG broken")
    found = validate(tmp_path, rights=())
    assert kinds(found) == ["unreadable file"] and "cannot be read" in found.problems[0].text


def test_files_are_not_held_in_memory(tmp_path) -> None:
    """60 files of 1 MiB, of which no more than a few blocks may be in memory at once."""
    (tmp_path / "videos" / "waltz").mkdir(parents=True)
    for k in range(60):
        (tmp_path / "videos" / "waltz" / f"{k:03d}.mp4").write_bytes(bytes([k]) * (1 << 20))
    validate(tmp_path, rights=(), open_media=False)  # imports
    tracemalloc.start()
    found = validate(tmp_path, rights=(), open_media=False)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert found.clean and len({f.sha256 for f in found.files.values()}) == 60
    assert peak < 8 << 20


@pytest.mark.full
def test_a_thousand_files(tmp_path, full_size, figures) -> None:
    (tmp_path / "videos" / "waltz").mkdir(parents=True)
    content = make_video(tmp_path / "one.mp4", steady(3)).read_bytes()
    count = 1000 if full_size else 60
    for k in range(count):
        (tmp_path / "videos" / "waltz" / f"{k:04d}.mp4").write_bytes(content + bytes(k + 1))
    tracemalloc.start()
    found = validate(tmp_path, rights=())
    figures["peak MiB of traced memory, files"] = [tracemalloc.get_traced_memory()[1] >> 20, count]
    tracemalloc.stop()
    assert found.clean and len(found.files) == count


def test_rows_of_problems(tmp_path) -> None:
    rows = [
        Problem("note", "n", "a.csv"),
        Problem("error", "b", "=x()", "c", "t", "f"),
        Problem("error", "a", "a.csv:2"),
    ]
    assert [p.kind for p in ordered(rows)] == ["a", "b", "n"]
    assert counts(rows) == [("error", "a", 1), ("error", "b", 1), ("note", "n", 1)]
    write_problems(tmp_path / "problems.csv", ordered(rows))
    table = read_csv(tmp_path / "problems.csv").columns
    assert list(table["where"]) == ["a.csv:2", "=x()", "a.csv"]
    assert "'=x()" in (tmp_path / "problems.csv").read_text()
    write_problems(tmp_path / "none.csv", [])
    assert (tmp_path / "none.csv").read_text() == "level,kind,where,column,text,fix\n"


def test_names_that_are_no_text_are_told(tmp_path) -> None:
    (tmp_path / "videos" / "waltz").mkdir(parents=True)
    name = os.fsdecode(b"b\xff.mp4")
    (tmp_path / "videos" / "waltz" / name).write_bytes(b"no video")
    found = validate(tmp_path, rights=())
    assert kinds(found) == ["unreadable file"]
    write_problems(tmp_path / "problems.csv", found.problems)
    assert "b\\udcff.mp4" in (tmp_path / "problems.csv").read_text("utf-8")
    (member,) = found.corpus.members()
    clips = [member._replace(clip=f"{k}{name}") for k in range(3)]
    assert holdout(clips, "clip", allow_random_clips=True).stamp
