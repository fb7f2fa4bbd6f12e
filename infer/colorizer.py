"""Colorizing one image: the network sees a small L, the image keeps its own full-resolution L."""

import copy
import os
import threading
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from colorize_gan.core.color.gamut import build_tables, lab_to_fitted_rgb, lab_to_image
from colorize_gan.core.color.lab import FloatArray, lightness_of, rgb_to_lab, rgb_to_ycc
from colorize_gan.core.color.pixels import halve, shrink_to, strips, with_even_sides
from colorize_gan.core.contract import ModelContract
from colorize_gan.core.errors import ImageError, ModelError, UsageError
from colorize_gan.core.files.paths import StrPath
from colorize_gan.core.hints import join_hints
from colorize_gan.core.images.decode import Planes
from colorize_gan.core.system.parallel import for_each
from colorize_gan.infer.backends.batching import BatchingBackend
from colorize_gan.infer.backends.bundled import DEFAULT_MODEL, HINTS_MODEL, find_model
from colorize_gan.infer.backends.open import open_backend
from colorize_gan.infer.backends.protocol import Backend
from colorize_gan.infer.hints import Hint, hint_map
from colorize_gan.infer.reduce import reduced_lightness
from colorize_gan.infer.reference import Reference, beside
from colorize_gan.infer.upsample import Upsampler, upsample

MINIMUM_SIDE = 8
"""Images with a shorter side, in pixels, show nothing that could be recognised."""

MAXIMUM_SATURATION = 10

MAXIMUM_ASPECT = 4

GPU_BATCH = 8
"""Images that a GPU sees at once, unless told otherwise."""

_OTHER_MODEL = f"use `model` {HINTS_MODEL}"

_DIGITS = 16  # of the model's digest
_DETAIL = 2  # pixels, to each side, for one of the network's: more would show no more of its colour
_CORRECTION_STEPS, _NO_CORRECTION = 2, 200  # of luma, in 8 bits: from -100 levels, as of pure green, to 27


@dataclass(frozen=True)
class Prepared:
    """An image between the steps of `Colorizer.colorize`."""

    image: np.ndarray
    """As `Colorizer.colorize` takes it."""
    reduced: FloatArray
    """Its CIE L* ``(h, w)``, 0..100, as the network sees it."""
    coarse: np.ndarray | None = None
    """A grey image at the size that its colour is computed at: half its own, or twice the network's."""


