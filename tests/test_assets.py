"""Tests of the assets: every source is tried in order, and held to the sha256 every time."""

from __future__ import annotations

import dataclasses
import hashlib
import http.server
import pathlib
import subprocess
import sys
import threading
import types
import zipfile

import numpy as np
import pytest

from dance_jax import assets
from dance_jax.assets import sources, table
from dance_jax.errors import InputError
from tests.seeds import fresh

(SEED,) = fresh(__name__, 1)


class Site:
    """A local web server that serves bytes by path, and counts what it was asked for."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.asked: list[str] = []
        site = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                site.asked.append(self.path)
                data = site.files.get(self.path)
                self.send_response(404 if data is None else 200)
                self.send_header("Content-Length", str(len(data or b"")))
                self.end_headers()
                self.wfile.write(data or b"")

            def log_message(self, *args: object) -> None:
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()


@pytest.fixture
def site():
    here = Site()
    yield here
    here.server.shutdown()
    here.server.server_close()


@dataclasses.dataclass
class World:
    """A made table of three assets, their bytes, an empty cache and a wheel."""

    data: dict[str, bytes]
    cache: pathlib.Path
    wheel: pathlib.Path
    pip_calls: list[list[str]]
    site: Site


@pytest.fixture
def world(site, tmp_path, monkeypatch) -> World:
    rng = np.random.default_rng(SEED)
    print("seed", SEED)
    data = {name: rng.bytes(5000 + 7 * i) for i, name in enumerate(("far", "left", "right"))}

    def asset(name: str, **more: str) -> assets.Asset:
        sha256 = hashlib.sha256(data[name]).hexdigest()
        size = len(data[name])
        return assets.Asset(name, f"{name}.bin", sha256, size, "MIT", "", "detector", **more)

    made = {
        "far": asset("far", url=f"{site.address}/far.bin"),
        "left": asset("left", wheel_member="pack/a/left.bin"),
        "right": asset("right", wheel_member="pack/b/right.bin"),
    }
    for module in (assets, table, sources):
        monkeypatch.setattr(module, "ASSETS", made)
    monkeypatch.setattr(assets, "ALIASES", {"both": ("left", "right")})
    cache = tmp_path / "cache"
    monkeypatch.setenv("DANCE_JAX_HOME", str(cache))
    site.files["/far.bin"] = data["far"]

    wheel = tmp_path / "pack-1-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w", zipfile.ZIP_DEFLATED) as bundle:
        bundle.writestr("pack/__init__.py", "")
        bundle.writestr("pack/a/left.bin", data["left"])
        bundle.writestr("../../escape/right.bin", data["right"])  # a hostile name stays harmless
    calls: list[list[str]] = []

    def pip(command: list[str], **_: object) -> types.SimpleNamespace:
        calls.append(command)
        target = pathlib.Path(command[command.index("--dest") + 1])
        (target / wheel.name).write_bytes(wheel.read_bytes())
        return types.SimpleNamespace(returncode=0, stdout="", stderr="")

    monkeypatch.setattr(sources.subprocess, "run", pip)
    return World(data, cache, wheel, calls, site)


def flip_one_bit(data: bytes, seed: int = SEED) -> bytes:
    rng = np.random.default_rng(seed)
    place, bit = int(rng.integers(len(data))), int(rng.integers(8))
    return data[:place] + bytes([data[place] ^ (1 << bit)]) + data[place + 1 :]


def test_the_address_fills_the_cache_once(world) -> None:
    assert assets.find("far") is None
    place = assets.fetch("far")
    assert place == world.cache / "far.bin" == assets.find("far")
    assert place.read_bytes() == world.data["far"]
    assets.fetch("far")
    assert world.site.asked == ["/far.bin"]
    assets.fetch("far", force=True)
    assert world.site.asked == ["/far.bin"] * 2
    assert [p.name for p in world.cache.iterdir()] == ["far.bin"]  # no temporary file is left


@pytest.mark.parametrize("bad", ["flipped", "short", "long"])
def test_a_wrong_download_is_refused_and_not_kept(world, bad) -> None:
    good = world.data["far"]
    world.site.files["/far.bin"] = {
        "flipped": flip_one_bit(good),
        "short": good[:-1],
        "long": good + b"x",
    }[bad]
    with pytest.raises(InputError, match=r"sha256 differs|bytes") as caught:
        assets.fetch("far")
    assert not world.cache.exists()
    assert "\n" not in caught.value.line()


def test_an_altered_cache_is_found_out_and_replaced(world) -> None:
    world.cache.mkdir()
    (world.cache / "far.bin").write_bytes(flip_one_bit(world.data["far"]))
    with pytest.raises(InputError, match="sha256 differs"):
        assets.find("far")
    notes: list[str] = []
    assets.fetch("far", note=notes.append)
    assert "cache: sha256 differs" in notes[0] and "from address" in notes[-1]
    assert (world.cache / "far.bin").read_bytes() == world.data["far"]


@pytest.mark.parametrize("how", ["file", "other name", "folder", "wheel", "folder of a wheel"])
def test_a_given_path_is_tried_first(world, tmp_path, how) -> None:
    place = tmp_path / "given"
    place.mkdir()
    name = {"file": "left.bin", "other name": "download(1)", "folder": "left.bin"}.get(how)
    if name:
        (place / name).write_bytes(world.data["left"])
        given = place if how == "folder" else place / name
    else:
        given = world.wheel if how == "wheel" else world.wheel.parent
    notes: list[str] = []
    assert assets.fetch("left", given, note=notes.append).read_bytes() == world.data["left"]
    assert notes == [f"left: from path {given}"]
    assert not world.pip_calls


def test_a_useless_path_falls_through_with_one_line_each(world, tmp_path) -> None:
    notes: list[str] = []
    assets.fetch("far", tmp_path / "nothing", note=notes.append)
    assert notes == [
        f"far: path {tmp_path / 'nothing'}: no such file or folder",
        "far: cache: not there",
        f"far: from address {world.site.address}/far.bin",
    ]


def test_one_wheel_serves_both(world, tmp_path) -> None:
    assert assets.fetch("left").read_bytes() == world.data["left"]
    assert assets.fetch("right").read_bytes() == world.data["right"]
    assert len(world.pip_calls) == 1
    command = world.pip_calls[0]
    assert assets.WHEEL in command and "--no-deps" in command and "--only-binary=:all:" in command
    assert sorted(p.name for p in world.cache.iterdir()) == ["left.bin", "right.bin"]
    assert not (tmp_path.parent / "escape").exists() and not (tmp_path / "escape").exists()


def test_a_tampered_wheel_is_refused(world) -> None:
    with zipfile.ZipFile(world.wheel, "w") as bundle:
        bundle.writestr("pack/a/left.bin", flip_one_bit(world.data["left"]))
    with pytest.raises(InputError, match=r"holds no left\.bin with the official sha256"):
        assets.fetch("left")


def test_when_all_fail_each_is_named(world, monkeypatch) -> None:
    def no_pip(*_: object, **__: object) -> types.SimpleNamespace:
        return types.SimpleNamespace(returncode=1, stdout="", stderr="noise\nERROR: no index\n")

    monkeypatch.setattr(sources.subprocess, "run", no_pip)
    with pytest.raises(InputError) as caught:
        assets.fetch("left", "/nowhere")
    line = caught.value.line()
    for part in ("path /nowhere: no such", "cache: not there", "pip download failed (ERROR: no"):
        assert part in line
    world.site.files.clear()
    with pytest.raises(InputError, match=r"download failed \(.*(404|Not Found)"):
        assets.fetch("far")


def test_a_silent_address_gives_up_soon(world, monkeypatch) -> None:
    monkeypatch.setattr(sources, "CONNECT_S", 0.2)
    monkeypatch.setattr(
        sources.urllib.request, "urlopen", lambda *_, **__: threading.Event().wait(30)
    )
    with pytest.raises(InputError, match=r"no answer within 0\.2 s"):
        assets.fetch("far")


def test_an_unknown_name_lists_the_known(world) -> None:
    with pytest.raises(InputError, match="far, left, right"):
        assets.fetch("nose")


def test_the_task_prints_a_table_and_fails_on_what_is_missing(world, capsys) -> None:
    config = types.SimpleNamespace(names=("both", "nose|far"), path="", force=False)
    assets.run(config, None)
    said = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in said] == ["name", "left", "right", "far"]
    assert hashlib.sha256(world.data["far"]).hexdigest()[:12] in said[-1]
    world.site.files.clear()
    config = types.SimpleNamespace(names=("far", "left"), path="", force=True)
    with pytest.raises(InputError, match="download failed"):
        assets.run(config, None)
    assert "left" in capsys.readouterr().out  # what could be had is there all the same


def test_an_unwritable_cache_is_said(world, tmp_path, monkeypatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("DANCE_JAX_HOME", str(tmp_path / "file"))
    with pytest.raises(InputError, match="cannot write the cache"):
        assets.fetch("far")


def test_two_processes_leave_one_whole_file(tmp_path) -> None:
    code = (
        "import pathlib, sys; from dance_jax.assets import sources\n"
        "for _ in range(40): sources.store(pathlib.Path(sys.argv[1]), b'ab' * 300000)"
    )
    target = tmp_path / "cache" / "x.bin"
    jobs = [subprocess.Popen([sys.executable, "-c", code, str(target)]) for _ in range(2)]
    while any(job.poll() is None for job in jobs):
        if target.exists():
            assert target.read_bytes() == b"ab" * 300000
    assert [job.returncode for job in jobs] == [0, 0]
    assert [p.name for p in target.parent.iterdir()] == ["x.bin"]


def test_the_real_table(pose_models) -> None:
    graphs = pose_models / "tflite"
    for name, folder in (
        ("pose_landmarker_lite", pose_models),
        ("pose_detector_of_lite", graphs),
        ("pose_landmarks_of_lite", graphs),
    ):
        place = assets.find(name, folder)
        assert place is not None and place.stat().st_size == assets.get(name).size
    with zipfile.ZipFile(pose_models / "pose_landmarker_lite.task") as bundle:
        inside = {assets.sha256_of(bundle.read(name)) for name in bundle.namelist()}
    assert inside == {a.sha256 for a in assets.ASSETS.values() if a.bundle}


def test_the_table_is_sound() -> None:
    rows = list(assets.ASSETS.values())
    assert len({a.file for a in rows}) == len({a.sha256 for a in rows}) == len(rows)
    for name, asset in assets.ASSETS.items():
        assert name == asset.name and len(asset.sha256) == 64 and asset.size > 10**6
        assert asset.url.startswith("https://") or asset.wheel_member or asset.bundle
    for names in assets.ALIASES.values():
        assert all(name in assets.ASSETS for name in names)
