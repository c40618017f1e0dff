"""The options of a comparison, checked before any work starts."""

from __future__ import annotations

import contextlib
import dataclasses
import pathlib
from collections.abc import Iterator, Mapping
from typing import Any

from dance_jax.errors import ConfigError, InputError

_SIDED = ("person", "start_s", "end_s")  # options of `analyze` that each side has of its own


@dataclasses.dataclass(frozen=True)
class Wishes:
    """Options of the comparison itself; `configs/compare.py` has the same keys.

    Attributes:
        mirrored: "auto", "yes" or "no": does the student copy the mirror image.
        window_s: how far the student may be early or late about the steady tempo, in seconds.
        same_dance: True takes it as known that both do the same dance, where the test cannot tell.
        teacher_person: which dancer of the teacher's clip.
        student_person: which dancer of the student's clip.
        teacher_start_s: first second of the teacher's clip that is read; None from the beginning.
        teacher_end_s: last second of the teacher's clip.
        student_start_s: first second of the student's clip.
        student_end_s: last second of the student's clip.
        video: write `compare.mp4`.
    """

    mirrored: str = "auto"
    window_s: float = 1.0
    same_dance: bool = False
    teacher_person: str = "largest"
    student_person: str = "largest"
    teacher_start_s: float | None = None
    teacher_end_s: float | None = None
    student_start_s: float | None = None
    student_end_s: float | None = None
    video: bool = True

    def __post_init__(self) -> None:
        from dance_jax import config, config_keys

        for field in dataclasses.fields(self):
            rule = config_keys.KEYS["compare"][field.name]
            config.check(getattr(self, field.name), rule, f"config.{field.name}")


def split_options(options: Mapping[str, Any]) -> tuple[Wishes, dict[str, Any], dict[str, Any]]:
    """Separates the comparison's own options from those of the two analyses.

    Args:
        options: fields of `Wishes` and of `analysis.options.Options`.

    Returns:
        (wishes, options of the teacher's analysis, of the student's).

    Raises:
        ConfigError: an unknown key, or a value out of range.
    """
    own = {field.name for field in dataclasses.fields(Wishes)}
    rest = {key: value for key, value in options.items() if key not in own}
    if rest.get("person", "largest") != "largest":
        fix = "use teacher_person and student_person"
        raise ConfigError("one person of each clip is compared", "person", fix)
    wishes = Wishes(**{key: value for key, value in options.items() if key in own})
    sides = []
    for side in ("teacher", "student"):
        person = getattr(wishes, f"{side}_person")
        if person == "all":
            raise ConfigError("one person is compared", f"{side}_person", "name one of them")
        sides.append(
            rest
            | {
                "person": person,
                "start_s": getattr(wishes, f"{side}_start_s"),
                "end_s": getattr(wishes, f"{side}_end_s"),
            }
        )
    return wishes, sides[0], sides[1]


def check_there(side: str, path: str | pathlib.Path) -> None:
    """Checks that the video of one side is there.

    Args:
        side: "teacher" or "student".
        path: as given.

    Raises:
        InputError: nothing was given, or there is no such file or folder.
    """
    key = f"--config.{side}"
    if not str(path):
        raise InputError(f"no {side} was given", key, f"pass {key}=FILE (a video)")
    if not pathlib.Path(path).exists():
        raise InputError("there is no such file or folder", path, f"check {key}")


@contextlib.contextmanager
def told_of(side: str) -> Iterator[None]:
    """Lets an error of one side's analysis name the keys of the comparison.

    Args:
        side: "teacher" or "student".

    Raises:
        InputError: of the same kind as was raised, `--config.input` written as the side's key.
    """
    try:
        yield
    except InputError as error:
        texts = [error.what, error.where, error.fix]
        for key in _SIDED:
            texts = [t.replace(f"--config.{key}", f"--config.{side}_{key}") for t in texts]
        texts = [t.replace("--config.input", f"--config.{side}") for t in texts]
        if texts == [error.what, error.where, error.fix]:
            raise
        raise type(error)(*texts) from error
