"""What this machine has and lacks: versions, devices, memory, pose models, codecs, the cache."""

from __future__ import annotations

import os
import pathlib
import tempfile
from typing import Any

from dance_jax import assets, rundir
from dance_jax.errors import InputError

_READ = ("h264", "hevc", "vp9", "av1", "mpeg4")
_WRITE = ("libx264",)


def run(config: Any, workdir: pathlib.Path | None) -> None:
    """The task `doctor`: prints what was found, and writes `doctor.json` where there is a workdir.

    Args:
        config: `path`, a file or folder that may hold pose models, or "".
        workdir: run directory, or None.
    """
    found = examine(config.path or None)
    for line in lines(found):
        print(line)
    if workdir is not None:
        rundir.write_json(workdir / "doctor.json", found)


def examine(path: str | None = None) -> dict[str, Any]:
    """Returns what was found, as JSON values.

    Args:
        path: a file or folder that may hold pose models, beside the cache.

    Returns:
        `versions`, `devices`, `memory`, `pose_models`, `codecs`, `cache`, and `lacks`: one
        sentence for each thing that a run would miss.
    """
    found: dict[str, Any] = {
        "versions": rundir.versions(),
        "devices": _devices(),
        "memory": _memory(),
        "pose_models": _pose_models(path),
        "codecs": _codecs(),
        "cache": _cache(),
    }
    lacks = []
    if not any(m["state"] == "ok" for m in found["pose_models"]):
        lacks.append(f"no pose model: run {assets.COMMAND}")
    lacks += [f"{m['name']}: {m['state']}" for m in found["pose_models"] if m["state"] != "ok"]
    lacks += [f"PyAV cannot read {name}" for name in _READ if not found["codecs"]["read"][name]]
    lacks += [f"PyAV cannot write {name}" for name in _WRITE if not found["codecs"]["write"][name]]
    if not found["cache"]["writable"]:
        lacks.append("the cache cannot be written: set DANCE_JAX_HOME to a folder of yours")
    found["lacks"] = lacks
    return found


def lines(found: dict[str, Any]) -> list[str]:
    """Returns what `examine` found as lines for a reader."""
    versions, memory, cache = found["versions"], found["memory"], found["cache"]
    packages = ", ".join(f"{k} {v or 'missing'}" for k, v in versions["packages"].items())
    out = [
        f"dance_jax   {versions['dance_jax']}, Python {versions['python']}, {versions['platform']}",
        f"packages    {packages}",
        f"devices     {', '.join(found['devices'])}",
        f"memory      {memory['machine_gib']} GiB, {memory['cpus']} CPUs; {memory['accelerator']}",
        *(f"pose model  {m['name']} ({m['state']}) {m['file']}" for m in found["pose_models"]),
        *(
            f"codecs      {way}: {', '.join(n for n, there in table.items() if there) or 'none'}"
            for way, table in found["codecs"].items()
        ),
        f"cache       {cache['folder']} ({'writable' if cache['writable'] else 'not writable'})",
    ]
    return out + ([f"lacks       {line}" for line in found["lacks"]] or ["lacks       nothing"])


def _devices() -> list[str]:
    import jax

    return [f"{d.platform}:{d.id} {d.device_kind}" for d in jax.devices()]


def _memory() -> dict[str, Any]:
    """Returns the machine's memory, and how much of an accelerator's JAX would reserve."""
    pages = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    if os.environ.get("XLA_PYTHON_CLIENT_PREALLOCATE", "true").lower() in ("false", "0"):
        setting = "JAX takes accelerator memory as it needs it"
    else:
        part = os.environ.get("XLA_PYTHON_CLIENT_MEM_FRACTION", "0.75")
        setting = f"JAX reserves {part} of an accelerator (XLA_PYTHON_CLIENT_MEM_FRACTION)"
    cpus = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return {"machine_gib": round(pages / 2**30, 1), "cpus": cpus, "accelerator": setting}


def _pose_models(path: str | None) -> list[dict[str, str]]:
    """Returns the known models that are on this machine, damaged ones with the reason."""
    out = []
    for name in assets.ASSETS:
        for place in [None, path] if path else [None]:
            try:
                file = assets.find(name, place)
                state = "ok"
            except InputError as error:
                file, state = pathlib.Path(error.where), error.what
            # A single file given as `path` is some other asset's file for most names.
            if file is None or (state != "ok" and file.name != assets.ASSETS[name].file):
                continue
            out.append({"name": name, "file": str(file), "state": state})
            break
    return out


def _codecs() -> dict[str, dict[str, bool]]:
    import av

    def there(name: str, mode: str) -> bool:
        try:
            av.Codec(name, mode)
        except (ValueError, LookupError, av.error.FFmpegError):
            return False
        return True

    return {
        "read": {name: there(name, "r") for name in _READ},
        "write": {name: there(name, "w") for name in _WRITE},
    }


def _cache() -> dict[str, Any]:
    """Returns where the cache is and whether a file can be made in it or in its nearest parent."""
    folder = assets.cache_dir()
    place = next(p for p in (folder, *folder.parents) if p.exists())
    try:
        with tempfile.TemporaryFile(dir=place):
            writable = True
    except OSError:
        writable = False
    return {"folder": str(folder), "writable": writable}
