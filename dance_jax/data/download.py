"""Downloads one file over HTTP: goes on where it stopped, waits politely, verifies the sha256."""

from __future__ import annotations

import dataclasses
import http.client
import json
import os
import pathlib
import re
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from typing import Any

from dance_jax._version import __version__
from dance_jax.data.media_facts import file_sha256

CHUNK = 1 << 16
AGENT = f"dance_jax/{__version__}"
LONGEST_WAIT_S = 120.0
_PASSING = {408, 425, 429, 500, 502, 503, 504}  # answers that another try may mend


class Missing(Exception):
    """The server says that there is no such file (404 or 410)."""


class Failed(Exception):
    """The file could not be had; trying again at once is no use."""


class Unreachable(Failed):
    """No server answered: neither will it for the next file."""


class Stopped(Exception):
    """The run was told to stop, or its size cap is reached; what came so far is kept."""


class _Passing(Exception):
    """One try failed; the next may not."""

    def __init__(self, why: str, wait_s: float = 0.0, *, answered: bool = True) -> None:
        super().__init__(why)
        self.wait_s, self.answered = wait_s, answered


@dataclasses.dataclass(frozen=True)
class Manners:
    """How a server is asked.

    Attributes:
        tries: of one file, 1 or more.
        backoff_s: wait before the second try; it doubles each time, and Retry-After is honoured.
        timeout_s: without a byte, seconds, until a try is given up.
        slowest: bytes a second, averaged over `timeout_s`, below which a try is given up.
    """

    tries: int = 5
    backoff_s: float = 1.0
    timeout_s: float = 30.0
    slowest: float = 1024.0


@dataclasses.dataclass(frozen=True)
class Got:
    """A file that was fetched: its sha256 (hexadecimal), bytes, and bytes that came this time."""

    sha256: str
    size: int
    received: int


Spend = Callable[[int], bool]
"""Asked before bytes are written; False: the size cap is reached."""


def download(
    url: str,
    target: pathlib.Path,
    *,
    sha256: str = "",
    manners: Manners | None = None,
    stop: threading.Event | None = None,
    spend: Spend | None = None,
    before_naming: Callable[[Got], None] | None = None,
) -> Got:
    """Fetches one file; it appears under its name only when it is whole.

    What came of a broken try lies in `.NAME.partial`, with the server's mark of the version (ETag
    or Last-Modified) beside it: the next try, or the next run, asks for the rest (Range, If-Range).
    A server without ranges, or with another version, sends all of it again.

    Args:
        url: http or https; a redirect from https to http is refused.
        target: the file to make.
        sha256: what it must be; "" where nobody knows.
        manners: tries and waits.
        stop: set by another thread to end soon.
        spend: asked before bytes are written; None: no cap.
        before_naming: called with what was fetched just before it appears under its name.

    Raises:
        Missing: the server has no such file.
        Failed: every try failed, or the sha256 is another one; `Unreachable`: no server answered.
        Stopped: `stop` is set, or `spend` said no.
    """
    manners, stop = manners or Manners(), stop or threading.Event()
    part = _Part(target, url)
    received, last, restarted = 0, "", False
    tries = 0
    while True:
        tries += 1
        before = part.size
        try:
            received += _try(url, part, manners, stop, spend or (lambda count: True))
        except _Passing as error:
            last = str(error)
            received += max(part.size - before, 0)
            if tries >= manners.tries:
                kind = Failed if error.answered else Unreachable
                raise kind(f"{last} ({tries} {'try' if tries == 1 else 'tries'})") from error
            wait = min(max(manners.backoff_s * 2.0 ** (tries - 1), error.wait_s), LONGEST_WAIT_S)
            if stop.wait(wait):
                raise Stopped from error
            continue
        digest = file_sha256(part.path)
        if sha256 and digest != sha256:
            part.drop()
            # Only bytes of two tries can have been mixed; one whole answer is what the server has.
            if before and not restarted and tries < manners.tries:
                restarted = True
                continue
            raise Failed(f"its sha256 is {digest[:16]}..., not {sha256[:16]}...")
        got = Got(digest, part.size, received)
        if before_naming is not None:
            before_naming(got)
        os.replace(part.path, target)
        part.note.unlink(missing_ok=True)
        return got


