"""The training loop: Huber regression on ab, with a moving average of the weights."""

import contextlib
import dataclasses
import math
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import torch
import torch.nn.functional as F
from torch import Tensor
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from torch.utils.data import DataLoader

import colorize_gan
from colorize_gan.contract import ModelContract
from colorize_gan.errors import DataError, UsageError
from colorize_gan.trainer.checkpoint import Checkpoint
from colorize_gan.trainer.config import TrainConfig
from colorize_gan.trainer.data import EpochBatches, Sample, TrainingCrops, find_photos, split_photos
from colorize_gan.trainer.evaluate import evaluate, torch_predictor
from colorize_gan.trainer.generators import AB_SCALE, build_generator
from colorize_gan.trainer.precision import has_bf16, use_bf16
from colorize_gan.trainer.progress import Progress

CHECKPOINT_NAME = "checkpoint.pt"
_SECONDS_BETWEEN_CHECKPOINTS = 300
_WARM_UP_STEPS = 300
_EVALUATED_PHOTOS = 400


class Trainer:
    """A run in a folder, from its beginning or from a checkpoint on."""

    def __init__(
        self, config: TrainConfig, data: Path, run_dir: Path, resume_from: Checkpoint | None = None
    ) -> None:
        """Find the photographs and build networks and optimizer.

        Args:
            config: the settings.
            data: folder of colour photographs.
            run_dir: where checkpoint, config, metrics and TensorBoard events go.
            resume_from: a checkpoint of a run with the same settings and photographs.

        Raises:
            DataError: too few photographs.
            ModelError: the pretrained weights cannot be had.
        """
        self.config, self.run_dir, self.step = config, run_dir, 0
        self._find_photos(data)
        torch.manual_seed(config.seed)
        pretrained = "none" if resume_from else config.pretrained
        self.model = build_generator(config.arch, pretrained).to(memory_format=torch.channels_last)
        average = get_ema_multi_avg_fn(config.ema_decay)
        self.ema = AveragedModel(self.model, multi_avg_fn=average, use_buffers=True)
        self.optimizer = self._build_optimizer()
        self.contract = ModelContract(
            name=config.name,
            architecture=config.arch,
            render_size=config.render_size,
            size=self.model.size_rule,
            license=config.license,
            training_data=config.training_data,
            toolkit_version=colorize_gan.__version__,
        )
        if resume_from is not None:
            self._restore(resume_from)
        # after the copy for the moving average: see `use_bf16`
        bf16 = config.precision == "bf16" or (config.precision == "auto" and has_bf16())
        self.autocast = use_bf16(self.model) if bf16 else contextlib.nullcontext
        self._stop = False

    def _find_photos(self, data: Path) -> None:
        train, val = split_photos(find_photos(data), self.config.val_fraction)
        if not val:
            raise DataError(f"{data}: {len(train)} photographs are too few to hold any out")
        self.train_photos, self.val_photos = train, val[:_EVALUATED_PHOTOS]
        self.steps_per_epoch = EpochBatches(len(train), self.config.batch_size, self.config.seed).per_epoch
        self.total_steps = math.ceil(self.config.l1_epochs * self.steps_per_epoch)

    def _build_optimizer(self) -> torch.optim.AdamW:
        scales = {"encoder": self.config.encoder_lr_scale}
        groups = [
            {"params": list(child.parameters()), "lr_scale": scales.get(name, 1.0)}
            for name, child in self.model.named_children()
            if any(True for _ in child.parameters())
        ]
        return torch.optim.AdamW(groups, lr=self.config.lr, weight_decay=self.config.weight_decay)

    def _restore(self, checkpoint: Checkpoint) -> None:
        self.model.load_state_dict(checkpoint.training["model"])
        self.optimizer.load_state_dict(checkpoint.training["optimizer"])
        self.ema.module.load_state_dict(checkpoint.generator)
        self.ema.n_averaged.fill_(checkpoint.step)
        self.step, self.contract = checkpoint.step, checkpoint.contract

    def run(self, max_minutes: float | None = None) -> bool:
        """Train until done, stopped, or ``max_minutes`` have passed; return whether it is done.

        The checkpoint is saved on the way and at the end; a failing run keeps its last good one.
        """
        self.run_dir.mkdir(parents=True, exist_ok=True)
        self.config.save(self.run_dir / "config.json")
        deadline = time.monotonic() + 60 * (math.inf if max_minutes is None else max_minutes)
        saved = time.monotonic()
        with Progress(self.run_dir, self.step, self.total_steps, self.config.batch_size) as progress:
            for sample in self._batches():
                loss = self._train_step(sample)
                progress.after_step(self.step, loss, self.optimizer.param_groups[-1]["lr"])
                if self.step % self.steps_per_epoch == 0 or self.step == self.total_steps:
                    progress.after_evaluation(self.step, self._evaluate())
                if time.monotonic() - saved > _SECONDS_BETWEEN_CHECKPOINTS:
                    self.save()
                    saved = time.monotonic()
                if self._stop or time.monotonic() > deadline:
                    break
        self.save()
        return self.step >= self.total_steps

    def stop(self) -> None:
        """Make `run` save and return after the step in hand."""
        self._stop = True

    def _batches(self) -> Iterator[Sample]:
        """Yield the remaining batches, decoded ahead in one worker process."""
        dataset = TrainingCrops(self.train_photos, self.config.crop_size, self.config.seed)
        loader: DataLoader[Sample] = DataLoader(
            dataset,
            batch_sampler=EpochBatches(len(dataset), self.config.batch_size, self.config.seed, self.step),
            num_workers=1,
            prefetch_factor=4,
            worker_init_fn=_start_worker,
        )
        batches = iter(loader)
        while self.step < self.total_steps:
            try:
                yield next(batches)
            except DataError as error:  # the loader puts the worker's traceback before our line
                raise DataError(str(error).strip().splitlines()[-1].split("DataError: ")[-1]) from error

    def _train_step(self, sample: Sample) -> float:
        """Take one optimizer step on a batch and return its loss."""
        self.model.train()
        rate = self.config.lr * _rate_factor(self.step, self.total_steps)
        for group in self.optimizer.param_groups:
            group["lr"] = rate * group["lr_scale"]
        with self.autocast():
            predicted = self.model(sample["L"].contiguous(memory_format=torch.channels_last))
        loss = huber_loss(predicted.float(), sample["ab"])
        value = loss.item()
        if not math.isfinite(value):
            raise UsageError(
                f"the loss became {value} at step {self.step + 1}; lower --lr, or --precision fp32"
            )
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        self.ema.update_parameters(self.model)
        self.step += 1
        return value

    def _evaluate(self) -> dict[str, Any]:
        """Evaluate the averaged weights and put the result into the contract."""
        predict = torch_predictor(self.ema.module.eval())
        quality = evaluate(predict, self.val_photos, self.config.render_size)
        self.contract = dataclasses.replace(self.contract, quality=quality)
        return quality

    def save(self) -> None:
        """Write the checkpoint."""
        training = {"model": self.model.state_dict(), "optimizer": self.optimizer.state_dict()}
        generator = self.ema.module.state_dict()
        checkpoint = Checkpoint(self.contract, self.config, self.step, generator, training)
        checkpoint.save(self.run_dir / CHECKPOINT_NAME)


def huber_loss(predicted: Tensor, target: Tensor) -> Tensor:
    """Return the Huber loss of ab ``(N, 2, H, W)``: squared below 10 CIE units, absolute above."""
    return F.huber_loss(predicted / AB_SCALE, target / AB_SCALE)


def _rate_factor(step: int, total: int) -> float:
    """Return the learning rate relative to its peak: linear warm-up, then a cosine to zero."""
    warm_up = min(_WARM_UP_STEPS, total // 10)
    if step < warm_up:
        return (step + 1) / warm_up
    return 0.5 * (1 + math.cos(math.pi * (step - warm_up) / max(1, total - warm_up)))


def _start_worker(_: int) -> None:
    cv2.setNumThreads(1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the main process's to handle
