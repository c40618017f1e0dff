"""Hostile pickles of many kinds: each would run or break something in a plain unpickler."""

from __future__ import annotations

import pickle
import struct
from collections.abc import Callable
from typing import Any

PROTOCOLS = range(6)


class Call:
    """Pickles as the call of a function, by `__reduce__`."""

    def __init__(self, module: str, name: str, *args: Any, state: Any = None) -> None:
        self.parts = (module, name, args, state)

    def __reduce__(self) -> tuple:
        module, name, args, state = self.parts
        function = Global(module, name)
        return (function, args) if state is None else (function, args, state)


class Global:
    """Pickles as the name of something that need not exist here."""

    def __init__(self, module: str, name: str) -> None:
        self.module, self.name = module, name

    def __call__(self, *args: Any) -> None:
        """Only so that pickle takes it for a function."""


class Writer(pickle._Pickler):
    """The pickler in Python, which can be made to write any name."""

    def save(self, obj: Any, save_persistent_id: bool = True) -> None:
        if isinstance(obj, Global):
            if self.proto >= 4:
                self.save(obj.module)
                self.save(obj.name)
                self.write(pickle.STACK_GLOBAL)
            else:
                self.write(pickle.GLOBAL + f"{obj.module}\n{obj.name}\n".encode())
        else:
            super().save(obj, save_persistent_id)


def dumps(value: Any, protocol: int) -> bytes:
    """Pickles with `Writer`."""
    import io

    out = io.BytesIO()
    Writer(out, protocol, fix_imports=False).dump(value)
    return out.getvalue()


def calls(marker: str) -> dict[str, Call]:
    """Returns kind -> a call that makes the marker file in a plain unpickler on Linux."""
    touch, code = f"touch {marker}", f"open({marker!r}, 'w').close()"
    system = Global("os", "system")
    create = f"__import__('ctypes').CDLL(None).creat({marker.encode()!r}, 420)"
    return {
        "os.system": Call("os", "system", touch),
        "posix.system": Call("posix", "system", touch),
        "os.popen": Call("builtins", "list", Call("os", "popen", touch)),
        "os.spawnlp": Call("os", "spawnlp", 0, "touch", "touch", marker),
        "os.mkdir": Call("os", "mkdir", marker),
        "os.open": Call("os", "open", marker, 0o101),
        "os.mknod": Call("os", "mknod", marker),
        "os.symlink": Call("os", "symlink", "/etc/passwd", marker),
        "subprocess.getoutput": Call("subprocess", "getoutput", touch),
        "subprocess.call": Call("subprocess", "call", ["touch", marker]),
        "subprocess.run": Call("subprocess", "run", ["touch", marker]),
        "subprocess.check_output": Call("subprocess", "check_output", ["touch", marker]),
        "builtins.eval": Call("builtins", "eval", code),
        "builtins.exec": Call("builtins", "exec", code),
        "builtins.compile": Call("builtins", "eval", Call("builtins", "compile", code, "", "eval")),
        "builtins.open": Call("builtins", "open", marker, "w"),
        "io.open": Call("io", "open", marker, "w"),
        "_io.FileIO": Call("_io", "FileIO", marker, "w"),
        "codecs.open": Call("codecs", "open", marker, "w"),
        "getattr chain": Call(
            "builtins",
            "list",
            Call(
                *("builtins", "map"),
                Call("builtins", "getattr", Call("importlib", "import_module", "os"), "system"),
                [touch],
            ),
        ),
        "list of map": Call("builtins", "list", Call("builtins", "map", system, [touch])),
        "functools.reduce": Call("functools", "reduce", Global("os", "open"), [marker, 0o101]),
        "starmap": Call("builtins", "list", Call("itertools", "starmap", system, [(touch,)])),
        "_pyio.open": Call("_pyio", "open", marker, "w"),
        "shutil.copyfile": Call("shutil", "copyfile", "/etc/passwd", marker),
        "timeit": Call("timeit", "timeit", code, "pass", Global("time", "time"), 1),
        "cProfile": Call("cProfile", "run", code),
        "pickle.loads": Call("pickle", "loads", pickle.dumps(_Open(marker), 2)),
        "_pickle.loads": Call("_pickle", "loads", pickle.dumps(_Open(marker), 4)),
        "ctypes": Call("builtins", "eval", create),
        "sqlite3": Call("builtins", "str", Call("sqlite3", "connect", marker)),
        "zipfile": Call("zipfile", "ZipFile", marker, "w"),
        "logging": Call("logging", "FileHandler", marker),
        "numpy.memmap": Call("numpy", "memmap", marker, "u1", "w+", 0, (4,)),
        "numpy.savetxt": Call("numpy", "savetxt", marker, [1]),
        "numpy runstring": Call("numpy.testing._private.utils", "runstring", code, {}),
    }


