"""Fetches videos of the AIST Dance Video Database for a user who accepts its terms."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import pathlib
import queue
import re
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from dance_jax.data import aist_list, download
from dance_jax.data.media_facts import file_sha256
from dance_jax.data.sums_file import Sums, read_sums
from dance_jax.data.textfile import write_text
from dance_jax.errors import InputError
from dance_jax.interrupts import check_interrupt

TERMS = "https://aistdancedb.ongaaccel.jp/terms_of_use/"
LICENCE = f"""The AIST Dance Video Database is not free material. Its terms of use are at
  {TERMS}
and that page alone is binding. Read it before you accept. In our words it demands:
  - academic research only: any other, or commercial, use needs written consent beforehand;
  - the application form that the page names, filled in before use;
  - no redistribution of the videos (lists of their addresses may be shared);
  - the citation: Tsuchida, Fukayama, Hamasaki, Goto, "AIST Dance Video Database: Multi-genre,
    Multi-dancer, and Multi-camera Database for Dance Information Processing", ISMIR 2019.
The AIST++ annotations are Google's, under CC BY 4.0, and are not fetched here."""
SUMS, ACCEPTED = "SHA256SUMS", "licence.json"
UNREACHABLE = 3
"""So many videos in a row that no server answers for end the run; the first one does at once."""


class Fetched(NamedTuple):
    """What became of one video.

    Attributes:
        name: its file name.
        state: "fetched", "here" (verified), "missing" (404), "failed", or "left" (run ended).
        size: bytes, 0 where there is none.
        hash_state: "known" (equal to a sha256 known before), "first use" (recorded now), or "".
        why: of a failure.
    """

    name: str
    state: str
    size: int = 0
    hash_state: str = ""
    why: str = ""


def run(config: Any, workdir: pathlib.Path | None) -> None:
    """The task `fetch_aist`: see configs/fetch_aist.py.

    Raises:
        InputError: the licence is not accepted, or a video could not be had.
    """
    del workdir
    if not config.accept_licence:
        print(LICENCE)
        fix = "read the terms, then pass --config.accept_licence=true"
        raise InputError(f"the terms of use are not accepted ({TERMS})", "licence", fix)
    names = aist_list.names(config.names, config.list, config.cameras)
    if len(names) > config.max_videos:
        print(f"the first {config.max_videos} of {len(names)} names (--config.max_videos)")
    names = names[: config.max_videos]
    hashes = read_sums(config.hashes) if config.hashes else {}
    if hashes:
        known = sum(f"{name}.mp4" in hashes for name in names)
        print(f"{known} of {len(names)} videos have a sha256 in {config.hashes}")
    if config.hashes and not hashes.keys() & {f"{name}.mp4" for name in names}:
        what = "it has no sha256 of any video that is asked for"
        raise InputError(what, config.hashes, f"a line is HASH, two blanks, {names[0]}.mp4")
    rows = fetch(
        names,
        config.folder,
        accept_licence=True,
        base_url=config.base_url,
        workers=config.num_processes,
        cap_bytes=int(config.max_gb * 1e9),
        hashes=hashes,
        manners=download.Manners(config.tries, config.backoff_s, config.timeout_s),
        say=print,
    )
    count = Counter(row.state for row in rows)
    first = sum(row.hash_state == "first use" for row in rows)
    print(", ".join(f"{n} {state}" for state, n in sorted(count.items())))
    if first:
        print(f"{first} sha256 recorded on first use: nobody vouched for these files ({SUMS})")
    bad = [r for r in rows if r.state in ("failed", "left")]
    bad += [r for r in rows if r.state == "missing" and not config.allow_missing]
    if bad:
        what = f"{len(bad)} of {len(rows)} videos were not had (first: {bad[0].name}: {bad[0].why})"
        raise InputError(what, config.base_url, _fix(bad))


def _fix(bad: Sequence[Fetched]) -> str:
    if all(row.state == "missing" for row in bad):
        return "correct the list, or pass --config.allow_missing=true"
    if all("sha256" in row.why for row in bad):
        return f"check --config.hashes, or remove their lines from {SUMS} if you trust them"
    if bad[0].why.startswith("no answer"):
        return "check --config.base_url and the connection, and run again: it goes on"
    return "run again: it goes on where it stopped"