class Colorizer:
    """A model and the way to apply it. Thread-safe."""

    def __init__(
        self,
        model: StrPath | Backend = DEFAULT_MODEL,
        *,
        backend: str = "auto",
        device: str = "auto",
        render_size: int | None = None,
        saturation: float = 1.0,
        strength: float = 1.0,
        batch_size: int | None = None,
        threads: int = 1,
    ) -> None:
        """Open the model.

        Args:
            model: a bundled name, the path of an exported file, or an opened one.
            backend: see `open_backend`.
            device: see `open_backend`.
            render_size: short side, in pixels, that the network sees; None for the contract's.
            saturation: factor on the predicted chroma.
            strength: 1 for the predicted colour, 0 for the image's own, between them a blend.
            batch_size: images of one size, wanted by several threads at once, that the network sees together.
                None is 1 on a CPU, where more would be slower, and 8 on a GPU.
            threads: that colour the pixels of one image.

        Raises:
            ModelError: no such model, or one that cannot be trusted.
            DeviceError: the device is not available.
            UsageError: a value that the model cannot honour.
        """
        threading.Thread(target=build_tables).start()  # beside the opening and the first image
        if isinstance(model, str | os.PathLike):
            model = open_backend(find_model(model), backend, device)
        if model.contract.graph != "lab":
            raise ModelError(
                f"{model.contract.name}: a {model.contract.graph} graph, which colours whole images by "
                "itself; use the lab file of the same model"
            )
        self.batch_size = batch_size or (1 if model.device == "cpu" else GPU_BATCH)
        self.backend = model if self.batch_size == 1 else BatchingBackend(model, self.batch_size)
        self.render_size = render_size or self.contract.render_size
        if self.contract.size.fit(self.render_size) != self.render_size:
            rule = self.contract.size
            raise UsageError(
                f"`render_size` {self.render_size}: the model takes "
                + (f"only {rule.minimum}" if rule.fixed else f"multiples of {rule.multiple_of}")
            )
        self._threads = threads
        self._set_colors(saturation, strength)

    def with_colors(self, saturation: float, strength: float) -> "Colorizer":
        """Return a colorizer of the same opened model; arguments and errors are those of `__init__`."""
        other = copy.copy(self)
        other._set_colors(saturation, strength)
        return other

    def _set_colors(self, saturation: float, strength: float) -> None:
        if not (0 <= saturation <= MAXIMUM_SATURATION and 0 <= strength <= 1):  # not: NaN
            raise UsageError(f"`saturation` is 0 to {MAXIMUM_SATURATION}, `strength` 0 to 1")
        self.saturation, self.strength = saturation, strength

    @property
    def contract(self) -> ModelContract:
        """The model's contract."""
        return self.backend.contract

    @property
    def wanted_workers(self) -> int:
        """Images to have in progress at once: one a core, or enough to fill a batch while another waits."""
        return max(os.cpu_count() or 1, 2 * self.batch_size)

    @property
    def _least_side(self) -> int:
        """Short side, in pixels, to which an image can be reduced before its L* is taken."""
        return _DETAIL * self.render_size

    @property
    def maker(self) -> str:
        """The backend and the digest of the model, as the record of outputs has them."""
        return f"{self.backend.name}:{self.backend.sha256[:_DIGITS]}"

    @property
    def settings(self) -> dict[str, object]:
        """All that decides about the colours of an image, but its hints and its reference."""
        return {
            "model": self.backend.sha256,
            "backend": self.backend.name,
            "precision": self.backend.precision,
            "render_size": self.render_size,
            "saturation": self.saturation,
            "strength": self.strength,
        }

    def colorize(
        self, image: np.ndarray, hints: Sequence[Hint] = (), reference: Reference | None = None
    ) -> np.ndarray:
        """Colorize an image; CIE L* stays what it was.

        Args:
            image: sRGB, uint8 or uint16: grey ``(H, W)``, RGB ``(H, W, 3)`` or RGBA ``(H, W, 4)``.
            hints: colours that are known, for a model that takes them.
            reference: a picture whose colours go to what looks alike, for a model that takes hints.

        Returns:
            RGB, or RGBA with the same alpha, of the same height, width and dtype.

        Raises:
            ImageError: smaller than `MINIMUM_SIDE`, or of another kind; hints or a reference, and the model
                takes no hints.
        """
        prepared = self.prepare(image)
        return self.merge(prepared, self.predict(prepared, hints, reference))

    def prepare(self, image: np.ndarray) -> Prepared:
        """Take from an image what is needed to colorize it: the first step of `colorize`."""
        if (
            image.dtype.newbyteorder("=") not in (np.uint8, np.uint16)
            or image.ndim < 2
            or image.shape[2:] not in ((), (3,), (4,))
        ):
            raise ImageError(f"{image.dtype} {image.shape}: not uint8 or uint16, grey, RGB or RGBA")
        height, width = image.shape[:2]
        if min(height, width) < MINIMUM_SIDE:
            raise ImageError(f"{width} x {height} pixels: too small to colorize (at least {MINIMUM_SIDE})")
        if image.ndim == 3:
            return Prepared(image, reduced_lightness(image, self.network_size(height, width)))
        coarse = shrink_to(halve(with_even_sides(image)), self._least_side)
        # of greys, the mean's L* is the mean L*, nearly; of colours it is not
        seen = coarse if min(coarse.shape) >= self._least_side else image
        return Prepared(image, reduced_lightness(seen, self.network_size(height, width)), coarse)

    def predict(
        self, prepared: Prepared, hints: Sequence[Hint] = (), reference: Reference | None = None
    ) -> FloatArray:
        """Return ab ``(h, w, 2)`` of the reduced lightness: the second step of `colorize`.

        Raises:
            ImageError: hints or a reference, and the model takes no hints.
        """
        self.check_takes(hints, reference)
        inputs = prepared.reduced[None, None]
        if hints:
            height, width = prepared.reduced.shape
            drawn = hint_map(hints, height, width, self.saturation)
            inputs = join_hints(inputs, drawn[None])
        if reference is None:
            ab = self.backend.run(inputs)[0]  # (2, h, w)
        else:
            inputs, (rows, columns) = beside(reference, inputs, self.contract.size, self.saturation)
            ab = self.backend.run(inputs)[0][:, rows, columns]
        return ab.transpose(1, 2, 0) * np.float32(self.saturation)

    def check_takes(self, hints: Sequence[Hint], reference: Reference | None = None) -> None:
        """Refuse hints or a reference that the model has no use for.

        Raises:
            ImageError: the model takes no hints.
        """
        if (hints or reference) and not self.contract.takes_hints:
            given = (
                "hints, and the model {} takes none"
                if hints
                else "a reference, and the model {} takes no hints"
            )
            raise ImageError(f"it has {given.format(self.contract.name)}; {_OTHER_MODEL}")

    def merge(self, prepared: Prepared, ab: FloatArray) -> np.ndarray:
        """Return the image in colour: the last step of `colorize`."""
        image = prepared.image
        height, width = image.shape[:2]
        has_alpha = image.ndim == 3 and image.shape[2] == 4
        upsampler = Upsampler(ab * np.float32(self.strength), (height, width))
        result = np.empty((height, width, 4 if has_alpha else 3), image.dtype)

        def work(strip: slice) -> None:
            result[strip, :, :3] = self._merge_rows(upsampler, strip.start, image[strip])

        for_each(work, strips(height, width), self._threads, "merge")
        if has_alpha:
            result[..., 3] = image[..., 3]
        return result

    def merge_planes(self, prepared: Prepared, ab: FloatArray) -> tuple[Planes, np.ndarray]:
        """Return a grey 8-bit image in colour as JPEG keeps it, and small: `merge` for less arithmetic.

        Luma is the grey value, corrected so that CIE L* and not luma stays what it was. Chroma and the
        correction are computed at half the size of the image, or, if it is large, at twice the network's. The
        small image has that size; it is RGB ``(h, w, 3)`` uint8.
        """
        coarse = prepared.coarse
        assert coarse is not None
        lightness = lightness_of(coarse)
        color = upsample(ab, coarse.shape) * np.float32(self.strength)
        rgb = lab_to_fitted_rgb(lightness, color)
        ycc = rgb_to_ycc(rgb)
        ycc[..., 0] = _CORRECTION_STEPS * (ycc[..., 0] - coarse) + _NO_CORRECTION
        planes = cv2.split(cv2.convertScaleAbs(ycc))
        grey = with_even_sides(prepared.image)
        height, width = grey.shape
        correction = cv2.resize(planes[0], (width, height), interpolation=cv2.INTER_LINEAR)
        luma = cv2.addWeighted(
            grey, 1, correction, 1 / _CORRECTION_STEPS, -_NO_CORRECTION / _CORRECTION_STEPS, correction
        )
        cb, cr = (
            cv2.resize(plane, (width // 2, height // 2), interpolation=cv2.INTER_LINEAR)
            for plane in planes[1:]
        )
        return Planes(luma, cb, cr, prepared.image.shape), cv2.convertScaleAbs(rgb, alpha=255)

    def _merge_rows(self, upsampler: Upsampler, start: int, rows: np.ndarray) -> np.ndarray:
        """Return the rows ``(n, W)`` or ``(n, W, C)`` from ``start`` on in colour, ``(n, W, 3)``."""
        ab = upsampler.rows(start, len(rows))
        if self.strength == 1 or rows.ndim == 2:
            lightness = lightness_of(rows)
        else:
            lightness, own_ab = rgb_to_lab(rows[..., :3])
            ab += (1 - self.strength) * own_ab
        return lab_to_image(lightness, ab, rows.dtype)

    def network_size(self, height: int, width: int) -> tuple[int, int]:
        """Return the height and width the network sees: the aspect kept as its size rule allows."""
        scale = self.render_size / min(height, width)
        longest = self.render_size * MAXIMUM_ASPECT
        fit = self.contract.size.fit
        return fit(min(height * scale, longest)), fit(min(width * scale, longest))
