"""The command line: parses flags, validates the config, and calls the function of its task."""

from __future__ import annotations

import ast
import dataclasses
import errno
import importlib
import os
import re
import sys
from collections.abc import Mapping, Sequence

from absl import app, flags, logging
from ml_collections import config_dict

from dance_jax import assets, overrides, rundir
from dance_jax import config as configs
from dance_jax.errors import ConfigError, InputError

# No window is ever opened, and the native libraries keep their start-up chatter to themselves.
for _name, _value in (
    ("MPLBACKEND", "Agg"),
    ("GLOG_minloglevel", "2"),
    ("TF_CPP_MIN_LOG_LEVEL", "2"),
):
    os.environ.setdefault(_name, _value)

FLAGS = flags.FLAGS
_OURS = ("config", "workdir", "sweep")
flags.DEFINE_string("config", None, "config file, configs/NAME.py")
flags.DEFINE_string("workdir", None, "folder that the run is written to")
flags.DEFINE_string("sweep", None, "name from the config's sweep(), or KEY=VALUE,VALUE")


@dataclasses.dataclass(frozen=True)
class Task:
    """Where a task is, and what it does in one line.

    Attributes:
        function: "module:function", called with (config, workdir) and imported only then.
        summary: one line for `--help`.
        needs_workdir: whether `--workdir` must be given.
    """

    function: str
    summary: str
    needs_workdir: bool = True


TASKS: Mapping[str, Task] = {
    "analyze": Task("dance_jax.analysis.analyze:run", "a video in, a movement report out"),
    "assets": Task("dance_jax.assets:run", "fetch and verify the pose models", False),
    "benchmark": Task("dance_jax.analysis.benchmark:run", "time and memory of the whole way"),
    "compare": Task("dance_jax.analysis.compare:run", "teacher against student, side by side"),
    "demo": Task("dance_jax.analysis.demo:run", "render a dancer, analyse it, show the error"),
    "doctor": Task("dance_jax.doctor:run", "what this machine has and lacks", False),
    "evaluate": Task("dance_jax.analysis.evaluate:run", "what a trained network is worth, told"),
    "fetch_aist": Task("dance_jax.data.fetch_aist:run", "videos of AIST, licence accepted", False),
    "prepare": Task("dance_jax.data.prepare:run", "long videos in, clips tied to their source out"),
    "synthetic_corpus": Task(
        "dance_jax.data.synthetic_corpus:run", "made dancers, with known scores and raters"
    ),
    "train": Task(
        "dance_jax.analysis.train_and_report:run", "train and test a network, fold by fold"
    ),
    "validate": Task("dance_jax.analysis.corpus_page:run", "every problem of a corpus", False),
}

LATER = (
    *("export", "extract", "few_shot", "optimize"),
    *("search", "serve", "stream"),
)


@dataclasses.dataclass(frozen=True)
class Request:
    """One command line, understood.

    Attributes:
        config: locked and valid.
        workdir: as given, None where it is not.
        path: of the config file.
        sweep: as given, None where it is not.
    """

    config: config_dict.ConfigDict
    workdir: str | None
    path: str = ""
    sweep: str | None = None


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command line.

    Args:
        argv: the program's name and its arguments; those of the process by default.

    Returns:
        0 done, 2 the user's input or config is wrong (one line on standard error), 130 or 143
        interrupted. A bug raises.
    """
    argv = list(sys.argv if argv is None else argv)
    if any(a in ("-h", "--help", "-help", "--helpfull", "--helpshort") for a in argv[1:]):
        return _help(argv)
    with rundir.interruptible():
        try:
            return dispatch(parse(argv))
        except InputError as error:
            return _fail(error.line(), 2)
        except rundir.Terminated:
            return _fail("terminated; nothing half-written is left", 143)
        except KeyboardInterrupt:
            return _fail("interrupted; nothing half-written is left", 130)
        except OSError as error:
            if error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EROFS):
                raise
            return _fail(InputError(str(error.strerror), error.filename or "--workdir").line(), 2)


def parse(argv: Sequence[str]) -> Request:
    """Returns what a command line asks for.

    Args:
        argv: the program's name and its arguments.

    Raises:
        InputError: when a flag, the config file, a key or a value is wrong.
    """
    rest, given = _split(list(argv))
    for name in _OURS:
        FLAGS[name].unparse()
    try:
        extra = FLAGS(rest)[1:]
    except flags.UnrecognizedFlagError as error:
        like = configs.nearest(error.flagname, (*_OURS, "help"))
        key = error.flagname.split("=")[0]
        fix = f"did you mean --{like}?" if like else f"a key is given as --config.{key}=VALUE"
        raise ConfigError("there is no such flag", f"--{error.flagname}", fix) from None
    except flags.Error as error:
        raise ConfigError(str(error), "", "see --help") from None
    if extra:
        fix = "a video is given as --config.input=FILE; see --help"
        raise ConfigError("is not a flag", extra[0], fix)
    if not FLAGS.config:
        names = ", ".join(f"configs/{p.name}" for p in configs.config_files())
        raise ConfigError("is not given", "--config", f"pass one of {names}")
    config = configs.load(FLAGS.config)
    for key, text in given:
        overrides.override(config, key, text)
    if config.get("task", None) in LATER:
        fix = f"the tasks are {', '.join(TASKS)}"
        raise ConfigError(f"the task {config.task!r} is not there yet", "--config.task", fix)
    configs.validate(config, ready=True, tasks=TASKS)
    if not FLAGS.workdir and (FLAGS.sweep or TASKS[config.task].needs_workdir):
        raise ConfigError("is not given", "--workdir", f"pass --workdir=out/{config.task}")
    return Request(config, FLAGS.workdir, FLAGS.config, FLAGS.sweep)


def dispatch(request: Request) -> int:
    """Opens the run directory and calls the task's function; returns 0."""
    # Compiled programs are kept, so that only the first run on a machine waits for them.
    os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", str(assets.cache_dir() / "jax"))
    os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0")
    os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES", "-1")
    module, function = TASKS[request.config.task].function.split(":")
    folder = rundir.open_workdir(request.config, request.workdir) if request.workdir else None
    try:
        if request.sweep is not None:
            sweep = importlib.import_module("dance_jax.analysis.sweep")
            sweep.run(request.config, folder, request.sweep, request.path)
        else:
            run = getattr(importlib.import_module(module), function)
            run(request.config, folder)
    except BaseException:
        # A run that failed before its first output must not stand in the way of the next try.
        if folder is not None:
            rundir.abandon(folder)
        raise
    return 0


