"""Pretrained weights: names and shapes, forward against NumPy and torch, files that are refused."""

from __future__ import annotations

import hashlib
import json
import os
import pickle
import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from safetensors.numpy import save_file

from dance_jax.errors import InputError
from dance_jax.models import inception, resnet, weights, weights_torchvision
from tests.models import encoders_reference as reference
from tests.seeds import fresh

(SEED,) = fresh(__name__, 1)
# Parameters with 1000 classes as torchvision states them, InceptionV3's less its auxiliary
# classifier's 3,326,696; tensors are torchvision's parameters and BatchNorm statistics.
STATED = {
    "resnet18": (11_689_512, 62, 40),
    "resnet34": (21_797_672, 110, 72),
    "resnet50": (25_557_032, 161, 106),
    "inception_v3": (27_161_264 - 3_326_696, 284, 188),
}


def table_of(name: str) -> dict[str, tuple[int, ...]]:
    if name == "inception_v3":
        return reference.inception_table()
    return reference.resnet_table(int(name.removeprefix("resnet")))


def network(name: str, **options):
    if name == "inception_v3":
        return inception.InceptionV3(num_classes=1000, **options)
    return resnet.resnet(int(name.removeprefix("resnet")), num_classes=1000, **options)


def zeros(model, size: int) -> dict:
    frames = jax.ShapeDtypeStruct((1, size, size, 3), jnp.float32)
    shapes = jax.eval_shape(model.init, jax.random.key(0), frames)
    return jax.tree.map(lambda leaf: np.zeros(leaf.shape, leaf.dtype), shapes)


@pytest.fixture(scope="module")
def small() -> tuple[resnet.ResNet, dict, dict]:
    """A narrow ResNet-18, its variables, and a state dict in torchvision's names."""
    model = resnet.resnet(18, width=4, num_classes=7)
    return model, zeros(model, 32), reference.drawn(reference.resnet_table(18, 4, 7), SEED)


@pytest.mark.parametrize("name", STATED)
def test_every_tensor_has_its_place_and_shape(name):
    keys, table = weights_torchvision.keys(name).keys, table_of(name)
    parameters = {n for n in table if "running" not in n}
    count = sum(int(np.prod(table[n])) for n in parameters)
    assert (count, len(parameters), len(table) - len(parameters)) == STATED[name]
    assert set(keys) == set(table)
    leaves = jax.tree.leaves_with_path(
        jax.eval_shape(network(name).init, jax.random.key(0), np.zeros((1, 96, 96, 3), np.float32))
    )
    found = {tuple(k.key for k in path): leaf.shape for path, leaf in leaves}
    assert {key.path for key in keys.values()} == set(found)
    for n, key in keys.items():
        shape = table[n] if key.axes is None else tuple(table[n][i] for i in key.axes)
        assert found[key.path] == shape, n


@pytest.mark.parametrize("depth", [18, 50])
def test_forward_is_that_of_plain_numpy(depth, tmp_path):
    model = resnet.resnet(depth, width=4, num_classes=7)
    state = reference.drawn(reference.resnet_table(depth, 4, 7), SEED)
    counts = {"bn1.num_batches_tracked": np.array(3)}
    save_file(state | counts, tmp_path / "w.safetensors")
    start = zeros(model, 32)
    got = weights.load(
        tmp_path / "w.safetensors", start, weights_torchvision.keys(f"resnet{depth}")
    )
    assert got.sha256 == hashlib.sha256((tmp_path / "w.safetensors").read_bytes()).hexdigest()
    assert (set(got.loaded), got.left_out, got.unchanged) == (set(state), (), ())
    x = np.random.default_rng(SEED).normal(size=(2, 32, 32, 3)).astype(np.float32)
    out, want = reference.jit(model.apply)(got.variables, x), reference.resnet(x, state, depth)
    for name, value in want.items():
        np.testing.assert_allclose(out[name], value, atol=1e-4 * np.abs(value).max())
    logits = want["stage4"].mean((1, 2)) @ state["fc.weight"].T + state["fc.bias"]
    np.testing.assert_allclose(out["logits"], logits, atol=1e-4 * np.abs(logits).max())


