"""The LSTM against a plain loop and torch: masks, padding, streaming, gradients."""

from __future__ import annotations

import functools

import flax.errors
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.test_util import check_grads

from dance_jax.models import recurrent
from tests.seeds import fresh

B, T, D, H = 4, 7, 3, 5
LENGTHS = (7, 4, 1, 0)
MASK = np.arange(T) < np.array(LENGTHS)[:, None]


def logistic(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


def loop(x: np.ndarray, w: np.ndarray, u: np.ndarray, b: np.ndarray, h, c) -> tuple:
    """One sequence [T,D] in float64, gates i, f, g, o: the outputs [T,H], h and c."""
    outputs = []
    for row in x:
        i, f, g, o = np.split(row @ w + h @ u + b, 4)
        c = logistic(f) * c + logistic(i) * np.tanh(g)
        h = logistic(o) * np.tanh(c)
        outputs.append(h)
    return np.array(outputs).reshape(-1, len(h)), h, c


def drawn(seed: int, directions: int, width: int = D) -> dict[str, np.ndarray]:
    draw = np.random.default_rng(seed).normal
    return {
        "kernel": draw(size=(directions, width, 4 * H)).astype(np.float32),
        "recurrent": draw(size=(directions, H, 4 * H)).astype(np.float32) * 0.5,
        "bias": draw(size=(directions, 4 * H)).astype(np.float32),
    }


def clip(seed: int, width: int = D) -> np.ndarray:
    return np.random.default_rng(seed + 1).normal(size=(B, T, width)).astype(np.float32)


@pytest.mark.parametrize("seed", fresh(__name__, 2))
@pytest.mark.parametrize("directions", [1, 2])
def test_lstm_scan_is_the_plain_loop_over_valid_frames(seed: int, directions: int) -> None:
    params, x = drawn(seed, directions), clip(seed)
    mask = np.random.default_rng(seed + 2).random((B, T)) < 0.6  # gaps, not only padding
    mask[3] = False
    start = np.random.default_rng(seed + 3).normal(size=(2, directions, B, H)).astype(np.float32)
    y, last = jax.jit(functools.partial(recurrent.lstm_scan, forget_bias=1.0))(
        params, np.where(mask[..., None], x, np.nan), mask, recurrent.LSTMState(*start)
    )
    bias = params["bias"].astype(np.float64)
    bias[:, H : 2 * H] += 1
    assert y.shape == (B, T, directions * H)
    for row in range(B):
        for n in range(directions):
            order = slice(None, None, -1 if n else 1)
            out, h, c = loop(
                x[row, mask[row]][order].astype(np.float64),
                *(params[k][n].astype(np.float64) for k in ("kernel", "recurrent")),
                bias[n],
                *start[:, n, row].astype(np.float64),
            )
            mine = np.asarray(y[row, :, n * H : (n + 1) * H])
            np.testing.assert_allclose(mine[mask[row]], out[order], atol=1e-5)
            assert not mine[~mask[row]].any()
            np.testing.assert_allclose(last.hidden[n, row], h, atol=1e-5)
            np.testing.assert_allclose(last.cell[n, row], c, atol=1e-5)


@pytest.mark.parametrize("seed", fresh(__name__, 1))
def test_two_layers_equal_torch_with_packed_sequences(seed: int) -> None:
    torch = pytest.importorskip("torch", reason="torch is not installed: the loop above stands")
    rows = [n for n, length in enumerate(LENGTHS) if length]  # torch packs no empty row
    x, lengths = clip(seed)[rows], [LENGTHS[n] for n in rows]
    net = torch.nn.LSTM(D, H, 2, bidirectional=True, batch_first=True)
    variables: dict = {}
    for n in range(2):
        named = {
            name: np.stack(
                [getattr(net, f"{theirs}_l{n}{end}").detach().numpy().T for end in ("", "_reverse")]
            )
            for name, theirs in [("kernel", "weight_ih"), ("recurrent", "weight_hh")]
        }
        named["bias"] = np.stack(
            [
                (getattr(net, f"bias_ih_l{n}{end}") + getattr(net, f"bias_hh_l{n}{end}"))
                .detach()
                .numpy()
                for end in ("", "_reverse")
            ]
        )
        variables[f"layer_{n}"] = named
    theirs_in = torch.tensor(x, requires_grad=True)
    packed = torch.nn.utils.rnn.pack_padded_sequence(theirs_in, lengths, batch_first=True)
    out, (h, c) = net(packed)
    theirs, _ = torch.nn.utils.rnn.pad_packed_sequence(out, batch_first=True, total_length=T)
    (theirs**2).sum().backward()

    module = recurrent.LSTM(hidden=H)

    def run(params: dict, x: jax.Array) -> tuple:
        y, last = module.apply({"params": params}, x, MASK[rows], method="with_state")
        return (y**2).sum(), (y, last)

    grads, (y, last) = jax.jit(jax.grad(run, argnums=(0, 1), has_aux=True))(variables, x)
    np.testing.assert_allclose(y, theirs.detach().numpy(), atol=1e-5)
    for n in range(2):
        for mine, other in ((last[n].hidden, h), (last[n].cell, c)):
            np.testing.assert_allclose(mine, other[2 * n : 2 * n + 2].detach().numpy(), atol=1e-5)
        for name, other in (
            ("kernel", "weight_ih"),
            ("recurrent", "weight_hh"),
            ("bias", "bias_ih"),
        ):
            for d, end in enumerate(("", "_reverse")):
                wanted = getattr(net, f"{other}_l{n}{end}").grad.numpy().T
                np.testing.assert_allclose(grads[0][f"layer_{n}"][name][d], wanted, atol=2e-5)
    np.testing.assert_allclose(grads[1], theirs_in.grad.numpy(), atol=1e-5)


@pytest.mark.parametrize("seed", fresh(__name__, 1))
def test_the_derivative_by_hand(seed: int) -> None:
    params = {
        "kernel": drawn(seed, 1)["kernel"][..., :8],
        "recurrent": drawn(seed, 1)["recurrent"][:, :2, :8],
        "bias": drawn(seed, 1)["bias"][..., :8],
    }
    start = recurrent.LSTMState(*np.random.default_rng(seed).normal(size=(2, 1, B, 2)))
    mask = MASK[:, :4].copy()
    mask[0, 1] = False

    def whole(params: dict, x: jax.Array, start: recurrent.LSTMState) -> tuple:
        return recurrent.lstm_scan(params, x, mask, start, dtype=jnp.float64)

    with jax.enable_x64(True):
        args = jax.tree.map(
            lambda a: jnp.asarray(a, jnp.float64), (params, clip(seed)[:, :4], start)
        )
        check_grads(jax.jit(whole), args, order=2, modes=["rev"], atol=1e-6, rtol=1e-6)


@pytest.mark.parametrize("causal", [False, True])
def test_padding_and_what_stands_on_it_change_nothing(causal: bool) -> None:
    module = recurrent.LSTM(hidden=H, layers=1, causal=causal)
    x = clip(0)
    variables = jax.jit(module.init)(jax.random.key(0), x, MASK)

    @jax.jit
    def run(variables: dict, x: jax.Array, mask: jax.Array) -> tuple:
        def loss(variables: dict, x: jax.Array) -> tuple:
            y = module.apply(variables, x, mask)
            return jnp.sum(jnp.sin(y)), y

        return jax.grad(loss, argnums=(0, 1), has_aux=True)(variables, x)

    (g_params, g_x), y = run(variables, x, MASK)
    dirty = np.where(MASK[..., None], x, np.nan)
    dirty = np.concatenate([dirty, np.full((B, 3, D), np.inf, np.float32)], 1)
    mask = np.concatenate([MASK, np.zeros((B, 3), bool)], 1)
    (g_params_2, g_x_2), y_2 = run(variables, dirty, mask)
    np.testing.assert_allclose(y_2[:, :T], y, atol=1e-6)
    np.testing.assert_allclose(g_x_2[:, :T], g_x, atol=1e-6)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=1e-5), g_params_2, g_params)
    assert not np.asarray(y_2)[~mask].any()
    assert not np.asarray(g_x_2)[~mask].any()
    assert np.asarray(g_x_2)[mask].any()


