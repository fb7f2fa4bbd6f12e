"""Features of a frozen encoder that are kept on disk, and the coarse colours that are trained with them."""

import dataclasses
import re
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from colorize_gan.core.errors import DataError, UsageError
from colorize_gan.trainer.checkpoint import load_checkpoint
from colorize_gan.trainer.config import TrainConfig
from colorize_gan.trainer.data import TrainingCrops
from colorize_gan.trainer.features import FeatureCache
from colorize_gan.trainer.loop import Trainer
from colorize_gan.trainer.photos import find_photos
from colorize_gan.trainer.precision import Precision

CONFIG = TrainConfig(
    arch="dinov2_nano",
    pretrained="none",
    l1_epochs=4,
    gan_epochs=0,
    batch_size=4,
    crop_size=64,
    render_size=64,
    precision="fp32",
    ema_decay=0.5,
    encoder_lr_scale=0,
    hints=0.5,
)


class CountingEncoder(nn.Module):
    """Five features of cells of 16 x 16, and how many crops they were computed of."""

    def __init__(self) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(1, 5, kernel_size=16, stride=16)
        self.count = 0

    def forward(self, lightness: Tensor) -> Tensor:
        self.count += len(lightness)
        features: Tensor = self.convolution(lightness)
        return features


def cache_in(folder: Path, encoder: nn.Module, config: TrainConfig = CONFIG) -> FeatureCache:
    return FeatureCache(folder, encoder, config, Precision("fp32", torch.device("cpu")))


def test_kept_features_are_the_encoders_and_are_computed_once(tmp_path: Path) -> None:
    torch.manual_seed(0)
    encoder, lightness = CountingEncoder(), torch.rand(3, 1, 64, 96) * 100
    expected = encoder(lightness).detach()
    encoder.count = 0
    first = cache_in(tmp_path, encoder).of(["first", "second"], lightness[:2])
    cache_in(tmp_path, encoder).of(["third", "second", "first"], lightness[[2, 1, 0]])
    assert encoder.count == 3
    found = cache_in(tmp_path, encoder).of(["first", "second", "third"], lightness)
    assert encoder.count == 3
    half_step = expected.abs().amax(dim=(2, 3), keepdim=True) / 127 / 2
    assert (found - expected).abs().le(1.01 * half_step).all()
    assert torch.equal(found[:2], first)
    assert not torch.equal(found, expected)


def test_other_crops_and_other_encoders_have_their_own(tmp_path: Path) -> None:
    encoder, other = CountingEncoder(), CountingEncoder()
    folders = {
        cache_in(tmp_path, *given).folder
        for given in [
            (encoder, CONFIG),
            (other, CONFIG),
            (encoder, dataclasses.replace(CONFIG, damage=0.5)),
            (encoder, dataclasses.replace(CONFIG, lr=0.5)),  # the same crops as the first
        ]
    }
    assert len(folders) == 3


def test_damaged_features_are_named(tmp_path: Path) -> None:
    cache, lightness = cache_in(tmp_path, CountingEncoder()), torch.rand(1, 1, 64, 64) * 100
    cache.of(["only"], lightness)
    [path] = tmp_path.rglob("*.npz")
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(DataError, match=re.escape(str(path))):
        cache.of(["only"], lightness)


def test_crops_take_turns_and_hints_do_not(photo_folder: Path, tmp_path: Path) -> None:
    config = dataclasses.replace(CONFIG, feature_crops=2, hints=1.0)
    crops = TrainingCrops(find_photos(photo_folder), config, cache_in(tmp_path, CountingEncoder(), config))
    first, second, third = (crops.batch([(epoch, 0), (epoch, 1)], 64) for epoch in range(3))
    assert not torch.equal(first["L"], second["L"])
    assert torch.equal(first["L"], third["L"])
    assert torch.equal(first["features"], third["features"])
    assert not torch.equal(first["hints"], third["hints"])


def test_coarse_run_trains_the_coarse_colours_alone(photo_folder: Path, tmp_path: Path) -> None:
    config = dataclasses.replace(CONFIG, coarse=True)
    trainer = Trainer(config, photo_folder, tmp_path / "run", features=tmp_path / "features")
    before = {name: value.clone() for name, value in trainer.learner.generator.state_dict().items()}
    assert trainer.run()
    after = load_checkpoint(tmp_path / "run" / "checkpoint.pt").generator
    changed = {name.split(".")[0] for name, value in after.items() if not torch.equal(value, before[name])}
    assert changed == {"coarse"}
    assert list((tmp_path / "features").rglob("*.npz"))


def test_run_with_kept_features_is_nearly_the_run_without(photo_folder: Path, tmp_path: Path) -> None:
    config = dataclasses.replace(CONFIG, l1_epochs=1)
    for name, features in (("without", None), ("with", tmp_path / "features")):
        assert Trainer(config, photo_folder, tmp_path / name, features=features).run()
    one, two = (load_checkpoint(tmp_path / name / "checkpoint.pt").generator for name in ("without", "with"))
    assert all(torch.allclose(value, two[name], atol=0.02, rtol=0.02) for name, value in one.items())


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"encoder_lr_scale": 0.1}, "an `encoder_lr_scale` of 0.1 has no fixed features"),
        ({"arch": "efficientnet_lite0", "hints": 0.0}, "efficientnet_lite0 with"),
        ({"arch": "efficientnet_lite0", "hints": 0.0, "coarse": True}, "has no coarse colours"),
    ],
)
def test_what_has_no_fixed_features_or_coarse_colours_is_refused(
    changes: dict[str, object], says: str, photo_folder: Path, tmp_path: Path
) -> None:
    config = dataclasses.replace(CONFIG, **changes)  # type: ignore[arg-type]
    with pytest.raises(UsageError, match=says):
        Trainer(config, photo_folder, tmp_path / "run", features=tmp_path / "features")


def test_coarse_colours_know_no_adversary() -> None:
    with pytest.raises(UsageError, match="coarse"):
        dataclasses.replace(CONFIG, coarse=True, gan_epochs=1)


def test_first_blocks_stay_frozen_while_the_others_learn(photo_folder: Path, tmp_path: Path) -> None:
    config = dataclasses.replace(CONFIG, encoder_lr_scale=0.5, frozen_blocks=3, l1_epochs=1)
    trainer = Trainer(config, photo_folder, tmp_path)
    before = {name: value.clone() for name, value in trainer.learner.generator.state_dict().items()}
    assert trainer.run()
    after = trainer.learner.generator.state_dict()
    stayed = {name for name, value in before.items() if torch.equal(value, after[name])}
    transformer = {name.removeprefix("encoder.transformer.") for name in stayed if "transformer" in name}
    kinds = {".".join(name.split(".")[:2]) for name in transformer}
    assert kinds >= {"class_token", "positions", "embed.weight", "blocks.0", "blocks.1", "blocks.2"}
    assert not kinds & {"blocks.3", "norm.weight"}


@pytest.mark.parametrize(("architecture", "depth"), [("dinov2_nano", 4), ("test_efficientnet", 0)])
def test_more_frozen_blocks_than_there_are_is_refused(
    photo_folder: Path, tmp_path: Path, architecture: str, depth: int
) -> None:
    config = TrainConfig(
        arch=architecture, pretrained="none", gan_epochs=0, batch_size=4, crop_size=64, frozen_blocks=5
    )
    with pytest.raises(UsageError, match=f"`frozen_blocks` 5: {architecture} has {depth} such blocks"):
        Trainer(config, photo_folder, tmp_path)
