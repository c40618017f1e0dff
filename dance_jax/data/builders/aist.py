"""The builder `aist`: AIST++ key points with what the file names say."""

from __future__ import annotations

import pathlib
from collections.abc import Iterator
from typing import Any

import numpy as np
import tensorflow_datasets as tfds

from dance_jax.data import load
from dance_jax.data.aist_names import GENRES, SITUATIONS, parse_name
from dance_jax.data.builders.base import Builder, Row
from dance_jax.data.builders.examples import clip_features, from_clip
from dance_jax.data.split import Member, Split, given_split
from dance_jax.data.textfile import read_lines
from dance_jax.errors import InputError
from dance_jax.types import Clip

_PARTS = ("train", "val", "test")


class Aist(Builder):
    """Sequences of AIST++, one example each ("3d"), or one a camera ("2d").

    Sequences that AIST++'s own `ignore_list.txt` names (their reconstruction failed) are left out
    where that file is; how many stands in the metadata.

    Args:
        points: "3d" (`keypoints3d/`) or "2d" (`keypoints2d/`).
        official: "crossmodal" or "pose": AIST++'s own split, from its `splits/`; sequences that are
            in none of its lists are left out. "": dealt by dancer.
        allow_pickle: needed where the folder holds pickles; npz converted from them need it not.
    """

    DESCRIPTION = "AIST++ key points (COCO-17) of the AIST Dance Video Database."
    HOMEPAGE = "https://google.github.io/aistplusplus_dataset/"
    LICENCE = (
        "Annotations: CC BY 4.0, Google LLC. The videos and music of the AIST Dance Video Database "
        "are not in it and have terms of their own (academic research only): "
        "https://aistdancedb.ongaaccel.jp/terms_of_use/"
    )
    CITATION = (
        "Li, Yang, Ross, Kanazawa: AI Choreographer: Music Conditioned 3D Dance Generation with "
        "AIST++, ICCV 2021. Tsuchida, Fukayama, Hamasaki, Goto: AIST Dance Video Database, "
        "ISMIR 2019."
    )
    BY = ("dancer",)

    def __init__(
        self,
        *,
        points: str = "3d",
        official: str = "",
        allow_pickle: bool = False,
        **kwargs: Any,
    ) -> None:
        if points not in ("2d", "3d"):
            raise InputError(f"no points {points!r}", "aist", "give 2d or 3d")
        if official not in ("", "crossmodal", "pose"):
            raise InputError(f"no split {official!r}", "aist", "give crossmodal or pose")
        self.points, self.official, self.allow_pickle = points, official, allow_pickle
        super().__init__(**kwargs)

    def scan(self) -> Iterator[Row]:
        """See `Builder`."""
        folder = self.source / f"keypoints{self.points}"
        folder = folder if folder.is_dir() else self.source
        files = sorted(p for p in folder.glob("*") if p.suffix in (".npz", ".pkl"))
        whole = {p.stem for p in files if p.suffix == ".npz"}
        files = [p for p in files if p.suffix == ".npz" or p.stem not in whole]
        if not files:
            raise InputError("it holds no .npz or .pkl of AIST++", folder, "give the folder")
        ignored, listed = self._list("ignore_list.txt") or set(), self._lists()
        self.left_out = {"in ignore_list.txt": 0, "in no list of the split": 0}
        self.parts: dict[str, list[str]] = {}
        for path in files:
            name = parse_name(path)
            part = listed.get(name.seen_by(None), "")
            if name.seen_by(None) in ignored:
                self.left_out["in ignore_list.txt"] += 1
                continue
            if self.official and not part:
                self.left_out["in no list of the split"] += 1
                continue
            groups = {
                "dancer": "+".join(f"d{d:02d}" for d in name.dancers),
                "music": name.music,
                "choreography": f"{name.genre}_{name.situation}_{name.music}_{name.number:02d}",
                "source": name.seen_by(None),
            }
            for camera in range(1, 10) if self.points == "2d" else (0,):
                clip = name.seen_by(camera or None)
                self.parts.setdefault(part, []).append(clip)
                yield Row(Member(clip, groups, name.genre), (path, camera, name))

    def given(self) -> Split | None:
        """See `Builder`."""
        if not self.official:
            return None
        return given_split({part: self.parts[part] for part in _PARTS if part in self.parts})

    def features(self) -> tfds.features.FeaturesDict:
        """See `Builder`."""
        f = tfds.features
        return f.FeaturesDict(
            {
                "clip": f.Text(),
                "label": f.ClassLabel(names=list(GENRES)),
                "situation": f.ClassLabel(names=[*SITUATIONS, "BA"]),
                "camera": f.Scalar(np.int64),
                "dancers": f.Sequence(f.Scalar(np.int64)),
                "music": f.Text(),
                "choreography": f.Text(),
                "bpm": f.Scalar(np.float32),
                **clip_features(),
            }
        )

    def facts(self) -> dict[str, Any]:
        """See `Builder`."""
        return {
            "points": self.points,
            "genres": dict(GENRES),
            "official_split": self.official,
            "sequences_left_out": self.left_out,
        }

    def example(self, row: Row) -> dict[str, Any]:
        """See `Builder`."""
        path, camera, name = row.made_from
        clip = self._clips(path)[max(camera - 1, 0)]
        return {
            "clip": row.member.clip,
            "label": name.genre or -1,
            "situation": name.situation,
            "camera": camera,
            "dancers": list(name.dancers),
            "music": name.music,
            "choreography": row.member.groups["choreography"],
            "bpm": np.float32(np.nan if name.bpm is None else name.bpm),
            **from_clip(clip),
        }

    def _lists(self) -> dict[str, str]:
        """The sequences of the official split and their parts."""
        if not self.official:
            return {}
        lists = {part: self._list(f"splits/{self.official}_{part}.txt") for part in _PARTS}
        if not any(lists.values()):
            what = f"there are no splits/{self.official}_train.txt and so on"
            raise InputError(what, self.source, "get them with AIST++, or leave `official` out")
        out: dict[str, str] = {}
        for part, names in lists.items():
            for name in names or ():
                if out.setdefault(name, part) != part:
                    what = f"{name} is in {out[name]} and in {part}"
                    raise InputError(what, f"splits/{self.official}_*.txt", "keep it in one")
        return out

    def _list(self, file: str) -> set[str] | None:
        """The sequences that a list names, None where there is no such list."""
        inner = pathlib.PurePath(file).name
        for root in (self.source, self.source.parent):  # as published, and beside the splits
            for path in (root / file, root / "splits" / inner):
                if path.is_file():
                    return set(_names(path))
        return None

    def _clips(self, path: Any) -> list[Clip]:
        """The clips of a file, nine views or one, read once for all of them."""
        if getattr(self, "_held", (None,))[0] != path:
            clips = list(load.load_clips(path, format="aistpp", allow_pickle=self.allow_pickle))
            self._held = (path, clips)
        clips, want = self._held[1], 9 if self.points == "2d" else 1
        if len(clips) != want:
            what = f"it holds {len(clips)} clips, not {want}"
            raise InputError(what, path, "give the AIST++ file")
        return clips


def _names(path: pathlib.Path) -> Iterator[str]:
    for k, line in enumerate(read_lines(path), 1):
        try:
            if line.strip():
                yield parse_name(line.strip()).seen_by(None)
        except InputError as error:
            raise InputError(error.what, f"{path}:{k}", error.fix) from error
