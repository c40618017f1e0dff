"""Names in files from strangers lead nowhere and write no terminal; nothing in a file is run."""

from __future__ import annotations

import ast
import os
import pathlib
import zipfile

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies as st

from dance_jax import logs
from dance_jax.data import load, npz_file
from dance_jax.data.layout import load_corpus
from dance_jax.data.prepare import source_names
from dance_jax.errors import InputError, printable
from tests.conftest import ROOT
from tests.seeds import fresh

SEED = fresh(__name__, 1)[0]
PIECES = [".", "..", "...", "..;", "/", "//", "\\", "~", "C:", "%2e%2e", "a", "b.mp4", "é", "étage"]
PIECES += ["con", "$HOME", "`id`", "*", " ", "\n", "\0", "\u202e", "\x1b[2J", "x" * 300]


def names(count: int) -> list[str]:
    """Hostile names: pieces of paths, controls, other directions of writing, up to 4 KiB."""
    rng = np.random.default_rng(SEED)
    made = ["".join(rng.choice(PIECES, int(rng.integers(1, 9)))) for _ in range(count - 2)]
    return [*made, "../" * 1365, "x" * 4096]


def test_5000_names_of_a_table_stay_inside_the_corpus(tmp_path) -> None:
    root = tmp_path / "in" / "corpus"
    (root / "videos").mkdir(parents=True)
    for place in (root / "videos", root, root.parent, tmp_path):
        for name in ("a", "b.mp4"):
            (place / name).write_bytes(b"no video")
    given = [name.replace('"', "") for name in names(5000)]
    (root / "annotations").mkdir()
    header = "video_file,style,mocap_file,pose_file\n"
    rows = "".join(f'"{name}",waltz,"{name}","{name}"\n' for name in given)
    (root / "annotations" / "all.csv").write_text(header + rows, "utf-8", newline="")
    corpus, problems = load_corpus(root)
    assert len(corpus.clips) > 100 and any(entry.path for entry in corpus.clips)
    for entry in corpus.clips:
        for path in (entry.path, *(root / n for n in (entry.mocap_file, entry.pose_file) if n)):
            assert path is None or path.resolve().is_relative_to(root), entry
    assert {"outside the corpus", "no file name"} <= {problem.kind for problem in problems}


def test_5000_names_make_plain_file_names() -> None:
    made = source_names(list(dict.fromkeys(names(5000))))
    assert len(set(map(str.lower, made.values()))) == len(made)
    assert all(0 < len(name) < 140 and printable(name) == name for name in made.values())
    assert not any(set(name) & set("/\\.~ ") for name in made.values())


def test_names_in_a_zip_are_refused_or_stay_names(tmp_path, monkeypatch) -> None:
    """Nothing is ever unpacked to a disk; names that lead away are refused even so."""
    monkeypatch.setattr(zipfile.ZipFile, "extract", None)
    monkeypatch.setattr(zipfile.ZipFile, "extractall", None)
    given, refused = names(5000), 0
    for k, name in enumerate(given):
        row = zipfile.ZipInfo("a")
        row.filename = name
        parts = pathlib.PurePosixPath(name.replace("\\", "/"))
        leads = (
            ".." in parts.parts
            or parts.is_absolute()
            or ":" in name.replace("\\", "/").split("/")[0]
        )
        assert npz_file._leads_away(row) or not leads, name
        if k % 20:
            continue
        with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
            archive.writestr(row, b"")
        try:
            kept = npz_file.members(tmp_path / "a.npz")
        except InputError as error:
            assert error.line().isprintable()
            refused += 1
        else:
            assert not leads and not any("\0" in one for one in kept)
    assert refused > 50
    assert [path.name for path in tmp_path.iterdir()] == ["a.npz"]


@hypothesis.settings(max_examples=200)
@hypothesis.given(st.text(), st.text(), st.text())
def test_a_message_is_one_printable_line(what, where, fix) -> None:
    line = InputError(what, where, fix).line()
    assert line.isprintable()
    if " ".join(what.split()).isprintable():
        assert " ".join(what.split()) in line


def test_names_of_files_do_not_write_the_terminal(tmp_path, capsys) -> None:
    name = os.fsdecode(b"\x1b]0;you\x07\x1b[2J\xff.bvh")
    (tmp_path / name).write_bytes(b"HIERARCHY\n")
    with pytest.raises(InputError) as told:
        load.load_clip(tmp_path / name)
    assert r"\x1b]0;you\x07\x1b[2J\udcff.bvh:1: the file ends before MOTION" in told.value.line()
    logs.note(f"reads {name}")
    with logs.Progress(name) as progress:
        progress.update(1, 1)
    said = capsys.readouterr().out
    assert said.count("\n") == 2 and said.replace("\n", "").isprintable()


def test_nothing_here_parses_xml_yaml_or_pickles() -> None:
    """Formats whose parsers have run programs and read other files."""
    never = {"xml", "lxml", "yaml", "pickle", "marshal", "shelve", "dill", "joblib", "torch"}
    calls = {"eval", "exec", "__import__"}
    for path in sorted((ROOT / "dance_jax").rglob("*.py")):
        if path.name == "pickle_child.py":
            continue
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            found = set()
            if isinstance(node, ast.Import):
                found = {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and not node.level:
                found = {(node.module or "").split(".")[0]}
            elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                found = {node.func.id} & calls
            if path.name.startswith("networks_peer"):  # the peer of a benchmark; it reads no file
                assert not isinstance(node, ast.Attribute) or node.attr != "load", path
                found -= {"torch"}
            assert not found & (never | calls), (path, found)
