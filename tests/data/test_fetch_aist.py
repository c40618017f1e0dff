"""Fetching AIST videos: the licence first, names, sums, several at a time, killed and resumed."""

from __future__ import annotations

import hashlib
import os
import resource
import signal
import socket
import subprocess
import sys
import threading
import time

import numpy as np
import pytest

from dance_jax import launch
from dance_jax.data import aist_list, download, fetch_aist
from dance_jax.errors import InputError
from tests.data.http_server import serving
from tests.seeds import fresh

QUICK = download.Manners(tries=3, backoff_s=0.01, timeout_s=5.0)
NAMES = tuple(f"gBR_sBM_c01_d04_mBR{k}_ch01" for k in range(6))


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with serving() as one:
        rng = np.random.default_rng(fresh(__name__, 1)[0])
        one.files |= {f"{name}.mp4": rng.bytes(50_000) for name in NAMES}
        yield one


def sums(server) -> dict[str, str]:
    return {n: hashlib.sha256(d).hexdigest() for n, d in server.files.items()}


def fetch(server, folder, names=NAMES, **more):
    given = {"accept_licence": True, "base_url": server.url, "manners": QUICK, **more}
    return fetch_aist.fetch(names, folder, **given)


def command(server, folder, *more: str) -> list[str]:
    return [
        "launch",
        "--config=configs/fetch_aist.py",
        f"--config.folder={folder}",
        f"--config.base_url={server.url}",
        "--config.names=gBR_sBM_c01_d04_mBR{0..5}_ch01",
        "--config.backoff_s=0.01",
        *more,
    ]


def test_without_the_licence_nothing_is_asked(server, tmp_path, capsys) -> None:
    assert launch.main(command(server, tmp_path / "v")) == 2
    said = capsys.readouterr()
    assert fetch_aist.TERMS in said.out
    assert "academic research only" in said.out
    assert said.err.count("\n") == 1
    assert "--config.accept_licence=true" in said.err
    assert not (tmp_path / "v").exists()
    with pytest.raises(InputError, match="not accepted"):
        fetch(server, tmp_path / "v", accept_licence=False)
    assert server.asked == []


def test_the_command_fetches_verifies_and_does_not_fetch_twice(server, tmp_path, capsys) -> None:
    given = command(server, tmp_path / "v", "--config.accept_licence=true")
    assert launch.main(given) == 0
    assert "6 sha256 recorded on first use" in capsys.readouterr().out
    assert fetch_aist.read_sums(tmp_path / "v" / "SHA256SUMS") == sums(server)
    assert (tmp_path / "v" / "licence.json").is_file()
    done = subprocess.run(["sha256sum", "-c", "--quiet", "SHA256SUMS"], cwd=tmp_path / "v")
    assert done.returncode == 0
    asked = len(server.asked)
    assert launch.main(given) == 0
    assert len(server.asked) == asked
    assert "6 here" in capsys.readouterr().out


def test_max_videos_and_workers(server, tmp_path, monkeypatch, capsys) -> None:
    lock, now, most, real = threading.Lock(), [0], [0], download.download

    def counted(*given, **named):
        with lock:
            now[0] += 1
            most[0] = max(most[0], now[0])
        try:
            return real(*given, **named)
        finally:
            with lock:
                now[0] -= 1

    monkeypatch.setattr(download, "download", counted)
    server.plans |= {f"{name}.mp4": ["slow"] for name in NAMES}
    server.pause_s = 0.005
    rows = fetch(server, tmp_path, NAMES, workers=3)
    assert [r.state for r in rows] == ["fetched"] * 6
    assert [r.name for r in rows] == [f"{n}.mp4" for n in NAMES]
    assert 2 <= most[0] <= 3
    more = ("--config.max_videos=2", "--config.accept_licence=true")
    assert launch.main(command(server, tmp_path / "v", *more)) == 0
    assert len(list((tmp_path / "v").glob("*.mp4"))) == 2
    assert "the first 2 of 6 names" in capsys.readouterr().out


def test_missing_broken_and_wrong_files_do_not_stop_the_others(server, tmp_path) -> None:
    del server.files[f"{NAMES[0]}.mp4"]
    server.plans[f"{NAMES[1]}.mp4"] = ["500"] * 9
    server.plans[f"{NAMES[2]}.mp4"] = ["500", "cut"]
    known = {f"{NAMES[3]}.mp4": "0" * 64, f"{NAMES[4]}.mp4": sums(server)[f"{NAMES[4]}.mp4"]}
    rows = fetch(server, tmp_path, workers=2, hashes=known)
    assert [r.state for r in rows] == ["missing", "failed", "fetched", "failed", *["fetched"] * 2]
    assert [r.hash_state for r in rows[2:]] == ["first use", "", "known", "first use"]
    assert "sha256" in rows[3].why
    held = fetch_aist.read_sums(tmp_path / "SHA256SUMS")
    assert set(held) == {f"{NAMES[k]}.mp4" for k in (2, 4, 5)}


