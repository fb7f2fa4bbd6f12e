"""Finding cuts with PySceneDetect."""

import cv2
import numpy as np
from scenedetect import ContentDetector, FrameTimecode

from colorize_gan.core.color.lab import FloatArray


class CutDetector:
    """Tells whether a frame begins a new scene. All it remembers is the last frame."""

    def __init__(self, threshold: float) -> None:
        """Detect mean changes of luma, 0 to 255, of at least ``threshold``."""
        # no shortest scene: in one that is missed the colours of another would stay
        self._detector = ContentDetector(threshold, min_scene_len=0, luma_only=True)
        self._frames = 0

    def is_cut(self, lightness: FloatArray) -> bool:
        """Tell whether CIE L* ``(h, w)`` belongs to another scene than the one before; the first does not."""
        small = cv2.resize(lightness, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
        grey = cv2.convertScaleAbs(small, alpha=2.55)
        time = FrameTimecode(self._frames, fps=25.0)  # it counts frames only
        self._frames += 1
        return bool(self._detector.process_frame(time, np.dstack([grey] * 3)))