def fetch(
    names: Sequence[str],
    folder: str | os.PathLike[str],
    *,
    accept_licence: bool,
    base_url: str,
    workers: int = 1,
    cap_bytes: int = 10**11,
    hashes: Mapping[str, str] | None = None,
    manners: download.Manners | None = None,
    say: Callable[[str], None] = lambda line: None,
) -> list[Fetched]:
    """Fetches videos, several at a time; a file that is here is verified, not fetched again.

    `SHA256SUMS` (the format of `sha256sum -c`) holds the hash of every file: one known before must
    be met; a new one is recorded on first use. What a stopped run began, the next one goes on with.

    Args:
        names: file names without ".mp4".
        folder: where they go; `licence.json` there says what was accepted.
        accept_licence: that the user accepted the terms.
        base_url: address of the folder of videos.
        workers: videos at a time.
        cap_bytes: of all in the folder together; at the cap the run ends.
        hashes: file name -> sha256 known beforehand.
        manners: tries and waits.
        say: called with one line a video.

    Returns:
        One row a name, in their order.

    Raises:
        InputError: the terms are not accepted, the folder cannot be used (or is full), another run
            uses it, or `hashes` contradict what is recorded.
    """
    if not accept_licence:
        raise InputError(f"the terms of use are not accepted ({TERMS})", "licence", "accept them")
    if not re.fullmatch(r"https?://[^\s?#]+", base_url):
        raise InputError(f"{base_url!r} is no address", "base_url", "give http(s)://HOST/FOLDER/")
    folder = pathlib.Path(folder)
    with _alone(folder):
        sums = Sums(folder / SUMS, hashes or {})
        if not (folder / ACCEPTED).exists():
            note = {"accepted": True, "terms": TERMS, "as_shown": LICENCE}
            write_text(folder / ACCEPTED, json.dumps(note, indent=1) + "\n")
        work = _Work(folder, base_url.rstrip("/"), sums, cap_bytes, manners, say)
        rows = work.all(names, workers)
        sums.tidy()
    return rows


class _Work:
    """The queue of one run and the threads that empty it."""

    def __init__(self, folder, base_url, sums, cap, manners, say) -> None:
        self.folder, self.base_url, self.sums = folder, base_url, sums
        self.manners, self.say = manners, say
        self.lock, self.stop = threading.Lock(), threading.Event()
        self.left = cap - sum(p.stat().st_size for p in folder.iterdir() if p.is_file())
        self.rows: dict[str, Fetched] = {}
        self.broken: BaseException | None = None
        self.unanswered = UNREACHABLE - 1

    def all(self, names: Sequence[str], workers: int) -> list[Fetched]:
        jobs: queue.SimpleQueue[str] = queue.SimpleQueue()
        for name in names:
            jobs.put(name)
        # Threads that end with the process: one may wait in a read that nothing interrupts.
        count = max(1, min(workers, len(names)))
        threads = [
            threading.Thread(target=self._drain, args=(jobs,), daemon=True) for _ in range(count)
        ]
        for thread in threads:
            thread.start()
        try:
            for thread in threads:
                while thread.is_alive():
                    check_interrupt()
                    thread.join(0.1)
        except BaseException:
            self.stop.set()
            for thread in threads:
                thread.join(2.0)
            raise
        if self.broken is not None:
            raise self.broken
        return [self.rows.get(n, Fetched(f"{n}.mp4", "left", why="the run ended")) for n in names]

    def _drain(self, jobs: queue.SimpleQueue[str]) -> None:
        while not self.stop.is_set():
            try:
                name = jobs.get_nowait()
            except queue.Empty:
                return
            try:
                row = self._one(f"{name}.mp4")
            except BaseException as error:  # a full disk, or a bug: the main thread raises it
                self.broken = error
                self.stop.set()
                return
            with self.lock:
                self.rows[name] = row
                told = f" ({row.why})" if row.why else f" (sha256 {row.hash_state})"
                self.say(f"{row.name}: {row.state}{told}")

    def _one(self, file: str) -> Fetched:
        target, known = self.folder / file, self.sums.get(file)
        if target.is_file():
            digest, size = file_sha256(target), target.stat().st_size
            if known and digest != known:
                why = "the file here has another sha256 than is recorded; remove it"
                return Fetched(file, "failed", size, why=why)
            self.sums.record(file, digest)
            return Fetched(file, "here", size, "known" if known else "first use")
        try:
            got = download.download(
                f"{self.base_url}/{file}",
                target,
                sha256=known,
                manners=self.manners,
                stop=self.stop,
                spend=self._spend,
                before_naming=lambda got: self.sums.record(file, got.sha256),
            )
        except download.Missing as error:
            self._answered(True)
            return Fetched(file, "missing", why=str(error))
        except download.Failed as error:
            self._answered(not isinstance(error, download.Unreachable))
            return Fetched(file, "failed", why=str(error))
        except download.Stopped as error:
            self.stop.set()
            return Fetched(file, "left", why=str(error) or "the run ended")
        except OSError as error:  # those of the network are told above
            fix = "free space; the next run goes on where this one stopped"
            what = f"cannot be written ({error.strerror})"
            raise InputError(what, error.filename or target, fix) from error
        self._answered(True)
        return Fetched(file, "fetched", got.size, "known" if known else "first use")

    def _answered(self, yes: bool) -> None:
        """Ends the run where no server is: thousands of names would all be tried in vain."""
        with self.lock:
            self.unanswered = 0 if yes else self.unanswered + 1
            if self.unanswered >= UNREACHABLE:
                self.stop.set()

    def _spend(self, count: int) -> bool:
        with self.lock:
            self.left -= count
            return self.left >= 0


@contextlib.contextmanager
def _alone(folder: pathlib.Path) -> Iterator[None]:
    """Makes the folder and holds its lock; the system frees it when the process ends."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        handle = os.open(folder / ".fetch.lock", os.O_RDWR | os.O_CREAT, 0o644)
    except OSError as error:
        raise InputError(
            f"cannot be written ({error.strerror})", folder, "choose another"
        ) from error
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise InputError("another run fetches into it", folder, "wait for its end") from error
        yield
    finally:
        os.close(handle)