def test_exit_codes_of_missing(server, tmp_path, capsys) -> None:
    del server.files[f"{NAMES[5]}.mp4"]
    given = command(server, tmp_path / "v", "--config.accept_licence=true")
    assert launch.main(given) == 2
    assert "1 of 6 videos" in capsys.readouterr().err
    assert launch.main([*given, "--config.allow_missing=true"]) == 0


def test_a_file_that_changed_here_is_told_and_kept(server, tmp_path) -> None:
    fetch(server, tmp_path)
    spoilt = tmp_path / f"{NAMES[1]}.mp4"
    spoilt.write_bytes(b"other")
    (row,) = fetch(server, tmp_path, NAMES[1:2])
    assert row.state == "failed"
    assert spoilt.read_bytes() == b"other"
    spoilt.unlink()
    (row,) = fetch(server, tmp_path, NAMES[1:2])
    assert (row.state, row.hash_state) == ("fetched", "known")
    server.files[spoilt.name] = b"a new version"  # recorded on first use, then held to
    spoilt.unlink()
    assert fetch(server, tmp_path, NAMES[1:2])[0].state == "failed"


def test_the_cap_ends_the_run_and_the_next_goes_on(server, tmp_path) -> None:
    rows = fetch(server, tmp_path, cap_bytes=130_000)
    assert [r.state for r in rows] == ["fetched"] * 2 + ["left"] * 4
    assert "cap" in rows[2].why
    assert sum(p.stat().st_size for p in tmp_path.iterdir()) <= 131_500  # with sums and licence
    rows = fetch(server, tmp_path)
    assert [r.state for r in rows] == ["here"] * 2 + ["fetched"] * 4


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGKILL, -9), (signal.SIGINT, 130), (signal.SIGTERM, 143)]
)
def test_killed_and_resumed(server, tmp_path, number, code) -> None:
    first = f"{NAMES[0]}.mp4"
    server.files[first] = server.files[first] * 20
    server.plans[first], server.pause_s = ["slow"], 0.1
    given = command(server, tmp_path, "--config.accept_licence=true", "--config.num_processes=1")
    child = subprocess.Popen([sys.executable, "-m", "dance_jax.launch", *given[1:]])
    partial = tmp_path / f".{first}.partial"
    end = time.monotonic() + 60
    while not (partial.exists() and partial.stat().st_size > 100_000):
        assert time.monotonic() < end, "nothing came"
        assert child.poll() is None
        time.sleep(0.01)
    os.kill(child.pid, number)
    assert child.wait(30) == code
    had = partial.stat().st_size
    assert not (tmp_path / first).exists()
    with open(tmp_path / "SHA256SUMS", "a") as file:
        file.write("abc")  # a line cut by the kill
    rows = fetch(server, tmp_path)
    assert {r.state for r in rows} == {"fetched"}
    assert (first, f"bytes={had}-") in server.asked
    assert fetch_aist.read_sums(tmp_path / "SHA256SUMS") == sums(server)


def test_one_run_a_folder_and_contradicting_sums(server, tmp_path) -> None:
    with fetch_aist._alone(tmp_path), pytest.raises(InputError, match="another run"):
        fetch(server, tmp_path)
    fetch(server, tmp_path, NAMES[:1])
    with pytest.raises(InputError, match="another sha256"):
        fetch(server, tmp_path, hashes={f"{NAMES[0]}.mp4": "1" * 64})
    with pytest.raises(InputError, match="no address"):
        fetch(server, tmp_path, base_url="file:///etc")
    (tmp_path / "SHA256SUMS").write_text("nonsense\n" + "0" * 64 + "  a.mp4\n")
    with pytest.raises(InputError, match="SHA256SUMS:1"):
        fetch(server, tmp_path)


def test_names_and_patterns(tmp_path) -> None:
    found = aist_list.names(["gBR_sBM_c{01..09}_d04_mBR{0..5}_ch{01|02}"])
    assert len(found) == len(set(found)) == 108
    assert found[0] == "gBR_sBM_c01_d04_mBR0_ch01"
    file = tmp_path / "list.txt"
    file.write_text("# mine\ngPO_sBM_cAll_d10_mPO0_ch01.mp4\n\nsBT_c01_d21_d31_v5  # battle\n")
    assert aist_list.names((), str(file), ("c01", "c03")) == [
        "gPO_sBM_c01_d10_mPO0_ch01",
        "gPO_sBM_c03_d10_mPO0_ch01",
        "sBT_c01_d21_d31_v5",
    ]


