"""The stored sizes of networks are those of the code, and of their publications."""

from __future__ import annotations

import json

from tests.models import network_sizes


def test_sizes_are_up_to_date_and_the_published_ones() -> None:
    stored = json.loads(network_sizes.FILE.read_text("utf-8"))["networks"]
    assert stored == network_sizes.rows()  # else: python -m tests.models.network_sizes
    # torchvision 0.20 states 25,557,032 parameters and 4.09 billion; 27,161,264 with the second
    # classifier, of which that has 3,326,696, and 5.71 billion.
    assert stored["ResNet-50"]["parameters"] == 25_557_032
    assert stored["InceptionV3"]["parameters"] == 27_161_264 - 3_326_696
    assert round(stored["ResNet-50"]["multiply_adds"] / 1e9, 2) == 4.09
    assert round(stored["InceptionV3"]["multiply_adds"] / 1e9, 2) == 5.71
    steps, hidden = 100, 20
    a_step = 51 * hidden + 2 * (hidden + hidden) * 4 * hidden  # both LSTM layers: input and state
    assert stored["choreAI, 20 wide"]["multiply_adds"] == steps * a_step + 3 * hidden
