"""Attention over time against NumPy and torch; masks, causality, true clocks, pooling."""

from __future__ import annotations

import flax.errors
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dance_jax.models import attention
from tests.seeds import fresh

B, T, D, N = 3, 6, 8, 2
MASK = np.array([[1, 1, 1, 1, 1, 1], [1, 0, 1, 1, 0, 0], [0, 0, 0, 0, 0, 0]], bool)


def clip(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Frames [B,T,D], and times [B,T] in uneven steps."""
    rng = np.random.default_rng(seed)
    times = np.cumsum(rng.uniform(0.02, 0.5, (B, T)), 1)
    return rng.normal(size=(B, T, D)).astype(np.float32), times.astype(np.float32)


def softmax(scores: np.ndarray) -> np.ndarray:
    e = np.exp(scores - scores.max())
    return e / e.sum()


def by_loops(p: dict, x: np.ndarray, mask: np.ndarray, time_s: np.ndarray | None, causal: bool):
    """Attention of one sequence in float64, pairs of features as complex numbers."""
    p = jax.tree.map(lambda a: np.asarray(a, np.float64), p)
    q, k, v = (
        np.einsum("td,dne->nte", x, p[n]["kernel"]) + p[n]["bias"][:, None]
        for n in ("query", "key", "value")
    )
    out = np.zeros_like(x, dtype=np.float64)
    for t in np.flatnonzero(mask):
        seen = [s for s in np.flatnonzero(mask) if s <= t or not causal]
        for n in range(N):
            half = q.shape[-1] // 2
            if time_s is None:
                scores = q[n, t] @ k[n, seen].T
            else:
                spin = 2 * np.pi / np.geomspace(0.1, 60.0, half)
                turn = np.exp(1j * spin * (time_s[t] - time_s[seen])[:, None])
                pairs = [a[..., :half] + 1j * a[..., half:] for a in (q[n, t], k[n, seen])]
                scores = (pairs[0] * turn * pairs[1].conj()).real.sum(-1)
            y = softmax(scores / np.sqrt(q.shape[-1])) @ v[n, seen]
            out[t] += y @ p["out"]["kernel"][n]
        out[t] += p["out"]["bias"]
    return out


@pytest.mark.parametrize("seed", fresh(__name__, 1))
@pytest.mark.parametrize(("encoding", "causal"), [("none", False), ("rotary", True)])
def test_attention_is_the_plain_loop(seed: int, encoding: str, causal: bool) -> None:
    x, time_s = clip(seed)
    module = attention.TemporalSelfAttention(N, causal=causal, time_encoding=encoding)
    variables = jax.jit(module.init)(jax.random.key(seed), x, MASK, time_s)
    params = jax.tree.map(
        lambda a: a + np.random.default_rng(seed).normal(size=a.shape) * 0.1, variables["params"]
    )
    y = jax.jit(module.apply)(
        {"params": params}, np.where(MASK[..., None], x, np.nan), MASK, time_s
    )
    for row in range(B):
        clock = None if encoding == "none" else time_s[row].astype(np.float64)
        wanted = by_loops(params, x[row], MASK[row], clock, causal)
        # Angles reach 2 pi 3 s / 0.1 s = 190 rad, so float32 leaves some 1e-5 of a turn.
        np.testing.assert_allclose(y[row], wanted, atol=1e-5 if clock is None else 1e-4)


@pytest.mark.parametrize("seed", fresh(__name__, 1))
def test_attention_equals_torch(seed: int) -> None:
    torch = pytest.importorskip("torch", reason="torch is not installed: the loop above stands")
    x, _ = clip(seed)
    x, mask = x[:2], MASK[:2]  # torch gives NaN for a row without keys
    net = torch.nn.MultiheadAttention(D, N, batch_first=True)
    torch.nn.init.normal_(net.in_proj_bias)
    weight, bias = net.in_proj_weight.detach().numpy(), net.in_proj_bias.detach().numpy()
    params = {
        name: {"kernel": w.T.reshape(D, N, D // N), "bias": b.reshape(N, D // N)}
        for name, w, b in zip(
            ("query", "key", "value"), np.split(weight, 3), np.split(bias, 3), strict=True
        )
    }
    params["out"] = {
        "kernel": net.out_proj.weight.detach().numpy().T.reshape(N, D // N, D),
        "bias": net.out_proj.bias.detach().numpy(),
    }
    theirs, weights = net(
        *[torch.tensor(x)] * 3, key_padding_mask=torch.tensor(~mask), average_attn_weights=False
    )
    module = attention.TemporalSelfAttention(N, time_encoding="none")
    y, sown = jax.jit(lambda p: module.apply({"params": p}, x, mask, mutable="intermediates"))(
        params
    )
    valid = mask[..., None]
    np.testing.assert_allclose(y, np.where(valid, theirs.detach().numpy(), 0), atol=1e-5)
    mine = np.asarray(sown["intermediates"]["weights"][0])
    rows = np.broadcast_to(mask[:, None, :, None], mine.shape)
    np.testing.assert_allclose(mine[rows], weights.detach().numpy()[rows], atol=1e-6)


@pytest.mark.parametrize(("encoding", "causal"), [("rotary", False), ("sinusoidal", True)])
def test_block_masks_padding_and_future(encoding: str, causal: bool) -> None:
    x, time_s = clip(1)
    block = attention.TemporalAttentionBlock(N, causal=causal, time_encoding=encoding, expansion=2)
    variables = jax.jit(block.init)(jax.random.key(1), x, MASK, time_s)

    @jax.jit
    def run(variables: dict, x: jax.Array, mask: jax.Array, time_s: jax.Array) -> tuple:
        def loss(variables: dict, x: jax.Array) -> tuple:
            y = block.apply(variables, x, mask, time_s)
            return jnp.sum(jnp.sin(y)), y

        return jax.grad(loss, argnums=(0, 1), has_aux=True)(variables, x)

    clean, y = run(variables, x, MASK, time_s)
    dirty = np.full((B, T + 2, D), np.nan, np.float32)
    dirty[:, :T][MASK] = x[MASK]
    late = np.concatenate([time_s, time_s[:, -1:] + [[1, 2]]], 1).astype(np.float32)
    (g, g_x), y_2 = run(variables, dirty, np.pad(MASK, ((0, 0), (0, 2))), late)
    np.testing.assert_allclose(y_2[:, :T], y, atol=1e-5)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=1e-4), (g, g_x[:, :T]), clean)
    assert not np.asarray(y)[~MASK].any() and not np.asarray(clean[1])[~MASK].any()
    full = np.ones((B, T), bool)
    moved = np.concatenate([x[:, :4], x[:, 4:] + 1], 1)
    change = np.abs(run(variables, moved, full, time_s)[1] - run(variables, x, full, time_s)[1])
    assert change[:, 4:].max() > 1e-3
    assert (change[:, :4].max() == 0) == causal
    # The clock's zero does not matter, its pace does.
    ago = run(variables, x, MASK, time_s + 7)[1]
    np.testing.assert_allclose(ago, y, atol=1e-3)
    slower = np.abs(run(variables, x, MASK, time_s * 1.7)[1] - y).max()
    assert slower > 1e-2


def test_rotary_shifts_rows_apart_from_one_another() -> None:
    """Frames that time has not moved apart are weighed alike wherever they lie in the clip."""
    x = np.ones((1, T, D), np.float32)
    even = np.arange(T, dtype=np.float32)[None] / 8  # exact in float32
    module = attention.TemporalSelfAttention(N)
    mask = np.ones((1, T), bool)
    variables = jax.jit(module.init)(jax.random.key(2), x, mask, even)
    _, sown = jax.jit(lambda t: module.apply(variables, x, mask, t, mutable="intermediates"))(even)
    scores = np.log(np.asarray(sown["intermediates"]["weights"][0])[0])
    scores -= np.diagonal(scores, axis1=1, axis2=2)[..., None]
    for lag in range(1, T):
        along = np.diagonal(scores, lag, axis1=1, axis2=2)
        np.testing.assert_allclose(along, along[:, :1].repeat(T - lag, 1), atol=1e-4)


@pytest.mark.parametrize("seed", fresh(__name__, 1))
def test_pooling_is_the_plain_sum_and_its_stream_the_pool_so_far(seed: int) -> None:
    x, _ = clip(seed)
    pool = attention.AttentionPooling(width=5)
    variables = jax.jit(pool.init)(jax.random.key(seed), x, MASK)
    p = jax.tree.map(np.asarray, variables["params"])
    dirty = np.where(MASK[..., None], x, np.inf)

    @jax.jit
    def run(variables: dict, x: jax.Array) -> tuple:
        def loss(variables: dict, x: jax.Array) -> tuple:
            y, weights = pool.apply(variables, x, MASK)
            return y.sum(), (y, weights)

        return jax.grad(loss, argnums=(0, 1), has_aux=True)(variables, x)

    grads, (y, weights) = run(variables, dirty)
    stream = attention.AttentionPooling(width=5, causal=True)
    y_stream, weights_stream = jax.jit(stream.apply)(variables, dirty, MASK)
    scores = (np.tanh(x @ p["hidden"]["kernel"] + p["hidden"]["bias"]) @ p["score"]["kernel"])[
        ..., 0
    ]
    for row in range(2):
        for t in np.flatnonzero(MASK[row]):
            seen = np.flatnonzero(MASK[row, : t + 1])
            w = softmax(scores[row, seen])
            np.testing.assert_allclose(weights_stream[row, t, seen], w, atol=1e-6)
            np.testing.assert_allclose(y_stream[row, t], w @ x[row, seen], atol=1e-5)
        np.testing.assert_allclose(weights[row, seen], w, atol=1e-6)
        np.testing.assert_allclose(y[row], w @ x[row, seen], atol=1e-5)
    assert not np.asarray(y_stream)[~MASK].any() and not np.asarray(weights)[~MASK].any()
    assert not np.asarray(y[2]).any()
    for leaf in jax.tree.leaves(grads):
        assert np.isfinite(leaf).all()


def test_dropout_and_bfloat16() -> None:
    x, time_s = clip(4)
    block = attention.TemporalAttentionBlock(N, dropout=0.5, expansion=1)
    variables = jax.jit(block.init)(jax.random.key(4), x, MASK, time_s)
    half = attention.TemporalAttentionBlock(N, expansion=1, dtype=jnp.bfloat16)
    run = jax.jit(lambda v: (block.apply(v, x, MASK, time_s), half.apply(v, x, MASK, time_s)))
    exact, y = run(variables)
    assert y.dtype == jnp.bfloat16
    np.testing.assert_allclose(y.astype(np.float32), exact, atol=0.1)
    with pytest.raises(flax.errors.InvalidRngError, match="dropout"):
        jax.eval_shape(lambda: block.apply(variables, x, MASK, time_s, train=True))


def test_what_cannot_be_is_refused() -> None:
    x, time_s = clip(5)
    for module, match in (
        (attention.TemporalSelfAttention(3), "divide"),
        (attention.TemporalAttentionBlock(N, time_encoding="learned"), "one of"),
    ):
        with pytest.raises(ValueError, match=match):
            module.init(jax.random.key(0), x, MASK, time_s)
    with pytest.raises(ValueError, match="needs time_s"):
        attention.TemporalAttentionBlock(N).init(jax.random.key(0), x, MASK)
