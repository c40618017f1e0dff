"""The one file that maps steps over devices: a mesh of one axis, `data`, and jax.shard_map.

A step is written for one replica: it sees its own rows of the batch and the whole state, and sums
over the axis by `lax.psum(..., AXIS)`. With `check_vma=False` this is what `jax.pmap` did: the
gradient of a replica is of its own share of the loss, and one `psum` makes it the whole one. (With
the default, gradients of a replicated state come out summed already, and a `psum` would sum twice.)
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.experimental import multihost_utils
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec

from dance_jax.errors import InputError

AXIS = "data"
REPLICATED, SHARDED = PartitionSpec(), PartitionSpec(AXIS)


def data_mesh(count: int = 0) -> Mesh:
    """Returns the mesh of the devices that share a batch, one axis `data`.

    Args:
        count: how many devices; 0 for all. Several processes always take all.

    Raises:
        InputError: there are not so many.
    """
    devices = jax.devices()
    if not 0 <= count <= len(devices) or (
        jax.process_count() > 1 and count not in (0, len(devices))
    ):
        what = f"{count} devices are asked for and there are {len(devices)}"
        raise InputError(what, "--config.devices", f"give 1 to {len(devices)}, or 0 for all")
    return jax.make_mesh(
        (count or len(devices),),
        (AXIS,),
        axis_types=(AxisType.Auto,),
        devices=devices[: count or None],
    )


def mapped(
    step: Callable[..., Any],
    mesh: Mesh,
    *,
    inputs: Sequence[PartitionSpec] = (REPLICATED, SHARDED),
    outputs: Any = (REPLICATED, REPLICATED),
    donate: Sequence[int] = (0,),
) -> Callable[..., Any]:
    """Returns the step, compiled and run on every device of the mesh on its own rows.

    Args:
        step: of one replica, (state, batch) -> (state, metrics) unless told otherwise; what it
            returns as replicated it must have made equal on all, by `psum` and the like.
        mesh: of `data_mesh`.
        inputs: of each argument, REPLICATED or SHARDED (by rows).
        outputs: of each result; a tree prefix.
        donate: arguments whose memory the results may take; they cannot be used afterwards.
    """
    run = jax.shard_map(step, mesh=mesh, in_specs=tuple(inputs), out_specs=outputs, check_vma=False)
    return jax.jit(run, donate_argnums=tuple(donate))


def psum(tree: Any, axis_name: str | None) -> Any:
    """Returns the sum over the replicas; the tree itself where the step is not mapped."""
    return tree if axis_name is None else lax.psum(tree, axis_name)


def pmean(tree: Any, axis_name: str | None) -> Any:
    """Returns the mean over the replicas; the tree itself where the step is not mapped."""
    return tree if axis_name is None else lax.pmean(tree, axis_name)


def replica(axis_name: str | None) -> Any:
    """Returns the number of this replica, 0 where the step is not mapped."""
    return 0 if axis_name is None else lax.axis_index(axis_name)


def replicate(tree: Any, mesh: Mesh) -> Any:
    """Returns the tree whole on every device, in memory of its own, which a step may take over.

    Args:
        tree: arrays of the host, equal in all processes.
        mesh: of `data_mesh`.
    """
    place = NamedSharding(mesh, REPLICATED)

    def put(leaf: Any) -> jax.Array:
        value = np.array(host_value(leaf))  # a copy: memory shared with the host may not be donated
        return jax.make_array_from_process_local_data(place, value, value.shape)

    return jax.tree.map(put, tree)


def shard(tree: Any, mesh: Mesh) -> Any:
    """Returns a batch spread over the devices by rows.

    Args:
        tree: arrays [B,...] of the host; of several processes, each gives its own rows.
        mesh: of `data_mesh`.

    Raises:
        InputError: the rows cannot be spread evenly.
    """
    place = NamedSharding(mesh, SHARDED)
    local = len(mesh.local_devices)
    for leaf in jax.tree.leaves(tree):
        if np.shape(leaf)[0] % local:
            what = f"{np.shape(leaf)[0]} rows cannot be spread evenly over {local} devices"
            raise InputError(what, "--config.batch_size", f"give a multiple of {local}")
    return jax.tree.map(
        lambda leaf: jax.make_array_from_process_local_data(place, np.asarray(leaf)), tree
    )


def batch_place(mesh: Mesh) -> NamedSharding:
    """Returns where the rows of a batch go, as `data.loader.OnDevice(place=...)` takes it."""
    return NamedSharding(mesh, SHARDED)


def host_value(leaf: Any) -> np.ndarray:
    """Returns a replicated array, or one of the host, as NumPy."""
    if isinstance(leaf, jax.Array) and not leaf.is_fully_addressable:
        return np.asarray(leaf.addressable_data(0))
    return np.asarray(leaf)


def host_rows(tree: Any) -> Any:
    """Returns arrays that are spread by rows as NumPy, whole, in every process.

    Args:
        tree: what a mapped step returned as SHARDED. All processes must call.
    """

    def fetch(leaf: Any) -> np.ndarray:
        if isinstance(leaf, jax.Array) and not leaf.is_fully_addressable:
            return np.asarray(multihost_utils.process_allgather(leaf, tiled=True))
        return np.asarray(leaf)

    return jax.tree.map(fetch, tree)


def check_replicas(tree: Any, mesh: Mesh) -> None:
    """Raises RuntimeError where a replicated tree is not the same, bit for bit, on every device.

    Args:
        tree: of replicated arrays. All processes must call.
        mesh: of `data_mesh`.
    """

    def bits(x: jax.Array) -> jax.Array:
        if jnp.issubdtype(x.dtype, jnp.floating):  # NaN differs from itself; its bits do not
            return lax.bitcast_convert_type(x, jnp.dtype(f"uint{8 * x.dtype.itemsize}"))
        return x.astype(jnp.int32) if x.dtype == jnp.bool_ else x

    def same(values: Any) -> Any:
        def one(x: jax.Array) -> jax.Array:
            return (lax.pmax(bits(x), AXIS) == lax.pmin(bits(x), AXIS)).all()

        return jax.tree.map(one, values)

    run = mapped(same, mesh, inputs=(REPLICATED,), outputs=REPLICATED, donate=())
    found = jax.tree_util.tree_flatten_with_path(run(tree))[0]
    wrong = [jax.tree_util.keystr(path) for path, equal in found if not host_value(equal)]
    if wrong:
        more = f" and {len(wrong) - 1} more" if len(wrong) > 1 else ""
        raise RuntimeError(f"the replicas disagree in {wrong[0]}{more}")


def initialize_distributed(
    coordinator: str = "", processes: int = 0, process: int = -1, *, timeout_s: int = 300
) -> bool:
    """Joins the processes of one run, before anything else asks for a device.

    Without arguments it joins where SLURM started several tasks, and else does nothing.

    Args:
        coordinator: "host:port" of process 0.
        processes: how many there are.
        process: the number of this one, from 0.
        timeout_s: how long the others are waited for.

    Returns:
        Whether there are several processes.

    Raises:
        InputError: arguments are missing or wrong, or the others do not come.
    """
    given = (bool(coordinator), processes > 0, process >= 0)
    where = "jax.distributed"
    if any(given) and not all(given):
        what = "coordinator, processes and process go together"
        raise InputError(what, where, "give all three, or none under SLURM")
    if all(given) and process >= processes:
        raise InputError(f"process {process} of {processes}", where, "count them from 0")
    if not any(given) and int(os.environ.get("SLURM_NTASKS", "1")) < 2:
        return False
    known = {"coordinator_address": coordinator, "num_processes": processes, "process_id": process}
    try:
        jax.distributed.initialize(
            **(known if all(given) else {}), initialization_timeout=timeout_s
        )
    except (RuntimeError, ValueError) as error:
        what = f"the processes cannot be joined ({error})"
        fix = "check that all were started, that the address is reachable, and that nothing ran yet"
        raise InputError(what, coordinator or where, fix) from error
    return jax.process_count() > 1
