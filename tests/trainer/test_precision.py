import pytest
import torch
from torch import nn

from colorize_gan.core.errors import UsageError
from colorize_gan.trainer.precision import Precision

CPU = torch.device("cpu")


def test_fp16_on_a_cpu_is_refused() -> None:
    with pytest.raises(UsageError, match="`precision` fp16"):
        Precision("fp16", CPU)


@pytest.mark.parametrize(
    ("features", "name"), [({"avx512_bf16": True}, "bf16"), ({"amx_bf16": True}, "bf16"), ({}, "fp32")]
)
def test_auto_follows_the_processor(
    monkeypatch: pytest.MonkeyPatch, features: dict[str, bool], name: str
) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: features)
    assert Precision("auto", CPU).name == name


@pytest.mark.parametrize(("native", "name"), [(True, "bf16"), (False, "fp16")])
def test_auto_follows_the_gpu(monkeypatch: pytest.MonkeyPatch, native: bool, name: str) -> None:
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: native)
    monkeypatch.setattr(torch.amp, "GradScaler", lambda device, enabled: (device, enabled))
    precision = Precision("auto", torch.device("cuda", 0))
    assert precision.name == name
    assert precision._scaler == ("cuda", name == "fp16")


def test_descent_is_plain_descent_with_a_limited_norm() -> None:
    weight = nn.Parameter(torch.tensor([3.0, 4.0]))
    optimizer = torch.optim.SGD([weight], lr=1.0)
    precision = Precision("fp32", CPU)
    for max_norm, length in ((0.0, 5.0), (1.0, 1.0)):
        weight.data = torch.tensor([3.0, 4.0])
        precision.descend(weight.square().sum() / 2, optimizer, max_norm)
        precision.end_step()
        assert weight.data.norm().item() == pytest.approx(5 - length, abs=1e-5)
