"""Weights that bfloat16 can hold: so that processors that compute in it give nearly the same colours."""

import copy

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

_SIDE = 256  # pixels, of what is run through a generator to see how it goes
_TOLERANCE = 0.01  # of the spread of colours: what other orders of multiplication make


def round_weights(generator: nn.Module) -> None:
    """Round the weights of all convolutions to bfloat16, those that BatchNorm scales as it scales them.

    A runtime folds BatchNorm into the convolution before it, and rounds the product. So the scale goes into
    the weights first here, and BatchNorm only shifts from then on. In float32 the network computes with the
    rounded weights, too.

    Args:
        generator: in eval mode; changed in place.
    """
    convolutions = [module for module in generator.modules() if isinstance(module, nn.Conv2d)]
    with torch.no_grad():
        for convolution, norm in _normalized(generator):
            _move_scale(norm, convolution)
        for convolution in convolutions:
            convolution.weight.copy_(convolution.weight.bfloat16())


def keeps_function(generator: nn.Module) -> bool:
    """Tell whether the scales of BatchNorm can go into the convolutions before it.

    They cannot where something else takes the output of such a convolution, too, as a skip may. Tried on a
    copy with other scales: those of a fresh network are nearly one.
    """
    tried = copy.deepcopy(generator).eval()
    norms = [module for module in tried.modules() if isinstance(module, _BatchNorm)]
    probe = torch.linspace(0, 100, _SIDE**2).reshape(1, 1, _SIDE, _SIDE)
    with torch.no_grad():
        for norm in norms:  # without chance, which would change the run
            norm.weight.copy_(torch.linspace(0.5, 1.5, len(norm.weight)))
        before = tried(probe)
        for convolution, norm in _normalized(tried):
            _move_scale(norm, convolution)
        return bool((tried(probe) - before).abs().max() < _TOLERANCE * before.std())


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
    generator(next(generator.parameters()).new_zeros(1, 1, _SIDE, _SIDE))
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
