from itertools import islice, pairwise
from pathlib import Path

import numpy as np
import pytest
import torch

from colorize_gan.core.errors import DataError
from colorize_gan.trainer.config import TrainConfig
from colorize_gan.trainer.data import EpochBatches, TrainingCrops, center_square, load_square
from colorize_gan.trainer.photos import FilePhoto, find_photos, split_photos


def test_split_follows_content_not_names(photo_folder: Path, tmp_path: Path) -> None:
    train, val = split_photos(find_photos(photo_folder), 0.5)
    assert train
    assert val
    for index, path in enumerate(sorted(photo_folder.iterdir(), reverse=True)):
        (tmp_path / f"renamed{index}.png").write_bytes(path.read_bytes())
    renamed = split_photos(find_photos(tmp_path), 0.5)
    assert [[photo.digest for photo in side] for side in renamed] == [
        [photo.digest for photo in side] for side in (train, val)
    ]


def test_crops_depend_on_seed_epoch_and_index_only(photo_folder: Path) -> None:
    photos = find_photos(photo_folder)
    crops, again = (TrainingCrops(photos, TrainConfig(seed=1)) for _ in range(2))
    for key in ((0, 3, 64), (5, 3, 64)):
        for one, two in zip(crops.crop(*key), again.crop(*key), strict=True):
            assert np.array_equal(one, two)
    one = crops.crop(0, 3, 64)[0]
    assert not np.array_equal(one, crops.crop(5, 3, 64)[0])
    assert not np.array_equal(one, TrainingCrops(photos, TrainConfig(seed=2)).crop(0, 3, 64)[0])


def test_flips_and_random_windows_can_be_switched_off(photo_folder: Path) -> None:
    photos = find_photos(photo_folder)
    plain = TrainingCrops(photos, TrainConfig(least_area=1.0, flip=False))
    first = plain.crop(0, 0, 64)[0]
    assert all(np.array_equal(first, plain.crop(epoch, 0, 64)[0]) for epoch in range(1, 6))
    mirrored = TrainingCrops(photos, TrainConfig(least_area=1.0))
    seen = [mirrored.crop(epoch, 0, 64)[0] for epoch in range(8)]
    # resizing is not exactly symmetric
    assert {bool(np.abs(first - crop).max() < 1e-4) for crop in seen} == {True, False}


def test_batch_is_cie_lab(photo_folder: Path) -> None:
    batch = TrainingCrops(find_photos(photo_folder), TrainConfig()).batch([(0, 0), (0, 1), (1, 0)], 64)
    assert (batch["L"].shape, batch["ab"].shape) == ((3, 1, 64, 64), (3, 2, 64, 64))
    assert batch["L"].dtype == batch["ab"].dtype == torch.float32
    assert 0 <= batch["L"].min() < batch["L"].max() <= 100
    assert batch["ab"].abs().max() > 5


def test_hints_are_of_the_true_colours_and_leave_crops_as_they_are(photo_folder: Path) -> None:
    photos = find_photos(photo_folder)
    keys = [(epoch, index) for epoch in range(8) for index in range(4)]
    without, half = (
        TrainingCrops(photos, TrainConfig(tone=0.5, damage=0.5, film=0.5, blank=0.1, hints=hints))
        for hints in (0.0, 0.5)
    )
    plain, hinted = without.batch(keys, 64), half.batch(keys, 64)
    assert set(plain) == {"L", "ab"}
    assert all(torch.equal(plain[name], hinted[name]) for name in plain)
    assert torch.equal(half.batch(keys[5:6], 64)["hints"], hinted["hints"][5:6])
    given = [bool(hints.any()) for hints in hinted["hints"]]
    assert 0 < sum(given) < len(given)
    assert {0, 1} == set(hinted["hints"][:, 2].unique().tolist())


def test_blank_crops_are_even_and_without_colour(photo_folder: Path) -> None:
    blank = TrainingCrops(find_photos(photo_folder), TrainConfig(blank=1.0))
    crops = [blank.crop(epoch, 0, 64) for epoch in range(4)]
    assert all(np.ptp(lightness) == 0 and np.abs(ab).max() < 0.1 for lightness, ab in crops)
    assert len({float(lightness[0, 0, 0]) for lightness, _ in crops}) > 1


def test_batches_cover_an_epoch_and_continue_from_any_step() -> None:
    batches = EpochBatches(length=10, batch_size=3, seed=0)
    assert batches.per_epoch == 3
    steps = list(islice(batches, 8))
    first_epoch = [index for batch in steps[:3] for _, index in batch]
    assert len(set(first_epoch)) == 9
    assert [batch[0][0] for batch in steps] == [0, 0, 0, 1, 1, 1, 2, 2]
    for start in range(6):
        assert list(islice(EpochBatches(10, 3, 0, start), 2)) == steps[start : start + 2]


def test_large_sets_are_read_in_blocks_of_neighbours() -> None:
    indices = [batch[0][1] for batch in islice(EpochBatches(10_000, 1, seed=0), 10_000)]
    assert sorted(indices) == list(range(10_000))
    blocks = [index // 4096 for index in indices]
    assert sum(one != two for one, two in pairwise(blocks)) == 2
    assert indices[:100] != sorted(indices[:100])


def test_bad_data_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such folder"):
        find_photos(tmp_path / "gone")
    with pytest.raises(DataError, match="no images"):
        find_photos(tmp_path)
    with pytest.raises(DataError, match="`batch_size` 16: larger than the 3"):
        EpochBatches(3, 16, 0)
    (tmp_path / "bad.png").write_text("no image")
    with pytest.raises(DataError, match=r"bad\.png: cannot be decoded"):
        load_square(FilePhoto(tmp_path / "bad.png"), 64)


def test_of_a_long_strip_the_middle_alone_is_enlarged() -> None:
    ramp = np.linspace(0, 255, 60_000)[None, :, None]
    strip = np.broadcast_to(ramp, (1, 60_000, 3)).astype(np.uint8)
    for picture in (strip, strip.transpose(1, 0, 2)):
        square = center_square(picture, 256)  # the whole would be 12 GB
        assert square.shape == (256, 256, 3)
        assert np.abs(square - 127.0).max() <= 1


@pytest.mark.parametrize("shape", [(300, 451), (90, 90), (64, 200), (65, 64)])
def test_center_square(shape: tuple[int, int]) -> None:
    ramp = np.broadcast_to(np.linspace(0, 255, shape[1])[None, :, None], (*shape, 3)).astype(np.uint8)
    square = center_square(ramp, 64)
    assert square.shape == (64, 64, 3)
    assert square.mean() == pytest.approx(127, abs=3)
