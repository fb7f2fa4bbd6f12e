"""The training loop: the pixel loss alone, then beside a discriminator; the weights averaged all along."""

import contextlib
import dataclasses
import itertools
import math
import threading
import time
from collections.abc import Generator
from pathlib import Path
from typing import Any

import cv2
import torch
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

import colorize_gan
from colorize_gan.contract import ModelContract
from colorize_gan.errors import DataError, UsageError
from colorize_gan.parallel import map_in_order
from colorize_gan.trainer.adversary import GAN_BETAS, Adversary
from colorize_gan.trainer.checkpoint import Checkpoint, load_weights
from colorize_gan.trainer.config import TrainConfig
from colorize_gan.trainer.data import Batch, EpochBatches, TrainingCrops
from colorize_gan.trainer.evaluate import evaluate, preview, torch_predictor
from colorize_gan.trainer.generators import build_generator
from colorize_gan.trainer.losses import pixel_loss
from colorize_gan.trainer.photos import find_photos, split_photos
from colorize_gan.trainer.precision import has_bf16, use_bf16
from colorize_gan.trainer.progress import Progress
from colorize_gan.trainer.recalibrate import recalibrate_batchnorm
from colorize_gan.trainer.schedule import Schedule

CHECKPOINT_NAME, BEST_NAME = "checkpoint.pt", "best.pt"
_SECONDS_BETWEEN_CHECKPOINTS = 300
_EVALUATED_PHOTOS = 400
_PREVIEWED_PHOTOS = 8
_LOADERS = 2


