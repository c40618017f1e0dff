"""What a checkpoint's record says of its arrays, and how it is compared with what is wanted."""

from __future__ import annotations

import contextlib
import json
import zlib
from collections.abc import Collection, Iterator, Mapping
from typing import Any

import jax
import numpy as np

from dance_jax.errors import InputError

Tree = Any


def named(tree: Tree) -> dict[str, np.ndarray]:
    """Returns path -> copy on the host, which later steps cannot overwrite."""

    def fetch(leaf: Any) -> np.ndarray:
        if isinstance(leaf, jax.Array) and not leaf.is_fully_addressable:
            leaf = leaf.addressable_data(0)
        return np.array(leaf)

    for _, leaf in leaves(tree):  # start all transfers before the first is waited for
        if isinstance(leaf, jax.Array):
            leaf.copy_to_host_async()
    return {path: fetch(leaf) for path, leaf in leaves(tree)}


def leaves(tree: Tree) -> list[tuple[str, Any]]:
    """Returns (path such as "params/encoder/kernel", leaf) in the order of the tree."""
    found = jax.tree_util.tree_flatten_with_path(tree)[0]
    return [(jax.tree_util.keystr(p, simple=True, separator="/"), leaf) for p, leaf in found]


def nested(found: Mapping[str, Any], *, empty: bool = False) -> dict[str, Any]:
    """Returns nested dicts by path; without arrays of size 0, which Orbax cannot write."""
    out: dict[str, Any] = {}
    for path, leaf in found.items():
        if leaf.size or empty:
            *folders, name = path.split("/")
            inner = out
            for folder in folders:
                inner = inner.setdefault(folder, {})
            inner[name] = leaf
    return out


def facts(x: np.ndarray) -> list[Any]:
    """Returns [shape, type, CRC-32 of the bytes], as the record keeps them."""
    return [list(x.shape), str(x.dtype), crc(np.ascontiguousarray(x).tobytes())]


def shape(leaf: Any) -> tuple[tuple[int, ...], str]:
    """Returns shape and type of a leaf, which may be a `jax.ShapeDtypeStruct`."""
    kind = leaf.dtype if hasattr(leaf, "dtype") else np.asarray(leaf).dtype
    return tuple(np.shape(leaf)), str(kind)


def shape_of(held: Any) -> tuple[tuple[int, ...], str]:
    """Returns shape and type of what `facts` returned."""
    return tuple(held[0]), held[1]


def crc(data: bytes) -> int:
    """Returns the CRC-32."""
    return zlib.crc32(data)


def text(body: Any) -> bytes:
    """Returns the bytes of JSON values that their checksum is of."""
    return json.dumps(body, sort_keys=True).encode()


def plain(values: Mapping[str, Any]) -> dict[str, Any]:
    """Returns JSON values as JSON gives them back: tuples are lists."""
    return json.loads(json.dumps(dict(values), sort_keys=True))


def compare_config(
    held: Mapping[str, Any], wanted: Mapping[str, Any], ignore: Collection[str], where: object
) -> None:
    """Raises InputError at the first key, outside `ignore`, in which two configs differ."""
    for key in sorted({*held, *wanted} - set(ignore)):
        if held.get(key) != wanted.get(key):
            what = f"it was made with {key}={held.get(key)!r} and this run has {wanted.get(key)!r}"
            raise InputError(what, where, f"set --config.{key}={held.get(key)!r}")


def compare_leaves(
    held: Mapping[str, Any], wanted: Mapping[str, Any], name: str, where: object
) -> None:
    """Raises InputError where the arrays of an item are not those that are wanted.

    Args:
        held: path -> (shape, type) in the checkpoint.
        wanted: path -> (shape, type) of this run.
        name: of the item.
        where: the checkpoint.
    """
    wrong = [p for p in sorted({*held, *wanted}) if held.get(p) != wanted.get(p)]
    if wrong:
        path = wrong[0]

        def say(found: Any) -> str:
            return f"{found[1]}{list(found[0])}" if found else "missing"

        more = f", and {len(wrong) - 1} more differ" if len(wrong) > 1 else ""
        both = f"{say(held.get(path))} there and {say(wanted.get(path))} in this run"
        fix = "restore it with the config that it was made with"
        raise InputError(f"{name}/{path} is {both}{more}", where, fix)


@contextlib.contextmanager
def input_errors(where: object, what: str) -> Iterator[None]:
    """Turns whatever a damaged folder makes Orbax raise into one line that names the folder."""
    try:
        yield
    except InputError:
        raise
    except Exception as error:
        first = next(iter(str(error).splitlines()), "")[:200]
        line = f"{what} ({type(error).__name__}: {first})"
        raise InputError(line, where, "it is damaged or no checkpoint: take another") from error
