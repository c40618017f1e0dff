"""A network with statistics starts as a ridge regression, of the training part alone."""

from __future__ import annotations

import dataclasses

import jax
import numpy as np
import pytest

from dance_jax import config as configs
from dance_jax import rng
from dance_jax.data.synthetic_corpus import write_corpus
from dance_jax.data.synthetic_design import Design
from dance_jax.training import baselines, sources, warm_start
from dance_jax.training.examples import Examples, from_corpus
from dance_jax.training.network import task_of
from dance_jax.training.task import inputs_of
from tests.training.test_train_task import SMALL


@pytest.fixture(scope="module")
def examples(tmp_path_factory: pytest.TempPathFactory) -> Examples:
    folder = tmp_path_factory.mktemp("made") / "corpus"
    write_corpus(folder, Design(dancers=6, styles=("ballet_like",), takes=2, seconds=2.0, fps=20.0))
    return from_corpus(folder, fps=10.0, axes=2, videos=False)


def config():
    made = configs.training()
    made.update({"data": "none"} | SMALL)
    made.update({"axes": 2, "statistics": True, "weight_aesthetic": 1.0, "weight_style": 0.0})
    return configs.validate(made.lock(), ready=True)


def test_it_starts_as_the_ridge_of_its_own_statistics(examples: Examples) -> None:
    made = config()
    train = examples.named(row.name for row in examples.rows[:8])
    task = task_of(made, train)
    batch = next(sources.loader_of(made, train, (), train=False))
    start = task.init(rng.key(0, "params"), batch)
    kernel = start["params"]["heads"]["aesthetic"]["logit"]["kernel"]
    wide = len(start["batch_stats"][warm_start.STREAM]["mean"])
    silent = np.array(kernel)
    silent[:-wide] = 0.0  # the deep part aside
    heads = start["params"]["heads"]
    logit = {**heads["aesthetic"]["logit"], "kernel": silent}
    heads = {**heads, "aesthetic": {**heads["aesthetic"], "logit": logit}}
    alone = {**start, "params": {**start["params"], "heads": heads}}
    run = jax.jit(lambda v, b: task.module.apply(v, inputs_of(b), train=False))
    said, wanted, z, groups = [], [], [], []
    for part in sources.loader_of(made, train, (), train=False):
        there = np.asarray(part.mask)
        out, more = run(alone, part)
        said.append(np.asarray(out["aesthetic_logit"])[there])
        z.append(np.asarray(more["pooled"])[there][:, -wide:])
        for k in np.asarray(part.clip_id)[there]:
            wanted.append(train.rows[k].scores["aesthetic_score"] / 10)
            groups.append(train.rows[k].groups["dancer"])
    z, wanted = np.concatenate(z).astype(np.float64), np.array(wanted)
    kept = z[:, z.std(0) > 0.1]
    aim = np.log(wanted / (1 - wanted))
    alpha = baselines.select_score_alpha(kept, aim, groups)
    ridge = pytest.importorskip("sklearn.linear_model").Ridge(alpha=alpha)
    flat = (kept - kept.mean(0)) / kept.std(0)
    expected = ridge.fit(flat, aim).predict(flat)
    np.testing.assert_allclose(np.concatenate(said), expected, atol=5e-3)


def test_scores_of_others_have_no_part_in_it(examples: Examples) -> None:
    made = config()
    train = examples.named(row.name for row in examples.rows[:8])
    spoilt = dataclasses.replace(
        examples,
        rows=(
            *train.rows,
            *(dataclasses.replace(r, scores={"aesthetic_score": 0.0}) for r in examples.rows[8:]),
        ),
    )
    batch = next(sources.loader_of(made, train, (), train=False))
    first, second = (
        task_of(made, given.named(r.name for r in train.rows)).init(rng.key(0, "params"), batch)
        for given in (examples, spoilt)
    )
    for a, b in zip(jax.tree.leaves(first), jax.tree.leaves(second), strict=True):
        np.testing.assert_array_equal(a, b)
