"""What the benchmarks time: each runs alone in a fresh process and returns its own figures."""

from __future__ import annotations

import multiprocessing
import os
import pathlib
import platform
import resource
import tempfile
import time
from collections.abc import Callable
from typing import Any


def in_fresh_process(function: Callable[..., dict[str, Any]], **arguments: Any) -> dict[str, Any]:
    """Runs a function in a new process, so that no cache or memory of another run helps or harms.

    Args:
        function: a module-level function that returns a JSON-able dict.
        **arguments: its keyword arguments.

    Returns:
        What it returned, and "peak_rss_mib", the largest resident size of that process.

    Raises:
        RuntimeError: the function failed; its traceback is in the message.
    """
    context = multiprocessing.get_context("spawn")
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=_child, args=(sender, function, arguments))
    process.start()
    sender.close()
    try:
        result = receiver.recv()
    except EOFError as error:
        raise RuntimeError(f"{function.__name__} died with exit code {process.exitcode}") from error
    finally:
        process.join()
    if "traceback" in result:
        raise RuntimeError(result["traceback"])
    return result


def _child(sender: Any, function: Callable[..., dict[str, Any]], arguments: dict[str, Any]) -> None:
    import traceback

    try:
        result = function(**arguments)
        result["peak_rss_mib"] = peak_rss_mib()
    except Exception:  # the parent raises it again, with this traceback
        result = {"traceback": traceback.format_exc()}
    sender.send(result)


def peak_rss_mib() -> float:
    """Returns the largest resident size of this process so far, in MiB."""
    status = pathlib.Path("/proc/self/status")
    if status.exists():  # getrusage begins with the size of the process that started this one
        held = [line.split() for line in status.read_text().splitlines()]
        return next(int(words[1]) for words in held if words[0] == "VmHWM:") / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def bare_loop(path: str, model: str, num_people: int) -> dict[str, Any]:
    """The peer: OpenCV decodes, MediaPipe's PoseLandmarker runs on every frame, nothing is kept.

    Args:
        path: the video.
        model: `.task` bundle.
        num_people: MediaPipe's num_poses.

    Returns:
        {"seconds", "frames"}; imports are not in the time.
    """
    import cv2
    import mediapipe

    tasks = mediapipe.tasks
    start = time.perf_counter()
    options = tasks.vision.PoseLandmarkerOptions(
        base_options=tasks.BaseOptions(model_asset_path=model),
        running_mode=tasks.vision.RunningMode.VIDEO,
        num_poses=num_people,
    )
    frames = 0
    capture = cv2.VideoCapture(path)
    rate = capture.get(cv2.CAP_PROP_FPS)
    with tasks.vision.PoseLandmarker.create_from_options(options) as landmarker:
        while True:
            read, picture = capture.read()
            if not read:
                break
            image = mediapipe.Image(
                image_format=mediapipe.ImageFormat.SRGB,
                data=cv2.cvtColor(picture, cv2.COLOR_BGR2RGB),
            )
            landmarker.detect_for_video(image, round(frames * 1000 / rate))
            frames += 1
    capture.release()
    return {"seconds": time.perf_counter() - start, "frames": frames}


def whole_analysis(path: str, options: dict[str, Any]) -> dict[str, Any]:
    """Ours: `dance_jax.analyze` with every table, plot and the report, into a new folder.

    Args:
        path: the video.
        options: fields of `analysis.options.Options`.

    Returns:
        {"seconds", "frames", "stages", "report_mib"}; loading the library's own modules is in the
        time, importing jax, mediapipe and matplotlib is not, as for the peer.
    """
    import cv2  # noqa: F401
    import jax  # noqa: F401
    import matplotlib.figure  # noqa: F401
    import mediapipe  # noqa: F401

    from dance_jax.analysis.analyze import analyze

    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        analysis = analyze(path, workdir=folder, **options)
        seconds = time.perf_counter() - start
        report = pathlib.Path(folder, "report.html")
        size = report.stat().st_size / 2**20 if report.exists() else 0.0
    return {
        "seconds": seconds,
        "frames": int(analysis.source["frames"]),
        "stages": dict(analysis.timings_s),
        "report_mib": size,
    }


def hardware() -> dict[str, Any]:
    """Describes the machine: processor, cores, memory, JAX devices."""
    import jax

    model = platform.processor()
    cpuinfo = pathlib.Path("/proc/cpuinfo")
    if cpuinfo.exists():
        names = [line for line in cpuinfo.read_text().splitlines() if line.startswith("model name")]
        model = names[0].split(":", 1)[1].strip() if names else model
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return {
        "processor": model,
        "cores": len(os.sched_getaffinity(0)),
        "memory_gib": round(memory, 1),
        "devices": [device.device_kind for device in jax.devices()],
    }
