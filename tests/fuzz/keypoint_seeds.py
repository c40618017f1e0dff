"""Small arrays of key points and the scalers of standardised ones, for tests and the fuzzer."""

from __future__ import annotations

import io
import pickle

import numpy as np


def coco_figure(frames: int = 4) -> np.ndarray:
    """f64[T,17,2] pixels, y down, of somebody who stands and sways."""
    rows = [(0, 100), (8, 92), (16, 95), (40, 150), (60, 210), (70, 265), (25, 270), (28, 360),
            (30, 450)]  # fmt: skip
    half = np.array(rows, float)
    both = np.stack([half[1:], half[1:] * (-1, 1)], 1).reshape(-1, 2)
    sway = np.arange(frames)[:, None, None] * (3.0, 0.5)
    return np.concatenate([half[:1], both]) + np.array([320.0, 0.0]) + sway


def npy(array: np.ndarray) -> bytes:
    """Returns a .npy."""
    out = io.BytesIO()
    np.save(out, array, allow_pickle=False)
    return out.getvalue()


def npz(**found: object) -> bytes:
    """Returns an npz."""
    out = io.BytesIO()
    np.savez(out, **found)
    return out.getvalue()


MEAN, SCALE = np.array([320.0, 250.0]), np.array([40.0, 120.0])


def scaler_pickle(kind: str = "StandardScaler", module: str = "_data", **state: object) -> bytes:
    """A scaler of scikit-learn as protocol 2 writes it: the type, no arguments, its state."""
    name = f"csklearn.preprocessing.{module}\n{kind}\n".encode()
    return b"\x80\x02" + name + b")\x81" + pickle.dumps(state, 2)[2:-1] + b"b."


def arrays() -> list[tuple[bytes, ...]]:
    """Arrays of key points, each with the scaler beside it where it needs one."""
    pixels = coco_figure()
    scored = np.concatenate([pixels, np.full((4, 17, 1), 0.5)], -1).astype(np.float32)
    scored[1, 3] = np.nan
    least = {"class": "MinMaxScaler", "min_": -MEAN / SCALE, "scale_": 1 / SCALE}
    flat = npy(((pixels - MEAN) / SCALE).reshape(-1, 34))
    return [
        (npy(pixels.reshape(-1, 34)),),
        (npy(scored),),
        (npy(np.asfortranarray(pixels / (640, 480))),),
        (flat, npz(mean=MEAN, scale=SCALE)),
        (flat, npz(**{f"a/{name}": value for name, value in least.items()})),
    ]


def scalers() -> list[bytes]:
    """Scalers of every kind that is read."""
    numbers = {"mean_": MEAN, "scale_": SCALE, "n_samples_seen_": np.int64(7)}
    wide = {"min_": np.zeros(34), "scale_": np.ones(34), "feature_range": (0, 1)}
    return [
        scaler_pickle(**numbers, with_mean=True, with_std=True, copy=True),
        scaler_pickle("MinMaxScaler", "data", **wide),
        pickle.dumps({"a": [{"mean": MEAN, "std": SCALE}]}, 4),
        pickle.dumps({"a": {"mean": MEAN, "scale": SCALE}}, 5),
        npz(mean=MEAN, scale=SCALE),
    ]
