"""Whether colours mean something: does a classifier see in them what it sees in the true ones?"""

from pathlib import Path

import numpy as np
import torch

from colorize_gan.trainer.backbones import build_classifier, packaged_weights_file

_BACKBONE = "tf_efficientnet_lite2"
"""timm's name of the ImageNet classifier; its weights come with the `train` extra."""


CLASSES = 1000
"""How many answers it has."""


class Recognition:
    """How often a frozen classifier's first answer for a colorization is the one for the truth, or is right.

    Only the second needs labels. The same figures of grey are the ones to beat: muted or wrong colours
    mislead a classifier that grey does not.
    """

    def __init__(self) -> None:
        """Load the classifier.

        Raises:
            ModelError: damaged weights.
        """
        self._classifier = build_classifier(_BACKBONE, "auto")
        self._answers: list[tuple[int, int]] = []
        self._labels: list[int] = []

    def update(self, rgb: np.ndarray, truth: np.ndarray, label: int | None = None) -> None:
        """Take a colorization and its truth, both ``(H, W, 3)`` uint8 sRGB.

        Args:
            rgb: the colorization.
            truth: the photograph.
            label: its ImageNet class, counted from 0 by WordNet id: for all pairs, or for none.
        """
        images = torch.from_numpy(np.stack([rgb, truth])).permute(0, 3, 1, 2)
        with torch.inference_mode():
            answers = self._classifier(images / 127.5 - 1).argmax(dim=1)
        self._answers.append(tuple(answers.tolist()))
        if label is not None:
            self._labels.append(label)

    def compute(self) -> dict[str, float]:
        """Return shares of the pairs, 0..1.

        ``agreement`` is that with the answer for the truth; with labels, ``top1`` is that of right answers,
        and ``truth_top1`` that of right ones for the truth.
        """
        seen, wanted = np.array(self._answers).T
        shares = {"agreement": float(np.mean(seen == wanted))}
        if self._labels:
            shares["top1"] = float(np.mean(seen == self._labels))
            shares["truth_top1"] = float(np.mean(wanted == self._labels))
        return shares


def recognition_weights() -> Path | None:
    """Return the file of the classifier's weights, if it is on this machine."""
    return packaged_weights_file(_BACKBONE)
