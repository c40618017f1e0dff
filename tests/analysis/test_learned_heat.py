"""The class activation map of a clip: energy by body part, from the mean map or from zero."""

from __future__ import annotations

import dataclasses
import types

import numpy as np
import pytest

from dance_jax import config as configs
from dance_jax import skeleton
from dance_jax.analysis import learned_heat, learned_paint
from dance_jax.analysis.learned_result import Heat
from dance_jax.analysis.options import Options
from dance_jax.training.prepared import prepared
from tests.analysis import learned_runs
from tests.seeds import fresh

(SEED,) = fresh(__name__, 1)


@pytest.fixture(scope="module")
def clip(rendered):
    return rendered[1].to_clip()


def test_energy_lies_where_the_map_is(clip) -> None:
    """A map that is bright on the left wrist alone is the left arm's."""
    body = prepared(clip, fps=10.0)
    size, grid = (320, 240), (4.0, 8.0)
    maps = np.zeros((body.n_frames, 40, 30), np.float32)
    per_unit = body.source["pixels_per_unit"]
    names = skeleton.get("halpe26").joints
    wrist = body.pose[:, 0, names.index("left_wrist")] * [per_unit, -per_unit]
    for t, (x, y) in enumerate((wrist - 4) // 8):
        maps[t, int(np.clip(y, 0, 39)), int(np.clip(x, 0, 29))] = 1.0
    share, chance, parts, _ = learned_heat.part_energy(maps, grid, body, size)
    at = parts.index("left_arm")
    assert np.nanmean(share[:, at]) > 3 * np.nanmean(chance[:, at])
    np.testing.assert_allclose(np.nansum(share, 1), 1.0, atol=1e-3)
    even, chance, _, total = learned_heat.part_energy(np.ones_like(maps), grid, body, size)
    np.testing.assert_allclose(even, chance, atol=1e-4)
    np.testing.assert_allclose(total, 64 * 48, rtol=1e-4)  # pixels of the small picture


def test_heat_is_the_distance_from_the_mean_map(clip, rendered) -> None:
    """What is measured is map - mean map; a constant in both, which no score tells, is not."""
    rng, body = np.random.default_rng(SEED), prepared(clip, fps=10.0)
    config = configs.training()
    config.update(learned_runs.SMALL)
    frames = round(config.fps * config.window_s)
    last = body.n_frames - frames
    first = np.append(np.arange(0, last, frames // 2), last)
    said = types.SimpleNamespace(values={"aesthetic_map": np.array([5.0])})
    cells = rng.normal(size=(len(first), frames, 5, 5)).astype(np.float32)
    mean = rng.normal(size=(5, 5)).astype(np.float32)

    def heat(maps, mean):
        model = types.SimpleNamespace(config=config, mean_map=mean)
        network = types.SimpleNamespace(model=model)
        found = types.SimpleNamespace(cam=maps, first=first, found=said)
        return learned_heat.heat_of(network, found, body, clip, rendered[0], Options())

    found = heat(cells, mean)
    distance = np.abs(found.maps - mean)
    plain = learned_heat.part_energy(distance, found.grid, body, found.size)
    np.testing.assert_allclose(found.energy, plain.share, atol=1e-6)
    raising = np.maximum(found.maps - mean, 0)
    above = learned_heat.part_energy(raising, found.grid, body, found.size)
    weight = plain.total / plain.total.sum()
    for k, row in enumerate(found.parts):
        assert row["part"] == plain.names[k]
        own = (plain.share[:, k] * weight).sum()
        assert row["share"] == pytest.approx(own, rel=1e-4)
        assert row["chance"] == pytest.approx((plain.chance[:, k] * weight).sum(), rel=1e-4)
        up = (above.share[:, k] * above.total).sum() / plain.total.sum()
        assert row["above"] == pytest.approx(up / own, rel=1e-4)
        assert 0 < row["above"] < 1
    assert found.limit == pytest.approx(np.percentile(distance, 99))
    moved = heat(cells + 3.0, mean + 3.0)
    np.testing.assert_allclose(moved.energy, found.energy, atol=1e-4)
    other = heat(cells, np.roll(mean, 2))
    assert np.abs(other.energy - found.energy).max() > 0.01
    high, low = heat(cells * 0 + 1, cells[0, 0] * 0), heat(cells * 0 - 1, cells[0, 0] * 0)
    assert [row["above"] for row in high.parts] == pytest.approx([1.0] * len(high.parts))
    assert {row["above"] for row in low.parts} == {0.0}
    np.testing.assert_allclose(high.energy, low.energy, atol=1e-6)
    # Of a network stored without: what lies above zero, as before.
    old = heat(cells, None)
    plain = learned_heat.part_energy(old.maps, old.grid, body, old.size)
    np.testing.assert_allclose(old.energy, plain.share, atol=1e-6)
    assert old.limit == pytest.approx(np.percentile(old.maps[old.maps > 0], 99))
    assert all("above" not in row for row in old.parts)


def test_colours_tell_what_raises_from_what_lowers() -> None:
    maps = np.stack([np.full((4, 4), v, np.float32) for v in (2.0, 0.0, -2.0)])
    mean = np.zeros((4, 4), np.float32)
    one = Heat(
        maps=maps,
        grid=(2.0, 4.0),
        size=(16, 16),
        image_size=(32, 32),
        limit=2.0,
        score=5.0,
        energy=np.zeros((3, 0)),
        parts=(),
        pictures=np.zeros((0, 32, 32, 3), np.uint8),
        picture_rows=np.zeros(0, int),
        mean=mean,
    )
    up, none, down = (np.full((32, 32, 3), 100, np.uint8) for _ in range(3))
    for row, picture in enumerate((up, none, down)):
        learned_paint.paint(picture, one, row)
    assert (none == 100).all()
    assert (up[..., 0] > up[..., 2].astype(int) + 30).all()  # red above blue
    assert (down[..., 2] > down[..., 0].astype(int) + 30).all()
    np.testing.assert_array_equal(up, down[..., ::-1])
    before = dataclasses.replace(one, mean=None)
    dark = np.full((32, 32, 3), 100, np.uint8)
    learned_paint.paint(dark, before, 2)
    assert (dark == 100).all()  # from zero only what raises the score is drawn
