"""Keeps the start-up chatter of native libraries off the error stream, and nothing else."""

from __future__ import annotations

import contextlib
import os
import re
import sys
import tempfile
from collections.abc import Iterator

from dance_jax.errors import InputError

# absl's lines of information and warning, TFLite's, and absl's note on logging before its start
_CHATTER = re.compile(
    rb"[IW]\d{4} |INFO: |WARNING: (All log messages before absl|Logging before InitGoogle)|\s*$"
)


@contextlib.contextmanager
def chatter_held() -> Iterator[None]:
    """Holds what native code writes to file descriptor 2, and passes on all but its chatter.

    MediaPipe logs at the level of information and warning as it starts; errors, other writers'
    lines, and everything if the block fails, still come out.
    """
    try:
        keep = os.dup(2)
    except OSError:  # no stderr at all (a service): there is nothing to hold
        yield
        return
    failed = True
    with tempfile.TemporaryFile() as held:
        sys.stderr.flush()
        os.dup2(held.fileno(), 2)
        try:
            yield
            failed = False
        except InputError:
            failed = False  # says in one line what the log says in twenty
            raise
        finally:
            sys.stderr.flush()
            os.dup2(keep, 2)
            held.seek(0)
            for line in held.read().splitlines(keepends=True):
                if failed or not _CHATTER.match(line):
                    os.write(keep, line)
            os.close(keep)