def test_causal_frames_see_no_later_frame_and_bidirectional_ones_do() -> None:
    x = clip(1)[:1]
    for causal in (True, False):
        module = recurrent.LSTM(hidden=2, layers=1, causal=causal)
        variables = jax.jit(module.init)(jax.random.key(1), x)
        run = jax.jit(module.apply)
        moved = np.abs(
            run(variables, np.concatenate([x[:, :4], x[:, 4:] + 1], 1)) - run(variables, x)
        )
        assert moved.shape == (1, T, 4)
        assert moved[:, 4:].max() > 1e-3
        assert (moved[:, :4].max() == 0) == causal


def test_two_pieces_give_what_the_whole_clip_gives() -> None:
    module = recurrent.LSTM(hidden=H, causal=True)
    x, mask = clip(2)[:, :6], MASK[:, :6]
    variables = jax.jit(module.init)(jax.random.key(2), x)
    run = jax.jit(functools.partial(module.apply, method="with_state"))
    zeros = (recurrent.zero_state(1, B, 2 * H),) * 2
    whole, last = run(variables, x, mask)
    first, state = run(variables, x[:, :3], mask[:, :3], zeros)
    second, state = run(variables, x[:, 3:], mask[:, 3:], state)
    np.testing.assert_allclose(np.concatenate([first, second], 1), whole, atol=1e-6)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=1e-6), state, last)
    with pytest.raises(ValueError, match="layers"):
        module.apply(variables, x, mask, state[:1], method="with_state")
    with pytest.raises(ValueError, match="bidirectional"):
        recurrent.LSTM(hidden=H).apply(variables, x, mask, state, method="with_state")


