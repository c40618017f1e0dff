"""The whole program on real recordings: who is found, what is refused, what the outputs hold."""

from __future__ import annotations

import json
import pathlib
import re
from collections.abc import Iterator
from typing import Any

import av
import numpy as np
import pytest

from dance_jax import launch, skeleton
from dance_jax.analysis.analyze import analyze
from dance_jax.pose import estimator as estimators
from tests.bad_inputs import arguments

FIRST = 300  # the counts kept beside the recordings were taken on so many frames
NOBODY, SHORT = "no dancer found", "too short"
# file -> (what comes out, number of people; None where people come and go)
RECORDINGS: dict[str, tuple[str, int | None]] = {
    "aist_vis_gBR.mp4": ("ok", 1),
    "choreai_afro8.mp4": ("ok", 1),
    "choreai_screen_chatgpt.mp4": (NOBODY, 0),
    "folk_cucanj1.mp4": ("ok", 1),
    "kathak_benchmark_dance.mp4": ("ok", 1),
    "kathak_kathak1.mp4": ("ok", 1),
    "kathak_twice.mp4": ("ok", 2),
    "kathak_wrong_dance.mp4": ("ok", 1),
    "mmaction2_demo.mp4": (NOBODY, 0),  # arms wrestling, from near by
    "mmaction2_test.avi": ("ok", 1),
    "mmpose_demo.mp4": (SHORT, 0),
    "openpose_video.avi": ("ok", None),
    "tfjs_asl_hand.mp4": (NOBODY, 0),
    "tfjs_pose_1.mp4": ("ok", 1),
    "breaking__0002_19_10.mp4": ("ok", 1),
    "locking__1001_40_10.mp4": ("ok", None),
    "popping__2001_194_10.mp4": ("ok", 1),
    "shuffle__3001_405_10.mp4": ("ok", 1),
}


def place(shared_data: pathlib.Path, name: str) -> pathlib.Path:
    folder = "streetdance4/clips" if "__" in name else "videos"
    return shared_data / folder / name


def lite(shared_data: pathlib.Path) -> str:
    return str(shared_data / "pose_models" / "pose_landmarker_lite.task")


@pytest.fixture
def counts(monkeypatch) -> list[int]:
    """Fills up with the number of people that the estimator saw in each frame."""
    found: list[int] = []
    create = estimators.create_estimator

    class Counting:
        def __init__(self, made: estimators.Estimator) -> None:
            self.name, self.model, self.close, self.made = made.name, made.model, made.close, made

        def __call__(self, rgb: np.ndarray, time_s: float) -> estimators.FramePoses:
            poses = self.made(rgb, time_s)
            found.append(poses.n_people)
            return poses

    monkeypatch.setattr(estimators, "create_estimator", lambda *a, **k: Counting(create(*a, **k)))
    return found


def run(path: pathlib.Path, workdir: pathlib.Path, model: str, capfd, *more: str) -> dict[str, Any]:
    """Runs the program on a file; returns its row of the table and, where it worked, the result."""
    capfd.readouterr()
    given = arguments(path, workdir, f"--config.model={model}", "--config.estimator=mediapipe")
    code = launch.main(["launch", *given, *more])
    said = capfd.readouterr().err
    if code:
        assert code == 2 and said.count("\n") == 1, said
        assert not workdir.exists()
        outcome = next((words for words in (NOBODY, SHORT) if words in said), said.strip())
        return {"outcome": outcome, "exit": 2, "people": 0, "said": said.strip()}
    content = json.loads((workdir / "analysis.json").read_text("utf-8"))
    states = [angle["status"] for angle in content["people"][0]["angles"].values()]
    return {
        "outcome": "ok",
        "exit": 0,
        "people": len(content["tracks"]),
        "frames": content["source"]["frames"],
        "frames_with_dancer": content["people"][0]["frames_with_pose"],
        "angles_ok": states.count("ok"),
        "content": content,
    }


