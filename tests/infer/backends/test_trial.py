import functools
import json
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from colorize_gan.core.contract import ModelContract
from colorize_gan.core.errors import ModelError
from colorize_gan.infer.backends import choice, color_gate
from colorize_gan.infer.backends.bundled import find_model
from colorize_gan.infer.backends.choice import Choice, choose_backend, fastest, taken_from
from colorize_gan.infer.backends.open import open_backend, trials_of
from colorize_gan.infer.backends.protocol import Backend
from colorize_gan.infer.backends.trial import Trial, recall_trials, try_backends

MODEL = find_model("lite2")
NAMES = ["onnxruntime", "openvino"]
OWN = Trial("onnxruntime", "fp32", open_seconds=0.5, picture_seconds=0.2)
OTHER = Trial("openvino", "bf16", open_seconds=2.5, picture_seconds=0.1)


@functools.cache
def contract() -> ModelContract:
    return open_backend(MODEL, "native", "cpu").contract


class Clock:
    """Clocks that work moves; other processes move only the first, other threads the second."""

    def __init__(self) -> None:
        self.now = self.wall = self.cpu = 0.0

    def perf_counter(self) -> float:
        return self.now + self.wall

    def process_time(self) -> float:
        return self.now + self.cpu


class Timed:
    """A backend that takes some seconds to open and for each picture, and shifts all colours."""

    device, why = "cpu", ""

    def __init__(
        self,
        clock: Clock,
        trial: Trial,
        *,
        shift: float = 0.0,
        fails_at: int | None = None,
        extra: float = 0.0,
    ) -> None:
        self._clock, self._fails_at, self._extra = clock, fails_at, extra
        self.contract = contract()
        self.name, self.precision, self.sha256 = trial.backend, trial.precision, trial.backend
        self._seconds, self._shift = trial.picture_seconds, np.float32(shift)
        self.shapes: list[tuple[int, ...]] = []
        clock.now += trial.open_seconds - trial.picture_seconds  # the first picture is part of opening

    def run(self, inputs: np.ndarray) -> np.ndarray:
        self.shapes.append(inputs.shape)
        if len(self.shapes) == self._fails_at:
            raise RuntimeError("no such instruction\nat 0x0")
        self._clock.now += self._seconds + (self._extra if len(self.shapes) == 4 else 0.0)
        return np.full((len(inputs), 2, *inputs.shape[2:]), self._shift, np.float32)


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path


@pytest.fixture(autouse=True)
def small_photographs(monkeypatch: pytest.MonkeyPatch) -> None:
    noise = np.random.default_rng(0).uniform(0, 100, (1, 1, 32, 32)).astype(np.float32)
    monkeypatch.setattr(color_gate, "photographs", lambda _: iter([("noise", noise)]))


@pytest.fixture(autouse=True)
def two_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(choice.os, "cpu_count", lambda: 2)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr("colorize_gan.infer.backends.trial.time", clock)
    return clock


@pytest.fixture
def log(caplog: pytest.LogCaptureFixture) -> Callable[[], list[str]]:
    caplog.set_level(logging.INFO, "colorize_gan")
    return lambda: caplog.messages


class Opening:
    """Opens ONNX Runtime as `OWN` was, and OpenVINO as `OTHER` was, with other arguments of `Timed`."""

    def __init__(self, clock: Clock, **arguments: Any) -> None:
        self._clock, self._arguments = clock, arguments
        self.opened: list[Timed] = []

    def __call__(self, name: str) -> Backend:
        is_own = name == OWN.backend
        backend = Timed(self._clock, OWN) if is_own else Timed(self._clock, OTHER, **self._arguments)
        self.opened.append(backend)
        return backend


def forbidden(name: str) -> Backend:
    raise AssertionError(f"{name} was opened")


def test_a_trial_measures_opening_and_the_usual_picture(clock: Clock) -> None:
    load = Opening(clock)
    own, other = try_backends(MODEL, NAMES, load)
    for found, expected in ((own, OWN), (other, OTHER)):
        assert (found.backend, found.precision, found.fault) == (expected.backend, expected.precision, "")
        assert found.open_seconds == pytest.approx(expected.open_seconds)
        assert found.picture_seconds == pytest.approx(expected.picture_seconds)
    assert other.p99 == 0
    for backend in load.opened:
        assert backend.shapes[0] == backend.shapes[-1] == (1, 1, 256, 352)