def test_every_mismatch_is_listed_and_nothing_is_loaded(small, tmp_path):
    _, variables, state = small
    state = dict(state)
    del state["layer2.0.downsample.1.running_var"], state["conv1.weight"]
    state["layer1.0.conv1.weight"] = np.zeros((4, 4, 1, 1), np.float32)
    state["layer3.1.bn2.weight"] = np.full_like(state["layer3.1.bn2.weight"], np.nan)
    state["layer4.0.bn1.running_var"] = -state["layer4.0.bn1.running_var"]
    state |= {"attention.weight": np.zeros(3, np.float32), "fc.extra": np.zeros(1, np.float32)}
    before = jax.tree.map(np.copy, variables)
    save_file(state, tmp_path / "w.safetensors")
    keys = weights_torchvision.keys("resnet18")
    with pytest.raises(InputError) as error:
        weights.load(tmp_path / "w.safetensors", variables, keys)
    line = error.value.line()
    assert "7 of its tensors do not fit" in line
    assert "nothing was loaded" in line
    for part in (
        "missing layer2.0.downsample.1.running_var",
        "missing conv1.weight",
        "layer1.0.conv1.weight is [4, 4, 1, 1], not [4, 4, 3, 3]",
        "layer3.1.bn2.weight holds NaN",
        "layer4.0.bn1.running_var is a variance below zero",
        "unexpected attention.weight",
        "unexpected fc.extra",
    ):
        assert part in line
    jax.tree.map(np.testing.assert_array_equal, variables, before)
    wrong = r"^fc\.|^attention|^conv1|layer1\.0\.conv1|layer3\.1\.bn2|running_var"
    got = weights.load(tmp_path / "w.safetensors", variables, keys, dont_load=wrong)
    assert {"params/fc/kernel", "params/stem_conv/kernel"} < set(got.unchanged)
    assert "attention.weight" in got.left_out
    assert not np.any(got.variables["params"]["fc"]["kernel"])
    assert np.any(got.variables["params"]["stage2_block0"]["conv1"]["kernel"])
    jax.tree.map(np.testing.assert_array_equal, variables, before)


def test_another_number_of_classes_needs_dont_load(small, tmp_path):
    _, _, state = small
    save_file(state, tmp_path / "w.safetensors")
    keys, file = weights_torchvision.keys("resnet18"), tmp_path / "w.safetensors"
    variables = zeros(resnet.resnet(18, width=4, num_classes=3), 32)
    with pytest.raises(InputError, match=r"2 of its .* fc\.weight is \[7, 32\], not \[3, 32\]"):
        weights.load(file, variables, keys)
    assert "fc.bias" in weights.load(file, variables, keys, dont_load=r"^fc\.").left_out
    headless = zeros(resnet.resnet(18, width=4), 32)
    assert weights.load(file, headless, keys).left_out == ("fc.bias", "fc.weight")
    inside = {"params": {"eye": headless["params"]}, "batch_stats": {"eye": {}}}
    inside["batch_stats"]["eye"] = headless["batch_stats"]
    got = weights.load(file, inside, keys, at=("eye",)).variables
    np.testing.assert_array_equal(got["params"]["eye"]["stem_norm"]["bias"], state["bn1.bias"])
    group = zeros(resnet.resnet(18, width=4, norm="group"), 32)
    with pytest.raises(InputError, match="no place batch_stats/stem_norm/mean"):
        weights.load(file, group, keys)
    with pytest.raises(InputError, match="not a regular expression"):
        weights.load(file, headless, keys, dont_load="fc(")
    with pytest.raises(ValueError, match="architecture must be"):
        weights_torchvision.keys("vgg16")


def test_narrower_floats_are_widened_and_other_numbers_refused(tmp_path):
    file = tmp_path / "w.safetensors"
    values = np.array([1.5, -2.25, 3.0], np.float32)

    def write(kind: str, data: bytes) -> None:
        header = json.dumps({"a": {"dtype": kind, "shape": [3], "data_offsets": [0, len(data)]}})
        file.write_bytes(len(header).to_bytes(8, "little") + header.encode() + data)

    for kind, dtype in (("F16", np.float16), ("BF16", jnp.bfloat16), ("F64", np.float64)):
        write(kind, values.astype(dtype).tobytes())
        np.testing.assert_array_equal(weights.read(file)[0]["a"], values)
        assert weights.read(file)[0]["a"].dtype == np.float32
    write("F64", np.full(3, 1e300).tobytes())
    variables = {"params": {"a": np.zeros(3, np.float32)}}
    keys = weights.KeyMap({"a": weights.Key(("params", "a"))})
    with pytest.raises(InputError, match="a holds NaN or infinity"):
        weights.load(file, variables, keys)
    write("F8_E4M3", bytes(3))
    with pytest.raises(InputError, match="a holds numbers of kind F8_E4M3"):
        weights.read(file)


def test_pickles_are_not_read(tmp_path):
    ran = []

    class Trap:
        def __reduce__(self):
            return ran.append, (1,)

    data = pickle.dumps({"conv1.weight": Trap()})
    for name in ("w.pth", "w.bin", "w.pkl", "w.safetensors"):
        for start in (data, b"PK\x03\x04" + bytes(60)):
            (tmp_path / name).write_bytes(start)
            with pytest.raises(
                InputError, match=r"pickle file.*save_file.*w\.converted\.safetensors"
            ) as e:
                weights.read(tmp_path / name)
            assert "\n" not in e.value.line()
    assert not ran


