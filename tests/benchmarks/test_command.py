"""colorize-bench writes all artefacts, and catches what got slower or worse."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from colorize_gan.benchmarks import growth, start_up, timing
from colorize_gan.benchmarks.cli import colorize_bench
from colorize_gan.benchmarks.compare import RegressionError, compare
from colorize_gan.benchmarks.section import SECTIONS, section
from colorize_gan.benchmarks.timing import in_turns, median_ratio, seconds_of
from colorize_gan.core.errors import UsageError

ROOT = Path(__file__).parent.parent.parent
RESULTS = json.loads((ROOT / "benchmarks" / "results.json").read_text())


class Clock:
    """Time that passes only when somebody sleeps."""

    now = 0.0

    def sleep(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(timing.time, "perf_counter", lambda: clock.now)
    return clock


def start_up_result(clock: Clock, stage: Callable[[], None]) -> dict[str, Any]:
    """Time a program of three stages against what it needs, as sections do."""

    def program() -> None:
        clock.sleep(0.2)
        stage()
        clock.sleep(0.1)

    works = {"own": program, "needed": lambda: clock.sleep(0.25)}
    times = in_turns({name: lambda work=work: seconds_of(work) for name, work in works.items()}, 3)
    ratio = median_ratio(times["own"], times["needed"])
    return {
        "machine": {"cpu": "one"},
        "quick": True,
        "seconds_of": {"own": 1},
        "ratio": ratio,
        "times_naive": {},
    }


def test_sleep_in_a_stage_is_caught(clock: Clock) -> None:
    before = {"start-up": start_up_result(clock, lambda: clock.sleep(0.1))}
    slower = {"start-up": start_up_result(clock, lambda: clock.sleep(0.2))}
    with pytest.raises(RegressionError, match=r"start-up, .*: 0\.625 -> 0\.5") as caught:
        compare(before, slower, 0.1)
    assert caught.value.exit_code == 6
    assert "1 ratios, none worse by more than 30%" in compare(before, slower, 0.3)
    compare(slower, before, 0.0)  # quicker is no regression


def test_a_slower_machine_is_no_regression(clock: Clock) -> None:
    before = start_up_result(clock, lambda: clock.sleep(0.1))
    compare(
        {"start-up": before | {"seconds_of": {"own": 1}}},
        {"start-up": before | {"seconds_of": {"own": 9}}},
        0.1,
    )


def test_a_format_that_ran_and_fails_now_is_a_regression() -> None:
    broken = json.loads(json.dumps(RESULTS))
    row = next(row for row in broken["formats"]["rows"] if row["precision"] == "int8")
    del row["times"]
    with pytest.raises(RegressionError, match=r"ONNX Runtime int8, .* -> gone"):
        compare(RESULTS, broken, 0.1)


def test_only_like_is_compared_with_like() -> None:
    name = next(iter(RESULTS))
    with pytest.raises(UsageError, match="not both quick"):
        compare(RESULTS, {name: RESULTS[name] | {"quick": True}}, 0.1)
    with pytest.raises(UsageError, match="none of the sections"):
        compare({}, {name: RESULTS[name]}, 0.1)


def test_another_cpu_is_said() -> None:
    other = RESULTS["start-up"] | {"machine": RESULTS["start-up"]["machine"] | {"cpu": "another"}}
    assert "start-up: measured on another CPU" in compare(RESULTS, {"start-up": other}, 0.1)


@pytest.mark.parametrize("name", SECTIONS)
def test_ratios_are_positive_numbers_that_a_table_shows(name: str) -> None:
    ratios = section(name).ratios(RESULTS[name])
    assert ratios
    assert min(ratios.values()) > 0
    assert not any(math_word in what for what in ratios for math_word in ("seconds a ", "ms"))


def bench(*arguments: str | Path) -> Result:
    return CliRunner().invoke(colorize_bench, [str(argument) for argument in arguments])


@pytest.fixture
def measured_before(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Let the sections return committed results instead of measuring; the test may change them."""
    results: dict[str, Any] = json.loads(json.dumps(RESULTS))
    for name, module in (("start-up", start_up), ("growth", growth)):
        monkeypatch.setattr(module, "run", lambda _, name=name: results[name])
    return results


