"""Small sound files of every format, made on the spot: what the fuzzer starts from."""

from __future__ import annotations

import gzip
import io
import itertools
import json
import pathlib
import pickle
import tempfile
from collections.abc import Callable

import numpy as np

from dance_jax import skeleton
from dance_jax.data import (
    alphapose,
    c3d_writer,
    choreai_text,
    clip_npz,
    coco,
    mediapipe_csv,
    mediapipe_files,
    mot,
    npz_tables,
    openpose,
    pyskl,
    trc,
)
from dance_jax.types import Clip
from tests.data.c3d_machines import other_machine
from tests.fuzz import keypoint_seeds

# Between the files of a reader that takes several: they travel through the fuzzer as one.
BETWEEN = b"\n%%%\n"
_RNG = np.random.default_rng(7)


def _clip(frames: int = 3, people: int = 2, skeleton: str = "coco17") -> Clip:
    """People in pixels at whole numbers, so that their text is short."""
    joints = {"coco17": 17, "halpe26": 26, "mediapipe33": 33}[skeleton]
    pose = _RNG.integers(9, 600, (frames, people, joints, 2)).astype(np.float32)
    pose[1:] = pose[:1] + np.arange(1, frames)[:, None, None, None]
    sure = np.full(pose.shape[:3], 0.5, np.float32)
    sure[0, 0, 3], pose[0, 0, 3] = 0, np.nan
    times = np.arange(frames) / 25
    return Clip(pose, sure, times, skeleton=skeleton, unit="px", image_size=(640, 480))


def _written(write: Callable[[pathlib.Path], object]) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "made"
        write(path)
        if path.is_dir():
            return BETWEEN.join(part.read_bytes() for part in sorted(path.iterdir()))
        return path.read_bytes()


def _npz(**arrays: object) -> bytes:
    out = io.BytesIO()
    np.savez(out, **arrays)
    return out.getvalue()


def _alphapose() -> list[bytes]:
    clip = _clip()
    found = [_written(lambda path, f=form: alphapose.write(path, clip, form=f, fps=25))
             for form in ("list", "cmu", "open")]  # fmt: skip
    row = {"image_id": 3, "category_id": 1, "keypoints": [1] * 72, "score": 1, "idx": [[2]]}
    return [*found, json.dumps([row | {"pred_xyz_jts": [[1, 2, 3]] * 24}]).encode()]


def _mediapipe_json() -> list[bytes]:
    clip = _clip(2, 1, "mediapipe33")
    marks = [[1, 2, 0, 1]] * 33
    other = [{"landmarks": marks, "timestamp_ms": t, "world_landmarks": marks} for t in (0, 40)]
    frames = {"fps": 30, "frame_1": {"pose_landmarks": [marks]}, "frame_3": {"landmarks": []}}
    rest = (json.dumps(whole).encode() for whole in (other, frames))
    return [_written(lambda path: mediapipe_files.write(path, clip)), *rest]


def _mediapipe_csv() -> list[bytes]:
    wide = _written(lambda path: mediapipe_csv.write(path, _clip(2, 1, "mediapipe33")))
    long = "frame,landmark,x,y,z,visibility\n"
    long += "".join(f"{t},{at},1,2,0,1\n" for t, at in itertools.product((0, 1), range(33)))
    named = ",".join(f"landmark_{at}_{axis}" for at in range(33) for axis in "xyz")
    clips = f"video_id,timestamp,{named}\n" + "".join(
        f"{name},{t},{','.join(['7'] * 99)}\n" for name in "ab" for t in (0, 40)
    )
    return [wide, long.encode(), clips.encode(), gzip.compress(clips.encode(), mtime=0)]


def _choreai() -> list[bytes]:
    row = b"7,8,1," * 16 + b"0,0,0\n"
    one = _written(lambda path: choreai_text.write(path, _clip(100, 1)))
    return [100 * row + BETWEEN + b"3\n", one.replace(b".0", b"") + BETWEEN + b"1\n" * 100]


