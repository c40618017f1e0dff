"""This project's side of the networks' benchmark: inference, and the train step of `train`."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Mapping
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import traverse_util

from dance_jax import losses, optim, parallel
from dance_jax.analysis import networks_cases as cases
from dance_jax.analysis.networks_worker import timed
from dance_jax.data.batch import Batch
from dance_jax.kinematics.angles import JOINT_ANGLE_NAMES
from dance_jax.models.dance_net import DanceNet
from dance_jax.models.inputs import Inputs
from dance_jax.models.pose_features import FeatureOptions
from dance_jax.models.recurrent import LSTM
from dance_jax.models.resnet import resnet
from dance_jax.models.weights import normalise
from dance_jax.training import step
from dance_jax.training.state import TrainState, create

_SPREAD = np.float32(0.1)  # of biases, scales and tokens
_TARGETS = {
    "aesthetic": ("squared", "aesthetic", ()),
    "biomech": ("squared", "biomechanical", ()),
    "joint": ("squared", "angles", ()),
    "style": ("cross_entropy", "style_logits", (("smoothing", cases.SMOOTHING),)),
}


class SequenceScore(nn.Module):
    """A stack of bidirectional LSTMs, the mean over time and a linear score."""

    hidden: int
    layers: int
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array, mask: jax.Array, *, train: bool = False) -> jax.Array:
        """Maps x [B,T,D] to f32[B]."""
        y = LSTM(self.hidden, self.layers, dtype=self.dtype, name="memory")(x, mask, train=train)
        return nn.Dense(1, name="score")(y.astype(jnp.float32).mean(1))[:, 0]


def network(case: cases.Case, dtype: Any = jnp.float32) -> nn.Module:
    """Returns the module of a case.

    Args:
        case: which.
        dtype: of the computation.
    """
    options = dict(case.options)
    if case.kind == "lstm":
        return SequenceScore(options["hidden"], options["layers"], dtype)
    if case.kind == "resnet":
        return resnet(options["depth"], num_classes=cases.STYLES, dtype=dtype)
    return DanceNet(
        streams=("frames", "pose") if case.image else ("pose",),
        pose=FeatureOptions(groups=cases.GROUPS),
        attributes=cases.ATTRIBUTES,
        angle_names=JOINT_ANGLE_NAMES if "joint" in case.parts else (),
        dropout=0.0,
        joint_drop=0.0,
        dtype=dtype,
        **options,
    )


def batch_of(made: Mapping[str, np.ndarray]) -> Batch:
    """Returns what `networks_cases.batch` drew as the batch of a train step."""
    rows = len(made["style"])
    shape = next(made[k].shape[:2] for k in ("sequence", "frames", "pose") if k in made)
    pose = made.get("pose")
    clock = np.broadcast_to(np.arange(shape[1], dtype=np.float32), shape)
    labels = {k: made[k] for k in ("style", "aesthetic", "biomech", "joint")}
    return Batch(
        frames=made.get("frames"),
        pose=pose,
        joint_mask=None if pose is None else np.isfinite(pose).all(-1),
        frame_mask=np.ones(shape, bool),
        labels=labels | ({"sequence": made["sequence"]} if "sequence" in made else {}),
        mask=np.ones(rows, bool),
        clip_id=np.arange(rows, dtype=np.int32),
        time_s=np.ascontiguousarray(made.get("time_s", clock)),
        window=np.arange(rows, dtype=np.int32),
    )


def given(case: cases.Case, batch: Batch) -> tuple[Any, ...]:
    """Returns what the module of a case is called with."""
    if case.kind == "lstm":
        return (batch.labels["sequence"], batch.frame_mask)
    if case.kind == "resnet":
        return (normalise(batch.frames[:, 0]),)
    inputs = Inputs(
        batch.frame_mask,
        batch.time_s,
        frames=batch.frames,
        pose=batch.pose,
        joint_mask=batch.joint_mask,
    )
    return (inputs,)


def apply_fn(case: cases.Case, module: nn.Module) -> Callable[..., Any]:
    """Returns the network as `step.ApplyFn`; nothing in it is random, so both sides can agree."""

    def through(call: Callable[..., Any], values: Any, options: Any, context: Any) -> Any:
        # The pose stream drops whole branches at a rate that the network does not offer.
        return values[0] if isinstance(context.module, nn.Dropout) else call(*values, **options)

    def apply(variables: Any, batch: Batch, **options: Any) -> Any:
        with nn.intercept_methods(through):
            made = module.apply(variables, *given(case, batch), **options)
        changes = options.get("mutable", False) is not False
        out, changed = made if changes else (made, None)
        if case.kind == "dance":
            out = out[0]
        else:
            out = {"aesthetic": out} if case.kind == "lstm" else {"style_logits": out["logits"]}
        return ((out, {}), changed) if changes else (out, {})

    return apply


def targets(case: cases.Case) -> tuple[losses.Target, ...]:
    """Returns the parts of the loss."""
    return tuple(
        losses.Target(part, kind, prediction, part, cases.WEIGHTS[part], options)
        for part, (kind, prediction, options) in _TARGETS.items()
        if part in case.parts
    )


def keep_compiled(folder: str) -> None:
    """Keeps what is compiled in a folder, and takes from it what is there."""
    jax.config.update("jax_compilation_cache_dir", folder)
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0)
    jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)


class Ours:
    """A network of this project, ready to predict and to learn."""

    def __init__(self, case: cases.Case, seed: int, cache: str, dtype: str = "float32") -> None:
        """Draws the variables.

        Args:
            case: which network.
            seed: of variables and batches.
            cache: folder of compiled programs.
            dtype: of the computation.
        """
        keep_compiled(cache)
        self.case, self.seed, self.dtype = case, seed, jnp.dtype(dtype)
        self.module = network(case, self.dtype)
        self.tuning = optim.OptimOptions(**cases.OPTIMIZER)
        self.tx, self.mesh = optim.make(self.tuning), parallel.data_mesh(1)
        self.start = self._drawn()
        apply = apply_fn(case, self.module)
        self._predict = jax.jit(lambda variables, batch: apply(variables, batch, train=False)[0])
        self._learn = self._step(apply)
        self._held = jax.device_put(self.start)
        self._state: TrainState | None = None

    def weights(self) -> dict[str, np.ndarray]:
        """Returns the variables by path, "params/fc/kernel"."""
        return traverse_util.flatten_dict(self.start, sep="/")

    def predict(self, rows: int) -> dict[str, np.ndarray]:
        """Returns the predictions of a batch."""
        return jax.tree.map(np.asarray, self._predict(self._held, self._batch(rows)))

    def learn(self) -> dict[str, Any]:
        """Makes two updates on one batch.

        Returns:
            "losses" before each, "grad_norm" of the first before clipping, and "gradients" by
            path, clipped.
        """
        state, batch = self._fresh(), parallel.shard(self._batch(self.case.train_rows), self.mesh)
        state, (first, _) = self._learn(state, batch)
        found = jax.tree.leaves(state.opt_state, is_leaf=_is_adam)
        (adam,) = [part for part in found if _is_adam(part)]
        gradients = jax.tree.map(lambda m: np.asarray(m) / (1 - self.tuning.b1), adam.mu)
        _, (second, _) = self._learn(state, batch)
        return {
            "losses": [float(means["loss"].compute()) for means in (first, second)],
            "grad_norm": float(first["grad_norm"].compute()),
            "gradients": traverse_util.flatten_dict({"params": gradients}, sep="/"),
        }

    def time_predict(self, rows: int) -> dict[str, float]:
        """Times inference from arrays of the host."""
        batch = self._batch(rows)
        return timed(lambda: jax.block_until_ready(self._predict(self._held, batch)))

    def time_step(self) -> dict[str, float]:
        """Times the train step on a batch of the host."""
        batch = self._batch(self.case.train_rows)
        if self._state is None:
            self._state = self._fresh()

        def once() -> None:
            self._state, made = self._learn(self._state, parallel.shard(batch, self.mesh))
            jax.block_until_ready((self._state, made))

        return timed(once)

    def compile(self, what: str) -> dict[str, float]:
        """Compiles a program and does not run it.

        Args:
            what: "train step" or "inference" (of one window).

        Returns:
            "trace_s" to trace and lower, "compile_s" to compile or to load.
        """
        if what == "inference":
            run, values = self._predict, (self._held, self._batch(1))
        else:
            run = self._learn
            batch = parallel.shard(self._batch(self.case.train_rows), self.mesh)
            values = (self._fresh(), batch)
        start = time.perf_counter()
        lowered = run.lower(*values)
        traced = time.perf_counter()
        lowered.compile()
        return {"trace_s": traced - start, "compile_s": time.perf_counter() - traced}

    def _batch(self, rows: int) -> Batch:
        return batch_of(cases.batch(self.case, rows, self.seed))

    def _fresh(self) -> TrainState:
        return parallel.replicate(create(self.start, self.tx, self.seed), self.mesh)

    def _step(self, apply: Callable[..., Any]) -> Callable[..., Any]:
        parts = targets(self.case)

        def loss(predictions: Any, batch: Batch) -> dict[str, losses.Term]:
            return losses.parts(
                predictions, batch.labels, parts, row_mask=batch.mask, frame_mask=batch.frame_mask
            )

        one = functools.partial(
            step.train_step,
            tx=self.tx,
            schedule=optim.learning_rate(self.tuning),
            apply_fn=apply,
            loss_fn=loss,
            weights=losses.weights_of(parts),
        )
        return parallel.mapped(one, self.mesh)

    def _drawn(self) -> dict[str, Any]:
        """Draws variables, none of which is 0 or 1 throughout: that would hide a part."""
        init = functools.partial(self.module.init, jax.random.key(self.seed))
        shapes = jax.eval_shape(init, *given(self.case, self._batch(1)))
        rng = np.random.default_rng(self.seed)

        def drawn(path: tuple[Any, ...], leaf: jax.ShapeDtypeStruct) -> np.ndarray:
            noise, name = rng.normal(size=leaf.shape).astype(np.float32), path[-1].key
            if name in ("kernel", "recurrent") and leaf.ndim > 1:
                first = 1 if leaf.ndim == 3 else 0  # an LSTM's directions stand in front
                return noise * np.float32(np.prod(leaf.shape[first:-1]) ** -0.5)
            # Below 1, so that nothing grows from block to block of a ResNet.
            return np.float32({"scale": 0.5, "var": 1.0}.get(name, 0.0)) + _SPREAD * noise

        return jax.tree_util.tree_map_with_path(drawn, dict(shapes))


def _is_adam(part: Any) -> bool:
    return isinstance(part, optax.ScaleByAdamState)
