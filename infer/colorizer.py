"""Colorizing one image: the network sees a small L, the image keeps its own full-resolution L."""

from pathlib import Path

import cv2
import numpy as np

from colorize_gan.color import (
    FloatArray,
    grey_to_lightness,
    lab_to_image,
    rgb_to_lab,
)
from colorize_gan.contract import ModelContract
from colorize_gan.errors import ImageError, ModelError, UsageError
from colorize_gan.infer.backends import Backend, open_backend
from colorize_gan.infer.models import DEFAULT_MODEL, find_model

MINIMUM_SIDE = 8
"""Images with a shorter side, in pixels, show nothing that could be recognised."""

MAXIMUM_SATURATION = 10

MAXIMUM_ASPECT = 4


class Colorizer:
    """A model and the way to apply it. Thread-safe."""

    def __init__(
        self,
        model: str | Path | Backend = DEFAULT_MODEL,
        *,
        backend: str = "auto",
        device: str = "auto",
        render_size: int | None = None,
        saturation: float = 1.0,
        strength: float = 1.0,
    ) -> None:
        """Open the model.

        Args:
            model: a bundled name, the path of an exported file, or an opened one.
            backend: see `open_backend`.
            device: see `open_backend`.
            render_size: short side, in pixels, that the network sees; None for the contract's.
            saturation: factor on the predicted chroma.
            strength: 1 for the predicted colour, 0 for the image's own, between them a blend.

        Raises:
            ModelError: no such model, or one that cannot be trusted.
            DeviceError: the device is not available.
            UsageError: a value that the model cannot honour.
        """
        if isinstance(model, str | Path):
            model = open_backend(find_model(model), backend, device)
        if model.contract.graph != "lab":
            raise ModelError(
                f"{model.contract.name}: a {model.contract.graph} graph, which colours whole images by "
                "itself; use the lab file of the same model"
            )
        self.backend = model
        self.render_size = render_size or self.contract.render_size
        self.saturation, self.strength = saturation, strength
        if not (0 <= saturation <= MAXIMUM_SATURATION and 0 <= strength <= 1):  # not: NaN
            raise UsageError(f"--saturation is 0 to {MAXIMUM_SATURATION}, --strength 0 to 1")
        if self.contract.size.fit(self.render_size) != self.render_size:
            rule = self.contract.size
            raise UsageError(
                f"--render-size {self.render_size}: the model takes "
                + (f"only {rule.minimum}" if rule.fixed else f"multiples of {rule.multiple_of}")
            )

    @property
    def contract(self) -> ModelContract:
        """The model's contract."""
        return self.backend.contract

    def colorize(self, image: np.ndarray) -> np.ndarray:
        """Colorize an image; CIE L* stays what it was.

        Args:
            image: sRGB, uint8 or uint16: grey ``(H, W)``, RGB ``(H, W, 3)`` or RGBA ``(H, W, 4)``.

        Returns:
            RGB, or RGBA with the same alpha, of the same height, width and dtype.

        Raises:
            ImageError: smaller than `MINIMUM_SIDE`.
        """
        height, width = image.shape[:2]
        if min(height, width) < MINIMUM_SIDE:
            raise ImageError(f"{width} x {height} pixels: too small to colorize (at least {MINIMUM_SIDE})")
        if image.ndim == 2:
            lightness, own_ab = grey_to_lightness(image), None
        else:
            lightness, own_ab = rgb_to_lab(image[..., :3])
        ab = self._predict_full_size(lightness)
        if self.strength < 1:
            ab = self.strength * ab + (1 - self.strength) * (own_ab if own_ab is not None else 0)
        rgb = lab_to_image(lightness, ab, image.dtype)
        return np.dstack([rgb, image[..., 3]]) if image.ndim == 3 and image.shape[2] == 4 else rgb

    def _predict_full_size(self, lightness: FloatArray) -> FloatArray:
        """Return ab ``(H, W, 2)`` for lightness ``(H, W)``."""
        height, width = lightness.shape
        small_height, small_width = self._network_size(height, width)
        # each side by itself: of a long strip one may shrink and the other grow
        rows = _resize(lightness, small_height, width, _method(height, small_height))
        small = _resize(rows, small_height, small_width, _method(width, small_width))
        ab = self.backend.run(small[None, None])[0].transpose(1, 2, 0)  # (h, w, 2)
        return _resize(ab * np.float32(self.saturation), height, width, cv2.INTER_LINEAR)

    def _network_size(self, height: int, width: int) -> tuple[int, int]:
        """Return the height and width the network sees: the aspect kept as its size rule allows."""
        scale = self.render_size / min(height, width)
        longest = self.render_size * MAXIMUM_ASPECT
        fit = self.contract.size.fit
        return fit(min(height * scale, longest)), fit(min(width * scale, longest))


def _method(length: int, new_length: int) -> int:
    """Return OpenCV's filter for one side: means over the area of a pixel when it shrinks."""
    return cv2.INTER_AREA if new_length < length else cv2.INTER_LINEAR


def _resize(array: FloatArray, height: int, width: int, method: int) -> FloatArray:
    resized = cv2.resize(np.ascontiguousarray(array), (width, height), interpolation=method)
    return np.asarray(resized, np.float32)
