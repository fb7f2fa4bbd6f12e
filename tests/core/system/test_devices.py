from pathlib import Path

import pytest

from colorize_gan.core.errors import UsageError
from colorize_gan.core.system import devices
from colorize_gan.core.system.devices import cuda_number, processor


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


def test_a_processor_is_known_by_its_name_and_its_features(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def known_as(name: str, clock: int, flags: str) -> str:
        one = f"model name\t: {name}\ncpu MHz\t\t: {clock}\nflags\t\t: fpu {flags}\n"
        path.write_text(f"processor\t: 0\n{one}\nprocessor\t: 1\n{one}\n")
        return processor()

    path = tmp_path / "cpuinfo"
    monkeypatch.setattr(devices, "_CPU_INFO", path)
    assert known_as("EPYC", 2000, "avx2") == known_as("EPYC", 3100, "avx2")
    assert (
        len({known_as("EPYC", 2000, "avx2"), known_as("EPYC", 2000, "amx"), known_as("Xeon", 2000, "avx2")})
        == 3
    )
    path.unlink()
    assert processor()  # where Linux's list is not there
