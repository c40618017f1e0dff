"""What a network is run on and what it looks at, by networks of which all is known."""

from __future__ import annotations

import dataclasses
import pathlib
import types

import jax.numpy as jnp
import numpy as np
import pytest
from ml_collections import config_dict

from dance_jax import config as configs
from dance_jax import skeleton
from dance_jax.analysis import evaluate_corpus, model_examples
from dance_jax.models import resnet
from dance_jax.training.examples import Example, Examples
from dance_jax.training.model import Model
from dance_jax.training.task import Task
from dance_jax.types import Clip
from tests.seeds import fresh

FRAMES = 12


@dataclasses.dataclass(frozen=True, eq=False)
class Weighed:
    """A network whose score is a weighted sum of coordinates."""

    weight: np.ndarray

    def apply(self, variables, inputs, *, train: bool):
        there = jnp.isfinite(inputs.pose) & inputs.frame_mask[..., None, None]
        score = (jnp.where(there, inputs.pose, 0) * self.weight).sum((1, 2, 3))
        return {"aesthetic": score, "style_logits": jnp.stack([score, 0 * score], -1)}, {}


def network(rng: np.random.Generator, **facts) -> Model:
    config = configs.training()
    config.update({"fps": 10.0, "window_s": 1.2, "stride_s": 0.0, "batch_size": 4})
    weight = rng.normal(0, 1, (26, 2)).astype(np.float32)
    weight -= weight.mean(0)  # where the dancer stands does not matter
    task = Task(Weighed(weight), (), styles=("a", "b"))
    told = {"scores": ["aesthetic"], "temperature": 1.0, **facts}
    frozen = config_dict.FrozenConfigDict(config)
    return Model(frozen, task, {}, told, None, None, pathlib.Path())


def clips(rng: np.random.Generator, count: int = 3) -> Examples:
    rows = []
    for k in range(count):
        pose = rng.normal(0, 0.3, (FRAMES, 1, 26, 2)).astype(np.float32)
        time_s = np.arange(FRAMES) / 10.0
        sure = np.ones((FRAMES, 1, 26), np.float32)
        rows.append(
            Example(f"clip {k}", Clip(pose, sure, time_s, unit="height"), style="ab"[k % 2])
        )
    return Examples(tuple(rows), "made")


@pytest.mark.parametrize("seed", fresh(f"{__name__}.mirror", 1))
def test_the_mirror_image_counts_as_a_second_view(seed, monkeypatch) -> None:
    # `augmentation.mirrored` is held elsewhere; here is what becomes of it.
    order = np.asarray(skeleton.get("halpe26").flip)
    sign = np.array([-1.0, 1.0], np.float32)

    def flip(batch, *, pixels: bool, skeleton: str):
        assert not pixels and skeleton == "halpe26"
        return batch.replace(pose=batch.pose[:, :, order] * sign)

    monkeypatch.setattr(evaluate_corpus, "mirrored", flip)
    rng = np.random.default_rng(seed)
    model, examples = network(rng), clips(rng)
    said = [
        evaluate_corpus.predictions(model, model.config, examples, mirror=mirror)
        for mirror in (False, True)
    ]
    weight = model.task.module.weight
    for k, row in enumerate(examples.rows):
        pose = row.clip.pose[:, 0]
        plain, image = (float((p * weight).sum()) for p in (pose, pose[:, order] * sign))
        assert said[0].values["aesthetic"][k] == pytest.approx(plain, abs=1e-3)
        assert said[1].values["aesthetic"][k] == pytest.approx((plain + image) / 2, abs=1e-3)
        assert said[1].values["style_logits"][k, 0] == pytest.approx((plain + image) / 2, abs=1e-3)


@pytest.mark.parametrize("seed", fresh(f"{__name__}.shown", 1))
def test_what_a_network_looks_at_is_what_it_weighs(seed) -> None:
    rng = np.random.default_rng(seed)
    model, examples = network(rng), clips(rng)
    examples.rows[0].clip.pose[:, :, 7] = np.nan
    names = [row.name for row in examples.rows[:2]]
    shown = model_examples.show(model, examples, names, ["one", "two"])
    assert [one.clip for one in shown] == names and shown[0].title() == "clip 0: one"
    for one, row in zip(shown, examples.rows, strict=False):
        pose = row.clip.pose[:, 0]
        # What a joint adds is how far it is from its own mean, times its weight.
        wanted = ((pose - pose.mean(0)) * model.task.module.weight).sum(-1)
        np.testing.assert_allclose(one.saliency, np.nan_to_num(wanted), atol=2e-4)
        assert one.unit == "points" and one.cam is None and abs(one.gap) < 1e-3
    of_joint = np.abs(shown[1].saliency).sum(0)
    assert set(shown[1].joints_shown()) == set(np.argsort(-of_joint)[:17])


def test_what_is_explained_is_what_was_trained() -> None:
    rng = np.random.default_rng(0)
    assert model_examples.target_of(network(rng)) == "aesthetic"
    assert model_examples.target_of(network(rng, scores=["precision", "aesthetic"])) == "aesthetic"
    assert model_examples.target_of(network(rng, scores=["precision"])) == "precision"
    assert model_examples.target_of(network(rng, scores=[])) == "style"
    assert not model_examples.has_cam(network(rng))


def test_a_map_is_that_of_the_head_that_was_trained() -> None:
    """Cell (1, 2) alone holds what the head weighs: there, and nowhere else, the map is high."""
    maps = np.zeros((1, 3, 4, 4, 5), np.float32)
    maps[0, 1, 1, 2] = [0, 2, 0, 0, 1]
    kernel = np.array([[0.5], [1.0], [0], [0], [-1.0]], np.float32)
    config = types.SimpleNamespace(encoder="resnet18", encoder_small=True)
    network = types.SimpleNamespace(
        config=config,
        variables={"params": {"map_score": {"logit": {"kernel": kernel}}}},
        apply=lambda batch: ({}, {"maps": maps}),
        mean_map=None,
    )
    batch = types.SimpleNamespace(frames=np.zeros((1, 3, 32, 32, 3), np.uint8))
    found = np.asarray(model_examples._cam(network, batch))
    assert found.shape == (1, 3, 32, 32) and not found[0, [0, 2]].any()
    start, stride = resnet.grid(4, small_input=True)
    assert found[0, 1, start + stride, start + 2 * stride] == pytest.approx(1.0)
    assert found[0, 1].max() == pytest.approx(1.0) and not found[0, 1, 24:].any()
    network.mean_map = np.full((4, 4), 0.25, np.float32)
    np.testing.assert_allclose(model_examples._cam(network, batch), found - 0.25, atol=1e-6)
