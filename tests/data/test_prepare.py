"""Cutting a corpus: lengths, rates, sizes and names; stopping and going on; other work is safe."""

from __future__ import annotations

import csv
import dataclasses
import os

import numpy as np
import pytest

from dance_jax.data import prepare as module
from dance_jax.data.cutting import Cutting, piece_name
from dance_jax.data.layout import load_corpus
from dance_jax.data.media_facts import file_sha256
from dance_jax.data.prepare import prepare, source_names
from dance_jax.data.probe import probe
from dance_jax.data.splits import leave_one_group_out
from dance_jax.data.validate_corpus import validate
from dance_jax.errors import InputError
from tests.data.media import make_video, number_of, read, steady

CUT = Cutting(seconds=0.8, min_seconds=0.4, fps=25, side=128, crf=10)


def corpus(root, **videos):
    """Videos of the given numbers of frames at 25 frames/s, in folders of their style."""
    for name, frames in videos.items():
        style, _, clip = name.partition("_")
        (root / "videos" / style).mkdir(parents=True, exist_ok=True)
        make_video(root / "videos" / style / f"{clip}.mp4", steady(frames))
    return root


def table(path):
    return list(csv.DictReader(path.open(encoding="utf-8")))


def test_clips_have_the_length_rate_and_frames_asked_for(tmp_path) -> None:
    corpus(tmp_path / "in", waltz_a=55, tango_b=24)
    found = prepare(tmp_path / "in", tmp_path / "out", CUT)
    assert (found.made, found.kept, found.failed) == (2, 0, ())
    rows = table(tmp_path / "out" / "manifest.csv")
    said = [(r["video_file"], float(r["start_s"]), int(r["frames"]), r["style"]) for r in rows]
    assert said == [
        ("tango__b_00000000ms.mp4", 0.0, 20, "tango"),
        ("waltz__a_00000000ms.mp4", 0.0, 20, "waltz"),
        ("waltz__a_00000800ms.mp4", 0.8, 20, "waltz"),
        ("waltz__a_00001600ms.mp4", 1.6, 15, "waltz"),
    ]
    assert any("shorter than 0.4 s" in note for _, note in found.notes)  # the last of tango
    for row in rows:
        path = tmp_path / "out" / "videos" / row["video_file"]
        assert file_sha256(path) == row["sha256"] and row["source_id"] == row["video_file"][:8]
        source, frames = read(path)
        first = round(float(row["start_s"]) * 25)
        assert [number_of(f.rgb) for f in frames] == list(range(first, first + int(row["frames"])))
        assert source.info.fps == pytest.approx(25) and (source.width, source.height) == (128, 96)
    made, problems = load_corpus(tmp_path / "out")
    assert problems == [] and len(made.clips) == 4
    parts = leave_one_group_out(made.members(), ("source",))
    assert len(parts) == 2 and len(parts[1].parts["test"]) == 3
    assert validate(tmp_path / "out", rights=()).clean


def test_other_rates_take_the_nearest_frame(tmp_path) -> None:
    corpus(tmp_path / "in", waltz_a=50)
    slow = Cutting(seconds=2, fps=10, side=128, crf=10, min_seconds=0)
    prepare(tmp_path / "in", tmp_path / "slow", slow)
    (path,) = (tmp_path / "slow" / "videos").iterdir()
    _, frames = read(path)
    # Frame k of 10 a second lies at 2.5 k source frames: every other one is a tie.
    gaps = [number_of(f.rgb) - 2.5 * k for k, f in enumerate(frames)]
    assert len(gaps) == 20 and set(np.abs(gaps)) == {0.0, 0.5}
    prepare(tmp_path / "in", tmp_path / "odd", dataclasses.replace(slow, fps=8))
    (path,) = (tmp_path / "odd" / "videos").iterdir()
    at = [(3.125 * k, number_of(f.rgb)) for k, f in enumerate(read(path)[1])]
    assert len(at) == 16 and all(n == round(t) for t, n in at if t % 1 != 0.5)
    fast = Cutting(seconds=0.4, fps=50, side=128, crf=10, stride_s=0.2, min_seconds=0.4)
    found = prepare(tmp_path / "in", tmp_path / "fast", fast)
    assert any("frames repeat" in note for _, note in found.notes)
    starts = [r["start_s"] for r in found.rows]
    assert starts == pytest.approx(np.arange(9) * 0.2) and {r["frames"] for r in found.rows} == {20}
    _, frames = read(tmp_path / "fast" / "videos" / piece_name("waltz__a", 0.2))
    assert number_of(frames[0].rgb) == 5 and number_of(frames[10].rgb) == 10


@pytest.mark.parametrize(
    ("fit", "size"), [("keep", (64, 48)), ("pad", (64, 64)), ("crop", (64, 64))]
)
def test_sizes(tmp_path, fit, size) -> None:
    corpus(tmp_path / "in", waltz_a=20)
    prepare(tmp_path / "in", tmp_path / "out", Cutting(0.8, side=64, fit=fit, min_seconds=0, crf=5))
    (path,) = (tmp_path / "out" / "videos").iterdir()
    _, frames = read(path)
    image = frames[3].rgb
    assert image.shape == (size[1], size[0], 3)
    middle = image[32 if fit != "keep" else 24]
    assert middle[4, 0] > 120 > middle[4, 1] and middle[-4, 1] > 120 > middle[-4, 0]
    if fit == "pad":
        assert image[:6].max() < 40 and image[-6:].max() < 40 and image[-11:-9, :, 2].min() > 90


