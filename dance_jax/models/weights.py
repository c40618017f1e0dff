"""Pretrained weights from safetensors files into a module's variables: all of them, or nothing."""

from __future__ import annotations

import dataclasses
import errno
import hashlib
import os
import pathlib
import re
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import traverse_util

from dance_jax.errors import InputError

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)

MAX_BYTES = 2 << 30
MAX_HEADER = 1 << 20  # ResNet-50's header takes 40 kB
_NEVER = r"(?!)"
_FLOATS = {"F16": np.float16, "BF16": jnp.bfloat16, "F32": np.float32, "F64": np.float64}
_OTHERS = {"I64", "I32", "I16", "I8", "U64", "U32", "U16", "U8", "BOOL"}
_PICKLES = (".pth", ".pt", ".bin", ".pkl", ".pickle", ".ckpt", ".tar")
_PICKLE_STARTS = (b"PK\x03\x04", b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05")
_CONVERT = (
    'convert it where torch is installed: python -c "import torch; from safetensors.torch import '
    "save_file; d = torch.load('{name}', map_location='cpu', weights_only=True); "
    "save_file({{k: v.contiguous().clone() for k, v in d.get('state_dict', d).items()}}, '{new}')\""
)


@dataclasses.dataclass(frozen=True)
class Key:
    """Where one tensor of a file belongs.

    Attributes:
        path: names in the variables, the collection first: ("params", "stem_conv", "kernel").
        axes: order of the file's axes in ours; None leaves them.
    """

    path: tuple[str, ...]
    axes: tuple[int, ...] | None = None


@dataclasses.dataclass(frozen=True)
class KeyMap:
    """Every tensor that a kind of file has.

    Attributes:
        keys: name in the file -> where it belongs.
        ignored: regular expression of further names, which are left out without a word.
        optional: regular expression of names that a module may have no place for (a classifier).
    """

    keys: Mapping[str, Key]
    ignored: str = _NEVER
    optional: str = _NEVER


@dataclasses.dataclass(frozen=True)
class Loaded:
    """What `load` made.

    Attributes:
        variables: the module's variables with the file's values in place; a new tree.
        sha256: of the file.
        loaded: names of the file that were used, sorted.
        left_out: names of the file that were not used, sorted.
        unchanged: paths in the variables that kept their values, sorted, "params/fc/kernel".
    """

    variables: dict[str, Any]
    sha256: str
    loaded: tuple[str, ...]
    left_out: tuple[str, ...]
    unchanged: tuple[str, ...]


def normalise(
    frames: jax.Array | np.ndarray,
    mean: tuple[float, ...] = IMAGENET_MEAN,
    std: tuple[float, ...] = IMAGENET_STD,
) -> jax.Array:
    """Returns frames as pretrained encoders take them: (x - mean) / std of each colour.

    Args:
        frames: [...,3], red first: whole numbers 0 to 255, or floating in [0, 1].
        mean: of red, green and blue, in [0, 1]; by default of ImageNet.
        std: their deviations.

    Returns:
        f32 [...,3].
    """
    x = jnp.asarray(frames)
    full = 255.0 if jnp.issubdtype(x.dtype, jnp.integer) else 1.0
    x = x.astype(jnp.float32) / full
    return (x - jnp.asarray(mean, jnp.float32)) / jnp.asarray(std, jnp.float32)


def read(path: str | os.PathLike[str]) -> tuple[dict[str, np.ndarray], str]:
    """Reads a safetensors file, whole and checked.

    Returns:
        name -> array (floating ones as float32, whole numbers left out), and the file's sha256.

    Raises:
        InputError: the file is absent, a pickle, damaged, too large, or holds another kind of
            number.
    """
    from safetensors import SafetensorError, deserialize

    place = pathlib.Path(path)
    try:
        if not place.is_file():  # opening a pipe would wait for ever
            raise FileNotFoundError(errno.ENOENT, "no such file")
        with place.open("rb") as file:
            start = file.read(8)
            _check_start(place, start, os.fstat(file.fileno()).st_size)
            data = start + file.read(MAX_BYTES)
    except OSError as error:
        raise InputError(
            f"cannot be read ({error.strerror})", place, "give a .safetensors file"
        ) from error
    try:
        tensors = deserialize(data)
    except SafetensorError as error:
        raise InputError(
            f"is not a whole safetensors file ({error})", place, "fetch or convert it again"
        ) from error
    found: dict[str, np.ndarray] = {}
    for name, tensor in tensors:
        if tensor["dtype"] in _OTHERS:
            continue
        if tensor["dtype"] not in _FLOATS:
            raise InputError(
                f"{name} holds numbers of kind {tensor['dtype']}",
                place,
                f"convert them to one of {', '.join(_FLOATS)}",
            )
        values = np.frombuffer(tensor["data"], _FLOATS[tensor["dtype"]])
        with np.errstate(over="ignore"):  # float64 too large becomes infinity, which `load` refuses
            found[name] = values.reshape(tensor["shape"]).astype(np.float32)
    return found, hashlib.sha256(data).hexdigest()


def _check_start(place: pathlib.Path, start: bytes, size: int) -> None:
    """Refuses by the first eight bytes, before anything large is read."""
    if place.suffix.lower() in _PICKLES or start.startswith(_PICKLE_STARTS):
        new = place.with_suffix(".converted.safetensors")
        raise InputError(
            "is a pickle file, which can run code when it is read, and is not read",
            place,
            _CONVERT.format(name=place, new=new),
        )
    header = int.from_bytes(start, "little")
    if len(start) < 8 or header > size - 8:
        raise InputError("is not a whole safetensors file", place, "fetch or convert it again")
    if header > MAX_HEADER or size > MAX_BYTES:
        raise InputError(
            f"is too large for the weights of an encoder ({size} bytes, header {header})",
            place,
            f"give a file of at most {MAX_BYTES} bytes with a header of at most {MAX_HEADER}",
        )


def load(
    path: str | os.PathLike[str],
    variables: Mapping[str, Any],
    keys: KeyMap,
    *,
    at: tuple[str, ...] = (),
    dont_load: str | None = None,
) -> Loaded:
    r"""Puts the weights of a safetensors file into a module's variables.

    Args:
        path: the file.
        variables: {"params": ..., "batch_stats": ...}, which are not changed.
        keys: what the file holds, such as `weights_torchvision.keys("resnet50")`.
        at: path of the encoder inside the variables of a larger network.
        dont_load: regular expression, searched in the file's names: these stay as they are, such
            as "^fc\." where the number of classes differs.

    Raises:
        InputError: the file cannot be read, or lists every tensor that is missing, unexpected, of
            a wrong shape or not finite.
    """
    tensors, sha256 = read(path)
    skip = _pattern(dont_load)
    optional, ignored = re.compile(keys.optional), re.compile(keys.ignored)
    flat = traverse_util.flatten_dict(dict(variables))
    targets = {name: (key.path[0], *at, *key.path[1:]) for name, key in keys.keys.items()}
    wrong: list[str] = []
    new: dict[str, Any] = {}
    for name, target in targets.items():
        if skip is not None and skip.search(name):
            continue
        if target not in flat:
            if not optional.search(name):
                wrong.append(f"no place {'/'.join(target)} in the module for {name}")
        elif name not in tensors:
            wrong.append(f"missing {name}")
        else:
            problem, value = _fitted(name, tensors[name], keys.keys[name], flat[target])
            wrong += problem
            new[name] = value
    for name in tensors:
        if name not in targets and not ignored.search(name) and not (skip and skip.search(name)):
            wrong.append(f"unexpected {name}")
    if wrong:
        raise InputError(
            f"{len(wrong)} of its tensors do not fit: {'; '.join(sorted(wrong))}",
            path,
            "nothing was loaded; give weights of the same architecture, or name what to leave"
            " out in dont_load",
        )
    flat |= {targets[name]: value for name, value in new.items()}
    kept = {"/".join(path) for path in flat} - {"/".join(targets[name]) for name in new}
    return Loaded(
        variables=traverse_util.unflatten_dict(flat),
        sha256=sha256,
        loaded=tuple(sorted(new)),
        left_out=tuple(sorted(set(tensors) - set(new))),
        unchanged=tuple(sorted(kept)),
    )


def _fitted(name: str, value: np.ndarray, key: Key, target: Any) -> tuple[list[str], Any]:
    """Returns what is wrong with one tensor, and the tensor in our order of axes."""
    expected = tuple(target.shape)
    if key.axes is not None:
        # The shape in the file's own order, for the message.
        expected = tuple(expected[key.axes.index(i)] for i in range(len(expected)))
    if value.shape != expected:
        return [f"{name} is {list(value.shape)}, not {list(expected)}"], None
    if not np.isfinite(value).all():
        return [f"{name} holds NaN or infinity"], None
    if key.path[-1] == "var" and (value < 0).any():
        return [f"{name} is a variance below zero"], None
    value = value if key.axes is None else value.transpose(key.axes)
    return [], jnp.asarray(value, target.dtype)


def _pattern(text: str | None) -> re.Pattern[str] | None:
    if text is None:
        return None
    try:
        return re.compile(text)
    except re.error as error:
        raise InputError(
            f"is not a regular expression ({error})", f"dont_load={text!r}", 'such as "^fc"'
        ) from error