def test_a_moment_in_which_the_machine_was_busy_does_not_count(clock: Clock) -> None:
    load = Opening(clock, extra=100.0)
    _, other = try_backends(MODEL, NAMES, load)
    assert clock.now > 100
    assert other.picture_seconds == pytest.approx(OTHER.picture_seconds)


@pytest.mark.parametrize("busy", ["wall", "cpu"])
def test_other_work_does_not_count(clock: Clock, busy: str) -> None:
    class Busy(Opening):
        def __call__(self, name: str) -> Backend:
            setattr(clock, busy, getattr(clock, busy) + 100)
            backend = super().__call__(name)
            real = backend.run

            def run(inputs: np.ndarray) -> np.ndarray:
                setattr(clock, busy, getattr(clock, busy) + 10)
                return real(inputs)

            backend.run = run  # type: ignore[method-assign]
            return backend

    own, other = try_backends(MODEL, NAMES, Busy(clock))
    for found, expected in ((own, OWN), (other, OTHER)):
        assert found.open_seconds == pytest.approx(expected.open_seconds)
        assert found.picture_seconds == pytest.approx(expected.picture_seconds)


def test_a_trial_is_made_once(clock: Clock) -> None:
    assert recall_trials(MODEL, NAMES) is None
    trials = try_backends(MODEL, NAMES, Opening(clock))
    assert recall_trials(MODEL, NAMES) == trials
    assert recall_trials(find_model("lite2-int8"), NAMES) is None


@pytest.mark.parametrize(
    "changed", ["cache.__version__", "cache.processor", "cache.importlib.metadata.version"]
)
def test_a_trial_of_another_version_or_processor_does_not_count(
    clock: Clock, monkeypatch: pytest.MonkeyPatch, changed: str
) -> None:
    try_backends(MODEL, NAMES, Opening(clock))
    other = "9" if changed.endswith("__version__") else lambda *_: "other"
    monkeypatch.setattr(f"colorize_gan.infer.backends.{changed}", other)
    assert recall_trials(MODEL, NAMES) is None


@pytest.mark.parametrize(
    "damage",
    [
        lambda _: "",
        lambda _: "\0",
        lambda _: "{}",
        lambda _: "[]",
        lambda _: "[1, 2]",
        lambda content: content[:-5],
        lambda content: content.replace('"openvino"', '"another"'),
        lambda content: json.dumps([{**each, "picture_seconds": "0.1"} for each in json.loads(content)]),
        lambda content: json.dumps(
            [{**each, "picture_seconds": float("nan")} for each in json.loads(content)]
        ),
        lambda content: json.dumps([{**each, "open_seconds": -1.0} for each in json.loads(content)]),
        lambda content: json.dumps([{**each, "fault": None} for each in json.loads(content)]),
    ],
)
def test_a_damaged_record_is_measured_again(
    cache: Path, clock: Clock, log: Callable[[], list[str]], damage: Callable[[str], str]
) -> None:
    trials = try_backends(MODEL, NAMES, Opening(clock))
    [path] = cache.glob("*/trials/*.json")
    path.write_text(damage(path.read_text()))
    seen = len(log())
    again = choose_backend(MODEL, NAMES, Opening(clock), None, "")
    assert again.backend == "openvino"
    assert [str(path) in line for line in log()[seen:]].count(True) == 1
    assert "damaged" in log()[seen]
    assert [each.backend for each in recall_trials(MODEL, NAMES) or []] == [each.backend for each in trials]


