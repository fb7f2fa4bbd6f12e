"""Number formats of training: what is fast on a device, and the optimizer step that goes with it."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from colorize_gan.core.errors import UsageError

_DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}


class Precision:
    """The autocast context of a run, and gradient descent under it."""

    def __init__(self, name: str, device: torch.device) -> None:
        """Choose the format.

        Args:
            name: ``fp32``, ``bf16``, ``fp16`` or ``auto``: bf16 where the device computes in it, else fp16
                on a GPU and fp32 on a CPU.
            device: where training runs.

        Raises:
            UsageError: fp16 on a CPU, which loses small gradients and is not faster there.
        """
        if name == "fp16" and device.type == "cpu":
            raise UsageError("`precision` fp16: needs a CUDA device; on a CPU use bf16 or fp32")
        self.name = _fastest(device) if name == "auto" else name
        self._device, self._dtype = device, _DTYPES[self.name]
        # float16 gradients vanish unless the loss is scaled up
        self._scaler = torch.amp.GradScaler(device.type, enabled=self.name == "fp16")

    def prepare(self, model: nn.Module) -> None:
        """Keep what is slower in the format in float32: on a CPU, bfloat16 depthwise convolutions.

        Their weight gradients take several times as long. The layers stay and get another `forward`: timm has
        many classes of convolutions, each with its own, and a layer around them would rename their weights in
        checkpoints. Copy the model (EMA) before: that `forward` belongs to this instance's weights.
        """
        if self.name != "bf16" or self._device.type != "cpu":
            return
        for module in model.modules():
            if isinstance(module, nn.Conv2d) and module.groups == module.in_channels > 1:
                module.forward = _in_float32(module.forward)  # type: ignore[method-assign, assignment]

    def autocast(self) -> torch.autocast:
        """Return the context of forward passes."""
        return torch.autocast(self._device.type, self._dtype, enabled=self.name != "fp32")

    def descend(self, loss: Tensor, optimizer: torch.optim.Optimizer, max_norm: float = 0.0) -> None:
        """Take one step down the gradient of ``loss``, its norm limited to ``max_norm`` (0: no limit)."""
        optimizer.zero_grad()
        self._scaler.scale(loss).backward()
        if max_norm:
            self._scaler.unscale_(optimizer)
            parameters = (p for group in optimizer.param_groups for p in group["params"])
            torch.nn.utils.clip_grad_norm_(parameters, max_norm)
        self._scaler.step(optimizer)

    def end_step(self) -> None:
        """Adapt the loss scale after all networks have descended."""
        self._scaler.update()

    def state_dict(self) -> dict[str, float]:
        """Return the state of the loss scale; empty without one."""
        return self._scaler.state_dict()

    def load_state_dict(self, state: dict[str, float]) -> None:
        """Take over the loss scale; a state without one leaves it as it is."""
        if state and self._scaler.is_enabled():
            self._scaler.load_state_dict(state)


def _fastest(device: torch.device) -> str:
    if device.type == "cuda":
        return "bf16" if torch.cuda.is_bf16_supported(including_emulation=False) else "fp16"
    features = torch.cpu.get_capabilities()
    return "bf16" if features.get("avx512_bf16") or features.get("amx_bf16") else "fp32"


def _in_float32(forward: Callable[[Tensor], Tensor]) -> Callable[[Tensor], Tensor]:
    def forward_in_float32(input: Tensor) -> Tensor:
        with torch.autocast("cpu", enabled=False):
            return forward(input.float())

    return forward_in_float32
