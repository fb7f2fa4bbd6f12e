import pytest

from colorize_gan.trainer.config import TrainConfig
from colorize_gan.trainer.schedule import Schedule


def test_phases_follow_each_other() -> None:
    schedule = Schedule.of(TrainConfig(l1_epochs=2, gan_epochs=1.5), steps_per_epoch=10)
    assert (schedule.l1_steps, schedule.gan_steps, schedule.total) == (20, 15, 35)
    assert [schedule.is_adversarial(step) for step in (0, 19, 20, 34)] == [False, False, True, True]


@pytest.mark.parametrize("kind", ["cosine", "linear"])
def test_each_phase_ends_near_zero_and_never_leaves_0_to_1(kind: str) -> None:
    schedule = Schedule(1000, 500, kind, 160, 0, 0.2)
    factors = [schedule.factor(step) for step in range(schedule.total)]
    assert all(0 <= factor <= 1 for factor in factors)
    assert max(factors[:1000]) == max(factors[1000:]) == 1
    assert factors[999] < 0.01
    assert factors[-1] < 0.01


def test_linear_is_constant_for_half_of_the_phase() -> None:
    schedule = Schedule(0, 200, "linear", 160, 0, 0.2)
    assert {schedule.factor(step) for step in range(101)} == {1}
    assert schedule.factor(150) == pytest.approx(0.5)


def test_a_phase_of_one_step_has_a_rate() -> None:
    assert 0 < Schedule(1, 1, "cosine", 160, 0, 0.2).factor(0) <= 1


def test_crops_grow_in_the_final_share_of_all_steps() -> None:
    config = TrainConfig(l1_epochs=6, gan_epochs=4, crop_size=128, final_crop_size=224, final_share=0.3)
    schedule = Schedule.of(config, steps_per_epoch=1)
    assert [schedule.size(step) for step in range(10)] == [128] * 7 + [224] * 3
    assert Schedule(10, 0, "cosine", 128, 0, 0.3).size(9) == 128