def _help(argv: list[str]) -> int:
    """Prints the tasks and configs, or the keys of the config that is named."""
    named = re.search(r"\0--?config[=\0]([^\0:]+)", "\0".join(["", *argv[1:]]))
    try:
        print(configs.keys_text(named[1]) if named else help_text())
    except InputError as error:
        return _fail(error.line(), 2)
    return 0


def help_text() -> str:
    """Returns the tasks and the config files, one line each."""
    width = max(len(name) for name in TASKS)
    lines = [
        "python -m dance_jax.launch --config=configs/NAME.py [--config.KEY=VALUE] --workdir=DIR",
        "",
        "tasks",
        *(f"  {name:<{width}}  {task.summary}" for name, task in sorted(TASKS.items())),
        "",
        "configs",
    ]
    files = configs.config_files()
    width = max((len(p.name) for p in files), default=0) + len("configs/")
    for path in files:
        doc = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
        lines.append(f"  {'configs/' + path.name:<{width}}  {doc.partition(chr(10))[0]}")
    lines += [
        "",
        "--config=configs/NAME.py --help shows its keys",
        "--sweep=NAME or --sweep=KEY=VALUE,VALUE trains at each value: sweep.json, sweep.png",
        f"not there yet: {', '.join(LATER)}",
        "exit: 0 done, 2 input or config is wrong (one line), 1 a bug, 130 or 143 interrupted",
    ]
    return "\n".join(lines)


def _split(argv: list[str]) -> tuple[list[str], list[tuple[str, str | None]]]:
    """Separates `--config.KEY=VALUE`, `--config.KEY VALUE`, `--noconfig.KEY` from the rest."""
    rest: list[str] = argv[:1]
    given: list[tuple[str, str | None]] = []
    at = 1
    while at < len(argv):
        found = re.fullmatch(r"--?(no)?config\.([^=]*)(?:=(.*))?", argv[at], flags=re.DOTALL)
        at += 1
        if not found:
            rest.append(argv[at - 1])
            continue
        negated, key, text = found.groups()
        if negated:
            text = "false"
        elif text is None and at < len(argv) and not re.match(r"--?[A-Za-z]", argv[at]):
            text = argv[at]
            at += 1
        given.append((key, text))
    return rest, given


def _fail(line: str, code: int) -> int:
    """Prints one line on standard error and returns the exit code."""
    sys.stdout.flush()
    print(line, file=sys.stderr, flush=True)
    return code


def _absl_main(argv: Sequence[str]) -> None:
    """Hands absl's argv to `main` and exits with its code."""
    logging.set_verbosity(logging.WARNING)
    sys.exit(main(argv))


def _leave_flags(argv: Sequence[str]) -> Sequence[str]:
    """Marks absl's flags as parsed; `parse` reads them, so that every error is one line."""
    FLAGS(argv[:1])
    return argv


if __name__ == "__main__":
    app.run(_absl_main, flags_parser=_leave_flags)
