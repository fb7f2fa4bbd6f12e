"""The training loop: reads, learns, evaluates, saves."""

import contextlib
import dataclasses
import hashlib
import itertools
import math
import threading
import time
from collections.abc import Callable, Generator, Sequence
from pathlib import Path
from typing import Any

import cv2
import torch
from torch import Tensor

from colorize_gan.core.contract import ModelContract
from colorize_gan.core.errors import DataError, ModelError, UsageError
from colorize_gan.core.files.paths import StrPath
from colorize_gan.core.system.parallel import map_in_order, one_libvips_thread
from colorize_gan.core.version import __version__
from colorize_gan.trainer.checkpoint import Checkpoint
from colorize_gan.trainer.config import TrainConfig
from colorize_gan.trainer.data import Batch, EpochBatches, TrainingCrops
from colorize_gan.trainer.evaluate import PredictAb, evaluate, preview, torch_predictor
from colorize_gan.trainer.learner import Learner
from colorize_gan.trainer.photos import find_photos, split_photos
from colorize_gan.trainer.processes import Processes
from colorize_gan.trainer.progress import Progress
from colorize_gan.trainer.recalibrate import recalibrate_batchnorm
from colorize_gan.trainer.schedule import Schedule

CHECKPOINT_NAME, BEST_NAME = "checkpoint.pt", "best.pt"
_EVALUATED_PHOTOS = 400
_PREVIEWED_PHOTOS = 8
_ANCHOR_PHOTOS = 32  # statistics of 128 do not help more
_LOADERS = 2


