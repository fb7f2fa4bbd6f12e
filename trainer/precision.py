"""Mixed precision that is faster, measured, than either float32 or plain bfloat16 on a CPU."""

import contextlib
from collections.abc import Callable

import torch
from torch import Tensor, nn


def has_bf16() -> bool:
    """Tell whether this processor multiplies bfloat16 natively."""
    features = torch.cpu.get_capabilities()
    return bool(features.get("avx512_bf16") or features.get("amx_bf16"))


def use_bf16(model: nn.Module) -> Callable[[], contextlib.AbstractContextManager[None]]:
    """Prepare ``model`` for bfloat16 training and return the autocast context of its forward pass.

    Depthwise convolutions stay in float32: their weight gradients are several times slower in bfloat16.
    Copy the model (EMA) before: the patched `forward` belongs to this instance's weights.
    """
    for module in model.modules():
        if isinstance(module, nn.Conv2d) and module.groups == module.in_channels > 1:
            module.forward = _in_float32(module.forward)  # type: ignore[method-assign, assignment]
    return lambda: torch.autocast("cpu", torch.bfloat16)


def _in_float32(forward: Callable[[Tensor], Tensor]) -> Callable[[Tensor], Tensor]:
    def forward_in_float32(input: Tensor) -> Tensor:
        with torch.autocast("cpu", enabled=False):
            return forward(input.float())

    return forward_in_float32