def test_artefacts_are_complete_and_the_page_stands_alone(
    measured_before: dict[str, Any], tmp_path: Path
) -> None:
    result = bench("start-up", "growth", "--out", tmp_path)
    assert result.exit_code == 0, result.output
    assert set(json.loads((tmp_path / "results.json").read_text())) == {"start-up", "growth"}
    text, page = (tmp_path / "RESULTS.md").read_text(), (tmp_path / "report.html").read_text()
    for picture in growth.PICTURES:
        assert f"]({picture})" in text
        assert 0 < (tmp_path / picture).stat().st_size < 60_000
    sources = re.findall(r'(?:src|href)="([^"]*)"', page)
    assert len([source for source in sources if source.startswith("data:image/png")]) == len(growth.PICTURES)
    assert all(source.startswith(("data:", "https:")) for source in sources)
    assert page.count("<table>") > 4


def test_sections_of_other_runs_stay(measured_before: dict[str, Any], tmp_path: Path) -> None:
    assert bench("growth", "--out", tmp_path).exit_code == 0
    assert bench("start-up", "--out", tmp_path).exit_code == 0
    assert list(json.loads((tmp_path / "results.json").read_text())) == ["start-up", "growth"]


def test_regression_exits_with_6_and_says_which(measured_before: dict[str, Any], tmp_path: Path) -> None:
    old = tmp_path / "old.json"
    old.write_text(json.dumps(RESULTS))
    good = bench("start-up", "--out", tmp_path / "new", "--compare", old)
    assert good.exit_code == 0, good.output
    measured_before["start-up"]["ratio"] *= 1.5
    bad = bench("start-up", "--out", tmp_path / "new", "--compare", old, "--max-regression", "10%")
    assert bad.exit_code == 6
    assert "error: worse by more than 10%: start-up, what is needed" in bad.output
    assert (
        bench("start-up", "--out", tmp_path / "new", "--compare", old, "--max-regression", "60").exit_code
        == 0
    )


def test_section_that_fails_leaves_those_before_it(
    measured_before: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stopped(_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(growth, "run", stopped)
    assert bench("start-up", "growth", "--out", tmp_path).exit_code == 130
    assert list(json.loads((tmp_path / "results.json").read_text())) == ["start-up"]
    assert (tmp_path / "report.html").is_file()


def test_results_of_other_sections_are_refused_before_anything_is_measured(
    measured_before: dict[str, Any], tmp_path: Path
) -> None:
    old = tmp_path / "old.json"
    old.write_text(json.dumps({"growth": RESULTS["growth"]}))
    for arguments, says in (
        (["start-up"], "--compare: has none of the sections start-up"),
        (["growth", "--quick"], "--compare: its growth and that of this run are not both quick"),
    ):
        result = bench(*arguments, "--out", tmp_path / "new", "--compare", old)
        assert (result.exit_code, says in result.output) == (2, True), result.output
    assert not (tmp_path / "new").exists()


def test_wrong_usage_exits_with_2_before_anything_is_measured(tmp_path: Path) -> None:
    assert bench("speed").exit_code == 2
    assert bench("start-up", "--max-regression", "ten").exit_code == 2
    broken = tmp_path / "old.json"
    broken.write_text("{}")
    result = bench("start-up", "--out", tmp_path / "new", "--compare", broken)
    assert (result.exit_code, "holds no results" in result.output) == (2, True)
    assert not (tmp_path / "new").exists()
    assert bench("start-up", "--out", tmp_path / "new", "--model", tmp_path / "none.onnx").exit_code == 5
