"""The table of outside files: name, sha256, size, licence and official origin of each."""

from __future__ import annotations

import dataclasses
import hashlib
import os
import pathlib
from collections.abc import Mapping

from dance_jax.errors import InputError

WHEEL = "mediapipe==0.10.21"
_BUCKET = "https://storage.googleapis.com/mediapipe-models/pose_landmarker"


@dataclasses.dataclass(frozen=True)
class Asset:
    """One outside file.

    Attributes:
        name: the name to fetch it by.
        file: its file name in the cache.
        sha256: of its bytes.
        size: bytes.
        licence: SPDX name.
        variant: "lite", "full", "heavy", or "" for a part that all share.
        role: "task" (bundle), "detector" or "landmarker" (TFLite graphs).
        url: the official address, or "".
        wheel_member: its path within the official wheel `WHEEL`, or "".
        bundle: the asset it is a member of, or "".
        also: other sha256 published for the same official address.
    """

    name: str
    file: str
    sha256: str
    size: int
    licence: str
    variant: str
    role: str
    url: str = ""
    wheel_member: str = ""
    bundle: str = ""
    also: tuple[str, ...] = ()

    def matches(self, sha256: str) -> bool:
        """Returns whether this is the sha256 of the official file."""
        return sha256 == self.sha256 or sha256 in self.also


_TABLE = (
    Asset(
        "pose_landmarker_lite",
        "pose_landmarker_lite.task",
        "59929e1d1ee95287735ddd833b19cf4ac46d29bc7afddbbf6753c459690d574a",
        5_777_746,
        "Apache-2.0",
        "lite",
        "task",
        url=f"{_BUCKET}/pose_landmarker_lite/float16/1/pose_landmarker_lite.task",
    ),
    Asset(
        "pose_landmarker_full_task",
        "pose_landmarker_full.task",
        "5134a3aad27a58b93da0088d431f366da362b44e3ccfbe3462b3827a839011b1",
        9_398_198,
        "Apache-2.0",
        "full",
        "task",
        url=f"{_BUCKET}/pose_landmarker_full/float16/1/pose_landmarker_full.task",
        also=("4eaa5eb7a98365221087693fcc286334cf0858e2eb6e15b506aa4a7ecdcec4ad",),
    ),
    Asset(
        "pose_landmarker_heavy_task",
        "pose_landmarker_heavy.task",
        "64437af838a65d18e5ba7a0d39b465540069bc8aae8308de3e318aad31fcbc7b",
        30_664_242,
        "Apache-2.0",
        "heavy",
        "task",
        url=f"{_BUCKET}/pose_landmarker_heavy/float16/1/pose_landmarker_heavy.task",
    ),
    Asset(
        "pose_detector",
        "pose_detection.tflite",
        "9ba9dd3d42efaaba86b4ff0122b06f29c4122e756b329d89dca1e297fd8f866c",
        2_959_046,
        "Apache-2.0",
        "",
        "detector",
        wheel_member="mediapipe/modules/pose_detection/pose_detection.tflite",
    ),
    Asset(
        "pose_landmarker_full",
        "pose_landmark_full.tflite",
        "e9a5c5cb17f736fafd4c2ec1da3b3d331d6edbe8a0d32395855aeb2cdfd64b9f",
        6_440_512,
        "Apache-2.0",
        "full",
        "landmarker",
        wheel_member="mediapipe/modules/pose_landmark/pose_landmark_full.tflite",
    ),
    Asset(
        "pose_detector_of_lite",
        "pose_detector.tflite",
        "46837eb883e6ec75b52c5f5ff6a9b78bd35e66c13f95e8c3566c582d146cb1d9",
        2_959_078,
        "Apache-2.0",
        "",
        "detector",
        bundle="pose_landmarker_lite",
    ),
    Asset(
        "pose_landmarks_of_lite",
        "pose_landmarks_detector_lite.tflite",
        "ad6cfd3c903eb31a4ee788b809e45ecf9fa69923b69b9f3f2d9ae616ff433e58",
        2_818_390,
        "Apache-2.0",
        "lite",
        "landmarker",
        bundle="pose_landmarker_lite",
    ),
)
ASSETS: Mapping[str, Asset] = {asset.name: asset for asset in _TABLE}
ALIASES: Mapping[str, tuple[str, ...]] = {"pose": ("pose_detector", "pose_landmarker_full")}


def cache_dir() -> pathlib.Path:
    """Returns the folder of fetched files: `$DANCE_JAX_HOME`, else ~/.cache/dance_jax."""
    home = os.environ.get("DANCE_JAX_HOME", "").strip()
    return pathlib.Path(home).expanduser() if home else pathlib.Path.home() / ".cache" / "dance_jax"


def get(name: str) -> Asset:
    """Returns the asset of that name.

    Raises:
        InputError: there is none.
    """
    if name not in ASSETS:
        raise InputError(
            f"no asset is named {name!r}", "assets", f"use one of {', '.join([*ALIASES, *ASSETS])}"
        )
    return ASSETS[name]


def sha256_of(data: bytes) -> str:
    """Returns the sha256 of bytes, in hexadecimal."""
    return hashlib.sha256(data).hexdigest()


def known(sha256: str) -> Asset | None:
    """Returns the asset with that sha256, or None."""
    return next((asset for asset in _TABLE if asset.matches(sha256)), None)


def known_file(file: str) -> Asset | None:
    """Returns the asset with that file name, or None."""
    return next((asset for asset in _TABLE if asset.file == file), None)
