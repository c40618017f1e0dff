"""Runs the tests marked `full` at full size, one JSON row each; resumes where it was stopped."""

from __future__ import annotations

import argparse
import datetime
import hashlib
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from typing import Any

from dance_jax import __version__, rundir

ROOT = pathlib.Path(__file__).resolve().parents[1]
RESULTS = ROOT / "acceptance.json"


def source_hash(root: pathlib.Path) -> str:
    """Returns a hash of everything that a result depends on: code, configs, tests, versions."""
    digest = hashlib.sha256((root / "requirements.lock").read_bytes())
    for folder in ("dance_jax", "configs", "tests"):
        for path in sorted((root / folder).rglob("*")):
            if path.is_file() and "__pycache__" not in path.parts:
                digest.update(path.relative_to(root).as_posix().encode() + b"\0")
                digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def collect(target: str = "tests") -> list[str]:
    """Returns the checks: every test function marked `full`, its parameters taken together."""
    command = [sys.executable, "-m", "pytest", target, "-m", "full", "--collect-only", "-q"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode not in (0, 5):
        raise SystemExit(f"accept: the tests cannot be collected\n{done.stdout}{done.stderr}")
    nodes = [line.split("[")[0] for line in done.stdout.splitlines() if "::" in line]
    return list(dict.fromkeys(nodes))


def read_rows(path: pathlib.Path) -> list[dict[str, Any]]:
    """Returns the rows so far; a last line cut short by a kill is left out."""
    if not path.exists():
        return []
    return [json.loads(line) for line in path.read_text("utf-8").split("\n")[:-1] if line]


def run_check(check: str) -> dict[str, Any]:
    """Runs one check at full size and returns its row."""
    with tempfile.TemporaryDirectory() as folder:
        figures = pathlib.Path(folder) / "figures.jsonl"
        environment = os.environ | {"DANCE_JAX_FULL": "1", "DANCE_JAX_FIGURES": str(figures)}
        command = [sys.executable, "-m", "pytest", check, "-q", "-rs", "-o", "timeout=0"]
        start = time.monotonic()
        done = subprocess.run(
            command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False
        )
        seconds = time.monotonic() - start
        found: dict[str, Any] = {}
        for row in read_rows(figures):
            found |= row
    lines = [line for line in done.stdout.strip().splitlines() if line]
    last = lines[-1] if lines else ""
    outcome = "passed" if done.returncode == 0 else "failed"
    if outcome == "passed" and " passed" not in last and last.split(" ")[0] != "passed":
        outcome = "skipped"
    reasons = [line for line in lines if line.startswith(("SKIPPED", "E  ", "FAILED"))]
    return {
        "check": check,
        "outcome": outcome,
        "seconds": round(seconds, 1),
        "figures": found,
        "detail": "" if outcome == "passed" else "; ".join(reasons[:5]) or done.stderr[-300:],
        "sources": source_hash(ROOT),
        "commit": rundir.commit(),
        "version": __version__,
        "at": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
    }


def table(rows: Iterable[dict[str, Any]]) -> str:
    """Returns the summary as text."""
    lines = []
    for row in rows:
        figures = ", ".join(f"{k} {v}" for k, v in row["figures"].items())
        said = figures or row["detail"]
        lines.append(
            f"{row['outcome']:<8} {row['seconds']:>8.1f} s  {row['check']}  {said}".rstrip()
        )
    return "\n".join(lines)


def main() -> int:
    """Runs what is asked for; returns 0 where nothing failed."""
    parser = argparse.ArgumentParser(prog="launch/accept.sh", description=__doc__)
    parser.add_argument("words", nargs="*", help="only checks whose name holds one of these")
    parser.add_argument("--list", action="store_true", help="show the checks and stop")
    parser.add_argument("--again", action="store_true", help="also run what passed already")
    arguments = parser.parse_args()
    checks = collect()
    if arguments.words:
        checks = [c for c in checks if any(w in c for w in arguments.words)]
    if arguments.list:
        print("\n".join(checks))
        return 0
    now = source_hash(ROOT)
    done = {r["check"]: r for r in read_rows(RESULTS) if r["sources"] == now}
    rows = []
    for number, check in enumerate(checks, 1):
        row = done.get(check)
        if arguments.again or row is None or row["outcome"] != "passed":
            print(f"accept: {number}/{len(checks)} {check}", flush=True)
            row = run_check(check)
            with RESULTS.open("a", encoding="utf-8") as file:
                file.write(json.dumps(row) + "\n")
        rows.append(row)
    print(table(rows))
    count = {o: sum(r["outcome"] == o for r in rows) for o in ("passed", "failed", "skipped")}
    print(", ".join(f"{n} {outcome}" for outcome, n in count.items()))
    return 1 if count["failed"] else 0


if __name__ == "__main__":
    sys.exit(main())
