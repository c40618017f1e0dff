"""Parts of any size: written as they come, in order, in several files, without TensorFlow."""

from __future__ import annotations

import inspect
import json
import resource
import shutil
import subprocess
import sys

import numpy as np
import pytest
import tensorflow_datasets as tfds
from tensorflow_datasets.core import shuffle

from dance_jax.data import builders, choreai_text
from dance_jax.data.builders import base, shards
from dance_jax.errors import InputError
from dance_jax.types import Clip
from tests.seeds import fresh

ALL = {"shares": {"train": 1.0}}
CLIPS = 12


@pytest.fixture
def poses(tmp_path):
    """A text of 12 clips, some 14 kB each once they are packed."""
    rng = np.random.default_rng(fresh(__name__, 1)[0])
    pose = rng.uniform(50, 400, (100 * CLIPS, 1, 17, 2)).astype(np.float32)
    made = Clip(pose, np.full(pose.shape[:3], 0.5), np.arange(len(pose)) / 25, "coco17")
    choreai_text.write(tmp_path / "poses.txt", made)
    return tmp_path / "poses.txt"


def prepared(poses, folder):
    return builders.prepare("choreai_poses", poses, folder, fps=25.0)


def names(folder) -> list[str]:
    return [x["clip"].decode() for x in builders.open_split("choreai_poses", folder, "train")]


def test_a_part_is_cut_into_files_in_order(poses, tmp_path, monkeypatch) -> None:
    def never(*given, **named):
        raise AssertionError("this holds a part in memory, and spills it through TensorFlow")

    monkeypatch.setattr(shuffle.Shuffler, "__init__", never)
    one, many = tmp_path / "one", tmp_path / "many"
    whole = prepared(poses, one)
    size = tfds.builder_from_directory(whole).info.splits["train"].num_bytes
    monkeypatch.setattr(shards, "SHARD_BYTES", int(size / 4.5))
    place = prepared(poses, many)
    told = tfds.builder_from_directory(place).info.splits["train"]
    assert told.num_shards > 4 and sum(told.shard_lengths) == CLIPS and min(told.shard_lengths) > 0
    assert told.num_bytes == size
    files = sorted(p.name for p in place.iterdir() if "array_record" in p.name or "tmp" in p.name)
    of = told.num_shards
    wanted = [f"choreai_poses-train.array_record-{k:05d}-of-{of:05d}" for k in range(of)]
    assert files == wanted
    assert names(many) == names(one) == [f"poses/{k}" for k in range(CLIPS)]
    again = prepared(poses, tmp_path / "again")
    for name in wanted:  # the same source gives the same bytes
        assert (again / name).read_bytes() == (place / name).read_bytes()
    monkeypatch.setattr(shards, "SHARD_BYTES", 1)  # smaller than any example: one a file
    assert len(list(prepared(poses, tmp_path / "each").glob("*array_record*"))) == CLIPS


def test_a_full_disk_is_told_and_leaves_nothing(poses, tmp_path) -> None:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, before[1]))
        with pytest.raises(InputError, match=r"cannot be written \(.*too large\)"):
            prepared(poses, tmp_path / "ds")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert not [p for p in (tmp_path / "ds").rglob("*") if p.is_file()]
    assert len(names_of(prepared(poses, tmp_path / "ds"))) == 1


def names_of(place) -> list[str]:
    return [p.name for p in place.glob("*.array_record-*")]


def test_no_example_is_told(tmp_path) -> None:
    features = tfds.features.FeaturesDict({"clip": tfds.features.Text()})
    template = tfds.core.ShardedFileTemplate(
        data_dir=tmp_path, dataset_name="a", split="train", filetype_suffix="array_record"
    )
    with pytest.raises(InputError, match="no example"):
        shards.write_part([], features, template)
    assert not list(tmp_path.iterdir())


def test_a_builder_without_its_own_parts_cannot_be_made() -> None:
    assert inspect.isabstract(base.Builder)
    assert base.Builder.__abstractmethods__ == {"scan", "features", "example"}
    with pytest.raises(TypeError, match="abstract"):
        base.Builder(source=".")


LARGE = """
import json, pathlib, re, sys
import numpy as np, tensorflow_datasets as tfds
from dance_jax.data.builders import base
from dance_jax.data.split import Member

SIZE, COUNT = 16 << 20, int(sys.argv[2])

def noise(k):
    return np.random.default_rng([7, k]).bytes(SIZE)

class Large(base.Builder):
    DESCRIPTION, LICENCE, BY = "noise", "none", ("source",)
    def scan(self):
        for k in range(COUNT):
            yield base.Row(Member(str(k), {"source": str(k)}), k)
    def features(self):
        f = tfds.features
        return f.FeaturesDict({"k": f.Scalar(np.int64), "x": f.Tensor(shape=(), dtype=np.object_)})
    def example(self, row):
        return {"k": row.made_from, "x": noise(row.made_from)}

def peak():  # of this program alone: getrusage also counts the one that started it
    status = pathlib.Path("/proc/self/status").read_text()
    return int(re.search(r"VmHWM:\\s+(\\d+) kB", status)[1]) >> 10

before = peak()
shares = base.Splitting(shares={"train": 1.0})
builder = Large(source=".", splitting=shares, data_dir=sys.argv[1])
base.prepare(builder)
written = peak() - before
source = base.open_folder(pathlib.Path(sys.argv[1]) / "large" / "1.0.0", "train")
assert [source[k]["k"] for k in (0, COUNT // 2, COUNT - 1)] == [0, COUNT // 2, COUNT - 1]
assert all(source[k]["x"] == noise(k) for k in range(0, COUNT, 7))
assert not {"tensorflow", "torch"} & set(sys.modules), "TensorFlow was imported"
split = tfds.builder_from_directory(builder.data_path).info.splits["train"]
print(json.dumps({"MiB": split.num_bytes >> 20, "files": split.num_shards,
                  "examples": len(source), "memory MiB": written}))
"""


@pytest.mark.full
def test_more_than_the_writer_of_tensorflow_datasets_holds(tmp_path, full_size, figures) -> None:
    """1.2 GiB in one part where the library's own writer spills from 1,000 MiB on."""
    count = 77 if full_size else 5
    done = subprocess.run(
        [sys.executable, "-c", LARGE, str(tmp_path / "ds"), str(count)],
        capture_output=True,
        text=True,
        check=False,
    )
    shutil.rmtree(tmp_path / "ds", ignore_errors=True)  # pytest would keep three of them
    assert done.returncode == 0, done.stderr[-2000:]
    found = json.loads(done.stdout)
    figures["one part, as written"] = found
    assert found["examples"] == count and found["MiB"] >= 16 * count
    assert found["files"] == -(-count // 15)  # 15 of 16 MiB fit into 256 MiB with what is around
    if full_size:
        assert found["MiB"] << 20 > shuffle.MAX_MEM_BUFFER_SIZE
        assert found["memory MiB"] < 400  # a part of it is what array_record has not yet written
