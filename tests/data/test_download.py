"""One file over HTTP from a local server that stalls, cuts, lies and dies."""

from __future__ import annotations

import hashlib
import json
import threading
import urllib.request

import numpy as np
import pytest

from dance_jax.data import download
from tests.data.http_server import serving
from tests.seeds import fresh

QUICK = download.Manners(tries=4, backoff_s=0.01, timeout_s=5.0)


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with serving() as one:
        rng = np.random.default_rng(fresh(__name__, 1)[0])
        one.files["a.mp4"] = rng.bytes(300_000)
        yield one


def sha(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def get(server, folder, **more) -> download.Got:
    return download.download(f"{server.url}/a.mp4", folder / "a.mp4", **{"manners": QUICK, **more})


def only(folder) -> list[str]:
    return sorted(p.name for p in folder.iterdir())


@pytest.mark.parametrize("plan", [[], ["500"], ["503", "500", "429"], ["chunked"], ["slow"]])
def test_comes_whole(server, tmp_path, plan) -> None:
    server.plans["a.mp4"], server.pause_s = list(plan), 0.002
    got = get(server, tmp_path)
    data = server.files["a.mp4"]
    assert (tmp_path / "a.mp4").read_bytes() == data
    assert got == download.Got(sha(data), len(data), len(data))
    assert only(tmp_path) == ["a.mp4"]
    assert len(server.asked) == max(len([p for p in plan if p.isdigit()]) + 1, 1)


def test_a_cut_answer_is_gone_on_with(server, tmp_path) -> None:
    server.plans["a.mp4"] = ["cut", "cut"]
    got = get(server, tmp_path)
    size = len(server.files["a.mp4"])
    assert [r for _, r in server.asked] == ["", f"bytes={size // 2}-", f"bytes={size * 3 // 4}-"]
    assert got.sha256 == sha(server.files["a.mp4"])
    assert got.received == size


def test_without_ranges_it_begins_again(server, tmp_path) -> None:
    server.ranges, server.plans["a.mp4"] = False, ["cut"]
    assert get(server, tmp_path).sha256 == sha(server.files["a.mp4"])
    assert len(server.asked) == 2


def test_without_a_mark_of_the_version_nothing_is_joined(server, tmp_path) -> None:
    server.marks, server.plans["a.mp4"] = False, ["cut"]
    get(server, tmp_path)
    assert [r for _, r in server.asked] == ["", ""]


def test_another_version_is_not_joined_to_the_first(server, tmp_path) -> None:
    server.plans["a.mp4"] = ["cut", "403"]
    with pytest.raises(download.Failed, match="403"):
        get(server, tmp_path)
    server.files["a.mp4"] = bytes(reversed(server.files["a.mp4"]))
    got = get(server, tmp_path)
    assert server.asked[-1][1]
    assert got.sha256 == sha(server.files["a.mp4"])


def test_missing_is_asked_once(server, tmp_path) -> None:
    del server.files["a.mp4"]
    with pytest.raises(download.Missing):
        get(server, tmp_path)
    assert len(server.asked) == 1
    assert only(tmp_path) == []


@pytest.mark.parametrize(
    ("plan", "says", "asked"),
    [
        (["403"], "403", 1),
        (["page"], "web page", 1),
        (["no length"], "length", 1),
        (["empty"], "empty", 1),
        (["500"] * 9, r"500 \(4 tries\)", 4),
    ],
)
def test_fails_with_the_reason(server, tmp_path, plan, says, asked) -> None:
    server.plans["a.mp4"] = plan
    with pytest.raises(download.Failed, match=says):
        get(server, tmp_path)
    assert len(server.asked) == asked
    assert not (tmp_path / "a.mp4").exists()


def test_another_sha256_is_refused_and_nothing_kept(server, tmp_path) -> None:
    with pytest.raises(download.Failed, match="sha256"):
        get(server, tmp_path, sha256="0" * 64)
    assert only(tmp_path) == []
    assert len(server.asked) == 1


def test_a_spoilt_beginning_is_thrown_away_once(server, tmp_path) -> None:
    server.plans["a.mp4"] = ["cut", "403"]
    with pytest.raises(download.Failed):
        get(server, tmp_path)
    (tmp_path / ".a.mp4.partial").write_bytes(bytes(1000))
    got = get(server, tmp_path, sha256=sha(server.files["a.mp4"]))
    assert [r for _, r in server.asked[2:]] == ["bytes=1000-", ""]
    assert got.size == len(server.files["a.mp4"])


def test_a_stalled_answer_is_given_up(server, tmp_path) -> None:
    server.plans["a.mp4"], server.pause_s = ["slow"], 0.1
    slow = download.Manners(tries=2, backoff_s=0.01, timeout_s=0.3, slowest=1e9)
    assert get(server, tmp_path, manners=slow).sha256 == sha(server.files["a.mp4"])
    assert server.asked[1][1].startswith("bytes=")


def test_redirects_are_followed_but_not_out_of_https(server, tmp_path) -> None:
    server.plans["a.mp4"] = ["to /elsewhere/a.mp4"]
    assert get(server, tmp_path).sha256 == sha(server.files["a.mp4"])
    (tmp_path / "a.mp4").unlink()
    server.plans["a.mp4"] = ["to ftp://127.0.0.1/a.mp4"]
    with pytest.raises(download.Failed, match="redirects to ftp"):
        get(server, tmp_path)
    asked = urllib.request.Request("https://127.0.0.1/a.mp4")
    with pytest.raises(download.Failed, match="redirects to http:"):
        download._Redirects().redirect_request(asked, None, 302, "", {}, "http://127.0.0.1/a.mp4")


def test_nobody_answers(server, tmp_path) -> None:
    port = server.server_address[1]
    server.shutdown()
    server.server_close()
    few = download.Manners(tries=2, backoff_s=0.01, timeout_s=1.0)
    with pytest.raises(download.Failed, match="no answer"):
        download.download(f"http://127.0.0.1:{port}/a.mp4", tmp_path / "a.mp4", manners=few)


def test_stop_and_cap_keep_what_came(server, tmp_path) -> None:
    stop = threading.Event()
    stop.set()
    with pytest.raises(download.Stopped):
        get(server, tmp_path, stop=stop)
    left = [100_000]

    def spend(count: int) -> bool:
        left[0] -= count
        return left[0] >= 0

    with pytest.raises(download.Stopped, match="cap"):
        get(server, tmp_path, spend=spend)
    came = (tmp_path / ".a.mp4.partial").stat().st_size
    assert 0 < came <= 100_000
    assert get(server, tmp_path).received == len(server.files["a.mp4"]) - came


def test_a_damaged_note_begins_again(server, tmp_path) -> None:
    (tmp_path / ".a.mp4.partial").write_bytes(b"x" * 10)
    for text in ("", "{", "[]", json.dumps({"url": "http://other/a", "mark": '"x"', "total": 9})):
        (tmp_path / ".a.mp4.partial.json").write_text(text)
        (tmp_path / "a.mp4").unlink(missing_ok=True)
        assert get(server, tmp_path).sha256 == sha(server.files["a.mp4"])
