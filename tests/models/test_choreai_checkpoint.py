"""The reader of TensorFlow checkpoints: what a small writer wrote, and what is broken."""

from __future__ import annotations

import pathlib
import struct

import numpy as np
import pytest

from dance_jax.errors import InputError
from dance_jax.models import choreai_checkpoint as checkpoint
from tests.models import tf_bundle
from tests.seeds import fresh

VARIABLES = {
    "Variable": np.array(331, np.int32),
    "rnn/cell_0/bias": np.arange(5, dtype=np.float32),
    "rnn/cell_0/bias/Adam": np.zeros((5, 0), np.float32),
    "rnn/cell_0/kernel": np.arange(200, dtype=np.float32).reshape(4, 50) / 7,
    "seen": np.array([True, False]),
    "step": np.array([2**40, -1], np.int64),
}


@pytest.fixture
def prefix(tmp_path: pathlib.Path) -> pathlib.Path:
    tf_bundle.write(tmp_path / "net.ckpt-1", VARIABLES)
    return tmp_path / "net.ckpt-1"


def same(found: dict[str, np.ndarray]) -> bool:
    return set(found) == set(VARIABLES) and all(
        found[k].dtype == v.dtype and found[k].shape == v.shape and (found[k] == v).all()
        for k, v in VARIABLES.items()
    )


def files(prefix: pathlib.Path) -> tuple[pathlib.Path, pathlib.Path]:
    ends = (".index", ".data-00000-of-00001")
    return tuple(prefix.with_name(prefix.name + end) for end in ends)


def test_the_checksum_is_leveldbs() -> None:
    # RFC 3720, B.4: CRC-32C of 32 bytes of zeros, and of "123456789" (Castagnoli's check value).
    for data, crc in ((bytes(32), 0x8A9136AA), (b"123456789", 0xE3069283)):
        rotated = (crc >> 15 | crc << 17) & 0xFFFFFFFF
        assert checkpoint.masked_crc32c(data) == (rotated + 0xA282EAD8) & 0xFFFFFFFF


def test_it_reads_what_was_written(prefix: pathlib.Path) -> None:
    assert same(checkpoint.read(prefix))
    assert same(checkpoint.read(str(prefix) + ".index"))


@pytest.mark.parametrize("seed", fresh(__name__, 1))
def test_damage_is_an_input_error_or_without_effect(prefix: pathlib.Path, seed: int) -> None:
    rng = np.random.default_rng(seed)
    refused = 0
    cases = 150
    for _ in range(cases):
        path = files(prefix)[int(rng.integers(2))]
        good = path.read_bytes()
        bad = bytearray(good)
        kind = rng.integers(4)
        at = int(rng.integers(len(bad)))
        if kind == 0:
            bad[at] ^= 1 << int(rng.integers(8))
        elif kind == 1:
            del bad[at:]
        elif kind == 2:
            bad[at : at + 8] = rng.bytes(8)
        else:
            bad[at:at] = rng.bytes(int(rng.integers(1, 20)))
        path.write_bytes(bad)
        try:
            # The meta-index, the footer's padding and what follows the variables are not read.
            assert same(checkpoint.read(prefix)), f"other values, without a word ({kind=} {at=})"
        except InputError as error:
            refused += 1
            assert str(path.name) in error.where or str(files(prefix)[1].name) in error.where
        finally:
            path.write_bytes(good)
    assert refused > 0.6 * cases


@pytest.mark.parametrize("seed", fresh(__name__, 1))
def test_records_that_lie_behind_right_checksums(prefix: pathlib.Path, seed: int) -> None:
    """What a checksum cannot see: random and altered records in sound tables."""
    rng = np.random.default_rng(seed)
    index, _ = files(prefix)
    good = [(b"", tf_bundle.field(1, 1))]
    good.append((b"a", tf_bundle.entry(VARIABLES["rnn/cell_0/kernel"], 44)))
    refused = 0
    for _ in range(120):
        rows = [list(row) for row in good]
        for _ in range(int(rng.integers(1, 3))):
            row = rows[int(rng.integers(2))]
            part = bytearray(row[1])
            at = int(rng.integers(len(part)))
            part[at : at + int(rng.integers(2))] = rng.bytes(int(rng.integers(1, 4)))
            row[1] = bytes(part)
        index.write_bytes(tf_bundle.table([tuple(row) for row in rows]))
        try:
            checkpoint.read(prefix)
        except InputError:
            refused += 1
    assert refused > 60