class _Open:
    def __init__(self, marker: str) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple:
        return open, (self.marker, "w")


def _text(value: str) -> bytes:
    data = value.encode()
    return b"X" + struct.pack("<I", len(data)) + data


def opcodes(marker: str) -> dict[str, bytes]:
    """Returns kind -> a pickle put together by hand: every way to name or call something."""
    touch = _text(f"touch {marker}")
    line = f"S'touch {marker}'\n".encode()
    dtype = b"cnumpy\ndtype\n" + _text("f8") + b"\x85R"
    blank = b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85C\x01b\x87R"
    return {
        "GLOBAL": b"cposix\nsystem\n(" + line + b"tR.",
        "STACK_GLOBAL": b"\x80\x04"
        + _text("posix")
        + _text("system")
        + b"\x93"
        + touch
        + b"\x85R.",
        "INST": b"(" + line + b"iposix\nsystem\n.",
        "OBJ": b"(cposix\nsystem\n" + touch + b"o.",
        "NEWOBJ": b"\x80\x02csubprocess\nPopen\n" + touch + b"\x85\x81.",
        "NEWOBJ_EX": b"\x80\x04csubprocess\nPopen\n" + touch + b"\x85}\x92.",
        "NEWOBJ of a stand-in": b"\x80\x02cnumpy\ndtype\n" + touch + b"\x85\x81.",
        "dotted name": b"\x80\x04"
        + _text("numpy")
        + _text("f2py.os.system")
        + b"\x93"
        + touch
        + b"\x85R.",
        "method of an allowed name": b"\x80\x04"
        + _text("numpy")
        + _text("ndarray.tofile")
        + b"\x93)R.",
        "class of an allowed name": b"\x80\x04"
        + _text("numpy")
        + _text("dtype.__class__")
        + b"\x93)R.",
        "name with a blank": b"cnumpy \ndtype\n" + touch + b"\x85R.",
        "EXT1": b"\x80\x02\x82\x01" + touch + b"\x85R.",
        "EXT2": b"\x80\x02\x83\x01\x01" + touch + b"\x85R.",
        "EXT4": b"\x80\x02\x84\x01\x01\x01\x00" + touch + b"\x85R.",
        "PERSID": b"Pposix.system\n.",
        "BINPERSID": touch + b"Q.",
        "NEXT_BUFFER": b"\x80\x05\x97.",
        "READONLY_BUFFER": b"\x80\x05" + touch + b"\x98.",
        "BUILD of a name": b"cnumpy\ndtype\n}" + _text("__call__") + b"cposix\nsystem\nsb.",
        "BUILD with a dict": b"cnumpy\ndtype\n}" + _text("_kept") + b"K\x01sb.",
        "BUILD with slots": b"cnumpy\ndtype\nN}" + _text("_kept") + b"cnumpy\nndarray\ns\x86b.",
        "BUILD of an array with a dict": blank + b"}" + _text("_kept") + b"K\x01sb.",
        "SETITEM of a stand-in": blank + _text("a") + b"K\x01s.",
        "APPEND to a stand-in": blank + b"K\x01a.",
        "ADDITEMS to a stand-in": b"\x80\x04" + blank + b"(K\x01\x90.",
        "call of numpy.ndarray": b"cnumpy\nndarray\nM\xff\xff\x85R.",
        "call of bytes": b"c__builtin__\nbytes\n\x8a\x06\x00\x00\x00\x00\x00\x10\x85R.",
        "another codec": b"c_codecs\nencode\n" + touch + _text("zlib") + b"\x86R.",
        "dtype of dtype": b"cnumpy\ndtype\n" + dtype + b"\x85R.",
        "REDUCE of text": touch + b")R.",
        "a bare name": b"cnumpy\ndtype\n.",
        "a bare dtype": dtype + b".",
    }


def files(protocol: int, marker: str) -> dict[str, bytes]:
    """Returns every hostile pickle: the calls in this protocol, and those put together by hand."""
    made = {kind: dumps({"a": [call]}, protocol) for kind, call in calls(marker).items()}
    return made | (opcodes(marker) if protocol == 0 else {})


Bomb = Callable[[], bytes]


def _deep(opening: bytes, closing: bytes, count: int) -> bytes:
    return opening * count + closing * count + b"."


def _laughs() -> bytes:
    # a = []; a = [a, a] 60 times: a few bytes that hold 2 ** 60 values
    return (
        b"\x80\x02]q\x00"
        + b"".join(
            b"](h" + bytes([k]) + b"h" + bytes([k]) + b"eq" + bytes([k + 1]) for k in range(60)
        )
        + b"."
    )


