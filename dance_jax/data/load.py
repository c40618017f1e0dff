"""Reads poses and motions from files in any known format, told by their content."""

from __future__ import annotations

import difflib
import hashlib
import itertools
import os
import pathlib
import re
from collections.abc import Iterator
from typing import Any

from dance_jax import skeleton as skeletons
from dance_jax.data import damage, formats
from dance_jax.data.formats import Format, Head, ReadOptions
from dance_jax.data.no_clips import reason
from dance_jax.errors import InputError
from dance_jax.types import Clip

_NAMED = 12  # clips or files that a message lists
_LOOKED_AT = 30  # files of a folder


def detect(path: str | os.PathLike[str]) -> tuple[Format, str]:
    """Tells the format of a file or folder by what is in it, whatever its name.

    Args:
        path: the file or folder.

    Returns:
        The format, and what was seen.

    Raises:
        InputError: no format or several fit, with what was tried and what it looks like; a video,
            a model or a file of labels is named as what it is.
    """
    return _detect(formats.head(path))


def _detect(head: Head) -> tuple[Format, str]:
    if not head.is_folder and not head.size:
        raise InputError("it is empty (0 bytes)", head.path, "copy the file again")
    fits = [(one, saw) for one in formats.formats() if (saw := one.sniff(head))]
    if len(fits) == 1:
        return fits[0]
    if fits:
        names = ", ".join(f"{one.name} ({saw})" for one, saw in fits)
        raise InputError(f"it fits several formats: {names}", head.path, "say which: format=")
    if why := reason(head):
        raise InputError(*why)
    if damaged := damage.explain(head):
        raise damaged
    if head.is_folder and (inside := _inside(head)):
        raise InputError(f"it is a folder; read these in it: {inside}", head.path, "give one")
    near = _nearest(head)
    raise InputError(
        f"it has no format known here; {looks_like(head)}; tried "
        f"{', '.join(one.title for one in formats.formats())}",
        head.path,
        f"nearest is {near}: if it is that, say so with format="
        if near
        else "give a file in one of these formats",
    )


def _inside(folder: Head) -> str:
    """Returns the files in a folder, one level deeper too, that have a format."""
    found = []
    paths = [folder.path / name for name in folder.members[:_LOOKED_AT]]
    for path in paths:
        deeper = [path / name for name in formats.head(path).members[:3]] if path.is_dir() else []
        for one in (path, *deeper):
            try:
                fits = [f for f in formats.formats() if f.sniff(formats.head(one))]
            except InputError:
                continue
            if fits:
                found.append(f"{one.relative_to(folder.path)} ({fits[0].name})")
                break
    return ", ".join(found[:_NAMED])


def looks_like(head: Head) -> str:
    """Returns what a person would say of the file."""
    if head.members or head.is_folder:
        names = ", ".join(repr(name[:40]) for name in head.members[:4]) or "nothing"
        return f"it is a {'folder' if head.is_folder else 'zip'} that holds {names}"
    text = head.text.strip()
    if not text and (head.text or head.start == b"\xef\xbb\xbf"):
        return "it is blank"
    if text[:1] in ("[", "{"):
        keys = list(dict.fromkeys(re.findall(r'"([^"\\]{1,40})"\s*:', text)))[:6]
        return f"it looks like JSON with the keys {', '.join(keys)}" if keys else "it is JSON"
    start = text[:200]
    if start and not any(c < " " and c not in "\t\r\n" for c in start):
        return f"it is text that begins {start[:40].splitlines()[0]!r}"
    return f"it is a binary file that begins {head.start[:8].hex(' ')}"


def _nearest(head: Head) -> str:
    """Returns the name of the format whose words are most like the file's, "" where none is."""
    words = " ".join([head.path.name, *head.members[:8], head.text[:2000]]).lower()
    kinds = {
        "alphapose": "alphapose image_id keypoints score json",
        "openpose": "openpose people pose_keypoints_2d version json",
        "coco": "coco annotations images categories keypoints json",
        "mediapipe_json": "mediapipe landmarks visibility presence json",
        "mediapipe_csv": "mediapipe landmark visibility csv",
        "choreai_text": "txt",
        "bvh": "bvh hierarchy motion",
        "c3d": "c3d point",
        "trc": "trc pathfiletype markers",
        "mot": "mot endheader time",
        "amass": "poses trans betas gender npz",
        "aistpp": "pkl keypoints3d keypoints2d smpl_poses",
        "pyskl": "pkl keypoint_score frame_dir",
        "keypoints_npy": "npy",
    }
    known = {one.name for one in formats.formats()}

    def score(name: str) -> float:
        hits = sum(word in words for word in kinds.get(name, name).split())
        return hits + difflib.SequenceMatcher(None, name, head.path.suffix.lower()).ratio()

    best = max(sorted(known), key=score)
    return best if score(best) >= 1 else ""


