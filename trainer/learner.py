"""The parts of a run that learn: generator, moving average, optimizers and losses, and one training step."""

import copy
import math
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from colorize_gan.core.errors import UsageError
from colorize_gan.core.files.paths import StrPath
from colorize_gan.trainer.adversary import GAN_BETAS, Adversary
from colorize_gan.trainer.checkpoint import Checkpoint, load_weights
from colorize_gan.trainer.config import TrainConfig
from colorize_gan.trainer.data import Batch
from colorize_gan.trainer.decoder import LinearHead
from colorize_gan.trainer.dinov2 import VitEncoder
from colorize_gan.trainer.features import FeatureCache
from colorize_gan.trainer.fusion import CoarsePath, FusionGenerator
from colorize_gan.trainer.generators import build_generator
from colorize_gan.trainer.losses import edge_loss, pixel_loss
from colorize_gan.trainer.perceptual import PerceptualLoss
from colorize_gan.trainer.precision import Precision
from colorize_gan.trainer.processes import Processes
from colorize_gan.trainer.recalibrate import anchor_batchnorm, freeze_batchnorm
from colorize_gan.trainer.rounding import keeps_function, round_weights
from colorize_gan.trainer.schedule import Schedule

_PARAMETERS = {
    "L": "lightness",
    "hints": "hints",
    "features": "features",
}  # of a generator, by names in batches


