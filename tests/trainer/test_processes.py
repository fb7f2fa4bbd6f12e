"""Two processes on this machine's CPU, started as users start them: with torchrun."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from colorize_gan.core.errors import UsageError
from colorize_gan.trainer import processes
from colorize_gan.trainer.checkpoint import load_checkpoint
from colorize_gan.trainer.generators import build_generator
from colorize_gan.trainer.processes import Processes

TORCHRUN = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
COLORIZE_TRAIN = Path(sys.executable).with_name("colorize-train")

AVERAGING = """
import torch
from colorize_gan.trainer.processes import joined_processes

with joined_processes("cpu") as processes:
    torch.manual_seed(0)
    net, batch = torch.nn.Conv2d(1, 2, 3), torch.randn(6, 1, 8, 8)
    net(batch).square().mean().backward()
    whole = [p.grad.clone() for p in net.parameters()]
    net.zero_grad()
    replica = processes.replicate(net)
    replica(processes.share(batch)).square().mean().backward()
    for expected, p in zip(whole, net.parameters()):
        assert torch.allclose(expected, p.grad, atol=1e-6)
    assert processes.mean({"rank": processes.rank, "one": 1}) == {"rank": 0.5, "one": 1}
    assert processes.any(processes.rank == 1)
    assert not processes.any(False)
"""


def torchrun(*command: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*TORCHRUN, *map(str, command)], capture_output=True, text=True, timeout=600)


def losses(run: Path, name: str) -> list[float]:
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    return [line[name] for line in lines if name in line]


def test_gradients_are_those_of_the_whole_batch(tmp_path: Path) -> None:
    (tmp_path / "averaging.py").write_text(AVERAGING)
    done = torchrun(tmp_path / "averaging.py")
    assert done.returncode == 0, done.stderr


def test_two_processes_learn_what_one_learns(photo_folder: Path, tmp_path: Path) -> None:
    """The same batches; only the BatchNorm statistics are those of each process's half."""
    settings = (
        "--arch efficientnet_lite0 --batch-size 8 --crop-size 64 --l1-epochs 25 --gan-epochs 25 --lr 5e-4"
    )
    others = "--set render_size=64 --set disc_norm=none --set gan_mode=hinge --set precision=fp32"
    arguments = [photo_folder, "--out", *settings.split(), *others.split()]
    place = arguments.index("--out") + 1
    one = [COLORIZE_TRAIN, *arguments[:place], tmp_path / "one", *arguments[place:]]
    two = [COLORIZE_TRAIN, *arguments[:place], tmp_path / "two", *arguments[place:]]
    done = subprocess.run(list(map(str, one)), capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    done = torchrun(*two)
    assert done.returncode == 0, done.stderr
    for name in ("loss/pixel", "loss/D"):
        alone, shared = losses(tmp_path / "one", name), losses(tmp_path / "two", name)
        assert len(alone) == len(shared) > 0
        assert shared == pytest.approx(alone, rel=0.2)
    assert losses(tmp_path / "two", "loss/pixel")[-1] < losses(tmp_path / "two", "loss/pixel")[0]
    steps = [load_checkpoint(tmp_path / name / "checkpoint.pt").step for name in ("one", "two")]
    assert steps[0] == steps[1]


def test_two_processes_stop_resume_and_fail_together(photo_folder: Path, tmp_path: Path) -> None:
    data = tmp_path / "photos"
    shutil.copytree(photo_folder, data)
    settings = (
        "--arch efficientnet_lite0 --pretrained none --batch-size 4 --crop-size 64 --set render_size=64"
    )
    start = [COLORIZE_TRAIN, data, "--out", tmp_path / "run", *settings.split(), "--l1-epochs", "200"]
    done = torchrun(*start, "--gan-epochs", "0", "--max-minutes", "0.05")
    assert done.returncode == 0, done.stderr
    step = load_checkpoint(tmp_path / "run" / "checkpoint.pt").step
    assert 0 < step < 400
    done = torchrun(COLORIZE_TRAIN, data, "--out", tmp_path / "run", "--resume", "--max-minutes", "0.05")
    assert done.returncode == 0, done.stderr
    assert load_checkpoint(tmp_path / "run" / "checkpoint.pt").step > step

    for index in range(40):
        (data / f"broken{index}.png").write_text(f"broken {index}")
    done = torchrun(*start[:3], tmp_path / "broken", *start[4:], "--gan-epochs", "0")
    assert done.returncode == 1
    assert ".png: cannot be decoded" in done.stderr
    assert (
        "another process of the run failed" in done.stderr
        or done.stderr.count(".png: cannot be decoded") == 2
    )
    assert "RuntimeError" not in done.stderr


def test_synchronised_batchnorm_is_the_same_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """timm's layers keep their activations; the rest of the CUDA path needs a GPU."""
    monkeypatch.setattr(processes, "DistributedDataParallel", lambda module, forward_sync_buffers: module)
    torch.manual_seed(0)
    generator = build_generator("efficientnet_lite0").eval()
    lightness = torch.rand(1, 1, 64, 64) * 100
    before = generator(lightness)
    replica = Processes(torch.device("cuda", 0), 0, 2).replicate(generator)
    assert any(isinstance(module, torch.nn.SyncBatchNorm) for module in replica.modules())
    assert torch.equal(replica(lightness), before)


def test_batch_must_divide_among_the_processes() -> None:
    cpu = torch.device("cpu")
    Processes(cpu, 0, 2).check_batch_size(4)
    for size in (2, 5):
        with pytest.raises(UsageError, match=f"`batch_size` {size}"):
            Processes(cpu, 0, 2).check_batch_size(size)
