import copy

import torch
from torch import nn

from colorize_gan.trainer.generators import build_generator
from colorize_gan.trainer.rounding import _move_scale, _normalized, keeps_function, round_weights


def test_weights_fit_into_bfloat16_and_colors_stay() -> None:
    torch.manual_seed(0)
    generator = build_generator("efficientnet_lite0").eval()
    for module in generator.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.uniform_(module.running_var, 0.5, 1.5)  # type: ignore[arg-type]
            nn.init.uniform_(module.running_mean, -0.1, 0.1)  # type: ignore[arg-type]
    lightness = torch.rand(2, 1, 64, 64) * 100
    with torch.no_grad():
        before = generator(lightness)

        moved = copy.deepcopy(generator)
        pairs = _normalized(moved)
        assert len(pairs) > 50
        for convolution, norm in pairs:
            _move_scale(norm, convolution)
        torch.testing.assert_close(moved(lightness), before, rtol=1e-3, atol=1e-3 * before.std().item())

        round_weights(generator)
        assert (generator(lightness) - before).std() < 0.1 * before.std()
    for convolution in (module for module in generator.modules() if isinstance(module, nn.Conv2d)):
        assert torch.equal(convolution.weight, convolution.weight.bfloat16().float())
    for _, norm in _normalized(generator):
        assert torch.all(norm.weight == 1)
        torch.testing.assert_close(norm.running_var + norm.eps, torch.ones_like(norm.bias))


def test_skips_before_a_batchnorm_are_noticed() -> None:
    torch.manual_seed(0)
    fits, does_not = (build_generator(name) for name in ("efficientnet_lite0", "ghostnet_100"))
    state = torch.get_rng_state()
    assert keeps_function(fits)
    assert not keeps_function(does_not)
    assert torch.equal(torch.get_rng_state(), state)  # a run goes on as it would have
