import torch
from torch import nn

from colorize_gan.trainer.recalibrate import anchor_batchnorm, freeze_batchnorm, recalibrate_batchnorm


def test_statistics_become_those_of_the_batches_without_dropout() -> None:
    torch.manual_seed(0)
    network = nn.Sequential(nn.Dropout(0.5), nn.BatchNorm2d(1)).eval()
    batches = [torch.randn(8, 1, 16, 16) * 5 + 40 for _ in range(6)]
    recalibrate_batchnorm(network, batches)
    norm = network[1]
    everything = torch.cat(batches)
    assert torch.isclose(norm.running_mean, everything.mean(), rtol=1e-4)
    assert torch.isclose(norm.running_var, everything.var(), rtol=0.01)
    assert network[0].p == 0.5
    assert not network.training


def test_eval_mode_then_gives_what_train_mode_gave() -> None:
    torch.manual_seed(0)
    network = nn.Sequential(nn.Conv2d(1, 8, 3), nn.BatchNorm2d(8), nn.ReLU(), nn.Conv2d(8, 2, 3))
    batch = torch.rand(16, 1, 32, 32) * 100
    expected = network.train()(batch)
    stale = network.eval()(batch)
    recalibrate_batchnorm(network, [batch])
    fresh = network(batch)
    assert (fresh - expected).abs().max() < 0.05 * (stale - expected).abs().max()


def test_anchored_network_gives_in_both_modes_what_it_gave() -> None:
    torch.manual_seed(0)
    network = nn.Sequential(nn.Conv2d(1, 8, 3), nn.BatchNorm2d(8), nn.ReLU(), nn.Conv2d(8, 2, 3)).eval()
    batch = torch.rand(16, 1, 32, 32) * 100
    expected = network(batch)
    anchor_batchnorm(network, batch)
    torch.testing.assert_close(network(batch), expected, atol=1e-3, rtol=1e-4)
    torch.testing.assert_close(network.train()(batch), expected, atol=1e-3, rtol=1e-4)


def test_frozen_statistics_are_used_and_kept() -> None:
    torch.manual_seed(0)
    network = nn.Sequential(nn.Dropout(0.5), nn.BatchNorm2d(1)).train()
    freeze_batchnorm(network)
    batch = torch.rand(8, 1, 16, 16) + 1
    found = network(batch)
    assert found.max() > 2  # 1 / (1 - 0.5): dropout goes on
    assert (network[1].running_mean, network[1].running_var) == (0, 1)
