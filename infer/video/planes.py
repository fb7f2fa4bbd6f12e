"""The samples of a frame of PyAV's as an array."""

import numpy as np
from av.video.plane import VideoPlane


def plane_view(plane: VideoPlane, dtype: np.dtype) -> np.ndarray:
    """Return the samples of a plane, ``(height, width)``, without a copy."""
    rows = np.frombuffer(plane, np.uint8).reshape(-1, plane.line_size)[: plane.height]  # type: ignore[call-overload]
    return rows[:, : plane.width * dtype.itemsize].view(dtype)
