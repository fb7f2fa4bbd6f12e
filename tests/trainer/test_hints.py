"""Hints as a user might give them, taken from the truth."""

import numpy as np

from colorize_gan.trainer.hints import POINT_SIDE, add_hint, random_points, recolored, simulate_hints

AB = np.random.default_rng(0).normal(0, 20, (2, 48, 80)).astype(np.float32)


def test_hint_is_the_mean_colour_of_a_patch_cut_off_at_the_rim() -> None:
    hints = np.zeros((3, 48, 80), np.float32)
    add_hint(hints, AB, np.array([10, 20]), 5)
    add_hint(hints, AB, np.array([0, 79]), 7)
    assert np.allclose(hints[:2, 8:13, 18:23], AB[:, 8:13, 18:23].mean(axis=(1, 2))[:, None, None], atol=1e-5)
    assert np.allclose(hints[:2, 0, 79], AB[:, :4, 76:].mean(axis=(1, 2)), atol=1e-5)
    assert hints[2].sum() == 5 * 5 + 4 * 4
    assert not hints[:2, hints[2] == 0].any()


def test_random_points_are_patches_of_which_more_add_to_fewer() -> None:
    one, five, none = (random_points(AB, count, np.random.default_rng(2)) for count in (1, 5, 0))
    assert not none.any()
    assert 0 < one[2].sum() <= POINT_SIDE**2 < five[2].sum() <= 5 * POINT_SIDE**2
    assert (five[2] >= one[2]).all()


def test_simulated_hints_are_few_small_patches_and_rarely_the_whole_truth() -> None:
    rng = np.random.default_rng(1)
    shares = []
    for _ in range(400):
        hints = simulate_hints(AB, rng)
        assert (hints.shape, hints.dtype) == ((3, 48, 80), np.float32)
        shares.append(hints[2].mean())
        if shares[-1] == 1:
            assert np.array_equal(hints[:2], AB)
    assert 0 < sum(share == 1 for share in shares) < 20
    assert 0 < np.median(shares) < 0.1
    assert min(shares) > 0


def test_things_of_one_colour_get_another_and_a_hint_tells_it() -> None:
    ab = np.zeros((2, 40, 40), np.float32)
    ab[:, :, 20:] = np.array([40, -30], np.float32)[:, None, None]
    for seed in range(20):
        changed, hints = recolored(ab, np.random.default_rng(seed))
        halves = [changed[:, :, half].reshape(2, -1) for half in (slice(20), slice(20, None))]
        assert all(np.ptp(half, axis=1).max() < 0.1 for half in halves)
        moved = [
            not np.allclose(half[:, 0], ab[:, 0, column], atol=0.1)
            for half, column in zip(halves, (0, 39), strict=True)
        ]
        assert moved.count(True) == 1
        given = hints[2] > 0
        assert given[:, slice(20) if moved[0] else slice(20, None)].any()