_BVH = """HIERARCHY
ROOT Hips
{
 OFFSET 0 0 0
 CHANNELS 6 Xposition Yposition Zposition Zrotation Xrotation Yrotation
 JOINT LeftUpLeg
 {
  OFFSET 0 -90 0
  CHANNELS 3 Zrotation Xrotation Yrotation
  End Site
  {
   OFFSET 0 -80 0
  }
 }
}
MOTION
Frames: 2
Frame Time: 0.0333333
0 90 0 0 0 0 0 0 0
1 90 0 0 9 0 0 0 1.5
"""


def _bvh() -> list[bytes]:
    six = "CHANNELS 6 Xposition Yposition Zposition Zrotation"
    moving = _BVH.replace("CHANNELS 3 Zrotation", six)
    moving = moving.replace(" 0 0 0\n1 ", " 0 0 0 0 0 0\n1 ").replace(" 1.5\n", " 1.5 0 0 0\n")
    return [_BVH.encode(), moving.encode(), _BVH.replace("\n", "\r\n").encode("utf-8-sig")]


def _figure() -> np.ndarray:
    """f64[4,6,3] metres: hips, knees and ankles of somebody standing."""
    legs = [[x, y, 0.0] for y in (0.9, 0.45, 0.06) for x in (-0.1, 0.1)]
    return np.array(legs) + 0.01 * np.arange(4)[:, None, None]


_LEGS = ("RHJC", "LHJC", "RKJC", "LKJC", "RAJC", "LAJC")


def _trc() -> list[bytes]:
    legs, times = _figure(), np.arange(4) / 50
    made = [
        _written(lambda path, u=unit, size=size: trc.write_trc(path, _LEGS, size * legs, times, u))
        for unit, size in (("m", 1), ("mm", 1000), ("px", 400))
    ]
    return [*made, made[0].replace(b"\n", b"\r\n")]


def _mot() -> list[bytes]:
    columns = {"knee_r": np.arange(3.0), "hip_r": np.arange(3.0)}
    return [_written(lambda path: mot.write_mot(path, columns, np.arange(3) / 50))]


def _c3d() -> list[bytes]:
    points = 1000 * _figure()
    one = _written(lambda path: c3d_writer.write_points(path, list(_LEGS), points, 50.0))
    names = [f"{who}:{name}" for who in ("Ann", "Bob") for name in _LEGS]
    two = np.concatenate([points, points + 500], 1)
    two[1, 2] = np.nan
    both = _written(lambda path: c3d_writer.write_points(path, names, two, 50.0))
    others = [other_machine(one, machine, whole) for machine in (84, 85, 86) for whole in (0, 1)]
    return [one, both, *others]


def _clip_npz() -> list[bytes]:
    clip = _clip(2, 1).replace(source={"found": "a", "list": ("b", 1)}, labels={"label": 1})
    return [_written(lambda path: clip_npz.write(path, clip))]


def _amass() -> list[bytes]:
    def motion(width: int) -> bytes:
        poses, trans = np.zeros((2, width), np.float32), np.zeros((2, 3), np.float32)
        return _npz(poses=poses, trans=trans, betas=np.zeros(2), gender="female",
                    mocap_framerate=60.0)  # fmt: skip

    return [motion(72), motion(156)]


def _collections() -> list[bytes]:
    """An npz and its table of one clip, in each of the layouts."""
    out = []
    for one in npz_tables.COLLECTIONS:
        arrays = [np.ones((3, *one.shape), np.float32), np.ones((3, 3), np.float32)]
        names = [name.replace("{key}", "t") for name in one.arrays]
        row = dict.fromkeys(one.columns, "3") | {one.key[0]: "t", "fps": "25", "seconds": "1"}
        row |= dict(zip(one.rows, "03", strict=False)) | ({one.count: "3"} if one.count else {})
        row = {name: row[name] for name in one.columns}
        table = f"{','.join(row)}\n{','.join(row.values())}\n".encode()
        out.append(_npz(**dict(zip(names, arrays, strict=False))) + BETWEEN + table)
    return out