def test_a_stopped_run_goes_on_and_equals_one_that_was_not(tmp_path, monkeypatch) -> None:
    corpus(tmp_path / "in", waltz_a=50, waltz_b=50)
    prepare(tmp_path / "in", tmp_path / "whole", CUT)
    real, count = module.cut, []

    def stopped(*arguments, **options):
        if count:
            raise KeyboardInterrupt
        count.append(1)
        return real(*arguments, **options)

    monkeypatch.setattr(module, "cut", stopped)
    with pytest.raises(KeyboardInterrupt):
        prepare(tmp_path / "in", tmp_path / "out", CUT)
    monkeypatch.undo()
    videos = tmp_path / "out" / "videos"
    stale = videos / ".waltz__b_00000000ms.999999999.partial.mp4"  # of a process that was killed
    stale.write_bytes(b"half")
    source = tmp_path / "whole" / "videos" / "waltz__b_00000800ms.mp4"
    (videos / source.name).write_bytes(source.read_bytes())  # one whole clip of the second source
    before = os.stat(videos / source.name).st_mtime_ns
    found = prepare(tmp_path / "in", tmp_path / "out", CUT)
    assert (found.kept, found.made) == (1, 1) and not stale.exists()
    assert os.stat(videos / source.name).st_mtime_ns == before
    for name in ("manifest.csv", "annotations/clips.csv"):
        assert (tmp_path / "out" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()
    assert prepare(tmp_path / "in", tmp_path / "out", CUT).kept == 2
    (videos / source.name).unlink()  # a clip that went missing is made again
    assert prepare(tmp_path / "in", tmp_path / "out", CUT).made == 1


def test_other_work_is_never_overwritten(tmp_path) -> None:
    corpus(tmp_path / "in", waltz_a=20)
    target = tmp_path / "out" / "videos" / "waltz__a_00000000ms.mp4"
    target.parent.mkdir(parents=True)
    make_video(target, steady(5))
    content = target.read_bytes()
    with pytest.raises(InputError, match="another file has the name of a clip"):
        prepare(tmp_path / "in", tmp_path / "out", CUT)
    assert target.read_bytes() == content and len(list(target.parent.iterdir())) == 1
    prepare(tmp_path / "in", tmp_path / "new", CUT)
    with pytest.raises(InputError, match="it was cut otherwise, or has changed"):
        prepare(tmp_path / "in", tmp_path / "new", Cutting(0.8, min_seconds=0, fps=12))


def test_what_cannot_be_read_is_told_and_the_rest_is_cut(tmp_path) -> None:
    corpus(tmp_path / "in", waltz_a=20)
    (tmp_path / "in" / "videos" / "waltz" / "z.mp4").write_bytes(b"no video at all")
    found = prepare(tmp_path / "in", tmp_path / "out", CUT)
    assert [clip for clip, _ in found.failed] == ["waltz/z.mp4"] and len(found.rows) == 1
    with pytest.raises(InputError, match="holds no videos"):
        (tmp_path / "empty").mkdir()
        prepare(tmp_path / "empty", tmp_path / "out2", CUT)
    one = prepare(tmp_path / "in" / "videos" / "waltz" / "a.mp4", tmp_path / "one", CUT)
    assert [r["video_file"] for r in one.rows] == ["a_00000000ms.mp4"]
    assert probe(tmp_path / "one" / "videos" / "a_00000000ms.mp4").title.startswith(
        "a from 0.000 s"
    )


def test_scores_go_along_only_when_asked(tmp_path) -> None:
    corpus(tmp_path / "in", waltz_a=40)
    (tmp_path / "in" / "annotations").mkdir()
    rows = ["video_file,aesthetic_score,style,rater_id,dancer_id"]
    rows += [f"waltz/a.mp4,{score},waltz,r{score},d9" for score in (7, 8)]
    (tmp_path / "in" / "annotations" / "a.csv").write_text("\n".join(rows))
    prepare(tmp_path / "in", tmp_path / "bare", CUT)
    assert load_corpus(tmp_path / "bare")[0].ratings == ()
    prepare(tmp_path / "in", tmp_path / "full", CUT, carry_scores=True)
    made, problems = load_corpus(tmp_path / "full")
    assert problems == [] and len(made.ratings) == 4
    assert {e.groups["dancer"] for e in made.clips} == {"d9"}
    assert set(made.mean_scores("aesthetic_score").values()) == {7.5}


def test_names_are_safe_and_differ() -> None:
    names = source_names(["a/b.mp4", "a__b.mp4", "ü.mp4", "x/../y.mp4", "A/B.MP4", "z.v2.mp4"])
    assert len({n.lower() for n in names.values()}) == 6
    assert all(
        set(n) <= set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-")
        for n in names.values()
    )
    assert names["z.v2.mp4"] == "z_v2"


@pytest.mark.parametrize(
    "wrong",
    [{"seconds": 0}, {"min_seconds": 20}, {"fps": 0}, {"side": 2}, {"fit": "x"}, {"stride_s": 0}],
)
def test_wrong_cuttings_are_refused(wrong) -> None:
    with pytest.raises(InputError, match="prepare"):
        Cutting(**wrong)
