"""Kept programs: the same results, no second trace, and no harm from a broken or forbidden file."""

from __future__ import annotations

import threading

import jax
import jax.export
import jax.numpy as jnp
import numpy as np
import pytest

from dance_jax.analysis import compiled, programs
from dance_jax.analysis.analyze import analyze_clip
from tests.analysis import moving


@pytest.fixture
def kept(tmp_path, monkeypatch):
    place = tmp_path / "cache" / "traced"
    monkeypatch.setattr(compiled, "folder", lambda: place)
    return place


@pytest.fixture
def traces(monkeypatch):
    """Every trace that is made to be kept (JAX itself also remembers traces within a process)."""
    made, export = [], jax.export.export
    monkeypatch.setattr(jax.export, "export", lambda f: made.append(1) or export(f))
    return made


def function(x, y):
    return {"sum": x + y, "parts": [jnp.sin(x), (y * 2,)]}


X = np.linspace(0, 1, 7, dtype=np.float32)


def same(found) -> None:
    np.testing.assert_allclose(found["sum"], X + 2, rtol=1e-6)
    np.testing.assert_allclose(found["parts"][0], np.sin(X), rtol=1e-6)
    np.testing.assert_allclose(found["parts"][1][0], 4.0)


def test_a_second_run_does_not_trace(kept, traces) -> None:
    same(compiled.program("p", function, X, np.float32(2))(X, np.float32(2)))
    assert len(traces) == 1 and len(list(kept.iterdir())) == 1
    same(compiled.program("p", function, X, np.float32(2))(X, np.float32(2)))
    assert len(traces) == 1
    compiled.program("q", function, X, np.float32(2))
    compiled.program("p", function, X[:3], np.float32(2))
    assert len(traces) == 3 and len(list(kept.iterdir())) == 3


@pytest.mark.parametrize("damage", [b"", b"short", None])
def test_a_broken_file_is_made_again(kept, traces, damage) -> None:
    compiled.program("p", function, X, np.float32(2))
    (file,) = kept.iterdir()
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(bytes(content) if damage is None else damage)
    same(compiled.program("p", function, X, np.float32(2))(X, np.float32(2)))
    assert len(traces) == 2
    compiled.program("p", function, X, np.float32(2))
    assert len(traces) == 2


def test_a_place_that_cannot_be_written_costs_time_only(tmp_path, monkeypatch) -> None:
    (tmp_path / "file").write_text("not a folder")
    monkeypatch.setattr(compiled, "folder", lambda: tmp_path / "file" / "traced")
    same(compiled.program("p", function, X, np.float32(2))(X, np.float32(2)))


def test_without_a_cache_nothing_is_kept(monkeypatch, traces) -> None:
    monkeypatch.setattr(compiled, "folder", lambda: None)
    same(compiled.program("p", function, X, np.float32(2))(X, np.float32(2)))
    assert not traces


def test_code_is_part_of_the_key(kept, traces, monkeypatch) -> None:
    compiled.program("p", function, X, np.float32(2))
    monkeypatch.setattr(compiled, "source_hash", lambda: "another version")
    compiled.program("p", function, X, np.float32(2))
    assert len(traces) == 2


def test_work_ahead_gives_its_result_and_its_error() -> None:
    gate = threading.Event()
    ahead = compiled.Ahead(lambda: gate.wait(10))
    gate.set()
    assert ahead.result() is True
    with pytest.raises(ZeroDivisionError):
        compiled.Ahead(lambda: 1 / 0).result()


def test_steps_ahead_come_in_turn_and_can_be_left_out() -> None:
    gate, begun, done = threading.Event(), threading.Event(), []

    def first() -> str:
        begun.set()
        gate.wait(10)
        done.append("first")
        return "first"

    ahead = compiled.Ahead(first, lambda: done.append("second"))
    assert begun.wait(10)
    ahead.cancel()
    gate.set()
    assert ahead.result() == "first" and done == ["first"]
    assert compiled.Ahead(lambda: done.append("again"), lambda: 2).result() == 2
    assert done == ["first", "again"]


@pytest.mark.parametrize(
    ("n", "want"), [(1, 512), (512, 512), (513, 1024), (4096, 4096), (5000, 6144)]
)
def test_few_lengths(n, want) -> None:
    assert programs.padded_length(n) == want


@pytest.mark.parametrize(("frames", "want"), [(compiled.LONG, []), (compiled.LONG + 1, [1, 1])])
def test_programs_are_let_go_beside_a_long_clip_alone(monkeypatch, frames, want) -> None:
    done: list[int] = []
    monkeypatch.setattr(jax, "clear_caches", lambda: done.append(1))
    monkeypatch.setattr(compiled, "give_back", lambda: done.append(1))
    compiled.spare(frames)
    assert done == want


@pytest.mark.parametrize(
    "real", [pytest.param(True, marks=pytest.mark.full), False], ids=["for real", "told"]
)
def test_a_long_clip_is_measured_as_a_short_one(monkeypatch, tmp_path, real) -> None:
    """What is let go on the way is compiled again; nothing that was found is lost."""
    let_go: list[int] = []
    clear, forget = jax.clear_caches, programs.forget
    monkeypatch.setattr(jax, "clear_caches", lambda: let_go.append(1) or (clear() if real else 0))
    monkeypatch.setattr(programs, "forget", lambda: let_go.append(2) or (forget() if real else 0))
    want = moving.analysed("picture").people[0]
    assert not let_go
    monkeypatch.setattr(compiled, "LONG", 100)
    options = {"music": "none", "report": False, "plots": False}
    found = analyze_clip(moving.clip(planar=True), workdir=tmp_path, **options).people[0]
    assert set(let_go) == {1, 2} and len(let_go) >= 5
    assert [row.key for row in found.measures] == [row.key for row in want.measures]
    values = [[np.nan if r.value is None else r.value for r in p.measures] for p in (found, want)]
    np.testing.assert_allclose(*values, rtol=1e-6)
    assert np.isfinite(values).mean() > 0.5
    assert (tmp_path / "analysis.json").is_file()
