"""LPIPS and FID with networks of random weights: what they measure is torchmetrics' own business."""

from pathlib import Path

import numpy as np
import pytest
import torch
import torchvision
from torchmetrics.image.fid import NoTrainInceptionV3

from colorize_gan.trainer.deep_metrics import DeepMetrics, missing_weights


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    folder = tmp_path / "hub" / "checkpoints"
    folder.mkdir(parents=True)
    return folder


def test_nothing_is_measured_and_said_so_without_weights(hub: Path) -> None:
    deep = DeepMetrics()
    deep.update(*np.zeros((2, 64, 64, 3), np.uint8))
    assert list(deep.compute()) == ["agreement"]  # its weights come with the extra
    lpips, fid = missing_weights()
    assert str(hub / "alexnet") in lpips
    assert str(hub / "weights-inception") in fid


def test_local_weights_are_used(hub: Path, photo: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    torch.save(torchvision.models.alexnet().state_dict(), hub / "alexnet-owt-7be5be79.pth")
    inception = hub / "weights-inception-2015-12-05-6726825d.pth"
    torch.save({}, inception)
    with monkeypatch.context() as patch:  # its constructor always loads weights
        patch.setattr(NoTrainInceptionV3, "load_state_dict", lambda self, state: None)
        network = NoTrainInceptionV3("random", ["2048"], str(inception))
    for module in network.modules():
        if isinstance(module, torch.nn.Conv2d):
            torch.nn.init.kaiming_normal_(module.weight)
    torch.save(network.state_dict(), inception)
    assert missing_weights() == []

    pairs = [photo[top : top + 64, top : top + 64] for top in (0, 100, 200)]
    grey = [np.repeat(pair[..., 1:2], 3, axis=2) for pair in pairs]
    same, other = DeepMetrics(), DeepMetrics()
    for rgb, truth in zip(grey, pairs, strict=True):
        same.update(truth, truth)
        other.update(rgb, truth)
    assert same.compute()["lpips"] == 0 < other.compute()["lpips"]
    assert abs(same.compute()["fid"]) < 1e-3 < other.compute()["fid"]
