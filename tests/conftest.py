"""Shared fixtures: the compilation cache, and real data where it is present."""

from __future__ import annotations

import gc
import json
import os
import pathlib
import secrets
import sys
from collections.abc import Iterator

import hypothesis
import pytest

ROOT = pathlib.Path(__file__).resolve().parents[1]
os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", str(ROOT / ".cache" / "jax"))
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0")
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES", "-1")
os.environ.setdefault("JAX_PLATFORMS", "cpu")
os.environ.setdefault("MPLBACKEND", "Agg")
# Fresh random inputs in every run (tests/seeds.py); workers inherit the seed and so agree on it.
os.environ.setdefault("DANCE_JAX_TEST_SEED", str(secrets.randbelow(2**32)))
# A busy machine is slow, not wrong; a failing example is printed with its seed.
hypothesis.settings.register_profile("house", deadline=None, print_blob=True)
hypothesis.settings.load_profile("house")


def pytest_report_header() -> str:
    """Says how to draw the same random inputs again."""
    return f"DANCE_JAX_TEST_SEED={os.environ['DANCE_JAX_TEST_SEED']}"


@pytest.fixture(scope="module", autouse=True)
def few_programs() -> Iterator[None]:
    """Forgets compiled programs before a process holds too many.

    Every program takes memory maps, and the system gives a process 65,530 of them: with thousands
    of programs loading the next one ends the process.
    """
    yield
    maps = pathlib.Path("/proc/self/maps")
    if "jax" in sys.modules and maps.is_file() and len(maps.read_bytes().splitlines()) > 25_000:
        sys.modules["jax"].clear_caches()
        gc.collect()


@pytest.fixture(scope="session")
def shared_data() -> pathlib.Path:
    """The folder of real recordings beside the checkout; skips where it is absent."""
    folder = ROOT.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("real recordings are not here (../shared/data)")
    return folder


@pytest.fixture(scope="session")
def pose_models(shared_data: pathlib.Path) -> pathlib.Path:
    """The folder of pose models beside the real recordings."""
    return shared_data / "pose_models"


@pytest.fixture(scope="session")
def any_pose_model(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """A pose model for whole-program tests: the shared one, the cached, or the official wheel's."""
    from dance_jax import assets
    from dance_jax.errors import InputError

    shared = ROOT.parent / "shared" / "data" / "pose_models" / "pose_landmarker_lite.task"
    if shared.is_file():
        return shared
    if (cached := assets.find("pose_landmarker_lite")) is not None:
        return cached
    try:
        places = {assets.fetch(name).parent for name in assets.ALIASES["pose"]}
    except InputError as error:
        pytest.skip(f"no pose model is here and none can be fetched ({error.line()})")
    (folder,) = places
    own = tmp_path_factory.mktemp("pose_model")  # the cache may hold other models beside it
    for name in assets.ALIASES["pose"]:
        file = assets.get(name).file
        (own / file).write_bytes((folder / file).read_bytes())
    return own


@pytest.fixture(scope="session")
def short_dance(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """Folder with a rendered dance of 3 s, 240x320 at 15 frames/s, and its truth."""
    from dance_jax.analysis import demo

    folder = tmp_path_factory.mktemp("short_dance")
    demo.rendered(folder, seed=5, style=None, duration_s=3.0, fps=15.0, width=240, height=320)
    return folder


@pytest.fixture(scope="session")
def full_size() -> bool:
    """True under launch/accept.sh: run the whole number of cases, not the small one."""
    return os.environ.get("DANCE_JAX_FULL", "") == "1"


@pytest.fixture
def figures() -> Iterator[dict[str, object]]:
    """A dict for the numbers that a check measured; launch/accept.sh puts them into its row."""
    found: dict[str, object] = {}
    yield found
    path = os.environ.get("DANCE_JAX_FIGURES")
    if path and found:
        with pathlib.Path(path).open("a", encoding="utf-8") as file:
            file.write(json.dumps(found) + "\n")
