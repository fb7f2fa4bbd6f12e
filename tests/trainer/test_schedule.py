import pytest

from colorize_gan.trainer.config import TrainConfig
from colorize_gan.trainer.schedule import Schedule


def test_phases_follow_each_other() -> None:
    schedule = Schedule.of(TrainConfig(l1_epochs=2, gan_epochs=1.5), steps_per_epoch=10)
    assert (schedule.l1_steps, schedule.gan_steps, schedule.total) == (20, 15, 35)
    assert [schedule.is_adversarial(step) for step in (0, 19, 20, 34)] == [False, False, True, True]


@pytest.mark.parametrize("kind", ["cosine", "linear"])
def test_each_phase_ends_near_zero_and_never_leaves_0_to_1(kind: str) -> None:
    schedule = Schedule(1000, 500, kind)
    factors = [schedule.factor(step) for step in range(schedule.total)]
    assert all(0 <= factor <= 1 for factor in factors)
    assert max(factors[:1000]) == max(factors[1000:]) == 1
    assert factors[999] < 0.01
    assert factors[-1] < 0.01


def test_linear_is_constant_for_half_of_the_phase() -> None:
    schedule = Schedule(0, 200, "linear")
    assert {schedule.factor(step) for step in range(101)} == {1}
    assert schedule.factor(150) == pytest.approx(0.5)


def test_a_phase_of_one_step_has_a_rate() -> None:
    assert 0 < Schedule(1, 1, "cosine").factor(0) <= 1
