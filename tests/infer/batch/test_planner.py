"""What a run does about an output that is there, whoever is asked about it."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from colorize_gan.infer.batch.disk import DISK
from colorize_gan.infer.batch.input_state import Version
from colorize_gan.infer.batch.planner import Planner
from colorize_gan.infer.batch.results import ItemResult, OnExists
from colorize_gan.infer.batch.state import Entry, Standing
from colorize_gan.infer.batch.work import WorkItem

SOURCE = Version(3, 7)
ITEM = WorkItem(Path("/in/a.jpg"), Path("/out/a.jpg"), SOURCE)
DONE = Entry.of(SOURCE, "s", 6, {"note": "pale"}, "/in/a.jpg")
OTHER = Entry.of(Version(4), "s", 6, {}, "/in/b.jpg")


class Fixed:
    """A state of one answer that remembers what it is told."""

    batch_ahead = 2

    def __init__(self, standing: Standing) -> None:
        self.answer, self.told = standing, list[object]()

    def standing(self, target: Path) -> Standing:
        return self.answer

    def start(self, inputs: Mapping[Path, str]) -> None:
        self.told.append(dict(inputs))

    def finish(self, target: Path, entry: Entry) -> None:
        self.told.append(entry)

    def close(self) -> None:
        """Nothing."""


@pytest.mark.parametrize(
    ("standing", "on_exists", "ends"),
    [
        (Standing(False), "skip", ""),
        (Standing(False, DONE), "error", ""),
        (Standing(True, DONE, 6), "skip", "skipped: up to date"),
        (Standing(True, Entry.of(SOURCE, "s", 6, {"later": 1}), 6), "skip", "skipped: up to date"),
        (Standing(True, DONE, 6), "error", "failed: /out/a.jpg exists"),
        (Standing(True, DONE, 6), "overwrite", ""),
        (Standing(True, DONE, 5), "skip", ""),
        (Standing(True, Entry(), 6), "skip", ""),
        (Standing(True, OTHER, 6), "skip", "failed: /out/a.jpg was made from /in/b.jpg; "),
        (Standing(True), "skip", "skipped: the output exists and no run has made it; "),
        (Standing(True, unknown="it is there"), "skip", "skipped: it is there; "),
        (Standing(True, DONE, 6, fault="torn"), "skip", "failed: torn"),
        (Standing(True, Entry(), 6, fault="torn"), "skip", ""),
        (Standing(True, fault="torn"), "skip", "failed: torn"),
        (Standing(True, fault="torn"), "overwrite", ""),
    ],
)
def test_what_is_done_about_an_output(standing: Standing, on_exists: OnExists, ends: str) -> None:
    state = Fixed(standing)
    [task] = Planner(state, DISK, "s", on_exists).plan([ITEM])
    ended = f"{task.ended.status}: {task.ended.reason}" if task.ended else ""
    assert ended.startswith(ends)
    assert bool(ended) == bool(ends)
    assert state.told == [{} if ends else {ITEM.target: "/in/a.jpg"}]


@pytest.mark.parametrize(
    ("result", "is_noted"),
    [
        (ItemResult(ITEM.source, ITEM.target, "written", output_size=6, note="pale"), True),
        (ItemResult(ITEM.source, ITEM.target, "failed", "cut short", output_size=6, note="pale"), True),
        (ItemResult(ITEM.source, ITEM.target, "failed", "damaged"), False),
        (ItemResult(ITEM.source, ITEM.target, "skipped", "in colour; the output that is there stays"), False),
        (
            ItemResult(
                ITEM.source,
                ITEM.target,
                "written",
                output_size=6,
                members=[ItemResult(ITEM.source, None, "failed")],
            ),
            False,
        ),
    ],
)
def test_what_is_noted_of_a_result(result: ItemResult, is_noted: bool) -> None:
    state = Fixed(Standing(False))
    planner = Planner(state, DISK, "s", "skip")
    [task] = planner.plan([ITEM])
    assert planner.finish(task, result) is result
    assert state.told[1:] == ([DONE] if is_noted else [])
