"""How the picture moves from one frame to the next, at the size that the network sees."""

import functools
from dataclasses import dataclass

import cv2
import numpy as np

from colorize_gan.core.color.lab import FloatArray

# Sundaram, Brox, Keutzer, "Dense point trajectories by GPU-accelerated large displacement optical flow"
# (2010), eq. 5, where the first is 0.5: in plain areas flow wanders by a pixel or two, and does no harm
_FLOW_ERROR, _FLOW_SHARE = 2.0, 0.01
_UNLIKE = 8.0  # L* by which a moved pixel may differ from what it was
_BRIGHTNESS_SIDE = 31  # pixels; changes of larger areas are flicker of the film, not another object,
_FILM_FLICKER = 20.0  # as long as they are not more L* than this


@dataclass(frozen=True)
class Motion:
    """Where the pixels of a frame were in the frame before."""

    places: FloatArray
    """``(h, w, 2)``: x and y, in pixels, of the place in the frame before."""
    visible: FloatArray
    """``(h, w)``: 1 where the pixel was to be seen there, 0 where it was not."""

    def thinned(self) -> "Motion":
        """Return the motion of every second pixel of every second row."""
        return Motion(np.ascontiguousarray(self.places[::2, ::2]), self.visible[::2, ::2])

    def carry(self, values: FloatArray) -> FloatArray:
        """Return ``values`` ``(h, w)`` or ``(h, w, C)`` of the frame before, moved to this one's pixels."""
        # not an empty array, as the stub wants: OpenCV 5.0 would read the memory behind it
        moved = cv2.remap(  # type: ignore[call-overload]
            values, self.places, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
        )
        return np.asarray(moved, np.float32)


def motion_between(before: FloatArray, now: FloatArray) -> Motion:
    """Find the motion between two frames, given as CIE L* ``(h, w)``.

    Dense inverse search (Kroeger et al., 2016), forth and back: where the two do not agree, or the picture
    is another, something was uncovered.
    """
    first, second = (cv2.convertScaleAbs(lightness, alpha=2.55) for lightness in (before, now))
    back, forth = _flow(second, first), _flow(first, second)
    motion = Motion(back + _grid(*now.shape), np.ones_like(now))
    agrees = (
        _square(back + motion.carry(forth)) < _FLOW_SHARE * (_square(back) + _square(forth)) + _FLOW_ERROR
    )
    change = now - motion.carry(before)
    brightness = cv2.blur(change, (_BRIGHTNESS_SIDE, _BRIGHTNESS_SIDE))
    is_alike = (np.abs(change - brightness) < _UNLIKE) & (np.abs(brightness) < _FILM_FLICKER)
    return Motion(motion.places, (agrees & is_alike & _is_inside(motion.places)).astype(np.float32))


def _flow(first: np.ndarray, second: np.ndarray) -> FloatArray:
    """Return where the pixels of ``first`` are in ``second``, both uint8 ``(h, w)``, from where they are."""
    # a new one each time: one that was used on a small picture has other settings from then on
    search = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_FAST)
    flow = search.calc(first, second, None)  # type: ignore[call-overload]
    return np.asarray(flow, np.float32)


def _square(vectors: FloatArray) -> FloatArray:
    """Return the squared lengths ``(h, w)`` of vectors ``(h, w, 2)``."""
    squares = vectors * vectors
    return squares[..., 0] + squares[..., 1]


def _is_inside(places: FloatArray) -> np.ndarray:
    height, width = places.shape[:2]
    x, y = places[..., 0], places[..., 1]
    return (x >= 0) & (x <= width - 1) & (y >= 0) & (y <= height - 1)


@functools.lru_cache(maxsize=4)
def _grid(height: int, width: int) -> FloatArray:
    """Return x and y of every pixel, ``(h, w, 2)``."""
    rows, columns = np.mgrid[:height, :width].astype(np.float32)
    return np.dstack([columns, rows])
