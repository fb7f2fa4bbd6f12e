"""The discriminator's half of adversarial training."""

from typing import Any

import torch
from torch import Tensor

from colorize_gan.trainer.config import TrainConfig
from colorize_gan.trainer.discriminator import PatchGAN, ProjectedGAN
from colorize_gan.trainer.losses import discriminator_loss, feature_matching_loss, generator_loss
from colorize_gan.trainer.precision import Precision
from colorize_gan.trainer.processes import Processes

GAN_BETAS = (0.5, 0.999)


class Adversary:
    """A discriminator with its optimizer."""

    def __init__(self, config: TrainConfig, processes: Processes, precision: Precision) -> None:
        """Build both as the config says."""
        self._mode, self._lambda_features = config.gan_mode, config.lambda_features
        self._precision = precision
        self.net = _build(config)
        self._learnt = [each for each in self.net.parameters() if each.requires_grad]
        precision.prepare(self.net)
        layout = torch.channels_last if config.channels_last else torch.contiguous_format
        self.net.to(processes.device).to(memory_format=layout)
        self._replica = processes.replicate(self.net)
        self.optimizer = torch.optim.Adam(self._learnt, lr=config.disc_lr, betas=GAN_BETAS, fused=True)

    def learn(self, lightness: Tensor, real_ab: Tensor, fake_ab: Tensor, rate: float) -> dict[str, Tensor]:
        """Take one optimizer step of the discriminator; return its loss and its opinions, 0..1.

        Args:
            lightness: CIE L* ``(N, 1, H, W)``.
            real_ab: true CIE ab ``(N, 2, H, W)``.
            fake_ab: predicted CIE ab; no gradient flows into it.
            rate: learning rate of the step.
        """
        self.net.train()
        self._set_learning(True)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        real, _ = self._replica(lightness, real_ab)
        fake, _ = self._replica(lightness, fake_ab.detach())
        loss = discriminator_loss(real.float(), fake.float(), self._mode)
        self._precision.descend(loss, self.optimizer)
        opinions = {"D(real)": real.detach(), "D(fake)": fake.detach()}
        return {"loss/D": loss} | {name: x.float().sigmoid().mean() for name, x in opinions.items()}

    def judge(self, lightness: Tensor, real_ab: Tensor, fake_ab: Tensor) -> Tensor:
        """Return the generator's adversarial loss, feature matching included."""
        self._set_learning(False)
        fake, fake_features = self.net(lightness, fake_ab)
        loss = generator_loss(fake.float(), self._mode)
        if self._lambda_features:
            _, real_features = self.net(lightness, real_ab)
            loss = loss + self._lambda_features * feature_matching_loss(real_features, fake_features)
        return loss

    def _set_learning(self, learns: bool) -> None:
        for parameter in self._learnt:
            parameter.requires_grad_(learns)

    def state_dict(self) -> dict[str, Any]:
        """Return what `load_state_dict` takes."""
        return {"net": self.net.state_dict(), "optimizer": self.optimizer.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take over weights and optimizer state."""
        self.net.load_state_dict(state["net"])
        self.optimizer.load_state_dict(state["optimizer"])


def _build(config: TrainConfig) -> PatchGAN | ProjectedGAN:
    if config.discriminator == "projected":
        return ProjectedGAN(config.perceptual_arch.split(",")[0], config.perceptual_weights)
    return PatchGAN(config.disc_layers, config.disc_norm, config.disc_spectral)