def test_a_cache_that_cannot_be_written_is_done_without(
    cache: Path, clock: Clock, log: Callable[[], list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    (cache / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(cache / "file"))
    for _ in range(2):
        _, other = try_backends(MODEL, NAMES, Opening(clock))
        assert other.fault == ""
        assert recall_trials(MODEL, NAMES) is None
    assert any("trials" in line and "cannot be written" in line for line in log())


@pytest.mark.parametrize("fails_at", [1, 2, 5])
def test_a_runtime_that_fails_in_its_trial_is_left_out_and_named(clock: Clock, fails_at: int) -> None:
    load = Opening(clock, fails_at=fails_at)
    taken, why = choose_backend(MODEL, NAMES, load, None, "")
    assert taken == "onnxruntime"
    assert "openvino is left out: no such instruction" in why
    assert "0x0" not in why  # one line
    assert len(load.opened[-1].shapes) == fails_at  # nothing more is asked of it
    assert choose_backend(MODEL, NAMES, forbidden, None, "").why == why  # it is remembered


def test_a_runtime_that_cannot_be_opened_is_left_out_and_named(clock: Clock) -> None:
    def load(name: str) -> Backend:
        if name == "openvino":
            raise ImportError("libtbb")
        return Timed(clock, OWN)

    taken, why = choose_backend(MODEL, NAMES, load, None, "")
    assert (taken, "openvino is left out: libtbb" in why) == ("onnxruntime", True)


def test_a_runtime_of_other_colours_is_left_out_and_named(clock: Clock) -> None:
    taken, why = choose_backend(MODEL, NAMES, Opening(clock, shift=30), None, "")
    assert taken == "onnxruntime"
    assert "openvino is left out: colours differ: CIEDE2000 p99" in why
    [_, trial] = recall_trials(MODEL, NAMES) or []
    assert trial.p99 > 1


def test_a_model_that_its_own_runtime_does_not_run_is_an_error(cache: Path) -> None:
    def damaged(_: str) -> Backend:
        raise ModelError("damaged")

    with pytest.raises(ModelError, match="damaged"):
        try_backends(MODEL, NAMES, damaged)
    assert not list(cache.rglob("*.json"))


def test_few_pictures_pay_for_no_trial() -> None:
    few = choose_backend(MODEL, NAMES, forbidden, 99, "")
    assert few == Choice("onnxruntime", "99 pictures; a trial of other runtimes pays from 100 on")


@pytest.mark.parametrize("pictures", [100, None])
def test_many_pictures_pay_for_a_trial(clock: Clock, pictures: int | None) -> None:
    assert choose_backend(MODEL, NAMES, Opening(clock), pictures, "").backend == "openvino"
    # from then on the trial decides about few, too
    assert choose_backend(MODEL, NAMES, forbidden, 60, "").backend == "openvino"
    assert choose_backend(MODEL, NAMES, forbidden, 3, "").backend == "onnxruntime"


def test_opening_counts_against_the_pictures() -> None:
    least = taken_from(OTHER, OWN)
    assert least is not None
    for pictures, taken in (
        (1, "onnxruntime"),
        (least - 1, "onnxruntime"),
        (least, "openvino"),
        (None, "openvino"),
    ):
        found, why = fastest([OWN, OTHER], pictures)
        assert found == taken
        assert "onnxruntime (fp32) 0.200 s a picture, 0.50 s to open" in why
        assert "openvino (bf16) 0.100 s a picture, 2.50 s to open" in why


def test_more_threads_need_more_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    on_two = taken_from(OTHER, OWN)
    monkeypatch.setattr(choice.os, "cpu_count", lambda: 64)
    on_many = taken_from(OTHER, OWN)
    assert on_two is not None
    assert on_many is not None
    assert on_many > 30 * on_two


def test_a_tie_is_for_the_runtime_of_the_file() -> None:
    alike = Trial("openvino", "fp32", open_seconds=0.5, picture_seconds=0.195)
    assert fastest([OWN, alike], None).backend == "onnxruntime"
    assert taken_from(alike, OWN) is None


def test_what_was_begun_stays_on_its_runtime(log: Callable[[], list[str]]) -> None:
    for name in NAMES:
        taken, why = choose_backend(MODEL, NAMES, forbidden, 50_000, name)
        assert (taken, why) == (name, "the outputs that are there were made on it")


def test_what_was_begun_on_a_runtime_that_is_gone_is_chosen_for_again(log: Callable[[], list[str]]) -> None:
    assert choose_backend(MODEL, ["onnxruntime"], forbidden, 3, "openvino").backend == "onnxruntime"


def test_open_backend_says_why_it_took_a_backend(log: Callable[[], list[str]]) -> None:
    few = open_backend(MODEL, device="cpu", pictures=3)
    assert few.name == "onnxruntime"
    assert few.why.startswith("3 pictures; ")
    assert log() == [f"auto takes onnxruntime: {few.why}"]
    assert open_backend(MODEL, "onnxruntime", "cpu").why == ""
    begun = open_backend(MODEL, device="cpu", pictures=3, begun_with="openvino")
    assert (begun.name, begun.why) == ("openvino", "the outputs that are there were made on it")


def test_the_trial_of_a_real_file_is_that_of_what_opens() -> None:
    many = open_backend(MODEL, device="cpu")
    own, other = trials_of(MODEL)
    assert (own.backend, other.backend) == ("onnxruntime", "openvino")
    assert own.open_seconds > own.picture_seconds > 0
    assert many.name == fastest([own, other], None).backend
    for trial in (own, other):
        assert trial.fault == ""
        assert trial.precision == open_backend(MODEL, trial.backend, "cpu").precision