class Trainer:
    """A run in a folder, from its beginning or from a checkpoint on."""

    def __init__(
        self,
        config: TrainConfig,
        data: Path,
        run_dir: Path,
        *,
        resume_from: Checkpoint | None = None,
        init_from: Checkpoint | None = None,
    ) -> None:
        """Find the photographs and build networks and optimizers.

        Args:
            config: the settings.
            data: folder of colour photographs, or a packed set.
            run_dir: where checkpoint, config, metrics and TensorBoard events go.
            resume_from: a checkpoint of a run with the same settings and photographs.
            init_from: a checkpoint whose generator a new run starts with.

        Raises:
            DataError: too few photographs.
            ModelError: weights cannot be had, or are those of another architecture.
            UsageError: a crop size that the generator cannot take.
        """
        self.config, self.run_dir, self.step, self.best = config, run_dir, 0, -math.inf
        self._find_photos(data)
        torch.manual_seed(config.seed)
        self._build_networks("none" if resume_from or init_from else config.pretrained)
        self.contract = ModelContract(
            name=config.name,
            architecture=config.arch,
            render_size=config.render_size,
            size=self.model.size_rule,
            license=config.license,
            training_data=config.training_data,
            toolkit_version=colorize_gan.__version__,
        )
        if init_from is not None:
            load_weights(self.model, init_from.generator, config.arch)
        if resume_from is not None:
            self._restore(resume_from)
        # after the copy for the moving average: see `use_bf16`
        bf16 = config.precision == "bf16" or (config.precision == "auto" and has_bf16())
        self.autocast = use_bf16(self.model) if bf16 else contextlib.nullcontext

    def _find_photos(self, data: Path) -> None:
        config = self.config
        train, val = split_photos(find_photos(data), config.val_fraction)
        if not val:
            raise DataError(f"{data}: {len(train)} photographs are too few to hold any out")
        self.train_photos, self.val_photos = train, val[:_EVALUATED_PHOTOS]
        self.steps_per_epoch = EpochBatches(len(train), config.batch_size, config.seed).per_epoch
        self.schedule = Schedule.of(config, self.steps_per_epoch)

    def _build_networks(self, pretrained: str) -> None:
        config = self.config
        self.model = build_generator(config.arch, pretrained).to(memory_format=torch.channels_last)
        stride = self.model.size_rule.multiple_of
        if config.crop_size % stride:
            raise UsageError(f"--crop-size {config.crop_size}: {config.arch} takes multiples of {stride}")
        average = get_ema_multi_avg_fn(config.ema_decay)
        self.ema = AveragedModel(self.model, multi_avg_fn=average, use_buffers=True)
        groups = [
            {"params": list(child.parameters()), "encoder": name == "encoder"}
            for name, child in self.model.named_children()
            if any(True for _ in child.parameters())
        ]
        self.optimizer = torch.optim.AdamW(groups, lr=config.lr, weight_decay=config.weight_decay)
        self.adversary = Adversary(config) if self.schedule.gan_steps else None

    def _restore(self, checkpoint: Checkpoint) -> None:
        state = checkpoint.training
        self.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        if self.adversary is not None:
            self.adversary.load_state_dict(state["adversary"])
        self.ema.module.load_state_dict(checkpoint.generator)
        self.ema.n_averaged.fill_(checkpoint.step)
        torch.set_rng_state(state["rng"])
        self.best = state["best"]
        self.step, self.contract = checkpoint.step, checkpoint.contract

    def run(self, max_minutes: float | None = None, stop: threading.Event | None = None) -> bool:
        """Train until done, ``stop`` is set, or ``max_minutes`` have passed; return whether it is done.

        The checkpoint is saved on the way and at the end; a failing run keeps its last good one.
        """
        self.run_dir.mkdir(parents=True, exist_ok=True)
        self.config.save(self.run_dir / "config.json")
        deadline = time.monotonic() + 60 * (math.inf if max_minutes is None else max_minutes)
        saved = time.monotonic()
        total = self.schedule.total
        with (
            Progress(self.run_dir, self.step, total, self.config.batch_size) as progress,
            contextlib.closing(self._batches(total - self.step)) as batches,
        ):
            for batch in batches:
                progress.after_step(self.step + 1, self._train_step(batch))
                if self.step % self.steps_per_epoch == 0 or self.step == total:
                    self._evaluate(progress)
                if time.monotonic() - saved > _SECONDS_BETWEEN_CHECKPOINTS:
                    self.save(CHECKPOINT_NAME)
                    saved = time.monotonic()
                if (stop and stop.is_set()) or time.monotonic() > deadline:
                    break
        self.save(CHECKPOINT_NAME)
        return self.step >= total

    def _batches(self, count: int) -> Generator[Batch, None, None]:
        """Yield the next ``count`` batches, decoded ahead.

        By threads: OpenCV lets go of the interpreter lock, and a process forked while OpenCV's own threads
        hold a lock would wait for ever.
        """
        config = self.config
        cv2.setNumThreads(1)
        crops = TrainingCrops(
            self.train_photos, config.crop_size, config.seed, tone=config.tone, damage=config.damage
        )
        keys = EpochBatches(len(crops), config.batch_size, config.seed, self.step)
        return map_in_order(crops.batch, itertools.islice(keys, count), _LOADERS, "load")

    def _train_step(self, batch: Batch) -> dict[str, float]:
        """Take one step on a batch, the discriminator's first; return what to log."""
        config = self.config
        adversarial = self.schedule.is_adversarial(self.step)
        rate = self._set_rates(adversarial)
        self.model.train()
        lightness = batch["L"].contiguous(memory_format=torch.channels_last)
        with self.autocast():
            fake = self.model(lightness).float()
            pixel = loss = pixel_loss(fake, batch["ab"], config.pixel_loss)
            log = {"loss/pixel": pixel.item(), "lr": rate}
            if adversarial and self.adversary is not None:
                factor = self.schedule.factor(self.step)
                log |= self.adversary.learn(lightness, batch["ab"], fake, factor * config.disc_lr)
                adversary = self.adversary.judge(lightness, batch["ab"], fake)
                log["loss/G"] = adversary.item()
                loss = config.lambda_l1 * pixel + adversary
        for name, value in log.items():
            if not math.isfinite(value):
                raise UsageError(
                    f"{name} became {value} at step {self.step + 1}; the last good state is in "
                    f"{self.run_dir / CHECKPOINT_NAME}; lower the learning rate, or use --precision fp32"
                )
        self.optimizer.zero_grad()
        loss.backward()
        if config.grad_clip:
            torch.nn.utils.clip_grad_norm_(self.model.parameters(), config.grad_clip)
        self.optimizer.step()
        self.ema.update_parameters(self.model)
        self.step += 1
        return log

    def _set_rates(self, adversarial: bool) -> float:
        """Set the generator's learning rates for this step; return the decoder's."""
        config = self.config
        rate = self.schedule.factor(self.step) * (config.gan_lr if adversarial else config.lr)
        for group in self.optimizer.param_groups:
            group["lr"] = rate * (config.encoder_lr_scale if group["encoder"] else 1)
            if adversarial:
                group["betas"] = GAN_BETAS
        return rate

    def _evaluate(self, progress: Progress) -> None:
        """Evaluate the averaged weights, put the result into the contract, keep the best."""
        quality = self._quality()
        if self.step == self.schedule.total and self.config.recalibrate_batches:
            batches = self._batches(self.config.recalibrate_batches)
            recalibrate_batchnorm(self.ema.module, (batch["L"] for batch in batches))
            before, quality = quality, self._quality()
            quality["before_recalibration"] = {name: before[name] for name in ("psnr", "ciede2000", "cf")}
        self.contract = dataclasses.replace(self.contract, quality=quality)
        predict = torch_predictor(self.ema.module)
        picture = preview(predict, self.val_photos[:_PREVIEWED_PHOTOS], self.config.render_size)
        progress.after_evaluation(self.step, quality, picture)
        if quality["psnr"] > self.best:
            self.best = quality["psnr"]
            self.save(BEST_NAME)

    def _quality(self) -> dict[str, Any]:
        predict = torch_predictor(self.ema.module.eval())
        return evaluate(predict, self.val_photos, self.config.render_size)

    def save(self, name: str) -> None:
        """Write a checkpoint to the run's folder."""
        training = {
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "adversary": self.adversary.state_dict() if self.adversary is not None else None,
            "rng": torch.get_rng_state(),
            "best": self.best,
        }
        generator = self.ema.module.state_dict()
        Checkpoint(self.contract, self.config, self.step, generator, training).save(self.run_dir / name)
