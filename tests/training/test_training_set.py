"""One pass over a training set: its mean map counts the frames that are there, and no others."""

from __future__ import annotations

import flax.linen as nn
import numpy as np
import pytest

from dance_jax import config as configs
from dance_jax.data.batch import Batch
from dance_jax.training import sources, training_set
from dance_jax.training.examples import Example, Examples
from dance_jax.training.task import Task
from tests.seeds import fresh

(SEED,) = fresh(__name__, 1)
ROWS, FRAMES, SIZE, WIDTH = 3, 4, (5, 3), 6


class Cells(nn.Module):
    """A network whose maps are its pictures, and which pools their first channels."""

    cached: bool = False

    def __call__(self, inputs, *, train):
        more = {"pooled": inputs.frames.mean((1, 2, 3))}
        return {}, more if self.cached else more | {"maps": inputs.frames}


def batches(rng: np.random.Generator) -> list[Batch]:
    """Windows of three clips; the last frames of some, a row, and one clip's pictures are not."""
    out = []
    for k in range(3):
        there = np.arange(FRAMES) < rng.integers(1, FRAMES + 1, (ROWS, 1))
        clip = rng.integers(0, 3, ROWS).astype(np.int32)
        if k == 0:
            clip[:] = range(3)
        if k == 2:  # the last batch is filled up
            there[-1], clip[-1] = False, -1
        out.append(
            Batch(
                frames=rng.normal(size=(ROWS, FRAMES, *SIZE, WIDTH)).astype(np.float32),
                pose=None,
                joint_mask=None,
                frame_mask=there,
                labels={"has_frames": np.float32(clip != 1)},
                mask=clip >= 0,
                clip_id=clip,
                time_s=np.tile(np.arange(FRAMES, dtype=np.float32), (ROWS, 1)),
                window=clip,
            )
        )
    return out


@pytest.fixture
def found(monkeypatch):
    """seen(batches, cached=False, maps=True), the kernel of its head."""
    config = configs.training()
    kernel = np.random.default_rng(SEED + 1).normal(size=(WIDTH, 1)).astype(np.float32)
    variables = {"params": {"map_score": {"logit": {"kernel": kernel}}}}
    rows = tuple(Example(f"clip {k}", None, groups={"source": "a"}) for k in range(3))
    examples = Examples(rows, "made")

    def seen(given, *, cached: bool = False, maps: bool = True) -> training_set.Seen:
        monkeypatch.setattr(sources, "loader_of", lambda *_, **__: iter(given))
        task = Task(Cells(cached), ())
        return training_set.seen(config, task, variables, examples, maps=maps)

    return seen, kernel


def test_mean_map_is_the_mean_over_the_frames_that_are_there(found) -> None:
    seen, kernel = found
    given = batches(np.random.default_rng(SEED))
    maps, known = [], []
    for batch in given:
        maps.append(np.einsum("bthwk,k->bthw", batch.frames.astype(np.float64), kernel[:, 0]))
        there = batch.frame_mask & batch.mask[:, None]
        known.append(there & (batch.labels["has_frames"] > 0)[:, None])
    wanted = np.concatenate(maps)[np.concatenate(known)].mean(0)
    made = seen(given)
    assert made.mean_map.dtype == np.float32 and made.mean_map.shape == SIZE
    np.testing.assert_allclose(made.mean_map, wanted, atol=1e-5)
    assert not np.allclose(made.mean_map, wanted.mean(), atol=1e-3)  # cell by cell
    # Each clip's features are the mean over its own windows.
    np.testing.assert_array_equal(made.place, np.arange(3))
    clip = np.concatenate([batch.clip_id for batch in given])
    pooled = np.concatenate([batch.frames.mean((1, 2, 3)) for batch in given])
    for k in range(3):
        np.testing.assert_allclose(made.features[k], pooled[clip == k].mean(0), atol=1e-5)


@pytest.mark.parametrize("filling", [1e6, np.nan])
def test_padding_and_absent_pictures_do_not_count(found, filling: float) -> None:
    seen, _ = found
    given = batches(np.random.default_rng(SEED))
    spoilt = []
    for batch in given:
        known = batch.frame_mask & (batch.labels["has_frames"] > 0)[:, None]
        frames = np.where(known[..., None, None, None], batch.frames, np.float32(filling))
        spoilt.append(batch.replace(frames=frames))
    np.testing.assert_array_equal(seen(spoilt).mean_map, seen(given).mean_map)


def test_there_is_no_mean_map_without_a_head_or_a_picture(found) -> None:
    seen, _ = found
    given = batches(np.random.default_rng(SEED))
    assert seen(given, maps=False).mean_map is None
    assert seen(given, cached=True).mean_map is None
    none = [b.replace(labels={"has_frames": np.zeros(ROWS, np.float32)}) for b in given]
    assert seen(none).mean_map is None


def test_only_a_trained_head_of_pictures_has_maps() -> None:
    config = configs.training()
    config.update({"streams": ("frames", "pose"), "weight_map": 0.5})
    assert training_set.has_maps(config, ("aesthetic",))
    assert not training_set.has_maps(config, ("biomechanical",))
    config.weight_map = 0.0
    assert not training_set.has_maps(config, ("aesthetic",))
    config.update({"streams": ("pose",), "weight_map": 0.5})
    assert not training_set.has_maps(config, ("aesthetic",))


def test_one_clip_is_too_few_to_tell_what_is_like_it(found) -> None:
    seen, _ = found
    config = configs.training()
    rows = tuple(Example(f"clip {k}", None, groups={"source": str(k)}) for k in range(3))
    made = seen(batches(np.random.default_rng(SEED)))
    assert training_set.familiar(config, made, Examples(rows, "made")) is not None
    alone = made._replace(features=made.features[:1], place=made.place[:1])
    assert training_set.familiar(config, alone, Examples(rows, "made")) is None