def test_dropout_stands_between_layers_only() -> None:
    x, key = clip(3), jax.random.key(3)
    one, two = (recurrent.LSTM(hidden=2, layers=n, dropout=0.5) for n in (1, 2))
    shapes = [jax.eval_shape(net.init, key, x) for net in (one, two)]
    jax.eval_shape(lambda v: one.apply(v, x, train=True), shapes[0])  # needs no key to drop by
    with pytest.raises(flax.errors.InvalidRngError, match="dropout"):
        jax.eval_shape(lambda v: two.apply(v, x, train=True), shapes[1])


def test_bfloat16_computes_what_float32_does_with_float32_parameters() -> None:
    x = clip(4)
    exact, half = (recurrent.LSTM(hidden=2, layers=1, dtype=t) for t in (jnp.float32, jnp.bfloat16))
    variables = jax.jit(half.init)(jax.random.key(5), x)

    @jax.jit
    def run(variables: dict) -> tuple:
        def loss(variables: dict) -> tuple:
            y = half.apply(variables, x, MASK)
            return jnp.sum(y.astype(jnp.float32) ** 2), y

        grads, y = jax.grad(loss, has_aux=True)(variables)
        return grads, y, exact.apply(variables, x, MASK)

    grads, y, wanted = run(variables)
    assert y.dtype == jnp.bfloat16
    np.testing.assert_allclose(y.astype(np.float32), wanted, atol=0.03)
    for leaf in jax.tree.leaves((variables, grads)):
        assert leaf.dtype == jnp.float32
        assert np.isfinite(leaf).all()


def test_the_initial_bias_of_the_forget_gate() -> None:
    layer = recurrent.LSTMLayer(H, 2, forget_bias=1.5)
    bias = np.asarray(layer.init(jax.random.key(0), clip(0))["params"]["bias"])
    assert (bias[:, H : 2 * H] == 1.5).all()
    assert not bias[:, :H].any() and not bias[:, 2 * H :].any()


def test_three_directions_are_refused() -> None:
    with pytest.raises(ValueError, match="directions"):
        recurrent.lstm_scan(drawn(0, 3), clip(0))