class Trainer:
    """A run in a folder, from its beginning or from a checkpoint on."""

    def __init__(
        self,
        config: TrainConfig,
        data: StrPath,
        run_dir: StrPath,
        *,
        resume_from: Checkpoint | None = None,
        init_from: Checkpoint | None = None,
        features: StrPath | None = None,
        processes: Processes | None = None,
    ) -> None:
        """Find the photographs and build networks and optimizers.

        Args:
            config: the settings.
            data: folder of colour photographs, or a packed set.
            run_dir: where checkpoint, config, metrics and TensorBoard events go.
            resume_from: a checkpoint of a run with the same settings and photographs.
            init_from: a checkpoint whose generator a new run starts with.
            features: a folder that keeps the features of a frozen encoder, for this run and others.
            processes: the run's processes; None for this one alone, on the CPU.

        Raises:
            DataError: too few photographs.
            ModelError: weights cannot be had, or are those of another architecture.
            UsageError: settings that do not go with the generator or with how the run starts, or photographs
                that the run to resume did not have.
        """
        data, run_dir = Path(data), Path(run_dir)
        self.config, self.run_dir, self.step, self.best = config, run_dir, 0, -math.inf
        self.processes = processes or Processes(torch.device("cpu"))
        self.processes.check_batch_size(config.batch_size)
        self._find_photos(data)
        start = resume_from or init_from
        for setting in ("start_share", "freeze_batchnorm"):
            if start is None and (value := getattr(config, setting)):
                raise UsageError(
                    f"`{setting}` {value}: needs a checkpoint to start from, given as `init_from`"
                )
        if init_from is not None and config.pretrained not in ("auto", "none"):
            raise UsageError(
                f"`pretrained` {config.pretrained}: `init_from` brings its own weights; remove one"
            )
        weights = start.generator if start is not None else None
        lightness = self._some_lightness() if init_from is not None else None
        self.learner = Learner(config, self.schedule, self.processes, weights, lightness)
        self._crops = TrainingCrops(
            self.train_photos, config, self.learner.keep_features(features) if features is not None else None
        )
        self.contract = ModelContract(
            name=config.name,
            architecture=config.arch,
            render_size=config.render_size,
            size=self.learner.generator.size_rule,
            takes_hints=self.learner.generator.takes_hints,
            license=config.license,
            training_data=config.training_data,
            toolkit_version=__version__,
        )
        if resume_from is not None:
            self._resume(resume_from, data)

    def _resume(self, checkpoint: Checkpoint, data: Path) -> None:
        try:
            if checkpoint.training["photographs"] != self.photographs:
                raise UsageError(
                    f"{data}: not the photographs of the run in {self.run_dir}; "
                    "give those, or start a new run with its checkpoint as `init_from`"
                )
            self.learner.restore(checkpoint)
        except KeyError as error:
            raise ModelError(f"{self.run_dir}: from another version of the toolkit ({error})") from error
        self.step, self.contract = checkpoint.step, checkpoint.contract
        self.best = checkpoint.training["best"]

    def _find_photos(self, data: Path) -> None:
        config = self.config
        photos = find_photos(data)
        train, val = split_photos(photos, config.val_fraction)
        if not val:
            raise DataError(f"{data}: {len(train)} photographs are too few to hold any out")
        self.train_photos, self.val_photos = train, val[:_EVALUATED_PHOTOS]
        self.photographs = hashlib.sha256("".join(photo.digest for photo in photos).encode()).hexdigest()
        self.steps_per_epoch = EpochBatches(len(train), config.batch_size, config.seed).per_epoch
        self.schedule = Schedule.of(config, self.steps_per_epoch)

    def _some_lightness(self) -> Tensor:
        """Return the lightness of crops from all over the training photographs."""
        crops = TrainingCrops(self.train_photos, self.config)
        every = math.ceil(len(crops) / _ANCHOR_PHOTOS)
        return crops.batch([(0, index) for index in range(0, len(crops), every)], self.config.crop_size)["L"]

    def run(self, max_minutes: float | None = None, stop: threading.Event | None = None) -> bool:
        """Train until done, ``stop`` is set, or ``max_minutes`` have passed; return whether it is done.

        The checkpoint is saved on the way and at the end; a failing run keeps its last good one.
        """
        deadline = time.monotonic() + 60 * (math.inf if max_minutes is None else max_minutes)
        saved = time.monotonic()
        total = self.schedule.total
        with (
            one_libvips_thread(),
            self._open_progress() as progress,
            contextlib.closing(self._batches(total - self.step)) as batches,
        ):
            for batch in batches:
                self.processes.raise_together(batch if isinstance(batch, DataError) else None)
                log = self._learn(_loaded(batch))
                self.step += 1
                if progress is not None:
                    progress.after_step(self.step, log)
                if self.step % self.config.preview_steps == 0 or self.step == total:
                    self._lead(self._show, progress)
                if self.step % self.steps_per_epoch == 0 or self.step == total:
                    self._lead(self._evaluate, progress)
                if time.monotonic() - saved > 60 * self.config.checkpoint_minutes:
                    self.save(CHECKPOINT_NAME)
                    saved = time.monotonic()
                if self.processes.any(bool(stop and stop.is_set()) or time.monotonic() > deadline):
                    break
        self.save(CHECKPOINT_NAME)
        return self.step >= total

    def _open_progress(self) -> contextlib.AbstractContextManager[Progress | None]:
        """Open the logs in the run's folder, if this is the leading process: no other one writes there."""
        if not self.processes.leads:
            return contextlib.nullcontext()
        self.run_dir.mkdir(parents=True, exist_ok=True)
        self.config.save(self.run_dir / "config.json")
        return Progress(self.run_dir, self.step, self.schedule.total, self.config.batch_size)

    def _batches(self, count: int) -> Generator[Batch | DataError, None, None]:
        """Yield this process's share of the next ``count`` batches, decoded ahead, or why it has none.

        By threads: OpenCV lets go of the interpreter lock, and a process forked while OpenCV's own threads
        hold a lock would wait for ever.
        """
        cv2.setNumThreads(1)
        crops = self._crops
        keys = EpochBatches(len(crops), self.config.batch_size, self.config.seed, self.step)

        def load(numbered: tuple[int, Sequence[tuple[int, int]]]) -> Batch | DataError:
            step, batch = numbered
            try:
                return crops.batch(self.processes.share(batch), self.schedule.size(step))
            except DataError as error:
                return error

        steps = itertools.islice(enumerate(keys, self.step), count)
        return map_in_order(load, steps, _LOADERS, "load")

    def _learn(self, batch: Batch) -> dict[str, float]:
        try:
            return self.learner.step(batch, self.step)
        except FloatingPointError as error:
            saved = self.run_dir / CHECKPOINT_NAME
            raise UsageError(
                f"{error} at step {self.step + 1}; "
                + (f"the last good state is in {saved}; " if saved.exists() else "")
                + "use a smaller `lr`, or fp32 as `precision`"
            ) from error

    def _lead(self, work: Callable[[Progress], None], progress: Progress | None) -> None:
        """Have the leading process, which has the logs, do the work; an error of it is one of all."""
        failure = None
        if progress is not None:
            try:
                work(progress)
            except DataError as error:
                failure = error
        self.processes.raise_together(failure)

    def _evaluate(self, progress: Progress) -> None:
        """Evaluate the averaged weights, put the result into the contract, keep the best."""
        if self.step == self.schedule.total:
            self.learner.finish()
        quality = self._quality()
        if self.step == self.schedule.total and self.config.recalibrate_batches:
            device = self.processes.device
            batches = self._batches(self.config.recalibrate_batches)
            recalibrate_batchnorm(
                self.learner.average.module, (_loaded(batch)["L"].to(device) for batch in batches)
            )
            before, quality = quality, self._quality()
            quality["before_recalibration"] = {name: before[name] for name in ("psnr", "ciede2000", "cf")}
        self.contract = dataclasses.replace(self.contract, quality=quality)
        progress.after_evaluation(self.step, quality)
        if quality["psnr"] > self.best:
            self.best = quality["psnr"]
            self.save(BEST_NAME)

    def _quality(self) -> dict[str, Any]:
        return evaluate(self._predictor(), self.val_photos, self.config.render_size)

    def _show(self, progress: Progress) -> None:
        photos = self.val_photos[:_PREVIEWED_PHOTOS]
        progress.show(self.step, preview([self._predictor()], photos, self.config.render_size))

    def _predictor(self) -> PredictAb:
        return torch_predictor(self.learner.average.module.eval())

    def save(self, name: str) -> None:
        """Write a checkpoint to the run's folder."""
        if not self.processes.leads:
            return
        training = self.learner.state_dict() | {"best": self.best, "photographs": self.photographs}
        generator = self.learner.average.module.state_dict()
        Checkpoint(self.contract, self.config, self.step, generator, training).save(self.run_dir / name)


def _loaded(batch: Batch | DataError) -> Batch:
    if isinstance(batch, DataError):
        raise batch
    return batch
