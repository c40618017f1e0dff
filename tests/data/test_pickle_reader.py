"""Pickles of arrays: every protocol and layout comes back; limits, refusals and the npz."""

from __future__ import annotations

import json
import os
import pathlib
import pickle
import subprocess
import sys

import hypothesis
import hypothesis.extra.numpy as hnp
import hypothesis.strategies as st
import numpy as np
import pytest

from dance_jax.data import pickle_reader
from dance_jax.errors import InputError
from tests.data.pickle_gadgets import PROTOCOLS

KINDS = ("b1", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f2", "f4", "f8", "c8", "c16")
KINDS += ("S3", "U4", ">f8", ">i2", ">U2")


def same(a, b) -> bool:
    """Tells whether b is what a reads as: tuples read as lists, bytearrays as bytes."""
    if isinstance(a, np.ndarray | np.generic):
        equal = np.array_equal(a, b, equal_nan=a.dtype.kind in "fc")
        # A single number comes in the machine's own byte order.
        dtype = a.dtype if a.shape else a.dtype.newbyteorder("=")
        return equal and np.asarray(b).dtype == dtype and np.shape(b) == a.shape
    if isinstance(a, dict):
        return list(a) == list(b) and all(same(a[key], b[key]) for key in a)
    if isinstance(a, list | tuple):
        return type(b) is list and len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, float) and np.isnan(a):
        return type(b) is float and np.isnan(b)
    return type(a) is type(b) and a == b


def through(value, protocol, folder):
    file = folder / "x.pkl"
    file.write_bytes(pickle.dumps(value, protocol))
    return pickle_reader.read(file, allow_pickle=True)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_every_kind_of_array_comes_back(protocol, tmp_path):
    rng = np.random.default_rng(protocol)
    values = {}
    for kind in KINDS:
        plain = rng.integers(0, 2, (2, 3, 4)).astype(kind)
        values[kind] = [
            plain,
            np.asfortranarray(plain),
            plain.transpose(1, 2, 0),
            plain[:, ::2],
            plain[:0],
            plain[0, 0, 0],
            np.array(plain[0, 0, 0]),
        ]
    values["plain"] = [
        None,
        True,
        1,
        -(2**63),
        1.5,
        np.nan,
        -np.inf,
        "é\ud800",
        b"",
        b"\xff",
        (1, (2,)),
    ]
    values["shared"] = [values["f4"][0]] * 3
    values[7] = {}
    found = through(values, protocol, tmp_path)
    for key, value in values.items():
        assert same(value, found[key]), key
    assert list(found) == list(values)


TREES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats()
    | st.text(max_size=5)
    | st.binary(max_size=5)
    | hnp.arrays(
        st.sampled_from(["f4", "<i8", ">u2", "b1"]),
        hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4),
    ),
    lambda child: (
        st.lists(child, max_size=3) | st.dictionaries(st.text(max_size=3), child, max_size=3)
    ),
    max_leaves=12,
)  # fmt: skip


@hypothesis.settings(max_examples=15)
@hypothesis.given(tree=TREES, protocol=st.sampled_from([*PROTOCOLS]))
def test_any_tree_comes_back(tmp_path_factory, tree, protocol):
    assert same(tree, through(tree, protocol, tmp_path_factory.mktemp("tree")))


