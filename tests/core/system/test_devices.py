import pytest

from colorize_gan.core.errors import UsageError
from colorize_gan.core.system.devices import cuda_number


@pytest.mark.parametrize(
    ("device", "works", "number"),
    [("auto", True, 0), ("auto", False, None), ("cpu", True, None), ("cuda", True, 0), ("cuda:3", True, 3)],
)
def test_device_names(device: str, works: bool, number: int | None) -> None:
    assert cuda_number(device, lambda: works) == number


@pytest.mark.parametrize("device", ["gpu", "cuda:x", "cpu:0", "cuda:-1", ""])
def test_unknown_device_is_a_usage_error(device: str) -> None:
    with pytest.raises(UsageError, match="`device`"):
        cuda_number(device, lambda: True)