class _Part:
    """The beginning of a file, and which version of it this is."""

    def __init__(self, target: pathlib.Path, url: str) -> None:
        self.url = url
        self.path = target.with_name(f".{target.name}.partial")
        self.note = target.with_name(f".{target.name}.partial.json")
        self.mark, self.total = "", -1
        try:
            held = json.loads(self.note.read_text("utf-8"))
            if held["url"] == url and self.path.is_file():
                self.mark, self.total = str(held["mark"]), int(held["total"])
        except (OSError, ValueError, KeyError, TypeError):
            pass  # nothing usable is there: `resumable` is then False, and the file is asked whole
        if not self.resumable:
            self.drop()

    @property
    def size(self) -> int:
        return self.path.stat().st_size if self.path.is_file() else 0

    @property
    def resumable(self) -> bool:
        """Without a mark of the version the rest might be that of another file."""
        return bool(self.mark) and self.size > 0

    def start(self, mark: str, total: int) -> None:
        self.drop()
        self.mark, self.total = mark, total
        self.note.write_text(json.dumps({"url": self.url, "mark": mark, "total": total}), "utf-8")

    def drop(self) -> None:
        self.mark, self.total = "", -1
        self.path.unlink(missing_ok=True)
        self.note.unlink(missing_ok=True)


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Follows redirects, but never from https to something that can be read on the way."""

    def redirect_request(self, req, fp, code, msg, headers, newurl):
        if not newurl.startswith("https://" if req.full_url.startswith("https://") else "http"):
            raise Failed(f"the server redirects to {newurl[:80]}")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _try(url: str, part: _Part, manners: Manners, stop: threading.Event, spend: Spend) -> int:
    """Asks once, for all of it or for the rest; returns the bytes that came."""
    if stop.is_set():
        raise Stopped
    if part.resumable and part.size == part.total:
        return 0
    headers = {"User-Agent": AGENT, "Accept-Encoding": "identity"}
    have = part.size if part.resumable else 0
    if have:
        headers |= {"Range": f"bytes={have}-", "If-Range": part.mark}
    opener = urllib.request.build_opener(_Redirects)
    try:
        answer = opener.open(
            urllib.request.Request(url, headers=headers), timeout=manners.timeout_s
        )
    except urllib.error.HTTPError as error:
        error.close()
        if error.code in (404, 410):
            raise Missing(f"HTTP {error.code}") from error
        if error.code == 416 and have:  # it asks for more than there is: begin again
            part.drop()
            raise _Passing("HTTP 416, the file has changed") from error
        if error.code in _PASSING:
            raise _Passing(f"HTTP {error.code}", _retry_after(error.headers)) from error
        raise Failed(f"HTTP {error.code} {error.reason}") from error
    except (OSError, http.client.HTTPException) as error:
        raise _Passing(f"no answer ({_cause(error)})", answered=False) from error
    with answer:
        return _receive(answer, part, have, manners, stop, spend)


def _receive(
    answer: Any, part: _Part, have: int, manners: Manners, stop: threading.Event, spend: Spend
) -> int:
    if answer.headers.get_content_type() == "text/html":
        raise Failed("the server sent a web page, not the file")
    told = answer.headers.get("Content-Length", "")
    length = int(told) if re.fullmatch(r"\d{1,15}", told) else -1
    total = have + length if length >= 0 else -1
    if answer.status == 206:
        span = re.fullmatch(
            r"bytes (\d{1,15})-\d{1,15}/(\d{1,15})", answer.headers.get("Content-Range", "")
        )
        if not span or int(span[1]) != have or (length >= 0 and int(span[2]) != total):
            part.drop()
            raise _Passing("the server sent another part than was asked for")
        total = int(span[2])
    else:
        mark = answer.headers.get("ETag", "")
        if not mark.startswith('"'):  # a weak ETag does not hold for every byte
            mark = answer.headers.get("Last-Modified", "")
        have, total = 0, length
        part.start(mark, total)
    chunked = "chunked" in answer.headers.get("Transfer-Encoding", "").lower()
    if total < 0 and not chunked:
        raise Failed("the server does not tell the length: a cut file could not be told")
    received, began, so_far = 0, time.monotonic(), 0
    with open(part.path, "ab") as file:
        while True:
            if stop.is_set():
                raise Stopped
            try:
                data = answer.read1(CHUNK)
            except (OSError, http.client.HTTPException) as error:
                raise _Passing(f"the connection broke ({error!r})") from error
            if not data:
                break
            if not spend(len(data)):
                raise Stopped("the size cap is reached")
            file.write(data)
            received += len(data)
            waited = time.monotonic() - began
            if waited > manners.timeout_s:
                if (received - so_far) / waited < manners.slowest:
                    raise _Passing(f"slower than {manners.slowest:g} bytes a second")
                began, so_far = time.monotonic(), received
    if have + received == 0:
        raise Failed("the server sent an empty file")
    if total >= 0 and have + received != total:
        raise _Passing(f"{have + received} of {total} bytes came")
    return received


def _cause(error: BaseException) -> str:
    """The plain words of an error that may wrap another one."""
    inner = getattr(error, "reason", None)
    inner = inner if isinstance(inner, BaseException) else error
    return getattr(inner, "strerror", None) or str(inner) or type(inner).__name__


def _retry_after(headers: Any) -> float:
    """Seconds that the server asks to wait; 0 where it does not say (a date is not read)."""
    told = headers.get("Retry-After", "") if headers is not None else ""
    return float(told) if re.fullmatch(r"\d{1,6}", told) else 0.0