def check(name: str, row: dict[str, Any], poses: np.lib.npyio.NpzFile | None) -> None:
    """What each recording must show, whatever part of it was read."""
    outcome, people = RECORDINGS[name]
    assert row["outcome"] == outcome, row
    if people is not None:
        assert row["people"] == people
    if outcome != "ok":
        return
    content, person = row["content"], row["content"]["people"][0]
    source, parts = content["source"], {p["name"]: p["status"] for p in person["parts"]}
    if name == "mmaction2_test.avi":
        assert parts["legs"] == parts["feet"] == "unseen"
        leg = re.compile(r"knee|hip|ankle|thigh|shank|foot|pelvis|balance")
        measures = [m for m in person["measures"] if leg.search(m["key"])]
        assert any(m["group"] == "balance" for m in measures) and len(measures) > 20
        assert all(m["status"] == "refused" and m["value"] is None for m in measures)
        assert all(m["reason"] for m in measures)
    elif name == "kathak_kathak1.mp4":
        assert source["rotation"] in (90, 270) and source["width"] < source["height"]
        y = {j: poses["pose"][:, skeleton.index("halpe26", j), 1] for j in ("nose", "hip")}
        assert np.nanmax(y["nose"] - y["hip"]) < 0  # y is down: the head is above, always
    elif name == "openpose_video.avi":
        assert row["people"] >= 2
    elif people == 1 and name != "kathak_wrong_dance.mp4":
        assert parts["legs"] == parts["trunk"] == "ok"


@pytest.mark.parametrize(
    "name", ["tfjs_pose_1.mp4", "mmaction2_test.avi", "kathak_kathak1.mp4", "tfjs_asl_hand.mp4"]
)
def test_the_first_two_seconds(name, shared_data, tmp_path, capfd) -> None:
    more = ["--config.end_s=2", "--noconfig.overlay"]
    if name != "tfjs_pose_1.mp4":
        more += ["--noconfig.plots", "--noconfig.report"]
    row = run(place(shared_data, name), tmp_path / "out", lite(shared_data), capfd, *more)
    poses = np.load(tmp_path / "out" / "poses.npz") if row["outcome"] == "ok" else None
    check(name, row, poses)
    assert (tmp_path / "out" / "report.html").is_file() == (name == "tfjs_pose_1.mp4")


def test_every_recording_is_in_the_table(shared_data) -> None:
    there = {p.name for p in (shared_data / "videos").iterdir() if p.suffix in (".mp4", ".avi")}
    assert there == {name for name in RECORDINGS if "__" not in name}
    assert len({name.split("__")[0] for name in RECORDINGS if "__" in name}) == 4


@pytest.mark.full
@pytest.mark.parametrize("name", RECORDINGS)
def test_every_recording(name, shared_data, full_size, counts, figures, tmp_path, capfd) -> None:
    """Each whole file; where one dancer is alone, as many frames hold a pose as were counted."""
    if not full_size:
        pytest.skip("launch/accept.sh reads every recording to its end")
    more = ("--noconfig.overlay", "--noconfig.plots", "--noconfig.report")
    row = run(place(shared_data, name), tmp_path / "out", lite(shared_data), capfd, *more)
    poses = np.load(tmp_path / "out" / "poses.npz") if row["outcome"] == "ok" else None
    check(name, row, poses)

    known = json.loads((shared_data / "videos" / "mediapipe_lite_results.json").read_text("utf-8"))
    reference = {r["file"]: r for r in known}.get(name)
    here = counts[:FIRST]
    shown: dict[str, Any] = {k: v for k, v in row.items() if k not in ("content", "said", "exit")}
    shown |= {"frames_read": len(counts)}
    if here:
        shown["with_pose_first_300"] = round(float(np.mean(np.array(here) > 0)), 3)
    if reference:
        shown["counted"] = reference["detected_frac"]
    figures[name] = shown
    with capfd.disabled():
        print(f"\n{name}: {shown}")
    if reference and RECORDINGS[name][0] != SHORT:
        assert len(counts) == reference["frames_total"]
        # This clip's pixels are not square: it is shown wider here than OpenCV gave it there.
        if name != "mmaction2_demo.mp4":
            assert abs(shown["with_pose_first_300"] - shown["counted"]) <= 0.03


