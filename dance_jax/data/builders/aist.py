"""The builder `aist`: AIST++ key points with what the file names say."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import tensorflow_datasets as tfds

from dance_jax.data import load
from dance_jax.data.aist_names import GENRES, SITUATIONS, parse_name
from dance_jax.data.builders.base import Builder, Row
from dance_jax.data.builders.examples import clip_features, from_clip
from dance_jax.data.split import Member
from dance_jax.errors import InputError
from dance_jax.types import Clip


class Aist(Builder):
    """Sequences of AIST++, one example each ("3d"), or one a camera ("2d").

    Args:
        points: "3d" (`keypoints3d/`) or "2d" (`keypoints2d/`).
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

    def __init__(self, *, points: str = "3d", allow_pickle: bool = False, **kwargs: Any) -> None:
        if points not in ("2d", "3d"):
            raise InputError(f"no points {points!r}", "aist", "give 2d or 3d")
        self.points, self.allow_pickle = points, allow_pickle
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
        for path in files:
            name = parse_name(path)
            groups = {
                "dancer": "+".join(f"d{d:02d}" for d in name.dancers),
                "music": name.music,
                "choreography": f"{name.genre}_{name.situation}_{name.music}_{name.number:02d}",
                "source": name.seen_by(None),
            }
            for camera in range(1, 10) if self.points == "2d" else (0,):
                clip = name.seen_by(camera or None)
                yield Row(Member(clip, groups, name.genre), (path, camera, name))

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
        return {"points": self.points, "genres": dict(GENRES)}

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
