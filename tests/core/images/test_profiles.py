import io
from pathlib import Path

import cv2
import numpy as np
import pytest
import pyvips
from PIL import Image, ImageCms

from colorize_gan.core.color.lab import rgb_to_lab
from colorize_gan.core.color.metrics import ciede2000
from colorize_gan.core.images.decode import decode_picture, read_picture
from colorize_gan.core.images.profiles import srgb_profile


def lab(rgb: np.ndarray) -> np.ndarray:
    lightness, ab = rgb_to_lab(rgb)
    return np.dstack([lightness, ab])


def with_profile(pixels: np.ndarray, profile: bytes, suffix: str = ".png") -> bytes:
    """Encode samples as they are and say that they are of ``profile``."""
    image = pyvips.Image.new_from_array(pixels).copy()
    if pixels.dtype == np.uint16:
        image = image.copy(interpretation="rgb16" if pixels.ndim == 3 else "grey16")
    image.set_type(pyvips.GValue.blob_type, "icc-profile-data", profile)
    return image.write_to_buffer(suffix)


@pytest.fixture
def wide() -> bytes:
    """A profile of a wider space than sRGB: Display P3."""
    return pyvips.Operation.call("profile_load", "p3")


@pytest.mark.parametrize("depth", [8, 16])
def test_wide_gamut_is_converted_not_relabelled(photo: np.ndarray, wide: bytes, depth: int) -> None:
    """What a viewer that honours profiles shows of input and output is the same."""
    muted = cv2.addWeighted(photo, 0.5, np.full_like(photo, 128), 0.5, 0)  # inside sRGB
    samples = muted if depth == 8 else muted.astype(np.uint16) * 257
    picture = decode_picture(with_profile(samples, wide))
    assert picture.pixels.dtype == samples.dtype
    expected = ImageCms.profileToProfile(
        Image.fromarray(muted),
        ImageCms.ImageCmsProfile(io.BytesIO(wide)),
        ImageCms.createProfile("sRGB"),
        renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
    )
    shown = picture.pixels if depth == 8 else (picture.pixels / 257).round().astype(np.uint8)
    assert np.abs(shown.astype(int) - np.asarray(expected)).max() <= 2
    assert np.percentile(ciede2000(lab(shown), lab(muted)), 90) > 1  # relabelled, it would be 0
    assert decode_picture(with_profile(samples, picture.metadata.icc)).metadata.icc == picture.metadata.icc


def test_srgb_profile_changes_no_sample_and_stays(photo: np.ndarray) -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    picture = decode_picture(with_profile(photo, profile))
    assert np.array_equal(picture.pixels, photo)
    assert picture.metadata.icc == profile


def test_grey_profile_is_converted_and_the_image_stays_grey(photo: np.ndarray) -> None:
    grey = np.ascontiguousarray(photo[..., 1])
    linear = grey_profile(1.0)
    for samples in (grey, grey.astype(np.uint16) * 257):
        picture = decode_picture(with_profile(samples, linear))
        assert picture.pixels.ndim == 2
        assert picture.pixels.mean() > samples.mean() * 1.2  # linear light is brighter than its number
        assert len(picture.metadata.icc) == len(srgb_profile())


def grey_profile(gamma: float) -> bytes:
    """A minimal ICC profile (version 2.4) of grey with a gamma."""
    white = b"XYZ \0\0\0\0" + bytes.fromhex("0000f6d600010000 0000d32d".replace(" ", ""))
    curve = b"curv\0\0\0\0" + (1).to_bytes(4, "big") + round(gamma * 256).to_bytes(2, "big") + b"\0\0"
    text = b"desc\0\0\0\0" + (5).to_bytes(4, "big") + b"grey\0" + bytes(79)
    blocks, table, offset = [white, curve, text], b"", 128 + 4 + 3 * 12
    for name, block in zip((b"wtpt", b"kTRC", b"desc"), blocks, strict=True):
        table += name + offset.to_bytes(4, "big") + len(block).to_bytes(4, "big")
        offset += len(block)
    header = offset.to_bytes(4, "big") + b"\0\0\0\0\x02\x40\0\0mntrGRAYXYZ " + bytes(12) + b"acsp" + bytes(28)
    header += white[8:20] + bytes(48)
    return header + (3).to_bytes(4, "big") + table + b"".join(blocks)


def test_cmyk_becomes_srgb(tmp_path: Path, photo: np.ndarray) -> None:
    cmyk = np.zeros((32, 32, 4), np.uint8)
    cmyk[:, 16:, 3] = 255
    Image.fromarray(cmyk, "CMYK").save(tmp_path / "print.tif")
    Image.fromarray(cmyk, "CMYK").save(tmp_path / "print.jpg", quality=95)
    for name in ("print.tif", "print.jpg"):
        picture = read_picture(tmp_path / name)
        pixels = picture.pixels
        assert any("offset print" in note for note in picture.notes)
        assert pixels.shape == (32, 32, 3)
        assert pixels[:, :8].min() > 235  # paper
        assert pixels[:, 24:].max() < 80  # ink