def leaps(pose: np.ndarray, time_s: np.ndarray) -> tuple[list[float], list[float]]:
    """Times at which a track moves further than a body can: 0.25 heights + 4 heights/s.

    Args:
        pose: [T,26,2] pixels of one person, NaN where unseen.
        time_s: [T] seconds.

    Returns:
        (glitches, which are back within 0.2 s; switches, which stay).
    """
    centre = pose[:, skeleton.index("halpe26", "hip")]
    seen = np.flatnonzero(np.isfinite(centre[:, 0]))
    centre, time_s, y = centre[seen], time_s[seen], pose[seen, :, 1]
    height = np.median(np.nanmax(y, 1) - np.nanmin(y, 1))

    def near(a: int, b: int) -> bool:
        far = np.linalg.norm(centre[b] - centre[a]) / height
        return bool(far <= 0.25 + 4 * (time_s[b] - time_s[a]))

    glitches, switches, at = [], [], 0
    while at + 1 < len(seen):
        ahead = [b for b in range(at + 1, len(seen)) if time_s[b] - time_s[at] <= 0.2] or [at + 1]
        back = next((b for b in ahead if near(at, b)), None)
        if back is None:
            switches.append(float(time_s[at + 1]))
        elif back > at + 1:
            glitches.append(float(time_s[at + 1]))
        at = at + 1 if back is None else back
    return glitches, switches


@pytest.mark.full
def test_two_dancers_side_by_side_keep_their_names(shared_data, full_size, figures) -> None:
    """The picture is made of two videos, so neither dancer ever leaves their own half."""
    end_s = None if full_size else 2.0
    path = place(shared_data, "kathak_twice.mp4")
    found = analyze(path, model=lite(shared_data), person="all", end_s=end_s)
    assert found.clip.n_people == 2
    x = found.clip.pose[:, :, skeleton.index("halpe26", "hip"), 0]
    middle = found.clip.image_size[0] / 2
    left = np.nanmedian(x, 0) < middle
    wrong = int((((x < middle) != left) & np.isfinite(x)).sum())
    seen = np.isfinite(x).mean(0)
    figures["kathak_twice.mp4"] = {
        "frames": len(x),
        "seen": [round(float(s), 3) for s in seen],
        "sightings in the other's half": wrong,
        "estimator changed their order": found.source["tracking"]["order_changes"],
        "glitches, switches": [leaps(found.clip.pose[:, p], found.clip.time_s) for p in range(2)],
    }
    assert left.sum() == 1
    assert seen.min() > 0.97 and wrong == 0
    assert figures["kathak_twice.mp4"]["glitches, switches"] == [([], []), ([], [])]


# The woman in the denim jacket: seconds -> x of her hips in pixels, read from the pictures by eye.
DENIM = {0.1: 700, 0.8: 720, 1.4: 690, 1.8: 720, 2.0: 714, 2.4: 730, 2.8: 705, 3.4: 699, 4.0: 932}

# A passer-by in black, small and far behind, likewise.
PASSER_BY = {0.8: 309, 1.4: 245, 1.8: 218, 2.0: 178}


