"""How the picture moves from one frame to the next, at the size that the network sees."""

import threading
from dataclasses import dataclass

import cv2
import numpy as np

from colorize_gan.color import FloatArray

_FLOW_ERROR, _FLOW_SHARE = 0.5, 0.01  # Sundaram, Brox, Keutzer, "Dense point trajectories" (2010), eq. 5
_UNLIKE = 8.0  # L* by which a moved pixel may differ from what it was
_BRIGHTNESS_SIDE = 31  # pixels; changes of larger areas are flicker of the film, not another object,
_FILM_FLICKER = 20.0  # as long as they are not more L* than this
_local = threading.local()


@dataclass(frozen=True)
class Motion:
    """Where the pixels of a frame were in the frame before."""

    flow: FloatArray
    """``(h, w, 2)``: x and y to go, in pixels, to the place in the frame before."""
    visible: FloatArray
    """``(h, w)``: 1 where the pixel was to be seen there, 0 where it was not."""


def motion_between(before: FloatArray, now: FloatArray) -> Motion:
    """Find the motion between two frames, given as CIE L* ``(h, w)``.

    Dense inverse search (Kroeger et al., 2016), forth and back: where the two do not agree, or the picture
    is another, something was uncovered.
    """
    first, second = (cv2.convertScaleAbs(lightness, alpha=2.55) for lightness in (before, now))
    back, forth = _flow(second, first), _flow(first, second)
    returned = back + warp(forth, back)
    length = (back**2).sum(axis=-1) + (forth**2).sum(axis=-1)
    agrees = (returned**2).sum(axis=-1) < _FLOW_SHARE * length + _FLOW_ERROR
    change = now - warp(before, back)
    side = (_BRIGHTNESS_SIDE, _BRIGHTNESS_SIDE)
    brightness = cv2.blur(change, side)
    is_alike = (np.abs(change - brightness) < _UNLIKE) & (np.abs(brightness) < _FILM_FLICKER)
    return Motion(back, (agrees & is_alike & _is_inside(back)).astype(np.float32))


def warp(values: FloatArray, flow: FloatArray) -> FloatArray:
    """Return ``values`` ``(h, w)`` or ``(h, w, C)`` of the frame before, moved to this one's pixels."""
    height, width = flow.shape[:2]
    places = flow + _grid(height, width)
    moved = cv2.remap(values, places, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(moved, np.float32)


def _flow(first: np.ndarray, second: np.ndarray) -> FloatArray:
    """Return where the pixels of ``first`` are in ``second``, both uint8 ``(h, w)``."""
    if not hasattr(_local, "search"):  # it keeps buffers: one a thread
        _local.search = cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_FAST)
    return np.asarray(_local.search.calc(first, second, None), np.float32)


def _is_inside(flow: FloatArray) -> np.ndarray:
    height, width = flow.shape[:2]
    places = flow + _grid(height, width)
    return ((places >= 0) & (places <= (width - 1, height - 1))).all(axis=-1)


def _grid(height: int, width: int) -> FloatArray:
    """Return x and y of every pixel, ``(h, w, 2)``."""
    rows, columns = np.mgrid[:height, :width].astype(np.float32)
    return np.dstack([columns, rows])
