import torch

from colorize_gan.trainer.propagation import HintPropagation

_CHANNELS = 32


def _two_kinds(rows: int, columns: int) -> torch.Tensor:
    """Return features ``(1, 32, rows, columns)`` of two kinds of cells: the left half, and the right."""
    torch.manual_seed(0)
    features = torch.randn(2, _CHANNELS)
    is_right = (torch.arange(columns) >= columns // 2).long()
    return features[is_right].T[None, :, None].expand(-1, -1, rows, -1)


def _moved(hints: torch.Tensor, ab: torch.Tensor) -> torch.Tensor:
    torch.manual_seed(1)
    propagation = HintPropagation(_CHANNELS).eval()
    with torch.inference_mode():
        moved: torch.Tensor = propagation(_two_kinds(*ab.shape[-2:]), ab, hints)
    return moved


def test_without_hints_nothing_moves() -> None:
    assert not _moved(torch.zeros(1, 3, 4, 6), torch.randn(1, 2, 4, 6)).any()


def test_what_looks_like_the_place_of_a_hint_takes_its_colour() -> None:
    ab, hints = torch.full((1, 2, 4, 6), 5.0), torch.zeros(1, 3, 4, 6)
    hints[0, :, 1, 0] = torch.tensor([45.0, -15.0, 1.0])
    after = ab + _moved(hints, ab)
    asked = torch.tensor([45.0, -15.0])[:, None, None]
    torch.testing.assert_close(after[0, :, :, :3], asked.expand(-1, 4, 3), atol=2, rtol=0)
    torch.testing.assert_close(after[0, :, :, 3:], ab[0, :, :, 3:], atol=2, rtol=0)


def test_a_hint_counts_for_its_weight_and_nearer_ones_count_more() -> None:
    ab, hints = torch.zeros(1, 2, 4, 12), torch.zeros(1, 3, 4, 12)
    hints[0, :, 0, 0], hints[0, :, 0, 5] = torch.tensor([30.0, 0, 1]), torch.tensor([0, 30.0, 1])
    moved = _moved(hints, ab)[0, :, 0]
    assert moved[0, 1] > moved[1, 1]
    assert moved[1, 4] > moved[0, 4]
    assert _moved(hints / 100, ab).norm() < _moved(hints, ab).norm()


def test_any_size_is_taken_and_each_picture_has_its_own_hints() -> None:
    ab, hints = torch.zeros(1, 2, 3, 8), torch.zeros(1, 3, 3, 8)
    hints[0, :, 1, 1] = torch.tensor([20.0, 20.0, 1.0])
    torch.manual_seed(1)
    propagation = HintPropagation(_CHANNELS).eval()
    features = _two_kinds(3, 8).expand(2, -1, -1, -1)
    with torch.inference_mode():
        moved = propagation(features, ab.expand(2, -1, -1, -1), torch.cat([hints, 0 * hints]))
    assert moved.shape == (2, 2, 3, 8)
    assert moved[0].any()
    assert not moved[1].any()