@pytest.mark.full
def test_people_in_a_street_keep_their_names(shared_data, full_size, figures) -> None:
    if not full_size:
        pytest.skip("launch/accept.sh follows the people in the street")
    path = place(shared_data, "openpose_video.avi")
    found = analyze(path, model=lite(shared_data), person="all")
    clip = found.clip
    hips = clip.pose[:, :, skeleton.index("halpe26", "hip"), 0]
    off, behind = (
        np.abs(
            hips[[np.abs(clip.time_s - t).argmin() for t in labels], person]
            - np.array(list(labels.values()))
        )
        for person, labels in enumerate((DENIM, PASSER_BY))
    )
    found_leaps = [leaps(clip.pose[:, p], clip.time_s) for p in range(clip.n_people)]
    figures["openpose_video.avi"] = {
        "people": clip.n_people,
        "seen": [round(float(f), 3) for f in np.isfinite(hips).mean(0)],
        "denim jacket, greatest distance px": round(float(np.nanmax(off)), 1),
        "passer-by, distance px": dict(zip(PASSER_BY, behind.round(1).tolist(), strict=True)),
        "glitches, switches": found_leaps,
    }
    assert clip.n_people >= 2
    assert np.isfinite(off).sum() >= 7 and np.nanmax(off) < 60
    assert not found_leaps[0][1]
    # From 1.84 s on the second track is another passer-by in black: the two meet, and the estimator
    # slides from one to the other. This is a known limit, and the figure keeps it in sight.
    assert (behind[:3] < 60).all()
    assert sum(len(switches) for _, switches in found_leaps) <= 1
    assert sum(len(glitches) for glitches, _ in found_leaps) <= 3


def links(text: str) -> Iterator[str]:
    """Every address in a page that a browser would follow or load."""
    yield from re.findall(r"""(?:src|href|action|poster|data)\s*=\s*["']([^"']*)""", text)
    yield from re.findall(r"url\(\s*[\"']?([^)\"']*)", text)
    yield from re.findall(r"@import[^;]*", text)


@pytest.mark.full
@pytest.mark.parametrize(
    ("name", "more"),
    [
        ("tfjs_pose_1.mp4", ()),
        ("mmaction2_test.avi", ()),
        ("kathak_kathak1.mp4", ()),
        ("folk_cucanj1.mp4", ("--config.blur_faces",)),
        ("kathak_twice.mp4", ("--config.person=all", "--config.end_s=5")),
        ("openpose_video.avi", ()),
    ],
)
def test_the_outputs_are_whole(
    name, more, shared_data, full_size, figures, tmp_path, capfd
) -> None:
    if not full_size:
        pytest.skip("launch/accept.sh writes overlays and reports of real recordings")
    workdir = tmp_path / "out"
    row = run(place(shared_data, name), workdir, lite(shared_data), capfd, *more)
    assert row["outcome"] == "ok"
    with av.open(str(workdir / "overlay.mp4")) as video:
        stream = video.streams.video[0]
        assert (stream.codec_context.name, stream.codec_context.pix_fmt) == ("h264", "yuv420p")
        assert stream.width % 2 == 0 and stream.height % 2 == 0
        frames = [float(frame.pts * stream.time_base) for frame in video.decode(stream)]
    assert len(frames) == row["frames"]
    people = row["people"] if "--config.person=all" in more else 1
    suffixes = [f"_person{n + 1}" for n in range(people)] if people > 1 else [""]
    for suffix in suffixes:
        poses = np.load(workdir / f"poses{suffix}.npz")
        np.testing.assert_allclose(np.diff(frames), np.diff(poses["time_s"]), atol=2e-3)
    text = (workdir / "report.html").read_text("utf-8")
    outside = [a for a in links(text) if not a.startswith(("#", "data:"))]
    # "./overlay.mp4#t=1.50" is a moment of a file
    beside = {a for a in outside if a and (workdir / a.split("#")[0]).is_file()}
    assert not set(outside) - beside - {""}, sorted(set(outside))[:5]
    assert "<script src" not in text and "<video" in text
    assert {p.name for p in workdir.iterdir()} >= {"analysis.json", "report.html", "overlay.mp4"}
    figures[name] = {
        "frames": len(frames),
        "report_mib": round(len(text) / 2**20, 2),
        "overlay_mib": round((workdir / "overlay.mp4").stat().st_size / 2**20, 2),
    }
