"""The list of trained networks: what it may hold, names, checked files, and clear errors."""

from __future__ import annotations

import hashlib
import json
import pathlib

import pytest

import dance_jax
from dance_jax.errors import InputError
from dance_jax.training import zoo

FILES = {"model.json": b"{}", "weights.safetensors": b"weights"}
ROW = {
    "name": "synthetic_scorer",
    "about": "Scores synthetic dancers.",
    "folder": "zoo/synthetic_scorer",
    "files": {name: hashlib.sha256(data).hexdigest() for name, data in FILES.items()},
    "data": "192 synthetic clips",
    "data_licence": "MIT (synthetic)",
    "synthetic": True,
    "measured": {"aesthetic_pearson": 0.9},
    "command": "python -m dance_jax.launch --config=configs/pose_style.py",
}


def listed(folder: pathlib.Path, *rows: dict, schema: str = zoo.SCHEMA) -> pathlib.Path:
    """Writes a list, and the files of its entries beside it."""
    path = folder / "zoo.json"
    path.write_text(json.dumps({"schema": schema, "weights": list(rows)}))
    (folder / ROW["folder"]).mkdir(parents=True, exist_ok=True)
    for name, data in FILES.items():
        (folder / ROW["folder"] / name).write_bytes(data)
    return path


def test_the_packages_own_list_is_sound() -> None:
    """Every network that is shipped has its files, a licence that allows it, and figures."""
    for entry in zoo.entries():
        assert zoo.folder_of(entry).is_dir() and entry.data_licence and entry.measured
        assert dance_jax.load_run(f"zoo:{entry.name}").facts["data"]["synthetic"] == entry.synthetic


def test_a_network_is_found_by_name(tmp_path) -> None:
    path = listed(tmp_path, ROW)
    for name in ("synthetic_scorer", "zoo:synthetic_scorer"):
        folder, entry = zoo.resolve(name, path)
        assert folder == tmp_path / ROW["folder"] and entry.measured == ROW["measured"]
    (tmp_path / "run").mkdir()
    assert zoo.resolve(tmp_path / "run", path) == (tmp_path / "run", None)


def test_a_folder_of_that_name_goes_before_the_list(tmp_path, monkeypatch) -> None:
    path = listed(tmp_path, ROW)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "synthetic_scorer").mkdir()
    assert zoo.resolve("synthetic_scorer", path)[1] is None
    assert zoo.resolve("zoo:synthetic_scorer", path)[1] is not None


@pytest.mark.parametrize(
    ("run", "words"),
    [
        ("zoo:syntetic_scorer", "did you mean zoo:synthetic_scorer"),
        ("syntetic_scorer", "no such folder, and no trained network.*zoo:synthetic_scorer"),
        ("zoo:qqq", "there are synthetic_scorer"),
        ("no/such/folder", "there is no such folder"),
        (__file__, "it is a file"),
    ],
)
def test_what_is_not_there_is_told(run, words, tmp_path) -> None:
    with pytest.raises(InputError, match=words):
        zoo.resolve(run, listed(tmp_path, ROW))


def test_an_empty_list_says_what_to_do(tmp_path) -> None:
    with pytest.raises(InputError, match="none comes with this version: train one"):
        zoo.resolve("zoo:any", listed(tmp_path))


def test_changed_and_missing_files_are_refused(tmp_path) -> None:
    path = listed(tmp_path, ROW)
    weights = tmp_path / ROW["folder"] / "weights.safetensors"
    weights.write_bytes(b"other")
    with pytest.raises(InputError, match="it is not the file of zoo:synthetic_scorer"):
        zoo.resolve("zoo:synthetic_scorer", path)
    weights.unlink()
    with pytest.raises(InputError, match="cannot be read"):
        zoo.resolve("zoo:synthetic_scorer", path)


@pytest.mark.parametrize(
    "change",
    [
        {"name": "Über"},
        {"folder": "../elsewhere"},
        {"folder": "/etc"},
        {"files": {"model.json": "00"}},
        {"data_licence": ""},
        {"command": ""},
        {"measured": {}},
        {"synthetic": "yes"},
        {"more": 1},
    ],
    ids=str,
)
def test_an_entry_that_is_not_whole_is_refused(change, tmp_path) -> None:
    with pytest.raises(InputError, match="the list of trained networks cannot be read"):
        zoo.entries(listed(tmp_path, ROW | change))


def test_a_list_of_another_kind_is_refused(tmp_path) -> None:
    for path in (listed(tmp_path, schema="other"), tmp_path / "nothing.json"):
        with pytest.raises(InputError, match="cannot be read"):
            zoo.entries(path)
    path = listed(tmp_path, ROW, ROW)
    with pytest.raises(InputError, match="two entries have one name"):
        zoo.entries(path)
    path.write_text("[]")
    with pytest.raises(InputError, match="cannot be read"):
        zoo.entries(path)