def wide(sizes: list[int], nbytes: int) -> bytes:
    """An entry of float32 whose shape and size are given."""
    shape = b"".join(tf_bundle.field(2, tf_bundle.field(1, s)) for s in sizes)
    return tf_bundle.field(1, 1) + tf_bundle.field(2, shape) + tf_bundle.field(5, nbytes)


@pytest.mark.parametrize(
    ("row", "says"),
    [
        (wide([2**40, 2**40], 4), "too large"),
        (wide([2**63, 0], 0), "too large"),
        (wide([3], 8), "not that of its shape"),
        (tf_bundle.field(1, 7), "data type 7"),
        (wide([1], 4) + tf_bundle.field(7, b""), "slices"),
        (wide([1], 4) + tf_bundle.field(3, 5), "does not exist"),
        (wide([1], 4) + tf_bundle.field(4, 2**62), "checksum"),
        (tf_bundle.field(2, tf_bundle.field(3, 1)), "unknown"),
        (tf_bundle.field(5, b"12"), "bytes where a number"),
        (tf_bundle.field(2, 4), "number where bytes"),
        (b"\x0b", "wire type 3"),
        (b"\xff" * 11, "ten bytes"),
        (b"\x12\x7f", "longer than"),
    ],
)
def test_each_lie_is_named(prefix: pathlib.Path, row: bytes, says: str) -> None:
    files(prefix)[0].write_bytes(tf_bundle.table([(b"", tf_bundle.field(1, 1)), (b"a", row)]))
    with pytest.raises(InputError, match=says):
        checkpoint.read(prefix)


@pytest.mark.parametrize(
    ("header", "says"),
    [
        (tf_bundle.field(1, 1) + tf_bundle.field(2, 1), "big-endian"),
        (tf_bundle.field(1, 1 << 40), "data files"),
        (b"", "0 data files"),
    ],
)
def test_headers_that_cannot_be(prefix: pathlib.Path, header: bytes, says: str) -> None:
    tf_bundle.write(prefix, VARIABLES, header)
    with pytest.raises(InputError, match=says):
        checkpoint.read(prefix)


def test_other_tables_are_refused(prefix: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    index, data = files(prefix)
    rows = [(b"", tf_bundle.field(1, 1)), (b"a", wide([1], 4))]
    index.write_bytes(tf_bundle.table(rows, kind=1))
    with pytest.raises(InputError, match="compressed"):
        checkpoint.read(prefix)
    index.write_bytes(tf_bundle.table([rows[0], (b"a" * 5000, wide([1], 4))]))
    with pytest.raises(InputError, match="name too long"):
        checkpoint.read(prefix)
    once = tf_bundle.block([(b"", tf_bundle.field(1, 1) + tf_bundle.field(9, bytes(500)))])
    handle = tf_bundle.number(0) + tf_bundle.number(len(once) - 5)
    listing = tf_bundle.block([(bytes([97 + n]), handle) for n in range(9)])
    places = (
        tf_bundle.number(0) * 2 + tf_bundle.number(len(once)) + tf_bundle.number(len(listing) - 5)
    )
    index.write_bytes(
        once + listing + places.ljust(40, b"\0") + struct.pack("<Q", checkpoint.TABLE_MAGIC)
    )
    with pytest.raises(InputError, match="overlap"):
        checkpoint.read(prefix)
    tf_bundle.write(prefix, VARIABLES)
    data.unlink()
    with pytest.raises(InputError, match=r"data-00000-of-00001: it cannot be read"):
        checkpoint.read(prefix)
    monkeypatch.setattr(checkpoint, "MAX_INDEX_BYTES", 10)
    with pytest.raises(InputError, match="larger than"):
        checkpoint.read(prefix)
