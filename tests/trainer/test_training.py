import dataclasses
import functools
import json
import threading
from pathlib import Path
from typing import Any

import pytest
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from colorize_gan.core.errors import ModelError, UsageError
from colorize_gan.trainer import pix2pix
from colorize_gan.trainer.checkpoint import Checkpoint, load_checkpoint, load_generator
from colorize_gan.trainer.config import TrainConfig
from colorize_gan.trainer.evaluate import evaluate
from colorize_gan.trainer.generators import build_generator
from colorize_gan.trainer.loop import Trainer
from colorize_gan.trainer.photos import find_photos

CONFIG = TrainConfig(
    arch="test_efficientnet",
    pretrained="none",
    l1_epochs=4,
    gan_epochs=0,
    batch_size=4,
    crop_size=64,
    render_size=64,
    precision="fp32",
    ema_decay=0.5,
)


@pytest.mark.parametrize(
    "changes",
    [
        {"tone": 0.5, "damage": 0.5},
        {"l1_epochs": 1, "gan_epochs": 2, "lambda_features": 1.0, "grad_clip": 1.0},
        {"arch": "pix2pix", "l1_epochs": 0, "gan_epochs": 1, "crop_size": 256, "render_size": 256},
    ],
    ids=["l1", "gan", "dropout"],
)
def test_resumed_run_equals_an_uninterrupted_one(
    photo_folder: Path, tmp_path: Path, changes: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    # all its layers, but few channels
    monkeypatch.setattr(pix2pix, "_WIDTHS", tuple(width // 8 for width in pix2pix._WIDTHS))
    config = dataclasses.replace(CONFIG, **changes)
    whole = Trainer(config, photo_folder, tmp_path / "whole")
    assert whole.run()

    first = Trainer(config, photo_folder, tmp_path / "parts")
    half = whole.schedule.total // 2
    original, stop = first._learn, threading.Event()

    def stop_half_way(batch: dict[str, torch.Tensor]) -> dict[str, float]:
        if first.step == half - 1:
            stop.set()
        return original(batch)

    first._learn = stop_half_way  # type: ignore[method-assign]
    assert not first.run(stop=stop)
    checkpoint = load_checkpoint(tmp_path / "parts" / "checkpoint.pt")
    assert checkpoint.step == half
    torch.manual_seed(99)  # chance comes from the checkpoint alone
    assert Trainer(checkpoint.config, photo_folder, tmp_path / "parts", resume_from=checkpoint).run()

    one, two = (load_checkpoint(tmp_path / name / "checkpoint.pt") for name in ("whole", "parts"))
    assert one.step == two.step == whole.schedule.total
    assert one.contract == two.contract
    for key, value in one.generator.items():
        assert torch.equal(value, two.generator[key]), key


@pytest.mark.parametrize("discriminator", ["patch", "projected"])
def test_adversarial_phase_follows_and_both_networks_learn(
    photo_folder: Path, tmp_path: Path, discriminator: str
) -> None:
    config = dataclasses.replace(CONFIG, l1_epochs=1, gan_epochs=12, gan_mode="hinge", disc_lr=1e-3)
    config = dataclasses.replace(config, discriminator=discriminator)
    trainer = Trainer(config, photo_folder, tmp_path)
    learner = trainer.learner
    assert learner.adversary is not None
    learnt = [p for p in learner.adversary.net.parameters() if p.requires_grad]
    before = [p.detach().clone() for p in learnt]
    batches = trainer._batches(trainer.schedule.total)
    logs = [learner.step(batch, step) for step, batch in enumerate(batches)]
    assert [("loss/D" in log) for log in logs] == [step >= 2 for step in range(len(logs))]
    assert logs[-1]["loss/D"] < logs[2]["loss/D"]
    assert logs[-1]["D(real)"] > logs[-1]["D(fake)"]
    assert all(not torch.equal(old, new) for old, new in zip(before, learnt, strict=True))


def test_classifiers_take_turns(photo_folder: Path, tmp_path: Path) -> None:
    two = "efficientnet_lite0,efficientnet_lite1"
    config = dataclasses.replace(CONFIG, lambda_recognition=0.1, perceptual_arch=two)
    learner = Trainer(config, photo_folder, tmp_path).learner
    calls: list[str] = []
    for name, classifier in zip("AB", learner.perceptual, strict=True):
        classifier.register_forward_pre_hook(lambda *_, name=name: calls.append(name))
    batch = {"L": torch.rand(4, 1, 64, 64) * 100, "ab": torch.zeros(4, 2, 64, 64)}
    for step in range(3):
        log = learner.step(batch, step)
        assert log["loss/recognition"] > 0
    assert calls == ["A", "B", "A"]


def test_steps_of_colour_that_the_truth_does_not_have_cost(photo_folder: Path, tmp_path: Path) -> None:
    batch = {"L": torch.rand(4, 1, 64, 64) * 100, "ab": torch.zeros(4, 2, 64, 64)}
    steps = {}
    for weight in (0.0, 5.0):
        learner = Trainer(dataclasses.replace(CONFIG, lambda_edges=weight), photo_folder, tmp_path).learner
        logs = [learner.step(batch, 0) for _ in range(5)]
        assert ("loss/edges" in logs[0]) == (weight > 0)
        predicted = learner.generator.eval()(batch["L"])
        steps[weight] = predicted.diff(dim=-1).abs().mean().item()
    assert steps[5.0] < steps[0.0]


def test_finished_model_gets_its_final_chroma_once(photo_folder: Path, tmp_path: Path) -> None:
    lightness = torch.rand(1, 1, 64, 64) * 100
    ab = []
    for factor in (1.0, 1.5):
        config = dataclasses.replace(CONFIG, l1_epochs=2, final_chroma=factor)
        assert Trainer(config, photo_folder, tmp_path / str(factor)).run()
        generator, _ = load_generator(tmp_path / str(factor) / "checkpoint.pt")
        ab.append(generator(lightness))
    torch.testing.assert_close(ab[1], 1.5 * ab[0])
    with pytest.raises(UsageError, match="`final_chroma`"):
        TrainConfig(arch="pix2pix", final_chroma=1.5)


def test_finished_model_has_weights_that_bfloat16_holds(photo_folder: Path, tmp_path: Path) -> None:
    config = dataclasses.replace(CONFIG, l1_epochs=1, bf16_weights=True)
    assert Trainer(config, photo_folder, tmp_path).run()
    generator, _ = load_generator(tmp_path / "checkpoint.pt")
    for module in generator.modules():
        if isinstance(module, torch.nn.Conv2d):
            assert torch.equal(module.weight, module.weight.bfloat16().float())
    with pytest.raises(UsageError, match="`bf16_weights`"):
        TrainConfig(bf16_weights=True, recalibrate_batches=1)
    with pytest.raises(UsageError, match="`bf16_weights`"):
        TrainConfig(arch="pix2pix", bf16_weights=True)


def test_finished_model_has_its_share_of_the_start_after_a_pause_too(
    photo_folder: Path, tmp_path: Path
) -> None:
    first = Trainer(CONFIG, photo_folder, tmp_path)
    first.save("checkpoint.pt")
    start = load_checkpoint(tmp_path / "checkpoint.pt")
    finished = []
    for share in (0.0, 0.25):
        folder = tmp_path / str(share)
        config = dataclasses.replace(CONFIG, l1_epochs=2, start_share=share)
        assert not Trainer(config, photo_folder, folder, init_from=start).run(max_minutes=0)
        paused = load_checkpoint(folder / "checkpoint.pt")
        assert Trainer(paused.config, photo_folder, folder, resume_from=paused).run()
        finished.append(load_checkpoint(folder / "checkpoint.pt").generator)
    begun = paused.training["start"]
    # BatchNorm has other statistics than in the file, and the scale and shift that undo them
    assert all(torch.equal(begun[name], value) for name, value in start.generator.items() if value.dim() == 4)
    for name, value in begun.items():
        if value.is_floating_point():
            torch.testing.assert_close(finished[1][name], 0.75 * finished[0][name] + 0.25 * value)


@pytest.mark.parametrize("settings", [{"start_share": 0.5}, {"freeze_batchnorm": True}])
def test_what_is_about_the_start_wants_one(
    photo_folder: Path, tmp_path: Path, settings: dict[str, Any]
) -> None:
    with pytest.raises(UsageError, match=f"`{next(iter(settings))}` .* as `init_from`"):
        Trainer(dataclasses.replace(CONFIG, **settings), photo_folder, tmp_path)


def test_weights_of_the_start_are_not_given_twice(
    photo_folder: Path, tmp_path: Path, tiny_checkpoint: Path
) -> None:
    start = load_checkpoint(tiny_checkpoint)
    config = dataclasses.replace(CONFIG, pretrained="w.pth")
    with pytest.raises(UsageError, match=r"`pretrained` w\.pth: `init_from` brings its own weights"):
        Trainer(config, photo_folder, tmp_path, init_from=start)


def test_training_learns_and_leaves_its_record(photo_folder: Path, tmp_path: Path) -> None:
    config = dataclasses.replace(
        CONFIG, arch="efficientnet_lite0", pretrained="auto", l1_epochs=20, lr=3e-3, name="learned"
    )
    assert Trainer(config, photo_folder, tmp_path).run()
    lines = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    gains = [line["val/psnr_gain"] for line in lines if "val/psnr_gain" in line]
    assert gains[-1] > gains[0] + 2
    assert [line["step"] for line in lines if "loss/pixel" in line] == [25]
    _, contract = load_generator(tmp_path / "checkpoint.pt")
    assert contract.name == "learned"
    assert contract.quality["psnr_gain"] == gains[-1]
    assert TrainConfig.load(tmp_path / "config.json") == config
    best = load_checkpoint(tmp_path / "best.pt").contract.quality["psnr"]
    assert best == max(line["val/psnr"] for line in lines if "val/psnr" in line)
    events = EventAccumulator(str(tmp_path)).Reload()
    assert {"loss/pixel", "lr", "images_per_second", "val/psnr", "val/cf"} <= set(events.Tags()["scalars"])
    assert events.Tags()["images"] == ["grey, predicted, truth"]


def test_bf16_keeps_depthwise_in_float32_and_agrees_with_fp32(photo_folder: Path, tmp_path: Path) -> None:
    losses = []
    for precision in ("fp32", "bf16"):
        trainer = Trainer(dataclasses.replace(CONFIG, precision=precision), photo_folder, tmp_path)
        losses.append(trainer.learner.step(next(trainer._batches(1)), 0)["loss/pixel"])
        assert all(p.dtype == torch.float32 for p in trainer.learner.generator.parameters())
    assert losses[0] == pytest.approx(losses[1], rel=0.02)


def test_other_losses_and_switches_train_too(
    photo_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch, "compile", functools.partial(torch.compile, backend="eager"))
    config = dataclasses.replace(
        CONFIG, compile=True, channels_last=False, lambda_perceptual=0.5, final_crop_size=96, final_share=0.5
    )
    assert Trainer(config, photo_folder, tmp_path).run()
    assert load_checkpoint(tmp_path / "checkpoint.pt").generator.keys() == (
        Trainer(CONFIG, photo_folder, tmp_path).learner.generator.state_dict().keys()
    )


def test_compiled_step_is_the_eager_one(
    photo_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # all of the compiler but its C++, which takes minutes for a whole network
    traced = functools.partial(torch.compile, backend="aot_eager_decomp_partition")
    monkeypatch.setattr(torch, "compile", traced)
    losses = []
    for compile in (False, True):
        learner = Trainer(
            dataclasses.replace(CONFIG, batch_size=2, compile=compile), photo_folder, tmp_path
        ).learner
        torch.manual_seed(0)
        batch = {"L": torch.rand(2, 1, 64, 64) * 100, "ab": torch.randn(2, 2, 64, 64) * 20}
        losses.append([learner.step(batch, step)["loss/pixel"] for step in range(2)])
    assert losses[1] == pytest.approx(losses[0], rel=1e-3)


def test_compiled_head_gives_the_eager_colours_and_gradients() -> None:
    torch.manual_seed(0)
    generator = build_generator("test_efficientnet")
    features = torch.randn(2, generator.head.in_channels, 16, 24).to(memory_format=torch.channels_last)
    found = []
    for decode in (generator.decode, torch.compile(generator.decode)):
        inputs = features.clone().requires_grad_()
        ab = decode(inputs)
        ab.square().sum().backward()
        found.append((ab, inputs.grad))
    for eager, compiled in zip(*found, strict=True):
        torch.testing.assert_close(compiled, eager, rtol=1e-3, atol=1e-3)


def test_average_is_independent_of_the_patched_training_model(photo_folder: Path, tmp_path: Path) -> None:
    trainer = Trainer(dataclasses.replace(CONFIG, precision="bf16"), photo_folder, tmp_path)
    lightness = torch.rand(1, 1, 64, 64) * 100
    before = trainer.learner.average.module.eval()(lightness)
    with torch.no_grad():
        for parameter in trainer.learner.generator.parameters():
            parameter.zero_()
    assert torch.equal(trainer.learner.average.module.eval()(lightness), before)


def test_loss_that_is_not_finite_stops_and_keeps_the_last_good_checkpoint(
    photo_folder: Path, tmp_path: Path
) -> None:
    trainer = Trainer(CONFIG, photo_folder, tmp_path)
    trainer.save("checkpoint.pt")
    with torch.no_grad():
        trainer.learner.generator.head.weight.fill_(float("nan"))
    with pytest.raises(UsageError, match=r"loss/pixel became nan at step 1; .*checkpoint\.pt"):
        trainer.run()
    weights = load_checkpoint(tmp_path / "checkpoint.pt").training["model"]
    assert all(value.isfinite().all() for value in weights.values())


def test_checkpoint_of_another_architecture_is_named(tiny_checkpoint: Path, tmp_path: Path) -> None:
    checkpoint = load_checkpoint(tiny_checkpoint)
    contract = dataclasses.replace(checkpoint.contract, architecture="resnet18")
    dataclasses.replace(checkpoint, contract=contract).save(tmp_path / "mixed.pt")
    with pytest.raises(ModelError, match=r"mixed\.pt: its weights are not those of resnet18"):
        load_generator(tmp_path / "mixed.pt")


@pytest.mark.parametrize("content", [b"", b"nothing", None])
def test_what_is_no_checkpoint_is_refused_by_name(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "bad.pt"
    if content is None:
        torch.save({"weights": torch.zeros(1)}, path)
    else:
        path.write_bytes(content)
    with pytest.raises(ModelError, match=r"bad\.pt"):
        load_checkpoint(path)


def test_checkpoint_round_trip(tiny_checkpoint: Path) -> None:
    checkpoint = load_checkpoint(tiny_checkpoint)
    assert isinstance(checkpoint, Checkpoint)
    assert checkpoint.contract.architecture == "test_efficientnet"


def test_evaluation_of_known_predictions(photo_folder: Path) -> None:
    photos = find_photos(photo_folder)
    grey = evaluate(lambda lightness: lightness.repeat(2, axis=1) * 0, photos, 64)
    assert grey["psnr_gain"] == 0
    assert grey["cf"] < 0.5 < 10 < grey["truth_cf"]
    assert grey["psnr"] == grey["grey_psnr"] < 40
    assert grey["ciede2000"] == grey["grey_ciede2000"] > 3
    assert grey["photographs"] == len(photos)
    assert "64 px" in grey["protocol"]
