"""Augmentation: crops and flips of the photograph, and the damage of old prints and scans on L alone."""

import cv2
import numpy as np

from colorize_gan.core.color.lab import FloatArray, lightness_of

_LEAST_FILM = np.array([0.0, 0.25, 0.15])  # of the light that R, G, B give to a film's grey
_MOST_FILM = np.array([0.2, 0.65, 0.65])  # orthochromatic film is blind to red, early ones to green, too


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
    crop_h, crop_w = (
        min(most, max(1, round(length)))
        for most, length in ((height, side * stretch), (width, side / stretch))
    )
    top, left = rng.integers(height - crop_h + 1), rng.integers(width - crop_w + 1)
    crop = rgb[top : top + crop_h, left : left + crop_w]
    return crop[:, ::-1] if rng.random() < 0.5 and flip else crop


def expose_film(rgb: np.ndarray, rng: np.random.Generator) -> FloatArray:
    """Return what a film with another sensitivity than the eye's makes of a photograph.

    Skies and blue eyes are light on the films of before about 1930, lips and red cloth dark.

    Args:
        rgb: image ``(H, W, 3)``, uint8 sRGB.
        rng: source of all chance.

    Returns:
        CIE L* ``(H, W)`` float32 in 0..100.
    """
    weights = rng.uniform(_LEAST_FILM, _MOST_FILM)
    return lightness_of(cv2.transform(rgb, weights[None] / weights.sum()))


def age(lightness: FloatArray, rng: np.random.Generator, tone: float, damage: float) -> FloatArray:
    """Make L look like that of an old photograph.

    Args:
        lightness: CIE L* ``(H, W)``.
        rng: source of all chance.
        tone: probability of another contrast and gamma, as of faded or hard prints.
        damage: probability of each of blur, film grain, scratches and dust, and JPEG blocks.

    Returns:
        CIE L* ``(H, W)`` float32 in 0..100.
    """
    if rng.random() < tone:
        lightness = _retone(lightness, rng)
    if rng.random() < damage:
        lightness = np.asarray(cv2.GaussianBlur(lightness, (0, 0), rng.uniform(0.4, 1.5)), np.float32)
    if rng.random() < damage:
        lightness = lightness + _grain(lightness.shape, rng)
    if rng.random() < damage:
        lightness = _scratch(lightness, rng)
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


def _scratch(lightness: FloatArray, rng: np.random.Generator) -> FloatArray:
    """Draw up to four scratches along the film and twelve specks of dust, light or dark."""
    scratched, (height, width) = lightness.copy(), lightness.shape
    for x in rng.integers(width, size=rng.integers(1, 5)):
        end = (int(x + rng.integers(-3, 4)), height)
        cv2.line(scratched, (int(x), 0), end, rng.choice([0.0, 100.0]), lineType=cv2.LINE_4)
    for x, y in rng.integers((width, height), size=(rng.integers(0, 13), 2)):
        cv2.circle(scratched, (int(x), int(y)), int(rng.integers(1, 3)), rng.choice([0.0, 100.0]), cv2.FILLED)
    share = np.float32(rng.uniform(0.3, 0.9))
    return lightness + share * (scratched - lightness)


def _jpeg(lightness: FloatArray, quality: int) -> FloatArray:
    coded = cv2.imencode(
        ".jpg", np.rint(lightness * 2.55).astype(np.uint8), [cv2.IMWRITE_JPEG_QUALITY, quality]
    )
    return np.asarray(cv2.imdecode(coded[1], cv2.IMREAD_GRAYSCALE), np.float32) / np.float32(2.55)