def test_the_way_to_convert_a_pickle_works(small, tmp_path):
    torch = pytest.importorskip("torch", reason="torch is the oracle")
    _, variables, state = small
    whole = {name: torch.tensor(value) for name, value in state.items()}
    torch.save({"state_dict": whole, "epoch": 3}, tmp_path / "w.pth")
    with pytest.raises(InputError) as error:
        weights.read(tmp_path / "w.pth")
    code = error.value.fix.split('python -c "')[1].removesuffix('"')
    subprocess.run([sys.executable, "-c", code], check=True, cwd=tmp_path)
    keys = weights_torchvision.keys("resnet18")
    got = weights.load(tmp_path / "w.converted.safetensors", variables, keys)
    np.testing.assert_array_equal(got.variables["params"]["fc"]["bias"], state["fc.bias"])


def test_damaged_files_are_refused_in_one_line(small, tmp_path):
    """Every truncation, 300 changed bytes, headers that promise too much."""
    file = tmp_path / "w.safetensors"
    save_file({"a": np.arange(6, dtype=np.float32), "b": np.ones((2, 2), np.float32)}, file)
    whole = file.read_bytes()
    for length in range(len(whole)):
        file.write_bytes(whole[:length])
        with pytest.raises(InputError):
            weights.read(file)
    random = np.random.default_rng(SEED)
    for _ in range(300):
        data = bytearray(whole)
        data[random.integers(len(data))] = random.integers(256)
        file.write_bytes(data)
        try:
            tensors, _ = weights.read(file)
        except InputError as error:
            assert "\n" not in error.line()
        else:
            assert sum(v.size for v in tensors.values()) <= 10
    for start in ((1 << 63).to_bytes(8, "little"), (1 << 30).to_bytes(8, "little"), bytes(8), b""):
        file.write_bytes(start + bytes(100))
        with pytest.raises(InputError):
            weights.read(file)
    with file.open("wb") as sparse:
        sparse.write((weights.MAX_HEADER + 1).to_bytes(8, "little"))
        sparse.truncate(weights.MAX_HEADER + 100)
    with pytest.raises(InputError, match="too large"):
        weights.read(file)
    os.mkfifo(tmp_path / "pipe")
    for place in (tmp_path / "absent.safetensors", tmp_path, tmp_path / "pipe"):
        with pytest.raises(InputError, match="cannot be read"):
            weights.read(place)


def test_normalise():
    frames = np.random.default_rng(SEED).integers(0, 256, (2, 3, 4, 3), np.uint8)
    mean, std = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])
    want = (frames / 255.0 - mean) / std
    got = weights.normalise(frames)
    assert got.dtype == jnp.float32
    np.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(
        weights.normalise((frames / 255).astype(np.float32)), want, rtol=1e-5, atol=1e-5
    )


@pytest.mark.parametrize(
    ("name", "size"), [("resnet18", 64), ("resnet50", 64), ("inception_v3", 107)]
)
def test_forward_is_that_of_torch(name, size, tmp_path):
    torch = pytest.importorskip("torch", reason="torch is the oracle")
    from safetensors.torch import save_file as save_torch

    from tests.models import torch_encoders

    if name == "inception_v3":
        theirs, ours = torch_encoders.InceptionV3(True), network(name, transform_input=True)
    else:
        theirs, ours = torch_encoders.ResNet(int(name.removeprefix("resnet"))), network(name)
    drawn = reference.drawn(table_of(name), SEED)
    state = theirs.state_dict()
    theirs.load_state_dict({k: torch.tensor(drawn[k]) for k in drawn}, strict=False)
    names = {k for k in state if "num_batches" not in k and not k.startswith("AuxLogits")}
    assert {k: tuple(state[k].shape) for k in names} == table_of(name)
    save_torch(theirs.eval().state_dict(), tmp_path / "w.safetensors")
    keys = weights_torchvision.keys(name)
    got = weights.load(tmp_path / "w.safetensors", zeros(ours, size), keys)
    assert not got.unchanged
    x = np.random.default_rng(SEED).normal(size=(2, size, size, 3)).astype(np.float32)
    with torch.inference_mode():
        want = theirs(torch.from_numpy(x.transpose(0, 3, 1, 2)))
    for k, value in jax.jit(ours.apply)(got.variables, x).items():
        oracle = want[k].numpy() if value.ndim == 2 else want[k].permute(0, 2, 3, 1).numpy()
        assert np.abs(value - oracle).max() <= 1e-4 * np.abs(oracle).max(), k
