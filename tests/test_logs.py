"""Metric rows that survive a kill, TensorBoard events, and the progress line."""

from __future__ import annotations

import io
import json
import struct
import threading

import pytest

from dance_jax import logs


def test_rows_are_appended_and_read_back(tmp_path) -> None:
    path = tmp_path / "metrics.jsonl"
    for start in (0, 2):
        writer = logs.JsonlWriter(path)
        for step in (start, start + 1):
            writer.write(step, {"loss": 1 / (step + 1), "bad": float("nan")})
            assert logs.read_metrics(path)[-1]["step"] == step  # flushed at once
        writer.close()
    rows = logs.read_metrics(path)
    assert [r["step"] for r in rows] == [0, 1, 2, 3]
    assert rows[3]["loss"] == 0.25
    assert rows[3]["bad"] is None
    assert all(r["time_s"] >= 0 for r in rows)


@pytest.mark.parametrize("cut", [1, 5, 20])
def test_a_torn_last_line_is_dropped(tmp_path, cut) -> None:
    path = tmp_path / "metrics.jsonl"
    writer = logs.JsonlWriter(path)
    writer.write(1, {"loss": 0.5})
    writer.write(2, {"loss": 0.25})
    writer.close()
    path.write_bytes(path.read_bytes()[:-cut])
    assert [r["step"] for r in logs.read_metrics(path)] == [1]
    writer = logs.JsonlWriter(path)
    writer.write(2, {"loss": 0.125})
    writer.close()
    assert [json.loads(line)["step"] for line in path.read_text().splitlines()] == [1, 2]


def event_records(path) -> list[bytes]:
    """Reads the records of an events file by its format: length, crc, data, crc."""
    data, at, out = path.read_bytes(), 0, []
    while at < len(data):
        (length,) = struct.unpack("<Q", data[at : at + 8])
        out.append(data[at + 12 : at + 12 + length])
        at += 12 + length + 4
    return out


def test_fan_out_writes_jsonl_and_tensorboard(tmp_path) -> None:
    with logs.open_metrics(tmp_path) as metrics:
        metrics.write(3, {"train/loss": 0.5})
    assert logs.read_metrics(tmp_path / "metrics.jsonl")[0]["train/loss"] == 0.5
    (events,) = tmp_path.glob("events.*")
    records = [r for r in event_records(events) if b"train/loss" in r]
    assert len(records) == 1
    assert struct.pack("<f", 0.5) in records[0]


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_progress_leaves_the_first_step_out_of_the_rate() -> None:
    clock, stream = Clock(), io.StringIO()
    progress = logs.Progress("clip.mp4", clock=clock, stream=stream)
    clock.now = 30.0  # compilation
    progress.update(1, 101, label="poses")
    assert progress.rate("poses") is None
    for count in range(2, 52):
        clock.now += 0.1
        progress.update(count, 101, label="poses")
    assert progress.rate("poses") == pytest.approx(10.0)
    assert progress.line() == "clip.mp4 poses: 51/101 (50 %), 10.0 frames/s, 00:05 left"


def test_progress_without_a_total_counts() -> None:
    clock = Clock()
    progress = logs.Progress(clock=clock, stream=io.StringIO(), unit="steps")
    progress.update(1)
    clock.now = 2.0
    progress.update(5)
    assert progress.line() == "5, 2.0 steps/s"


def test_plain_lines_come_every_few_seconds() -> None:
    clock, stream = Clock(), io.StringIO()
    with logs.Progress("x", clock=clock, stream=stream, every_s=5.0) as progress:
        for count in range(1, 81):
            clock.now += 0.125
            progress.update(count, 80)
    lines = stream.getvalue().splitlines()
    assert len(lines) == 2  # after 5 s, and at the end, which comes after 10 s
    assert "\r" not in stream.getvalue()
    assert lines[-1].startswith("x: 80/80 (100 %)")


def test_a_terminal_keeps_one_line() -> None:
    clock, stream = Clock(), Terminal()
    with logs.Progress("x", clock=clock, stream=stream) as progress:
        for count in range(1, 21):
            clock.now += 0.2
            progress.update(count, 20)
    text = stream.getvalue()
    assert text.count("\n") == 1
    assert text.endswith("\n")
    assert text.count("\r") == 20
    assert text.split("\n")[0].split("\r")[-1].rstrip() == "x: 20/20 (100 %), 5.0 frames/s"


def test_stages_side_by_side_keep_their_own_rates() -> None:
    clock, stream = Clock(), io.StringIO()
    progress = logs.Progress("x", clock=clock, stream=stream)
    for count in range(1, 12):
        progress.update(2 * count, 40, label="overlay")
        progress.update(count, 20, label="plots")
        clock.now += 0.5
    clock.now -= 0.5
    assert progress.rate("overlay") == pytest.approx(4.0)
    assert progress.rate("plots") == pytest.approx(2.0)
    progress.close()
    assert [line.split(":")[0] for line in stream.getvalue().splitlines()[-2:]] == [
        "x overlay",
        "x plots",
    ]


@pytest.mark.parametrize("stream", [io.StringIO, Terminal])
def test_stages_in_turn_end_once_and_in_order(stream) -> None:
    clock, stream = Clock(), stream()
    with logs.Progress("x", clock=clock, stream=stream, every_s=5.0) as progress:
        for count in range(1, 92):  # nobody knows how long a stream is
            clock.now += 0.03
            progress.update(count, None, label="pose")
        for count in [*range(1, 92), 91]:
            clock.now += 0.01
            progress.update(count, 91, label="overlay")
    lines = [line.split("\r")[-1] for line in stream.getvalue().split("\n")[:-1]]
    assert [line.split(",")[0].rstrip() for line in lines] == [
        "x pose: 91",
        "x overlay: 91/91 (100 %)",
    ]


def test_updates_from_threads_do_not_mix_lines() -> None:
    stream = io.StringIO()
    progress = logs.Progress("x", stream=stream, every_s=0.0)

    def work(label: str) -> None:
        for count in range(200):
            progress.update(count, 200, label=label)

    threads = [threading.Thread(target=work, args=(n,)) for n in ("a", "b")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(line.startswith(("x a: ", "x b: ")) for line in stream.getvalue().splitlines())


def test_with_progress_passes_items_on(capsys) -> None:
    assert list(logs.with_progress(iter("abc"), 3, "letters")) == ["a", "b", "c"]
    assert capsys.readouterr().out.startswith("letters: 3/3 (100 %)")


def test_note_goes_to_standard_output(capsys) -> None:
    logs.note("reading")
    said = capsys.readouterr()
    assert said.out == "dance_jax: reading\n"
    assert said.err == ""
