"""Whether colours mean something: does a classifier see in them what it sees in the true ones?"""

from pathlib import Path

import numpy as np
import torch

from colorize_gan.trainer.backbones import build_classifier, packaged_weights_file

_BACKBONE = "tf_efficientnet_lite2"
"""timm's name of the ImageNet classifier; its weights come with the `train` extra."""


class Recognition:
    """How often a frozen classifier's first answer for a colorization is the one for the truth.

    No labels are needed. The same figure of grey is the one to beat: muted or wrong colours mislead a
    classifier that grey does not.
    """

    def __init__(self) -> None:
        """Load the classifier.

        Raises:
            ModelError: damaged weights.
        """
        self._classifier = build_classifier(_BACKBONE, "auto")
        self._agreed: list[bool] = []

    def update(self, rgb: np.ndarray, truth: np.ndarray) -> None:
        """Take a colorization and its truth, both ``(H, W, 3)`` uint8 sRGB."""
        images = torch.from_numpy(np.stack([rgb, truth])).permute(0, 3, 1, 2)
        with torch.inference_mode():
            seen, wanted = self._classifier(images / 127.5 - 1).argmax(dim=1).tolist()
        self._agreed.append(seen == wanted)

    def compute(self) -> float:
        """Return the share of the pairs that agreed, 0..1."""
        return float(np.mean(self._agreed))


def recognition_weights() -> Path | None:
    """Return the file of the classifier's weights, if it is on this machine."""
    return packaged_weights_file(_BACKBONE)
