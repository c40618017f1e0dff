"""Which examples a run trains on, chooses with and tests on: one split, or one a fold."""

from __future__ import annotations

import dataclasses
from collections import Counter
from typing import Any

from dance_jax.data import splits
from dance_jax.data.split import Split
from dance_jax.errors import ConfigError
from dance_jax.training.examples import Examples

KINDS = ("holdout", "kfold", "leave_one_out", "given")


@dataclasses.dataclass(frozen=True)
class Fold:
    """Names of examples, part by part; no group is in two.

    Attributes:
        name: of the fold; a file may be named so.
        train: trained on.
        val: chosen with; () where the last parameters are taken.
        test: tested on, once.
        left_out: test clips of a style that the training part hardly holds; never counted.
        stamp: of the split, "" for none.
    """

    name: str
    train: tuple[str, ...]
    val: tuple[str, ...]
    test: tuple[str, ...]
    left_out: tuple[str, ...] = ()
    stamp: str = ""


def folds_of(config: Any, examples: Examples) -> list[Fold]:
    """Returns the folds that a config asks for.

    Args:
        config: keys `split`, `group_by`, `folds`, `val_share`, `test_share`, `split_seed`,
            `min_class_clips`, `allow_random_split`.
        examples: all of them.

    Raises:
        ConfigError: the corpus came without a split where it is asked for.
        InputError: as the splits' own.
    """
    members, by = examples.members(), tuple(config.group_by)
    if config.split == "given":
        given = examples.corpus.given() if examples.corpus else None
        if given is None:
            what = "the data came without train, val and test parts"
            raise ConfigError(what, "--config.split", "use holdout, kfold or leave_one_out")
        return [_fold("given", given, config, examples)]
    if config.split == "holdout":
        rest = 1.0 - config.val_share - config.test_share
        shares = {"train": rest, "val": config.val_share, "test": config.test_share}
        made = splits.holdout(
            members,
            by,
            shares=shares,
            seed=config.split_seed,
            stratify=True,
            allow_random_clips=config.allow_random_split,
        )
        return [_fold("holdout", made, config, examples)]
    found = (
        splits.leave_one_group_out(members, by)
        if config.split == "leave_one_out"
        else splits.kfold(
            members,
            by,
            config.folds,
            seed=config.split_seed,
            stratify=True,
            allow_random_clips=config.allow_random_split,
        )
    )
    out = []
    for number, made in enumerate(found):
        parts = {name: set(made.parts.get(name, ())) for name in ("train", "val", "test")}
        if not parts["val"] and config.val_share:
            # The validation part is taken from the training groups: nothing of the test is seen.
            inner = splits.holdout(
                [m for m in members if m.clip in parts["train"]],
                by,
                shares={"train": 1.0 - config.val_share, "val": config.val_share},
                seed=config.split_seed,
                stratify=True,
                allow_random_clips=config.allow_random_split,
            )
            parts |= {name: set(inner.parts[name]) for name in ("train", "val")}
        elif not config.val_share:
            parts["train"] |= parts.pop("val")
        kept = {name: tuple(sorted(clips)) for name, clips in parts.items()}
        fold = _fold(
            f"fold_{number + 1:02d}", dataclasses.replace(made, parts=kept), config, examples
        )
        if fold.test:
            out.append(fold)
    if not out:
        what = f"no fold has a style with {config.min_class_clips} clips left to train on"
        raise ConfigError(what, "--config.min_class_clips", "lower it")
    return out


def _fold(name: str, made: Split, config: Any, examples: Examples) -> Fold:
    """Takes out the test clips whose style has too few clips to train on."""
    style = {row.name: row.style for row in examples.rows}
    parts = {part: tuple(c for c in clips if c in style) for part, clips in made.parts.items()}
    count = Counter(style[clip] for clip in parts["train"])
    few = {s for s in style.values() if s and count[s] < config.min_class_clips}
    test = parts.get("test", ())
    kept = tuple(clip for clip in test if style[clip] not in few)
    out = tuple(clip for clip in test if style[clip] in few)
    return Fold(name, parts["train"], parts.get("val", ()), kept, out, made.stamp)