def _aist_trees() -> list[dict[str, object]]:
    points = np.ones((2, 2, 17, 3), np.float32)
    deep = np.ones((2, 17, 3), np.float32)
    deep[:, :, 1] += np.arange(17)
    return [
        {"keypoints2d": points, "timestamps": np.array([0, 16667])},
        {"keypoints3d": deep, "keypoints3d_optim": deep},
        {"smpl_poses": np.zeros((2, 72)), "smpl_trans": np.zeros((2, 3)),
         "smpl_scaling": np.ones(1)},
    ]  # fmt: skip


def _pyskl_tree() -> dict[str, object]:
    row = {"frame_dir": "a", "total_frames": 2, "img_shape": (480, 640), "label": 1,
           "keypoint": np.ones((1, 2, 17, 2), np.float16),
           "keypoint_score": np.ones((1, 2, 17), np.float16)}  # fmt: skip
    return {"split": {"train": ["a"], "val": []}, "annotations": [row, row | {"frame_dir": "b"}]}


def _analysis() -> list[bytes]:
    out = []
    for unit, axes, more in (
        ("px", 2, {"image_size": np.array([640, 480])}),
        ("m", 3, {"pose_world_estimated_m": np.ones((3, 26, 3), np.float32)}),
    ):
        out.append(
            _npz(
                time_s=np.arange(3) / 25,
                pose_raw=np.ones((3, 26, axes), np.float32),
                confidence=np.ones((3, 26), np.float32),
                joint_names=np.array(skeleton.get("halpe26").joints),
                unit=np.array(unit),
                person_id=np.array(1),
                **more,
            )
        )
    return out


def _pickles(*trees: object) -> list[bytes]:
    return [pickle.dumps(tree, protocol) for tree in trees for protocol in (2, 4, 5)]


_ANNOTATIONS = """video_file,aesthetic_score,style,fluidity,expressiveness,precision,rater_id,fps
a.mp4,7.5,waltz,0.5,0.25,1,r1,30
b/c.mp4,3,hip-hop,,1,0,r2,
"""


def _annotations() -> list[bytes]:
    other = _ANNOTATIONS.replace(",", ";").replace("0.5", "0,5").replace("\n", "\r\n")
    return [_ANNOTATIONS.encode(), other.encode("utf-8-sig"), other.encode("utf-16")]


SEEDS: dict[str, Callable[[], list[bytes]]] = {
    "alphapose": _alphapose,
    "openpose": lambda: [_written(lambda path: openpose.write(path, _clip(2, 1)))],
    "coco": lambda: [_written(lambda path: coco.write(path, _clip(2, 1)))],
    "mediapipe_json": _mediapipe_json,
    "mediapipe_csv": _mediapipe_csv,
    "choreai_text": _choreai,
    "bvh": _bvh,
    "trc": _trc,
    "mot": _mot,
    "c3d": _c3d,
    "clip_npz": _clip_npz,
    "analysis_npz": _analysis,
    "amass": _amass,
    "npz_collection": _collections,
    "aistpp": lambda: [_npz(**tree) for tree in _aist_trees()],
    "pyskl": lambda: [_npz(**pyskl.pack(_pyskl_tree()))],
    "keypoints_npy": lambda: [BETWEEN.join(parts) for parts in keypoint_seeds.arrays()],
    "scaler": keypoint_seeds.scalers,
    "annotations": _annotations,
    "aistpp_pickle": lambda: _pickles(*_aist_trees()),
    "pyskl_pickle": lambda: _pickles(_pyskl_tree()),
}


def all_seeds() -> list[bytes]:
    """Every seed of every format of poses, for telling one from another."""
    none = ("annotations", "scaler")
    return [data for name, make in SEEDS.items() if name not in none for data in make()]