def _array(shape: bytes, dtype_state: bytes, data: bytes = b"C\x08" + bytes(8)) -> bytes:
    return (
        b"\x80\x03cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85C\x01b\x87R"
        b"(K\x01" + shape + dtype_state + b"\x89" + data + b"tb."
    )


def _dtype(code: str, state: bytes = b"NNN") -> bytes:
    return (
        b"cnumpy\ndtype\n" + _text(code) + b"\x89\x88\x87R(K\x03" + _text("<") + state
        + b"J\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"
    )  # fmt: skip


BIG = struct.pack("<Q", 1 << 62)
HUGE = b"\x8a\x08" + b"\xff" * 7 + b"\x3f"  # a whole number of 63 bits
# Fields that hide an object behind a dtype of plain bytes: NumPy would take them for a pointer.
RECORD = b"N" + _text("a") + b"\x85}" + _text("a") + _dtype("O8") + b"K\x00\x86s"
BOMBS: dict[str, Bomb] = {
    "empty": lambda: b"",
    "only a stop": lambda: b".",
    "no stop": lambda: b"\x80\x04}",
    "text": lambda: b"not a pickle at all\n" * 20,
    "protocol 99": lambda: b"\x80\x63}.",
    "memo of 2**32": lambda: b"\x80\x02}r\xff\xff\xff\xff.",
    "memo missing": lambda: b"\x80\x02h\x07.",
    "negative memo": lambda: b"}p-1\n.",
    "bytearray of 2**62": lambda: b"\x80\x05\x96" + BIG + b"abc.",
    "bytearray of 2**64-1": lambda: b"\x80\x05\x96" + b"\xff" * 8 + b"abc.",
    "bytes of 2**62": lambda: b"\x80\x04\x8e" + BIG + b"abc.",
    "bytes of 2**31": lambda: b"\x80\x03B\xff\xff\xff\x7fabc.",
    "text of 2**62": lambda: b"\x80\x04\x8d" + BIG + b"abc.",
    "frame of 2**62": lambda: b"\x80\x04\x95" + BIG + b"N.",
    "number of 2**31 bytes": lambda: b"\x80\x02\x8b\xff\xff\xff\x7f\x01.",
    "number of negative size": lambda: b"\x80\x02\x8b\xff\xff\xff\xff\x01.",
    "number of 10**6 digits": lambda: b"I" + b"9" * 10**6 + b"\n.",
    "whole number over 64 bits": lambda: b"\x80\x02\x8a\x20" + b"\x7f" * 32 + b".",
    "lists 10**6 deep": lambda: _deep(b"]", b"a", 10**6 - 1),
    "tuples 10**6 deep": lambda: b"\x80\x02)" + b"\x85" * 10**6 + b".",
    "deep tuple as a key": lambda: b"\x80\x02})" + b"\x85" * 10**6 + b"Ns.",
    "10**6 marks": lambda: b"(" * 10**6 + b".",
    "pops nothing": lambda: b"0000.",
    "2**60 values": _laughs,
    "a list in itself": lambda: b"\x80\x02]q\x00h\x00a.",
    "a dict in itself": lambda: b"\x80\x02}q\x00" + _text("a") + b"h\x00s.",
    "keys that are tuples": lambda: b"\x80\x02})Ns.",
    "a set": lambda: b"\x80\x04\x8f(K\x01\x90.",
    "a shape of 1.46 TiB": lambda: _array(b"\x8a\x05\x00\x00\x00\x00\x2e\x85", _dtype("f8")),
    "a shape of 2**126": lambda: _array(HUGE + HUGE + b"\x86", _dtype("f8")),
    "a negative shape": lambda: _array(b"J\xff\xff\xff\xff\x85", _dtype("f8")),
    "a shape of text": lambda: _array(_text("a") + b"\x85", _dtype("f8")),
    "a shape of one stand-in": lambda: _array(b"cnumpy\ndtype\n", _dtype("f8")),
    "too few bytes": lambda: _array(b"K\x02\x85", _dtype("f8")),
    "an array of objects": lambda: _array(b"K\x01\x85", _dtype("O8")),
    "an array of a list": lambda: _array(b"K\x01\x85", _dtype("O8"), b"]Na"),
    "an array of records": lambda: _array(b"K\x01\x85", _dtype("V8", RECORD)),
    "an array of voids": lambda: _array(b"K\x01\x85", _dtype("V8")),
    "an array of dates": lambda: _array(b"K\x01\x85", _dtype("M8")),
    "a dtype of text": lambda: _array(b"K\x01\x85", _text("<f8")),
    "an array before its state": lambda: _array(b")", _dtype("f8")).split(b"(K\x01")[0] + b".",
    "a zip archive": lambda: b"PK\x03\x04" + bytes(100),
}  # fmt: skip
