"""Windows: every frame in one, masks exact, and stitching gives back the very bits."""

from __future__ import annotations

import hypothesis
import hypothesis.extra.numpy as arrays
import hypothesis.strategies as st
import numpy as np
import pytest

from dance_jax.data import windows


@st.composite
def cuts(draw: st.DrawFn) -> tuple[int, int, int, str]:
    """Draws (frames, length, stride, tail)."""
    length = draw(st.integers(1, 12))
    stride = draw(st.integers(1, length))
    return draw(st.integers(1, 40)), length, stride, draw(st.sampled_from(windows.TAILS))


few = hypothesis.settings(max_examples=60, deadline=None)


@few
@hypothesis.given(cuts(), st.data(), st.sampled_from(windows.BLENDS))
def test_stitching_gives_back_the_bits(
    drawn: tuple[int, int, int, str], data: st.DataObject, blend: str
) -> None:
    frames, length, stride, tail = drawn
    width = st.sampled_from([32, 64])
    kind = arrays.floating_dtypes(endianness="=", sizes=(data.draw(width),))
    values = data.draw(arrays.arrays(kind, (frames, 2)))  # with NaN, inf and -0.0
    first = windows.starts(frames, length, stride, tail)
    made = windows.cut(values, first, length, np.nan)
    with np.errstate(all="ignore"):
        again = windows.stitch(made, first, frames, blend)
    assert again.dtype == values.dtype
    same = again.view(f"u{values.itemsize}") == values.view(f"u{values.itemsize}")
    assert (same | (np.isnan(values) & np.isnan(again))).all()


@few
@hypothesis.given(cuts())
def test_every_frame_is_in_a_window_and_the_mask_counts_them(
    drawn: tuple[int, int, int, str],
) -> None:
    frames, length, stride, tail = drawn
    first = windows.starts(frames, length, stride, tail)
    seen = windows.mask(frames, first, length)
    held = (first[:, None] + np.arange(length))[seen]
    assert set(held.tolist()) == set(range(frames))
    assert (np.diff(first) > 0).all() and seen.any(1).all()
    assert len(first) == 1 or first[-2] + length < frames  # none is superfluous
    if tail == "back" and frames >= length:
        assert seen.all()
    rows = windows.table([(frames, 2), (0, 1), (3, 1)], length, stride, tail)
    assert [row.frames for row in rows if row[:2] == (0, 1)] == seen.sum(1).tolist()
    assert not [row for row in rows if row.clip == 1]


@few
@hypothesis.given(cuts(), st.integers(0, 10**6))
def test_times_are_true_and_go_on_over_padding(drawn: tuple[int, int, int, str], seed: int) -> None:
    frames, length, stride, tail = drawn
    time_s = np.cumsum(np.random.default_rng(seed).uniform(0.01, 0.05, frames))
    first = windows.starts(frames, length, stride, tail)
    cut = windows.cut_time(time_s, first, length)
    seen = windows.mask(frames, first, length)
    assert (np.diff(cut, axis=1) > 0).all()
    assert (cut[seen] == time_s[(first[:, None] + np.arange(length))[seen]]).all()


def test_windows_that_differ_are_averaged_or_faded() -> None:
    first = windows.starts(6, 4, 2)
    made = np.stack([np.zeros(4), np.ones(4)])
    assert windows.stitch(made, first, 6).tolist() == [0, 0, 0.5, 0.5, 1, 1]
    faded = windows.stitch(made, first, 6, "fade")
    np.testing.assert_allclose(faded, [0, 0, 1 / 3, 2 / 3, 1, 1])
    made[1, 0] = np.nan  # no opinion
    assert windows.stitch(made, first, 6)[2] == 0
    whole = np.array([[0, 10, 10, 10], [20, 11, 11, 11]], np.uint8)
    assert windows.stitch(whole, first, 6).tolist() == [0, 10, 15, 10, 11, 11]


def test_wrong_numbers_are_told() -> None:
    for wrong in ((5, 0, 1), (5, 3, 4), (5, 3, 0), (-1, 3, 1)):
        with pytest.raises(ValueError, match="take"):
            windows.starts(*wrong)
    with pytest.raises(ValueError, match="frame 4 is in no window"):
        windows.stitch(np.zeros((1, 4)), np.array([0]), 6)
    with pytest.raises(ValueError, match="blend"):
        windows.stitch(np.zeros((1, 4)), np.array([0]), 4, "sum")
