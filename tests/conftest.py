"""Shared fixtures: the compilation cache, and real data where it is present."""

from __future__ import annotations

import json
import os
import pathlib
from collections.abc import Iterator

import hypothesis
import pytest

ROOT = pathlib.Path(__file__).resolve().parents[1]
os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", str(ROOT / ".cache" / "jax"))
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0")
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES", "-1")
os.environ.setdefault("JAX_PLATFORMS", "cpu")
os.environ.setdefault("MPLBACKEND", "Agg")
# A busy machine is slow, not wrong; a failing example is printed with its seed.
hypothesis.settings.register_profile("house", deadline=None, print_blob=True)
hypothesis.settings.load_profile("house")


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
