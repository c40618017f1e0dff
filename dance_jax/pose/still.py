"""Averages cut-outs over time wherever the picture stands still, so that noise fades at rest."""

from __future__ import annotations

import numpy as np

# A neighbourhood counts as moved where the step that explains its change best, or the change
# itself, is greater. Around real dancers at rest (6 frames, 16 draws of H.264 noise each) noise
# drawn anew looks like steps below 0.08 to 0.13 pixels in 90 % of the neighbourhoods, below 0.16
# to 0.22 in 99 %, and like changes below 4.0 to 6.7 levels in 99 %. 0.15 pixels of a cut-out are
# 0.08 % of the height of a body that fills 0.7 of it.
STEP_PX = 0.15  # pixels of the cut-out
LEVELS = 6.0  # of 255
STEP_WINDOW, LEVEL_WINDOW = 15, 5  # pixels of the cut-out
_FLAT = 3.0  # squared grey levels a pixel: below such gradients no step can be told


class Still:
    """Running means of the cut-outs of regions that are held, see `roi.hold`.

        mean(t) = mean(t-1) + (picture(t) - mean(t-1)) / n(t),
        n(t) = 1 where the picture moved away from the mean, else n(t-1) + 1

    Whether it moved is judged pixel by pixel from the neighbourhood: from the least-squares step
    u = sum(d g) / sum(g^2), d the change and g the gradient of the grey picture (Lucas, Kanade
    1981), and from the mean absolute change. A step is read against the mean, not against the
    frame before, so that slow movement adds up until it is seen: what the network gets differs
    from the present picture by less than `STEP_PX` and `LEVELS`, however long a body was at rest.
    A codec draws the noise of a picture at rest once a key frame and keeps it, so no low-pass of
    the landmarks could take it away. A region that is new starts anew.
    """

    def __init__(self) -> None:
        self._seen: dict[bytes, tuple[np.ndarray, np.ndarray]] = {}

    def __call__(self, crops: np.ndarray, regions: np.ndarray) -> np.ndarray:
        """Returns the cut-outs of one frame with the noise of what stands still averaged away.

        Args:
            crops: u8[N,S,S,3], the cut-outs of this frame.
            regions: f32[N,4], where they were cut out.

        Returns:
            f32[N,S,S,3], 0 to 255.
        """
        seen = {}
        for crop, region in zip(crops, regions, strict=True):
            key = region.tobytes()
            now = crop.astype(np.float32)
            if key in self._seen:
                mean, count = self._seen[key]
                change = now - mean
                count = np.where(moved(mean, change), 1, count + 1).astype(np.float32)
                now = mean + change / count[..., None]
            else:
                count = np.ones(crop.shape[:2], np.float32)
            seen[key] = now, count
        self._seen = seen
        return np.stack([seen[region.tobytes()][0] for region in regions])


def moved(mean: np.ndarray, change: np.ndarray) -> np.ndarray:
    """Tells where a picture moved, or changed by more than noise.

    Args:
        mean: f32[S,S,3], the picture before, 0 to 255.
        change: f32[S,S,3], the picture now less the one before.

    Returns:
        bool[S,S].

    Source: Lucas, Kanade 1981, IJCAI, with the gradient of the middle of both pictures.
    """
    import cv2

    grey = np.full((1, 3), 1 / 3, np.float32)
    d = cv2.transform(change, grey)
    middle = cv2.transform(mean, grey) + 0.5 * d

    def around(x: np.ndarray, window: int = STEP_WINDOW) -> np.ndarray:
        return cv2.blur(x, (window, window))

    step2 = np.zeros_like(d)
    for axis in ((1, 0), (0, 1)):
        slope = cv2.Sobel(middle, cv2.CV_32F, *axis, ksize=3, scale=1 / 8)
        step2 += (around(d * slope) / (around(slope * slope) + _FLAT)) ** 2
    return (step2 > STEP_PX**2) | (around(np.abs(d), LEVEL_WINDOW) > LEVELS)
