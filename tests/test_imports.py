"""Holds the import directions of the design, light start-up, and what may never be imported."""

from __future__ import annotations

import ast
import pathlib
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "dance_jax"
FILES = sorted(PACKAGE.rglob("*.py"))

LEVELS = {
    0: "_version errors types rng tree config config_key config_keys config_keys_train "
    "config_train config_sweep overrides interrupts rundir",
    1: "skeleton skeleton_tables joint_aliases joint_names assets",
    2: "kinematics",
    3: "biomech rhythm",
    4: "pose",
    5: "data models",
    6: "losses metrics optim parallel checkpoint logs",
    7: "training",
    8: "rl fewshot",
    9: "analysis export corpus doctor",
    10: "serving",
    11: "launch",
}
LEVEL = {room: level for level, rooms in LEVELS.items() for room in rooms.split()}
ONE_ROOM = {0, 1}  # Single files, which may import one another.
HEAVY = {"jax", "mediapipe", "av", "cv2", "matplotlib", "scipy", "ai_edge_litert", "tensorboardX"}
LAZY = {"mediapipe", "distrax", "librosa", "fastapi", "dask", "onnx", "jax2onnx", "tensorboardX"}
# The script of a restricted process that nothing may import.
PICKLE_CHILD = PACKAGE / "data" / "pickle_child.py"
# The benchmark's peers, behind the extra `bench`; only a worker's process imports them.
TORCH_PEERS = {
    PACKAGE / "analysis" / f"{name}.py"
    for name in (
        "networks_peer",
        "networks_peer_parts",
        "networks_peer_pose",
        "networks_peer_weights",
    )
}
NEVER = {"tensorflow", "torch", "pickle", "dill", "cloudpickle", "joblib", "tests", "configs"}


def imports(path: pathlib.Path, *, top_level: bool = False) -> set[str]:
    """Returns the dotted names that a file imports; with `top_level`, only at import time."""
    tree = ast.parse(path.read_text("utf-8"))
    package = path.relative_to(ROOT).with_suffix("").parts[:-1]
    found: set[str] = set()

    def visit(node: ast.AST) -> None:
        for child in ast.iter_child_nodes(node):
            if top_level and isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
                continue
            if top_level and isinstance(child, ast.If) and "TYPE_CHECKING" in ast.dump(child.test):
                continue
            if isinstance(child, ast.Import):
                found.update(alias.name for alias in child.names)
            elif isinstance(child, ast.ImportFrom):
                base = package[: len(package) - child.level + 1] if child.level else ()
                module = ".".join([*base, *([child.module] if child.module else [])])
                found.add(module)
                if module.split(".")[0] == "dance_jax":
                    found.update(f"{module}.{alias.name}" for alias in child.names)
            visit(child)

    visit(tree)
    return found


def room(name: str) -> str | None:
    """Returns the room of `dance_jax.room.file`, None outside the package."""
    parts = name.split(".")
    return parts[1] if parts[0] == "dance_jax" and len(parts) > 1 else None


def room_of(path: pathlib.Path) -> str:
    """Returns the room that a file is in."""
    return path.relative_to(PACKAGE).with_suffix("").parts[0]


def wrong_directions(path: pathlib.Path) -> list[str]:
    """Returns the imports of a file that go up or sideways."""
    own = room_of(path)
    if own == "__init__":
        return []  # The package's own front gives names out lazily; a test below holds that.
    out = []
    for name in sorted(imports(path)):
        other = room(name)
        if other is None or other == own or other.startswith("__") or other not in LEVEL:
            continue
        same = LEVEL[other] == LEVEL[own] and LEVEL[own] in ONE_ROOM
        if LEVEL[other] >= LEVEL[own] and not same:
            out.append(f"{path.relative_to(ROOT)} (level {LEVEL[own]}) imports {name}")
    return out


def test_every_file_has_a_level() -> None:
    rooms = {room_of(path) for path in FILES} - {"__init__"}
    assert rooms <= set(LEVEL), f"give these a level: {sorted(rooms - set(LEVEL))}"


def test_imports_go_down_only() -> None:
    assert not [line for path in FILES for line in wrong_directions(path)]


def test_the_check_sees_an_upward_import(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(LEVEL, "errors", 12)
    assert wrong_directions(PACKAGE / "config.py")


def test_configs_import_only_what_they_may() -> None:
    allowed = {"ml_collections", "dance_jax.config", "__future__"}
    for path in sorted((ROOT / "configs").glob("*.py")):
        names = {n for n in imports(path) if not n.startswith("dance_jax.config.")}
        assert names <= allowed | {"dance_jax"}, f"{path.name} imports {names - allowed}"


def test_optional_packages_load_on_use() -> None:
    for path in FILES:
        early = {n.split(".")[0] for n in imports(path, top_level=True)} & LAZY
        assert not early, f"{path.relative_to(ROOT)} imports {early} at import time"


def test_what_is_never_imported() -> None:
    for path in FILES:
        found = {n.split(".")[0] for n in imports(path)} & NEVER
        if path == PICKLE_CHILD:
            assert found == {"pickle"}
            continue
        if path in TORCH_PEERS:
            assert found == {"torch"}
            continue
        assert not found, f"{path.relative_to(ROOT)} imports {found}"
        early = imports(path, top_level=True)
        assert not any("networks_peer" in name for name in early), path.name


def test_the_pickle_child_is_never_imported_and_imports_the_standard_library_only() -> None:
    assert not [path for path in FILES if any("pickle_child" in n for n in imports(path))]
    assert {n.split(".")[0] for n in imports(PICKLE_CHILD)} <= sys.stdlib_module_names


def test_one_package_owns_cv2() -> None:
    for name in ("setup.cfg", "requirements.lock"):
        text = (ROOT / name).read_text("utf-8")
        lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
        owners = {
            line.split("=")[0].strip(" >") for line in lines if line.strip().startswith("opencv")
        }
        assert owners == {"opencv-contrib-python"}, name


def test_the_launcher_and_the_package_load_nothing_heavy() -> None:
    code = (
        "import sys, dance_jax; from dance_jax import launch, logs; "
        "assert launch.main(['launch', '--help']) == 0; "
        f"print(sorted({HEAVY!r} & set(sys.modules)), file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr.strip() == "[]"
