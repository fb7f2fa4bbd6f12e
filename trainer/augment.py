"""Augmentation: crops and flips of the photograph, and the damage of old prints and scans on L alone."""

import cv2
import numpy as np

from colorize_gan.color import FloatArray


def random_crop(
    rgb: np.ndarray, rng: np.random.Generator, least_area: float = 0.4, flip: bool = True
) -> np.ndarray:
    """Cut a nearly square window out of ``rgb``; mirror every other one.

    Args:
        rgb: image ``(H, W, C)``.
        rng: source of all chance.
        least_area: smallest share of the largest square's area, 0..1; 1 cuts squares of full height or width.
        flip: whether to mirror.
    """
    height, width = rgb.shape[:2]
    side = min(height, width) * np.sqrt(rng.uniform(least_area, 1.0))
    stretch = np.exp(rng.uniform(-0.15, 0.15) * (least_area < 1))
    crop_h, crop_w = min(height, round(side * stretch)), min(width, round(side / stretch))
    top, left = rng.integers(height - crop_h + 1), rng.integers(width - crop_w + 1)
    crop = rgb[top : top + crop_h, left : left + crop_w]
    return crop[:, ::-1] if rng.random() < 0.5 and flip else crop


def age(lightness: FloatArray, rng: np.random.Generator, tone: float, damage: float) -> FloatArray:
    """Make L look like that of an old photograph.

    Args:
        lightness: CIE L* ``(H, W)``.
        rng: source of all chance.
        tone: probability of another contrast and gamma, as of faded or hard prints.
        damage: probability of each of film grain, blur, and JPEG blocks.

    Returns:
        CIE L* ``(H, W)`` float32 in 0..100.
    """
    if rng.random() < tone:
        lightness = _retone(lightness, rng)
    if rng.random() < damage:
        lightness = np.asarray(cv2.GaussianBlur(lightness, (0, 0), rng.uniform(0.4, 1.5)), np.float32)
    if rng.random() < damage:
        lightness = lightness + _grain(lightness.shape, rng)
    lightness = np.clip(lightness, 0, 100)
    if rng.random() < damage:
        lightness = _jpeg(lightness, int(rng.integers(30, 90)))
    return np.asarray(lightness, np.float32)


def _retone(lightness: FloatArray, rng: np.random.Generator) -> FloatArray:
    black, white = rng.uniform(-8, 15), rng.uniform(80, 108)
    curve = (lightness / 100) ** np.exp(rng.uniform(-0.35, 0.35))
    return np.clip(black + (white - black) * curve, 0, 100).astype(np.float32)


def _grain(shape: tuple[int, ...], rng: np.random.Generator) -> FloatArray:
    """Return noise of 1 to 6 L* with a correlation length of up to two pixels."""
    noise = cv2.GaussianBlur(rng.standard_normal(shape, np.float32), (0, 0), rng.uniform(0.3, 1.0))
    return np.asarray(noise * (rng.uniform(1, 6) / noise.std()), np.float32)


def _jpeg(lightness: FloatArray, quality: int) -> FloatArray:
    coded = cv2.imencode(
        ".jpg", np.rint(lightness * 2.55).astype(np.uint8), [cv2.IMWRITE_JPEG_QUALITY, quality]
    )
    return np.asarray(cv2.imdecode(coded[1], cv2.IMREAD_GRAYSCALE), np.float32) / np.float32(2.55)