def test_what_python_2_and_numpy_1_wrote(tmp_path):
    old = b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(I0\ntS'b'\ntR(I1\n(I2\nt"
    old += b"cnumpy\ndtype\n(S'f4'\nI0\nI1\ntR(I3\nS'<'\nNNNI-1\nI-1\nI0\ntbI00\n"
    old += rb"S'\x00\x00\x80?\x00\x00\x00@'" + b"\ntb."
    (tmp_path / "old.pkl").write_bytes(old)
    found = pickle_reader.read(tmp_path / "old.pkl", allow_pickle=True)
    assert same(np.array([1, 2], "f4"), found)
    for protocol in (2, 4):
        made = pickle.dumps(np.arange(3.0), protocol).replace(b"numpy._core", b"numpy.core")
        made = made.replace(b"\x8c\x16numpy.core", b"\x8c\x15numpy.core")  # length of the name
        made = made[:2] + made[11:] if protocol == 4 else made  # without the frame's length
        (tmp_path / "one.pkl").write_bytes(made)
        assert same(np.arange(3.0), pickle_reader.read(tmp_path / "one.pkl", allow_pickle=True))


def test_nothing_is_unpickled_unless_it_is_allowed(tmp_path, monkeypatch):
    file = tmp_path / "a.pkl"
    file.write_bytes(pickle.dumps({"a": 1}))
    monkeypatch.setattr(subprocess, "Popen", None)
    with pytest.raises(InputError, match="--allow_pickle"):
        pickle_reader.read(file)
    with pytest.raises(InputError, match="--allow_pickle"):
        pickle_reader.to_npz(file, tmp_path / "a.npz")
    assert not (tmp_path / "a.npz").exists()


def test_limits_and_files_that_cannot_be_read(tmp_path):
    file = tmp_path / "a.pkl"
    file.write_bytes(pickle.dumps({"a": np.zeros(1000), "b": [*range(1000)]}))

    def refused(what, path=file, **limits):
        with pytest.raises(InputError, match=what):
            limits = pickle_reader.PickleLimits(**limits)
            pickle_reader.to_npz(path, tmp_path / "a.npz", allow_pickle=True, limits=limits)

    refused("over 5000 bytes", max_bytes=5000)
    refused("too many values", max_values=500)
    refused("over 1000", max_members=1000)
    refused("takes over 0.001 s", wall_s=0.001)
    refused("cannot be read", tmp_path / "none.pkl")
    refused("not a regular file", tmp_path)
    os.mkfifo(tmp_path / "pipe")
    refused("not a regular file", tmp_path / "pipe")
    deep = []
    for _ in range(40):
        deep = [deep]
    for value, what in (
        ({"a": None}, "has no value"),
        ({"a/b": 1, "a": {"b": 2}}, "occurs twice"),
        ({"../x": 1}, "cannot name a member"),
        ({"file": 1}, "cannot name a member"),
        (deep, "too deep"),
        (np.zeros(2, [("a", "f4")]), "records"),
        (np.array([None]), "Python objects"),
        (np.array(["2020-01-01"], "M8[D]"), "records|not read"),
        (2**70, "64 bits"),
        (1j, "complex"),
        ({1.5: 1}, "keys"),
        ({1, 2}, "set|neither"),
    ):
        file.write_bytes(pickle.dumps(value, 4))
        refused(what)
    assert not (tmp_path / "a.npz").exists()


@pytest.mark.parametrize(
    "header",
    [
        ["a", "O8", [1], "C", None, 0, 8],
        ["a", "V8", [1], "C", None, 0, 8],
        ["a", "f4,f4", [1], "C", None, 0, 8],
        ["a", "<f8", [2], "C", None, 0, 8],
        ["a", "<f8", [-1], "C", None, 0, 8],
        ["a", "<f8", [1], "K", None, 0, 8],
        ["a", "<f8", [1], "C", [3], 0, 8],
        ["a", "<f8", [1], "C", None, 8, 8],
        ["a", "<f8", [1], "C", None, -8, 8],
        ["b", 0, 9],
        ["v", {"a": 1}],
        ["d", [[["v", 1], ["v", 1]]]],
        ["x"],
        [],
        "text",
        7,
    ],
)
def test_the_answer_of_the_child_is_not_trusted(header, tmp_path, monkeypatch):
    answer = json.dumps(header).encode()
    data = len(answer).to_bytes(8, "little") + answer + bytes(8)
    liar = tmp_path / "liar.py"
    liar.write_text(f"import sys; sys.stdout.buffer.write({data!r})")
    monkeypatch.setattr(pickle_reader, "CHILD", liar)
    file = tmp_path / "a.pkl"
    file.write_bytes(pickle.dumps(1))
    with pytest.raises(InputError, match="answered nonsense"):
        pickle_reader.read(file, allow_pickle=True)


@pytest.mark.parametrize(
    ("code", "what"),
    [
        ("", "answered nonsense"),
        ("import os; os.kill(os.getpid(), 11)", "SIGSEGV"),
        ("raise SystemExit(1)", "failed"),
        ("print('x' * 100)", "answered nonsense"),
    ],
)
def test_the_end_of_the_child_is_told(code, what, tmp_path, monkeypatch):
    (tmp_path / "child.py").write_text(code)
    monkeypatch.setattr(pickle_reader, "CHILD", tmp_path / "child.py")
    (tmp_path / "a.pkl").write_bytes(b"N.")
    with pytest.raises(InputError, match=what):
        pickle_reader.read(tmp_path / "a.pkl", allow_pickle=True)


@pytest.mark.parametrize(
    "action",
    ["open('x', 'w')", "os.system('true')", "__import__('wave')", "exec('1')", "os.fork()"],
)
def test_the_second_wall_holds_without_the_first(action, tmp_path, monkeypatch):
    """A child whose allow-list lets a name through still cannot open, start or import anything."""
    source = pickle_reader.CHILD.read_text("utf-8")
    broken = source.replace('_named(lambda: b"")', f"_named(lambda: {action})")
    assert broken != source
    (tmp_path / "child.py").write_text(broken)
    monkeypatch.setattr(pickle_reader, "CHILD", tmp_path / "child.py")
    (tmp_path / "a.pkl").write_bytes(b"c__builtin__\nbytes\n)R.")
    with pytest.raises(InputError, match="led to the event"):
        pickle_reader.read(tmp_path / "a.pkl", allow_pickle=True)


def test_the_command_converts_and_explains(tmp_path):
    arrays = {"keypoints2d": np.ones((2, 3), np.float32), "more": [np.arange(2), "x"]}
    source, out = tmp_path / "a.pkl", tmp_path / "a.npz"
    source.write_bytes(pickle.dumps(arrays))
    command = [sys.executable, "-m", "dance_jax.data.pickle_reader", str(source), str(out)]
    root = pathlib.Path(__file__).resolve().parents[2]

    def run(*more):
        return subprocess.run(
            [*command, *more], cwd=root, capture_output=True, text=True, timeout=60
        )

    done = run()
    assert done.returncode == 2 and "--allow_pickle" in done.stderr and not out.exists()
    assert len(done.stderr.splitlines()) == 1
    done = run("--allow_pickle")
    assert done.returncode == 0 and "keypoints2d: float32 [2, 3]" in done.stdout
    with np.load(out, allow_pickle=False) as found:
        assert sorted(found) == ["keypoints2d", "more/0", "more/1"]
        assert same(arrays["keypoints2d"], found["keypoints2d"])
    assert not list(tmp_path.glob(".*partial"))
