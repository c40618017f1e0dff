"""What the loader is timed against does the same work on the same files; how rows are made."""

from __future__ import annotations

import pathlib
from collections.abc import Mapping

import numpy as np
import pytest

from dance_jax.analysis import benchmark_loops, loader_benchmark, loader_peers
from dance_jax.analysis import loader_video_peers as videos
from dance_jax.data.clip_source import PoseClips
from dance_jax.data.loader import Loader, LoaderOptions
from dance_jax.errors import InputError
from tests.data.media import make_video, steady
from tests.seeds import fresh

CLIPS, FRAMES = 3, 130
FIELDS = ("pose", "joint_mask", "frame_mask", "time_s")


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """A folder of `write_poses`."""
    folder = tmp_path_factory.mktemp("loader") / "poses"
    loader_peers.write_poses(folder, CLIPS, FRAMES, fresh(__name__, 1)[0])
    return folder


@pytest.fixture
def one_batch(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, np.ndarray]]:
    """Stops every candidate after its first batches, which are kept."""
    kept = []

    def rate(batches, rows: int = loader_peers.BATCH) -> dict:
        kept.extend(next(batches) for _ in range(3))
        return {"seconds": 1.0, "cpu_s": 1.0, "rows": rows}

    monkeypatch.setattr(loader_peers, "rate", rate)
    return kept


def rows_of(batch: Mapping[str, np.ndarray]) -> set[bytes]:
    """Returns every row's content, its times to a tenth of a millisecond."""
    parts = [batch[name] for name in FIELDS[:3]]
    parts.append(np.rint(batch["time_s"] * 1e4).astype(int))
    return {b"".join(part[k].tobytes() for part in parts) for k in range(len(parts[0]))}


def test_peers_hand_out_the_windows_that_the_loader_does(corpus, one_batch) -> None:
    clips = PoseClips(sorted((corpus / "npz").iterdir()))
    options = LoaderOptions(loader_peers.BATCH, loader_peers.LENGTH, epochs=1)
    (batch,) = Loader(clips, options)
    real = {name: value[batch.mask] for name, value in vars(batch).items() if name in FIELDS}
    expected = rows_of(real)
    assert len(expected) == 2 * CLIPS  # a whole window and a padded one of each
    for peer in (loader_peers.thread_pool, loader_peers.records):
        one_batch.clear()
        peer(str(corpus))
        assert len(one_batch) == 3
        got = set.union(*map(rows_of, one_batch))
        assert got <= expected and len(got) >= 5
    for way in ("held", "files", "cache"):
        one_batch.clear()
        loader_peers.ours(str(corpus), way)
        assert set.union(*(rows_of(vars(one)) for one in one_batch)) >= expected


@pytest.mark.full
def test_the_model_learns_from_a_batch(one_batch, full_size) -> None:
    if not full_size:
        pytest.skip("launch/accept.sh runs it")
    loader_peers.model("")
    params = [held[0]["head"] for held in one_batch]
    assert all(np.isfinite(p).all() for p in params)
    assert not np.allclose(params[0], params[-1])


def test_videos_are_cut_and_read_alike(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(videos, "CLIP_FRAMES", 8)
    monkeypatch.setattr(videos, "SHORT", 3)
    monkeypatch.setattr(videos, "SIDE", 32)
    film = make_video(tmp_path / "film.mp4", steady(19), noise=1)
    folder = tmp_path / "cut"
    videos.write_videos(folder, film)
    assert [pathlib.Path(f).name for f in videos.files(folder)] == ["000.mp4", "001.mp4"]
    assert not [path for path in tmp_path.iterdir() if path.name.startswith("tmp")]

    def timed(work) -> dict:
        return {"seconds": 1.0, "cpu_s": 1.0, "rows": work()}

    monkeypatch.setattr(videos, "timed", timed)
    runs = [videos.pyav(str(folder)), videos.opencv(str(folder))]
    runs += [videos.ours(str(folder), way) for way in ("whole", "short", "first", "cache")]
    assert [run["rows"] for run in runs] == [16] * 6
    with pytest.raises(InputError, match="it has 5 frames"):
        videos.write_videos(tmp_path / "none", make_video(tmp_path / "s.mp4", steady(5)))


def run(rows: float, cpu_s: float = 2.0) -> dict:
    return {"seconds": 2.0, "cpu_s": cpu_s, "rows": rows, "peak_rss_mib": 100.0}


def test_ratios_are_taken_round_by_round() -> None:
    names = [loader_benchmark.MODEL, *loader_benchmark.POSE_PEERS, "ours"]
    speeds = ([10, 20, 5], [100, 100, 100], [200, 50, 400], [300, 400, 50])
    results = {n: [run(x) for x in s] for n, s in zip(names, speeds, strict=True)}
    model, pool, records, ours = loader_benchmark.pose_rows(results)
    assert model["clips_per_s"] == 5 and "ratio" not in model
    assert ours["clips_per_s"] == 150 and ours["ratio"] == 20 and ours["ratio_range"] == [10, 30]
    assert ours["to_thread_pool"] == 3 and ours["to_array_record"] == 1.5
    assert pool["to_thread_pool"] == records["to_array_record"] == 1 and ours["reach"] == 10
    names = [*loader_benchmark.VIDEO_PEERS, "ours"]
    speeds = ([100, 40, 90], [50, 80, 30], [75, 40, 90])
    results = {n: [run(x) for x in s] for n, s in zip(names, speeds, strict=True)}
    results["ours"] = [{**one, "cpu_s": 1.0} for one in results["ours"]]
    pyav, opencv, ours = loader_benchmark.video_rows(results)
    assert ours["ratio"] == 0.75 and ours["ratio_range"] == [0.5, 1.0]
    assert ours["cpu_ratio"] == 1.5 and (ours["reach"], ours["aim"]) == (0.75, 0.9)
    assert pyav["ratio"] == 1 and opencv["ratio"] == 0.5 and "reach" not in pyav


def test_the_peak_is_that_of_the_fresh_process() -> None:
    held = np.ones((400, 1 << 20), np.uint8)  # getrusage would tell this of the child too
    assert benchmark_loops.peak_rss_mib() > held.nbytes / 2**20
    found = benchmark_loops.in_fresh_process(dict)  # which returns {}
    assert 5 < found["peak_rss_mib"] < 350
