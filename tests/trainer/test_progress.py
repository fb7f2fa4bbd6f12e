"""What was logged after the checkpoint that a run goes on from is logged again, not twice."""

import json
from pathlib import Path

from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from colorize_gan.trainer.progress import Progress

QUALITY = {"psnr": 20.0, "psnr_gain": 1.0, "cf": 30.0}


def log(folder: Path, first: int, last: int) -> None:
    """Log an evaluation at each step of a run that is killed after the last one."""
    with Progress(folder, first - 1, 9, 4) as progress:
        for step in range(first, last + 1):
            progress.after_evaluation(step, QUALITY | {"psnr": float(first)})


def test_steps_after_the_checkpoint_are_logged_once(tmp_path: Path) -> None:
    log(tmp_path, 1, 5)
    with (tmp_path / "metrics.jsonl").open("a", encoding="utf-8") as file:
        file.write('{"step": 6, "val/ps')
    log(tmp_path, 4, 6)
    lines = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    wanted = [(1, 1.0), (2, 1.0), (3, 1.0), (4, 4.0), (5, 4.0), (6, 4.0)]
    assert [(line["step"], line["val/psnr"]) for line in lines] == wanted
    events = EventAccumulator(str(tmp_path)).Reload().Scalars("val/psnr")
    assert [(event.step, event.value) for event in events] == wanted
