"""The GRU against a plain loop, torch and Keras: masks, padding, streaming, gradients."""

from __future__ import annotations

import os

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dance_jax.models import gru
from tests.seeds import fresh

B, T, D, H = 3, 6, 4, 5
MASK = np.arange(T) < np.array([6, 3, 0])[:, None]


def drawn(seed: int, directions: int) -> dict[str, np.ndarray]:
    draw = np.random.default_rng(seed).normal
    shapes = {
        "kernel": (directions, D, 3 * H),
        "recurrent": (directions, H, 3 * H),
        "bias": (directions, 3 * H),
        "recurrent_bias": (directions, 3 * H),
    }
    return {name: draw(size=shape).astype(np.float32) for name, shape in shapes.items()}


def clip(seed: int) -> np.ndarray:
    return np.random.default_rng(seed + 1).normal(size=(B, T, D)).astype(np.float32)


def loop(x: np.ndarray, p: dict[str, np.ndarray], n: int, h: np.ndarray) -> np.ndarray:
    """One sequence [T,D] in float64 by the equations of torch.nn.GRU's documentation: [T,H]."""
    w, u, b, c = (
        p[k][n].astype(np.float64) for k in ("kernel", "recurrent", "bias", "recurrent_bias")
    )
    r_, z_, n_ = slice(0, H), slice(H, 2 * H), slice(2 * H, 3 * H)
    out = []
    for row in x.astype(np.float64):
        r = 1 / (1 + np.exp(-(row @ w[:, r_] + b[r_] + h @ u[:, r_] + c[r_])))
        z = 1 / (1 + np.exp(-(row @ w[:, z_] + b[z_] + h @ u[:, z_] + c[z_])))
        new = np.tanh(row @ w[:, n_] + b[n_] + r * (h @ u[:, n_] + c[n_]))
        h = (1 - z) * new + z * h
        out.append(h)
    return np.array(out).reshape(-1, H)


@pytest.mark.parametrize("seed", fresh(__name__, 2))
def test_gru_scan_is_the_plain_loop_over_valid_frames(seed: int) -> None:
    params, x = drawn(seed, 2), clip(seed)
    rng = np.random.default_rng(seed + 2)
    mask = rng.random((B, T)) < 0.6
    mask[2] = False
    start = rng.normal(size=(2, B, H)).astype(np.float32)
    y, last = jax.jit(gru.gru_scan)(params, np.where(mask[..., None], x, np.nan), mask, start)
    for row in range(B):
        for n in range(2):
            order = slice(None, None, -1 if n else 1)
            out = loop(x[row, mask[row]][order], params, n, start[n, row].astype(np.float64))
            mine = np.asarray(y[row, :, n * H : (n + 1) * H])
            np.testing.assert_allclose(mine[mask[row]], out[order], atol=1e-5)
            assert not mine[~mask[row]].any()
            end = out[-1] if len(out) else start[n, row]
            np.testing.assert_allclose(last[n, row], end, atol=1e-5)


@pytest.mark.parametrize("seed", fresh(__name__, 1))
def test_it_equals_torch(seed: int) -> None:
    torch = pytest.importorskip("torch", reason="torch is not installed: the loop above stands")
    net = torch.nn.GRU(D, H, bidirectional=True, batch_first=True)
    names = {
        "kernel": "weight_ih",
        "recurrent": "weight_hh",
        "bias": "bias_ih",
        "recurrent_bias": "bias_hh",
    }
    params = {
        mine: np.stack([getattr(net, f"{name}_l0{e}").detach().numpy().T for e in ("", "_reverse")])
        for mine, name in names.items()
    }
    x = clip(seed)[:2]
    packed = torch.nn.utils.rnn.pack_padded_sequence(torch.tensor(x), [6, 3], batch_first=True)
    out, h = net(packed)
    out, _ = torch.nn.utils.rnn.pad_packed_sequence(out, batch_first=True, total_length=T)
    y, last = jax.jit(gru.gru_scan)(params, x, MASK[:2])
    np.testing.assert_allclose(y, out.detach().numpy(), atol=1e-5)
    np.testing.assert_allclose(last, h.detach().numpy(), atol=1e-5)


@pytest.mark.parametrize("seed", fresh(__name__, 1))
def test_parameters_of_keras_reorder_the_gates(seed: int) -> None:
    p = drawn(seed, 1)

    def swapped(name: str) -> np.ndarray:
        r, z, n = np.split(p[name][0], 3, -1)
        return np.concatenate([z, r, n], -1)

    bias = np.stack([swapped("bias"), swapped("recurrent_bias")])
    mine = gru.from_keras(swapped("kernel"), swapped("recurrent"), bias)
    jax.tree.map(np.testing.assert_array_equal, mine, p)


@pytest.mark.parametrize("seed", fresh(__name__, 1))
def test_it_equals_keras_with_its_mask(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    if "KERAS_BACKEND" not in os.environ:
        monkeypatch.setenv("KERAS_BACKEND", "jax")
    keras = pytest.importorskip("keras", reason="Keras is not installed: the loop above stands")
    layer = keras.layers.GRU(H, return_sequences=True, return_state=True)
    x = clip(seed)
    layer.build(x.shape)
    rng = np.random.default_rng(seed)
    layer.set_weights([rng.normal(size=w.shape) * 0.5 for w in layer.get_weights()])
    theirs, state = layer(x, mask=MASK)
    y, last = jax.jit(gru.gru_scan)(gru.from_keras(*layer.get_weights()), x, MASK)
    np.testing.assert_allclose(y, np.where(MASK[..., None], theirs, 0), atol=1e-5)
    np.testing.assert_allclose(last[0], state, atol=1e-5)


def test_padding_changes_neither_outputs_nor_gradients_and_causal_looks_back() -> None:
    x = clip(0)
    module = gru.GRU(hidden=3, layers=1, causal=True)
    variables = jax.jit(module.init)(jax.random.key(0), x, MASK)

    @jax.jit
    def run(variables: dict, x: jax.Array, mask: jax.Array) -> tuple:
        def loss(variables: dict, x: jax.Array) -> tuple:
            y = module.apply(variables, x, mask)
            return jnp.sum(jnp.sin(y)), y

        return jax.grad(loss, argnums=(0, 1), has_aux=True)(variables, x)

    clean, y = run(variables, x, MASK)
    dirty = np.full((B, T + 2, D), np.nan, np.float32)
    dirty[:, :T][MASK] = x[MASK]
    (g, g_x), y_2 = run(variables, dirty, np.pad(MASK, ((0, 0), (0, 2))))
    assert y.shape == (B, T, 6)
    np.testing.assert_allclose(y_2[:, :T], y, atol=1e-6)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=1e-5), (g, g_x[:, :T]), clean)
    later = np.concatenate([x[:, :4], x[:, 4:] + 1], 1)
    full = np.ones((B, T), bool)
    moved = np.abs(run(variables, later, full)[1] - run(variables, x, full)[1])
    assert not moved[:, :4].any()
    assert moved[:, 4:].max() > 1e-3
