"""Fuzzes readers: python -m tests.fuzz.run FOLDER [TARGET...] --seconds=30 [--runs=N] [--seed=1]

Every target is fuzzed in a process of its own, since libFuzzer ends the process. A target's folder
gets its corpus, which a later run goes on from, and the input that a defect was found with
(crash-*, timeout-*, oom-*). Each target says one line of JSON: executions, how many were read,
processor time of the slowest, seconds, inputs kept. The exit status is 1 where one has a defect.
"""

from __future__ import annotations

import argparse
import atexit
import contextlib
import io
import json
import os
import pathlib
import re
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from typing import Any

import atheris

MAX_LENGTH = 48 << 10


def _word(text: str) -> str:
    """Returns a line of libFuzzer's dictionary."""
    raw = text.encode("utf-8", "surrogatepass")
    plain = set(range(33, 127)) - set(b'"\\')
    return '"' + "".join(chr(b) if b in plain else f"\\x{b:02x}" for b in raw) + '"'


def _fuzz(name: str, folder: pathlib.Path, given: argparse.Namespace, modules: Any) -> None:
    """Fuzzes one target; ends the process."""
    targets, mutate = modules
    target = targets.TARGETS[name]
    corpus, words = folder / "corpus", folder / "words.dict"
    corpus.mkdir(parents=True, exist_ok=True)
    seeds = target.seeds()
    for at, data in enumerate(seeds):
        (corpus / f"seed{at}").write_bytes(data)
    words.write_text("".join(f"{_word(word)}\n" for word in target.words), "ascii")
    memory = pathlib.Path("/dev/shm")  # thousands of files a second
    scratch = pathlib.Path(tempfile.mkdtemp(dir=memory if memory.is_dir() else None))
    told: dict[str, Any] = {"target": name, "executions": 0, "read": 0, "slowest_s": 0.0}
    begun = time.monotonic()

    def last() -> None:
        told["slowest_s"] = round(told["slowest_s"], 3)
        told["seconds"] = round(time.monotonic() - begun, 1)
        told["kept"] = len(list(corpus.iterdir()))
        os.write(given.out, f"{json.dumps(told)}\n".encode())
        shutil.rmtree(scratch, ignore_errors=True)

    def one(data: bytes) -> None:
        start = time.process_time()
        told["executions"] += 1
        told["read"] += targets.fuzz_one(name, data, scratch) == "read"
        told["slowest_s"] = max(told["slowest_s"], time.process_time() - start)
        if told["executions"] == given.runs or time.monotonic() - begun > given.seconds:
            last()
            os._exit(0)  # libFuzzer would end the process without a word

    for data in seeds:
        targets.fuzz_one(name, data, scratch)  # what is set up once is set up now
    targets.prepare()
    atexit.register(last)
    arguments = [f"-seed={given.seed}", f"-max_len={MAX_LENGTH}", f"-artifact_prefix={folder}/"]
    arguments += ["-timeout=60", "-rss_limit_mb=1024"]
    arguments += [f"-dict={words}"] if target.words else []
    more = {}
    if name in targets.ZIPPED:
        more["custom_mutator"] = lambda data, most, seed: mutate.change_zip(
            data, most, seed, atheris.Mutate
        )
    atheris.Setup([sys.argv[0], *arguments, str(corpus)], one, **more)
    atheris.Fuzz()


def main(argv: Sequence[str] | None = None, plant: Callable[[Any], None] | None = None) -> int:
    """Reads the arguments and fuzzes target after target.

    Args:
        argv: None for the command line's.
        plant: changes the module `targets`, for the test of the fuzzer itself.
    """
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz.run")
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("targets", nargs="*", help="none: all of them")
    parser.add_argument("--seconds", type=float, default=30.0, help="of each target")
    parser.add_argument("--runs", type=int, default=-1, help="executions of each target at most")
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args(argv)
    said = io.StringIO()  # one line a module
    with contextlib.redirect_stderr(said), atheris.instrument_imports(include=["dance_jax"]):
        from tests.fuzz import mutate, targets
    if plant is not None:
        plant(targets)
    failed = 0
    for name in given.targets or targets.TARGETS:
        sys.stdout.flush()
        child = os.fork()
        if not child:
            folder = given.folder / name
            folder.mkdir(parents=True, exist_ok=True)
            given.out = os.dup(1)
            with (folder / "log").open("wb") as log:
                os.dup2(log.fileno(), 1)
                os.dup2(log.fileno(), 2)
            _fuzz(name, folder, given, (targets, mutate))
            os._exit(1)  # never reached
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        if code:
            failed += 1
            log = (given.folder / name / "log").read_text("utf-8", "replace")
            found = re.search(r"=== Uncaught Python exception: ===.*?(?=\n\n|\n==\d+)", log, re.S)
            print(f"{name}: exit status {code}\n{found[0] if found else log[-3000:]}", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