class Learner:
    """The generator as it is trained and as it is averaged, beside its discriminator."""

    def __init__(
        self,
        config: TrainConfig,
        schedule: Schedule,
        processes: Processes,
        init_from: dict[str, Tensor] | None = None,
        anchor: Tensor | None = None,
    ) -> None:
        """Build networks and optimizers.

        Args:
            config: the settings.
            schedule: when the discriminator comes, and the learning rates.
            processes: the device, and who shares the batches.
            init_from: weights of the generator to start with instead of `config.pretrained`.
            anchor: CIE L* ``(N, 1, H, W)``, whose BatchNorm statistics these weights get for theirs. Those of
                other photographs, or of few, would have the first steps unlearn the colours.

        Raises:
            ModelError: weights cannot be had, or are those of another architecture.
            UsageError: a size that the generator cannot take, or rounding that would change it.
        """
        self.config, self.schedule, self.processes = config, schedule, processes
        self.precision = Precision(config.precision, processes.device)
        torch.manual_seed(config.seed)
        self.generator = build_generator(config.arch, "none" if init_from else config.pretrained)
        self._check_sizes()
        if config.hints and not self.generator.takes_hints:
            raise UsageError(f"`hints` {config.hints}: {config.arch} takes none")
        if config.coarse and not isinstance(self.generator, FusionGenerator):
            raise UsageError(f"`coarse`: {config.arch} has no coarse colours to train alone")
        if not config.encoder_lr_scale and isinstance(self.generator, LinearHead):
            self.generator.encoder.requires_grad_(False)
        if config.frozen_blocks:
            self._freeze_first_blocks()
        if config.bf16_weights and not keeps_function(self.generator):
            raise UsageError(f"`bf16_weights`: not for {config.arch}, which takes skips before a BatchNorm")
        if init_from is not None:
            load_weights(self.generator, init_from, config.arch)
        if anchor is not None:
            anchor_batchnorm(self.generator.eval(), anchor)
        self._start = copy.deepcopy(self.generator.state_dict()) if config.start_share else None
        self._layout = torch.channels_last if config.channels_last else torch.contiguous_format
        self.generator.to(processes.device).to(memory_format=self._layout)
        average = get_ema_multi_avg_fn(config.ema_decay)
        self.average = AveragedModel(self.generator, multi_avg_fn=average, use_buffers=True)
        self.adversary = Adversary(config, processes, self.precision) if schedule.gan_steps else None
        self.perceptual = self._build_perceptual() if config.is_perceptual else []
        groups = [
            {"params": list(child.parameters()), "encoder": name == "encoder"}
            for name, child in self.generator.named_children()
            if any(True for _ in child.parameters())
        ]
        self.optimizer = torch.optim.AdamW(groups, lr=config.lr, weight_decay=config.weight_decay, fused=True)
        self.precision.prepare(self.generator)
        trained = CoarsePath(self.generator) if config.coarse else self.generator  # type: ignore[arg-type]
        self._replica = processes.replicate(trained)
        if config.compile:
            self._replica = torch.compile(self._replica)  # type: ignore[assignment]
        torch.manual_seed(config.seed + processes.rank)  # dropout differs between the processes

    def _freeze_first_blocks(self) -> None:
        config, encoder = self.config, getattr(self.generator, "encoder", None)
        depth = len(encoder.transformer.blocks) if isinstance(encoder, VitEncoder) else 0
        if config.frozen_blocks > depth:
            raise UsageError(f"`frozen_blocks` {config.frozen_blocks}: {config.arch} has {depth} such blocks")
        assert isinstance(encoder, VitEncoder)
        encoder.freeze(config.frozen_blocks)

    def _check_sizes(self) -> None:
        rule = self.generator.size_rule
        for setting in ("crop_size", "final_crop_size", "render_size"):
            size = getattr(self.config, setting)
            if size and rule.fit(size) != size:
                raise UsageError(
                    f"`{setting}` {size}: {self.config.arch} takes multiples of {rule.multiple_of}"
                )

    def keep_features(self, folder: StrPath) -> FeatureCache:
        """Return a cache of the encoder's features in a folder.

        Raises:
            UsageError: the encoder learns, or the generator takes no features.
        """
        if not isinstance(self.generator, FusionGenerator) or self.config.encoder_lr_scale:
            raise UsageError(
                f"`features` {folder}: {self.config.arch} with an `encoder_lr_scale` of "
                f"{self.config.encoder_lr_scale:g} has no fixed features; use dinov2_small and 0"
            )
        return FeatureCache(folder, self.generator.encoder, self.config, self.precision)

    def _build_perceptual(self) -> list[PerceptualLoss]:
        losses = []
        for backbone in self.config.perceptual_arch.split(","):
            loss = PerceptualLoss(
                backbone, self.config.perceptual_weights, with_features=self.config.lambda_perceptual > 0
            )
            self.precision.prepare(loss)
            losses.append(loss.to(self.processes.device).to(memory_format=self._layout))
        return losses

    def step(self, batch: Batch, step: int) -> dict[str, float]:
        """Learn from a batch, the discriminator first; return what to log.

        Raises:
            FloatingPointError: a loss is not finite; the generator learnt nothing from the batch.
        """
        config = self.config
        adversary = self.adversary if self.schedule.is_adversarial(step) else None
        rates = self._set_rates(step)
        self.generator.train()
        if config.freeze_batchnorm:
            freeze_batchnorm(self.generator)
        inputs = {
            parameter: batch[name].to(self.processes.device, memory_format=self._layout)
            for name, parameter in _PARAMETERS.items()
            if name in batch
        }
        lightness = inputs["lightness"]
        target = batch["ab"].to(self.processes.device)
        log: dict[str, Tensor] = {}
        with self.precision.autocast():
            fake = self._replica(**inputs).float()
            target = F.avg_pool2d(target, target.shape[-1] // fake.shape[-1])
            loss = log["loss/pixel"] = pixel_loss(fake, target, config.pixel_loss, config.chroma_weight)
            if config.lambda_edges:
                log["loss/edges"] = edge_loss(fake, target)
                loss = loss + config.lambda_edges * log["loss/edges"]
            if self.perceptual:  # classifiers take turns
                judge = self.perceptual[step % len(self.perceptual)]
                log |= judge(lightness, fake, target)
                loss = loss + config.lambda_recognition * log["loss/recognition"]
                if config.lambda_perceptual:
                    loss = loss + config.lambda_perceptual * log["loss/perceptual"]
            if adversary is not None:
                log |= adversary.learn(lightness, target, fake, rates["lr/D"])
                log["loss/G"] = adversary.judge(lightness, target, fake)
                loss = config.lambda_l1 * loss + log["loss/G"]
        means = self.processes.mean({name: value.item() for name, value in log.items()})
        _check_finite(means)
        self.precision.descend(loss, self.optimizer, config.grad_clip)
        self.precision.end_step()
        self.average.update_parameters(self.generator)
        return means | rates

    def _set_rates(self, step: int) -> dict[str, float]:
        """Set the generator's learning rates of a step; return the decoder's and the discriminator's."""
        config, adversarial = self.config, self.schedule.is_adversarial(step)
        rate = self.schedule.factor(step) * (config.gan_lr if adversarial else config.lr)
        for group in self.optimizer.param_groups:
            group["lr"] = rate * (config.encoder_lr_scale if group["encoder"] else 1)
            if adversarial:
                group["betas"] = GAN_BETAS
        return {"lr": rate} | ({"lr/D": self.schedule.factor(step) * config.disc_lr} if adversarial else {})

    def finish(self) -> None:
        """Turn the averaged generator into the finished one: share of the start, chroma, rounding."""
        finished = self.average.module
        if self.config.start_share:  # a soup of weights: Wortsman et al. (2022)
            assert self._start is not None  # as the trainer has seen to
            with torch.no_grad():
                for name, value in finished.state_dict().items():
                    if value.is_floating_point():
                        value.lerp_(self._start[name].to(value.device), self.config.start_share)
        if self.config.final_chroma != 1:
            assert isinstance(finished, LinearHead)  # as the config says
            finished.multiply_chroma(self.config.final_chroma)
        if self.config.bf16_weights:
            round_weights(finished.eval())

    def state_dict(self) -> dict[str, Any]:
        """Return what `restore` needs beside the averaged weights."""
        return {
            "model": self.generator.state_dict(),
            "start": self._start,
            "optimizer": self.optimizer.state_dict(),
            "adversary": self.adversary.state_dict() if self.adversary is not None else None,
            "precision": self.precision.state_dict(),
            "rng": torch.get_rng_state(),
            "cuda_rng": torch.cuda.get_rng_state() if self.processes.device.type == "cuda" else None,
        }

    def restore(self, checkpoint: Checkpoint) -> None:
        """Go back to the moment of a checkpoint."""
        state = checkpoint.training
        self.generator.load_state_dict(state["model"])
        self._start = state["start"]
        self.optimizer.load_state_dict(state["optimizer"])
        if self.adversary is not None:
            self.adversary.load_state_dict(state["adversary"])
        self.precision.load_state_dict(state["precision"])
        self.average.module.load_state_dict(checkpoint.generator)
        self.average.n_averaged.fill_(checkpoint.step)
        if not self.processes.leads:  # the state is the first process's
            torch.manual_seed(self.config.seed + checkpoint.step + self.processes.rank)
            return
        torch.set_rng_state(state["rng"])
        if self.processes.device.type == "cuda" and state["cuda_rng"] is not None:
            torch.cuda.set_rng_state(state["cuda_rng"])


def _check_finite(log: dict[str, float]) -> None:
    for name, value in log.items():
        if not math.isfinite(value):
            raise FloatingPointError(f"{name} became {value}")