@pytest.mark.parametrize(
    "bad",
    [
        ("../gBR_sBM_c01_d04_mBR0_ch01",),
        ("gBR_sBM_c01_d04_mBR0_ch01.exe",),
        ("gBR_sBM_c{09..01}_d04_mBR0_ch01",),
        ("gBR_sBM_c{01..99}_d{01..99}_mBR{0..9}_ch01",),
        ("hello",),
        (),
    ],
)
def test_bad_names(bad) -> None:
    with pytest.raises(InputError):
        aist_list.names(bad)


def test_no_server_ends_the_run_after_the_first_video(tmp_path, capsys, monkeypatch) -> None:
    monkeypatch.setenv("no_proxy", "*")
    with serving() as server:
        pass  # it is gone: nobody listens on its port
    given = command(server, tmp_path, "--config.accept_licence=true", "--config.tries=1")
    assert launch.main([*given, "--config.num_processes=1"]) == 2
    said = capsys.readouterr()
    assert "1 failed, 5 left" in said.out
    assert "no answer (Connection refused) (1 try)" in said.err
    assert "check --config.base_url and the connection" in said.err

    def unknown(*given, **named):
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    rows = fetch(server, tmp_path, base_url="http://no.such.host.invalid/v", workers=1)
    assert rows[0].why == "no answer (Name or service not known) (3 tries)"
    assert [r.state for r in rows] == ["failed"] + ["left"] * 5


def test_a_server_that_goes_away_ends_the_run(server, tmp_path, monkeypatch) -> None:
    real = download.download

    def gone(url, *given, **named):
        if NAMES[0] in url or NAMES[2] in url:
            return real(url, *given, **named)
        raise download.Unreachable("no answer (made)")

    monkeypatch.setattr(download, "download", gone)
    names = (*NAMES, *(name.replace("ch01", "ch02") for name in NAMES))
    rows = fetch(server, tmp_path, names, workers=1)
    had = ["fetched", "failed", "fetched"] + ["failed"] * 3 + ["left"] * 6
    assert [r.state for r in rows] == had


def test_a_full_disk_is_told_and_gone_on_from(server, tmp_path) -> None:
    first = f"{NAMES[0]}.mp4"
    server.files[first] = server.files[first] * 20
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (400_000, before[1]))
        with pytest.raises(InputError, match=r"cannot be written \(File too large\).*goes on"):
            fetch(server, tmp_path, NAMES[:1])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    had = (tmp_path / f".{first}.partial").stat().st_size
    assert 0 < had <= 400_000 and not (tmp_path / first).exists()
    (row,) = fetch(server, tmp_path, NAMES[:1])
    assert row.state == "fetched" and server.asked[-1] == (first, f"bytes={had}-")


def test_known_hashes_are_taken_seriously(server, tmp_path, capsys) -> None:
    known = tmp_path / "known.txt"
    given = command(server, tmp_path / "v", "--config.accept_licence=true")
    given += [f"--config.hashes={known}"]
    for text, words in (("0" * 63, "known.txt:1: it is no line"), ("", "no sha256 of any video")):
        known.write_text(text)  # a line that is cut would leave its video unchecked
        assert launch.main(given) == 2
        assert words in capsys.readouterr().err
    assert server.asked == []
    lines = [f"{digest.upper()}  {name}\n" for name, digest in sorted(sums(server).items())]
    known.write_text("".join([f"{'1' * 64} *{NAMES[0]}.mp4\n", *lines[1:5]]))
    assert launch.main(given) == 2
    said = capsys.readouterr()
    assert "5 of 6 videos have a sha256" in said.out
    assert "1 sha256 recorded on first use" in said.out
    assert "1 of 6 videos were not had" in said.err and "check --config.hashes" in said.err
    assert {p.stem for p in (tmp_path / "v").glob("*.mp4")} == set(NAMES[1:])


def test_the_databases_own_list_of_addresses(tmp_path) -> None:
    file = tmp_path / "list.csv"
    base = "https://aistdancedb.ongaaccel.jp/v1.0.0/video/10M"
    file.write_text("".join(f"{base}/{name}.mp4\r\n" for name in NAMES))
    assert aist_list.names((), str(file)) == list(NAMES)