def load_clips(
    path: str | os.PathLike[str], *, format: str | None = None, **options: Any
) -> Iterator[Clip]:
    """Reads every clip of a file or folder; `Clip.source` says what was found and dropped.

    Args:
        path: the file or folder.
        format: the format's name, where the content does not tell it.
        **options: fields of `ReadOptions`: fps, unit, skeleton, clip, camera, allow_pickle,
            image_size, scaler.

    Returns:
        The clips, read one at a time.

    Raises:
        InputError: now, where the format is not known or an option is wrong; at the clip where
            the file is damaged.
    """
    try:
        given = ReadOptions(**options)
    except TypeError as error:
        known = ", ".join(ReadOptions.__dataclass_fields__)
        raise InputError(str(error).split(")")[-1].strip(), "", f"options are {known}") from None
    head = formats.head(path)
    one = formats.find(format) if format else _detect(head)[0]
    return _read(one, head, given)


def _read(one: Format, head: Head, options: ReadOptions) -> Iterator[Clip]:
    digest = "" if head.is_folder else file_hash(head.path)
    for clip in one.read(head.path, options):
        if options.clip is not None and clip.source.get("name", options.clip) != options.clip:
            continue
        if options.skeleton is not None:
            clip = _converted(clip, options.skeleton)
        yield clip.replace(source={**clip.source, "sha256": digest}) if digest else clip


def _converted(clip: Clip, name: str) -> Clip:
    """Returns the clip in that skeleton; what it drops is said."""
    old, new = skeletons.get(clip.skeleton), skeletons.get(name)
    if old == new:
        return clip
    pose, sure = skeletons.convert(clip.pose, clip.confidence, clip.skeleton, name)
    world = clip.pose_world
    if world is not None:
        world, _ = skeletons.convert(world, None, clip.skeleton, name)
    found = f"{clip.source.get('found', '')}; converted from {old.name} to {new.name}"
    return clip.replace(
        pose=pose,
        confidence=sure,
        pose_world=world,
        skeleton=new.name,
        source={**clip.source, "found": found},
    )


def file_hash(path: pathlib.Path) -> str:
    """Returns the sha256 of a file's content.

    Args:
        path: the file.

    Raises:
        InputError: it cannot be read.
    """
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise InputError(f"cannot be read ({error.strerror})", path, "check the name") from error


def load_clip(path: str | os.PathLike[str], *, format: str | None = None, **options: Any) -> Clip:
    """Reads the one clip of a file or folder; `Clip.source` says what was found and dropped.

    Args:
        path: the file or folder.
        format: the format's name, where the content does not tell it.
        **options: see `load_clips`; clip= picks one by name where there are many.

    Raises:
        InputError: as `load_clips`, and where there are several clips (they are named) or none.
    """
    found = list(itertools.islice(load_clips(path, format=format, **options), _NAMED + 1))
    if len(found) == 1:
        return found[0]
    if not found:
        wanted = options.get("clip")
        what = f"it has no clip {wanted!r}" if wanted else "it holds no clip"
        raise InputError(what, path, f"it has {_names(path, format, options)}" if wanted else "")
    names = [str(clip.source.get("name", at)) for at, clip in enumerate(found)]
    more = " and more" if len(names) > _NAMED else ""
    raise InputError(
        f"it holds several clips: {', '.join(names[:_NAMED])}{more}",
        path,
        "name one with clip=, or read all with load_clips",
    )


def _names(path: str | os.PathLike[str], format: str | None, options: dict[str, Any]) -> str:
    rest = {key: value for key, value in options.items() if key != "clip"}
    clips = itertools.islice(load_clips(path, format=format, **rest), _NAMED + 1)
    names = [str(clip.source.get("name", at)) for at, clip in enumerate(clips)]
    return ", ".join(names[:_NAMED]) + (" and more" if len(names) > _NAMED else "")
