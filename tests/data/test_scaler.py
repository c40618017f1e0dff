"""Scalers of key points: scikit-learn's own as the oracle, and pickles that are none or hostile."""

from __future__ import annotations

import io
import os
import pickle
import subprocess
import sys
import zipfile

import numpy as np
import pytest
from sklearn.preprocessing import MinMaxScaler, RobustScaler, StandardScaler

from dance_jax.data import pickle_reader, scaler
from dance_jax.errors import InputError
from tests.data.pickle_gadgets import calls, dumps
from tests.fuzz.keypoint_seeds import MEAN, SCALE, npz, scaler_pickle
from tests.seeds import fresh

SEEDS = fresh(__name__, 1)
KINDS = {
    "standard": StandardScaler,
    "no mean": lambda: StandardScaler(with_mean=False),
    "no scale": lambda: StandardScaler(with_std=False),
    "0 to 1": MinMaxScaler,
    "-1 to 1": lambda: MinMaxScaler(feature_range=(-1, 1)),
}
TYPE = b"\x80\x04csklearn.preprocessing._data\nStandardScaler\n"
PLAIN = {"mean_": MEAN, "scale_": SCALE, "with_mean": True, "with_std": True}


def torch_zip(data: bytes, *more: str) -> bytes:
    """What `torch.save` makes of something without tensors."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name in ("archive/data.pkl", *more):
            archive.writestr(name, data)
        archive.writestr("archive/version", "3\n")
    return out.getvalue()


def read(folder, data: bytes, name: str = "a.pkl", **options) -> scaler.Scaler:
    (folder / name).write_bytes(data)
    return scaler.read_scaler(folder / name, **{"allow_pickle": True} | options)


def refused(folder, data: bytes, name: str = "a.pkl", **options) -> str:
    with pytest.raises(InputError) as told:
        read(folder, data, name, **options)
    assert told.value.fix and told.value.where == str(folder / name), told.value.line()
    return told.value.line()


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("width", [2, 34])
def test_it_undoes_what_scikit_learn_did(seed, kind, width, tmp_path) -> None:
    rng = np.random.default_rng(seed)
    points = rng.normal(900, 120, (60, 17, 2))
    made = KINDS[kind]().fit(points.reshape(-1, width))
    scaled = made.transform(points.reshape(-1, width)).reshape(points.shape)
    protocol = int(rng.integers(2, 6))
    plain = pickle.dumps(made, protocol)
    for data in (plain, pickle.dumps({"kps": [made]}, protocol), torch_zip(plain)):
        found = read(tmp_path, data)
        np.testing.assert_allclose(found.restore(scaled), points, rtol=1e-9)
    pickle_reader.to_npz(tmp_path / "a.pkl", tmp_path / "b.npz", allow_pickle=True)
    again = scaler.read_scaler(tmp_path / "b.npz")
    np.testing.assert_array_equal(again.restore(scaled), found.restore(scaled))


def test_scikit_learn_is_never_imported(tmp_path) -> None:
    (tmp_path / "a.pkl").write_bytes(scaler_pickle(**PLAIN))
    code = (
        "import sys, dance_jax.data.scaler as s;"
        f"print(s.read_scaler({str(tmp_path / 'a.pkl')!r}, allow_pickle=True).mean.tolist());"
        "assert not {m for m in sys.modules if m.split('.')[0] in ('sklearn', 'torch')}"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0 and done.stdout.strip() == str(MEAN.tolist()), done.stderr


def test_plain_numbers_need_no_pickle(tmp_path) -> None:
    for arrays in ({"mean": MEAN, "std": SCALE}, {"x/mean_": MEAN, "x/scale_": SCALE}):
        found = read(tmp_path, npz(**arrays), "a.npz", allow_pickle=False)
        np.testing.assert_array_equal(found.mean, MEAN)
        np.testing.assert_array_equal(found.scale, SCALE)
    line = refused(tmp_path, scaler_pickle(**PLAIN), allow_pickle=False)
    assert "a pickle, which can hold a program" in line and "--allow_pickle" in line


NONE = {
    "no scaler": (pickle.dumps({"a": 1}), "no mean and scale"),
    "two scalers": (pickle.dumps([{"mean": MEAN, "scale": SCALE}] * 2), "2 mean and scale"),
    "no scale": (pickle.dumps({"mean": MEAN}), "no 'std'"),
    "no state": (TYPE + b")\x81.", "no mean"),
    "state of a list": (TYPE + b")\x81]b.", "a scaler of an unknown layout"),
    "nan": (scaler_pickle(**PLAIN | {"mean_": MEAN * np.nan}), "missing (NaN)"),
    "a scale of 0": (scaler_pickle(**PLAIN | {"scale_": SCALE * 0}), "0 in a column"),
    "giant": (scaler_pickle(**PLAIN | {"scale_": SCALE * 1e12}), "beyond 1e9"),
    "two lengths": (scaler_pickle(**PLAIN | {"scale_": np.ones(3)}), "2 means for 3 scales"),
    "a table": (scaler_pickle(**PLAIN | {"mean_": np.ones((2, 2))}), "no row of numbers"),
    "text": (scaler_pickle(**PLAIN | {"mean_": np.array(["a", "b"])}), "no row of numbers"),
    "objects": (scaler_pickle(**PLAIN | {"mean_": np.array([{}, {}])}), "Python objects"),
    "neither": (scaler_pickle(**PLAIN | {"with_mean": False, "with_std": False}), "neither"),
    "nothing but zeros": (scaler_pickle("MinMaxScaler", min_=MEAN, scale_=0 * SCALE), "0 in a"),
    "another scaler": (pickle.dumps(RobustScaler().fit(np.ones((3, 2)))), "RobustScaler"),
    "cut": (scaler_pickle(**PLAIN)[:-30], "not a whole pickle"),
    "protocol 0": (pickle.dumps(StandardScaler().fit(np.eye(2)), 0), "not allowed"),
    "two pickles in a zip": (torch_zip(b"N.", "b/data.pkl"), "a zip with 2 pickles"),
    "a zip, cut": (torch_zip(scaler_pickle(**PLAIN))[:-40], "no whole zip"),
}


@pytest.mark.parametrize("name", NONE)
def test_what_is_no_scaler_is_refused(name, tmp_path) -> None:
    data, words = NONE[name]
    assert words in refused(tmp_path, data)


def test_a_scaler_of_other_columns(tmp_path) -> None:
    found = read(tmp_path, scaler_pickle(mean_=np.zeros(3), scale_=np.ones(3)))
    with pytest.raises(InputError, match="3 columns, not 2 or 34"):
        found.restore(np.zeros((5, 17, 2)))


# What else is tried with the one type that a file can get hold of.
TRIED = {
    "the type itself": TYPE + b".",
    "called": TYPE + b")R.",
    "called with a value": TYPE + b"K\x01\x85R.",
    "made with a value": TYPE + b"K\x01\x85\x81.",
    "made by name": TYPE + b")}X\x05\x00\x00\x00_keptK\x01s\x92.",
    "state of the type": TYPE + b"}b.",
    "state of the type, with slots": TYPE + b"N}X\x05\x00\x00\x00_keptK\x01s\x86b.",
    "item of the type": TYPE + b"K\x01K\x02s.",
    "added to the type": TYPE + b"(K\x01\x90.",
    "appended to the type": TYPE + b"K\x01a.",
    "item of a scaler": TYPE + b")\x81K\x01K\x02s.",
    "slots of a scaler": TYPE + b")\x81N}X\x05\x00\x00\x00_keptK\x01s\x86b.",
    "a method": b"\x80\x04X\x1b\x00\x00\x00sklearn.preprocessing._dataX\x0c\x00\x00\x00"
    b"Scaler.__new__\x93)R.",
    "its module": b"\x80\x02csklearn.preprocessing\n_data\n.",
    "a state in itself": TYPE + b")\x81}q\x00X\x05\x00\x00\x00mean_h\x00sb.",
    "itself as its number": TYPE + b")\x81q\x01}X\x05\x00\x00\x00mean_h\x01sb.",
    "the type as its number": TYPE + b"q\x01)\x81}X\x05\x00\x00\x00mean_h\x01sb.",
}


@pytest.mark.parametrize("kind", TRIED)
def test_nothing_else_can_be_done_with_the_type(kind, tmp_path) -> None:
    line = refused(tmp_path, TRIED[kind])
    assert "the process that" not in line and "event" not in line, line


def test_gadgets_in_a_scaler_run_nothing(tmp_path) -> None:
    marker = tmp_path / "marker"
    for at, (name, call) in enumerate(calls(str(marker)).items()):
        inside = dumps({"mean_": call}, 2)[2:-1]
        state, argument = TYPE + b")\x81" + inside + b"b.", TYPE + inside + b"\x85\x81."
        data = (state, torch_zip(state), argument)[at % 3]
        assert "not allowed" in refused(tmp_path, data), name
    assert not os.path.lexists(marker)
