"""A small HTTP server for tests that misbehaves as it is told, a file at a time."""

from __future__ import annotations

import contextlib
import hashlib
import http.server
import re
import threading
import time
from collections import defaultdict
from collections.abc import Iterator


class Server(http.server.ThreadingHTTPServer):
    """Holds files, plans of misbehaviour, and what was asked.

    Attributes:
        files: name -> bytes.
        plans: name -> what each next answer does ("ok" once they are used up): "ok", "500", "503",
            "403", "to ADDRESS" (a redirect), "cut" (closes in the middle), "slow", "page",
            "no length", "chunked", "empty".
        ranges: whether parts are served.
        asked: (name, Range header or "") in order.
    """

    daemon_threads = True
    block_on_close = False

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.plans: dict[str, list[str]] = defaultdict(list)
        self.ranges, self.marks, self.pause_s = True, True, 0.05
        self.asked: list[tuple[str, str]] = []
        super().__init__(("127.0.0.1", 0), _Handler)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that hung up is no news."""


class _Handler(http.server.BaseHTTPRequestHandler):
    server: Server
    protocol_version = "HTTP/1.1"

    def log_message(self, *given: object) -> None:
        """Silent."""

    def do_GET(self) -> None:
        server, name = self.server, self.path.rsplit("/", 1)[-1]
        server.asked.append((name, self.headers.get("Range", "")))
        self.close_connection = True
        self._answer(name)

    def _answer(self, name: str) -> None:
        server = self.server
        plan = server.plans[name].pop(0) if server.plans[name] else "ok"
        data = server.files.get(name)
        if plan.startswith("to "):
            self.send_response(302)
            self.send_header("Location", plan.removeprefix("to "))
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        if data is None or plan.isdigit():
            self.send_response(404 if data is None else int(plan))
            self.send_header("Retry-After", "0")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        mark = '"' + hashlib.sha256(data).hexdigest()[:16] + '"'
        body, status = data, 200
        span = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        if span and server.ranges and self.headers.get("If-Range", mark) == mark:
            body, status = data[int(span[1]) :], 206
        if plan == "empty":
            body = b""
        self.send_response(status)
        self.send_header("Content-Type", "text/html" if plan == "page" else "video/mp4")
        if server.marks:
            self.send_header("ETag", mark)
        if status == 206:
            at = int(span[1])
            self.send_header("Content-Range", f"bytes {at}-{len(data) - 1}/{len(data)}")
        if plan == "chunked":
            self.send_header("Transfer-Encoding", "chunked")
            body = b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)
        elif plan != "no length":
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if plan == "cut":
            body = body[: len(body) // 2]
        step = max(len(body) // 40, 1) if plan == "slow" else max(len(body), 1)
        for at in range(0, len(body), step):
            self.wfile.write(body[at : at + step])
            if plan == "slow":
                self.wfile.flush()
                time.sleep(server.pause_s)


@contextlib.contextmanager
def serving() -> Iterator[Server]:
    """Runs a server on a free local port."""
    server = Server()
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
