"""Weights that bfloat16 can hold: so that processors that compute in it give nearly the same colours."""

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm


def round_weights(generator: nn.Module) -> None:
    """Round the weights of all convolutions to bfloat16, those that BatchNorm scales as it scales them.

    What runs a file folds BatchNorm into the convolution before it, and rounds the product: the scale goes
    into the weights first here, and BatchNorm only shifts from then on. In float32 the network computes with
    the rounded weights, too.

    Args:
        generator: in eval mode; changed in place.
    """
    convolutions = [module for module in generator.modules() if isinstance(module, nn.Conv2d)]
    with torch.no_grad():
        for convolution, norm in _normalized(generator):
            _move_scale(norm, convolution)
        for convolution in convolutions:
            convolution.weight.copy_(convolution.weight.bfloat16())


def _normalized(generator: nn.Module) -> list[tuple[nn.Conv2d, _BatchNorm]]:
    """Return the convolutions whose output is what a BatchNorm takes, with it."""
    outputs: list[tuple[nn.Conv2d, Tensor]] = []
    pairs: list[tuple[nn.Conv2d, _BatchNorm]] = []

    def made(convolution: nn.Module, _: tuple[Tensor], output: Tensor) -> None:
        assert isinstance(convolution, nn.Conv2d)
        outputs.append((convolution, output))

    def taken(norm: nn.Module, inputs: tuple[Tensor]) -> None:
        assert isinstance(norm, _BatchNorm)
        pairs.extend((convolution, norm) for convolution, output in outputs if output is inputs[0])

    hooks = [
        module.register_forward_hook(made)
        if isinstance(module, nn.Conv2d)
        else module.register_forward_pre_hook(taken)
        for module in generator.modules()
        if isinstance(module, (nn.Conv2d, _BatchNorm))
    ]
    generator(next(generator.parameters()).new_zeros(1, 1, 256, 256))
    for hook in hooks:
        hook.remove()
    return pairs


def _move_scale(norm: _BatchNorm, convolution: nn.Conv2d) -> None:
    """Have a convolution scale its output as the BatchNorm after it does, and that only shift."""
    assert norm.running_mean is not None
    assert norm.running_var is not None
    scale = norm.weight / (norm.running_var + norm.eps).sqrt()
    convolution.weight.mul_(scale[:, None, None, None])
    if convolution.bias is not None:
        convolution.bias.mul_(scale)
    norm.running_mean.mul_(scale)
    norm.running_var.fill_(1 - norm.eps)
    norm.weight.fill_(1)
