"""The classifier that tells whether colours mean something."""

import numpy as np
import pytest

from colorize_gan.trainer import recognition
from colorize_gan.trainer.recognition import Recognition, recognition_weights


def test_the_truth_agrees_with_itself_and_noise_does_not(photo: np.ndarray) -> None:
    truth = photo[:256, :256]
    noise = np.random.default_rng(0).integers(0, 256, truth.shape, np.uint8)
    measured = Recognition()
    measured.update(truth, truth)
    assert measured.compute() == 1
    measured.update(noise, truth)
    assert measured.compute() == 0.5


def test_without_the_package_there_are_no_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    assert recognition_weights() is not None
    monkeypatch.setattr(recognition, "_BACKBONE", "tf_efficientnet_lite4")
    assert recognition_weights() is None
