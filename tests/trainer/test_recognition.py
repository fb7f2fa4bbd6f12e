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
    assert measured.compute() == {"agreement": 1}
    measured.update(noise, truth)
    assert measured.compute() == {"agreement": 0.5}


def test_labels_tell_right_answers_from_agreement(photo: np.ndarray) -> None:
    truth = photo[:400, :400]
    noise = np.random.default_rng(0).integers(0, 256, truth.shape, np.uint8)
    espresso, cup = 967, 968
    measured = Recognition()
    measured.update(truth, truth, espresso)
    assert measured.compute() == {"agreement": 1, "top1": 1, "truth_top1": 1}
    measured.update(noise, truth, espresso)
    measured.update(truth, truth, cup)
    assert measured.compute() == pytest.approx({"agreement": 2 / 3, "top1": 1 / 3, "truth_top1": 2 / 3})


def test_without_the_package_there_are_no_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    assert recognition_weights() is not None
    monkeypatch.setattr(recognition, "_BACKBONE", "tf_efficientnet_lite4")
    assert recognition_weights() is None
