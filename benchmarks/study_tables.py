"""The tables of the documents that come from the JSON of studies."""

import json
from pathlib import Path
from typing import Any

from colorize_gan.benchmarks.timing import table
from colorize_gan.trainer.config import TrainConfig

COCO = "COCO val2017"
"""The set of `unseen.json` on which others published figures."""

_CONFIGS = Path(__file__).parent.parent / "configs"


def _study(name: str) -> Any:
    return json.loads((Path(__file__).parent / "studies" / f"{name}.json").read_text(encoding="utf-8"))


def _rows(name: str) -> Any:
    return _study(name)["rows"]


def architectures() -> str:
    """Return checkpoints that have seen as many images each, and grey."""
    found = _rows("architectures")
    first = found[0]
    header = ["model", "PSNR, dB", "gain over grey", "SSIM", "CIEDE2000"]
    names = ("psnr", "psnr_gain", "ssim", "ciede2000", "cf")
    grey = {"model": "grey", "psnr_gain": 0.0, "cf": 0.0}
    grey |= {name: first[f"grey_{name}"] for name in ("psnr", "ssim", "ciede2000")}
    digits = dict(zip(names, (2, 2, 3, 2, 1), strict=True))
    rows = [[row["model"], *(f"{row[name]:.{digits[name]}f}" for name in names)] for row in (*found, grey)]
    return table([*header, f"colourfulness (truth {first['truth_cf']:.1f})"], rows)


def imagenet() -> str:
    """Return what a classifier sees in photographs of ImageNet's classes."""
    header = ["photographs", "", "gain over grey, dB", "colourfulness"]
    shares = ("top1", "grey_top1", "truth_top1")
    rows = [[row["set"], *_gain(row), *(_share(row, name) for name in shares)] for row in _rows("imagenet")]
    return table([*header, "right: model", "grey", "truth"], rows)


def outside() -> str:
    """Return what the model does on photographs from elsewhere."""
    header = ["photographs", "", "gain over grey, dB", "colourfulness"]
    names = {
        "labelled": "of ImageNet's classes",
        "debian": "from Debian",
        "npm": "from npm, mostly stock photographs in strong or tinted light",
    }
    shares = ("agreement", "grey_agreement", "top1", "grey_top1", "truth_top1")
    rows = [
        [names.get(row["set"], row["set"]), *_gain(row), *(_share(row, name) for name in shares)]
        for row in _rows("outside")
    ]
    return table([*header, "agreement: model", "grey", "right: model", "grey", "truth"], rows)


def unseen() -> str:
    """Return what each model does on collections that dinov2-small did not learn from."""
    rows = [
        [row["set"], row["model"], row["photographs"], f"{row['psnr_gain']:+.2f}", _vividness(row)]
        + [_share(row, name) for name in ("top1", "grey_top1", "truth_top1")]
        for row in _rows("unseen")
        if row["set"] != COCO and "hints" not in row["model"]  # COCO has grey pictures, where grey is perfect
    ]
    header = ["photographs", "model", "number", "gain over grey, dB", "colourfulness, of the truth's"]
    return table([*header, "right: model", "grey", "truth"], rows, text_columns=2)


def hints() -> str:
    """Return how many dB random hints of the true colours bring."""
    found = [row for row in _rows("unseen") if row["model"].startswith("dinov2")]
    sets = list(dict.fromkeys(row["set"] for row in found if "hints" in row["model"]))
    labels = list(dict.fromkeys(row["model"] for row in found if row["set"] in sets))
    psnr = {(row["set"], row["model"]): row["psnr"] for row in found}
    points = [label.partition(", ")[2].removesuffix(" hints") or "none" for label in labels]
    rows = [[name, *(f"{psnr[name, label]:.2f}" for label in labels)] for name in sets]
    return table(["PSNR in dB with this many hints", *points], rows)


_OTHERS_ON_COCO = {
    "DeOldify": (24.19, 24.99),
    "ColorFormer": (23.91, 36.34),
    "DDColor-tiny": (23.45, 38.48),
    "InstColorization": (23.38, 27.45),
    "CIC (Zhang et al., 2016)": (22.73, 33.84),
}
"""PSNR in dB and colourfulness on COCO's val2017, from table 1 of arXiv 2212.11613."""


def coco() -> str:
    """Return the models among others on COCO's val2017, by PSNR."""
    found = [row for row in _rows("unseen") if row["set"] == COCO and "hints" not in row["model"]]
    figures = _OTHERS_ON_COCO | {f"**{row['model']}**": (row["psnr"], row["cf"]) for row in found}
    ranked = sorted(figures.items(), key=lambda item: -item[1][0])
    rows = [[name, f"{psnr:.2f}", f"{cf:.1f}"] for name, (psnr, cf) in ranked]
    rows.append(["the truth", "", f"{found[0]['truth_cf']:.1f}"])
    return table(["method", "PSNR, dB", "colourfulness"], rows)


def _vividness(row: Any) -> str:
    return f"{row['cf'] / row['truth_cf']:.2f}"


def _gain(row: Any) -> list[Any]:
    return [row["photographs"], f"{row['psnr_gain']:.2f}", f"{row['cf']:.1f} of {row['truth_cf']:.1f}"]


def _share(row: Any, name: str) -> str:
    return f"{row[name]:.3f}" if name in row else ""


def recipes() -> str:
    """Return the settings in which the runs of the shipped model differ."""
    runs = ("lite2-pixels", "lite2-pixels-large", "lite2-recognition", "lite2-edges", "lite2")
    names = (
        *("l1_epochs", "crop_size", "lr", "chroma_weight", "lambda_recognition", "lambda_edges"),
        *("tone", "damage", "film", "ema_decay", "start_share", "final_chroma"),
    )
    configs = [TrainConfig.of(json.loads((_CONFIGS / f"{run}.json").read_text("utf-8"))) for run in runs]
    rows = [[f"`{name}`", *(f"{getattr(config, name):g}" for config in configs)] for name in names]
    return table(["setting", *runs], rows)


def ageing() -> str:
    """Return the gain over grey on aged photographs."""
    found = _rows("ageing")
    marks = [name for name in found[0] if name != "model"]
    rows = [[row["model"], *(f"{row[mark]:.2f}" for mark in marks)] for row in found]
    return table(["model", "not aged", *marks[1:]], rows)


def dinov2() -> str:
    """Return what the runs of the next model came to, by the crops that they had seen."""
    rows = [
        [row["run"], row["crops"], f"{row['psnr_gain']:.2f}", f"{row['cf'] / row['truth_cf']:.2f}"]
        for row in _rows("dinov2")
    ]
    return table(["run", "crops seen", "gain over grey, dB", "share of the truth's colourfulness"], rows)


def spill() -> str:
    """Return the share of pixels where colour steps without an edge."""
    found = _rows("spill")
    rows = [[row["model"], f"{row['colorfulness']:.2f}", f"{row['steps']:.1%}"] for row in found]
    rows.append(["the true photographs", "1.00", f"{found[0]['true steps']:.1%}"])
    return table(["model", "colourfulness, of the truth's", "pixels with a step"], rows)


def saturation() -> str:
    """Return what livelier colours cost."""
    rows = [
        [
            f"{row['saturation']:g}" + ("" if row["saturation"] else " (grey)"),
            f"{row['gain']:.2f}",
            f"{row['colorfulness']:.3f}",
            f"{row['agreement']:.3f}",
        ]
        for row in _rows("saturation")
        if not 0 < row["saturation"] < 1
    ]
    header = ["saturation", "PSNR gain over grey, dB", "colourfulness, of the truth's", "agreement"]
    return table(header, rows, 0)


def wishes() -> str:
    """Return how far hints are followed, and how much changes elsewhere."""
    rows = [
        [
            row["wish"],
            row["pictures"],
            f"{row['error_median']:.1f}",
            f"{row['share_near']:.0%}",
            f"{row['change_far']:.1f}",
        ]
        for row in _rows("wishes")
    ]
    header = ["one hint of", "pictures", "error at its place, median", "error below 5", "change elsewhere"]
    return table(header, rows)


def reach() -> str:
    """Return what the numbers that limit the reach of hints bring and cost."""
    header = ["sharpness, nearness, doubt", "gain by 1, 5 and 20 hints, dB", "change by a random colour"]
    rows = [
        [
            ", ".join(f"{number:g}" for number in row["numbers"]),
            ", ".join(f"{gain:.2f}" for gain in row["gains"]),
            f"{row['change']:.1f}",
        ]
        for row in _rows("reach")
    ]
    return table(header, rows, text_columns=2)


def references() -> str:
    """Return what references of several kinds bring."""
    rows = [
        [row["reference"], row["pictures"], f"{row['change']:+.2f}", f"{row['better']:.0%}"]
        for row in _rows("references")
    ]
    return table(["reference", "pictures", "change of PSNR, dB", "made better"], rows)


def tones() -> str:
    """Return how often photographs are taken for the other kind."""
    kinds = {
        "colour photographs": ("toned", "colour photographs"),
        "half saturation": ("toned", "the same at half saturation"),
        "25 % saturation": ("toned", "the same at a quarter of the saturation"),
        "hand-coloured": ("toned", "hand-coloured prints"),
        "sepia filter, 40 % to 90 %": ("colour", "sepia copies, of partial strength"),
        "sepia filter, full": ("colour", "sepia copies, of full strength"),
        "unevenly yellowed": ("colour", "unevenly yellowed copies"),
        "scans, black and white": ("colour", "black-and-white scans"),
    }
    found = {row["kind"]: row["wrong"] for row in _rows("tones")}
    rows = [[*names, f"{found[kind]:.1%}"] for kind, names in kinds.items()]
    return table(["taken for", "of", "share"], rows, 2)


def cluster() -> str:
    """Return the speed of clusters of one and two machines."""
    found = _study("cluster")["speed"]
    ways = ("with_start_up", "at_work", "without_ray")
    names = ("1 machine of a core", "2 machines of a core")
    rows = [
        [name, *(row[way] for way in ways)]
        for name, row in zip((*names, "times"), (*found["rows"], found["times"]), strict=True)
    ]
    header = ["cores", "cluster, images/s with start-up", "at work", "as many commands without Ray, at work"]
    return table(header, rows)


def server() -> str:
    """Return what `colorize-serve` does under load."""
    names = ("clients", "images_per_second", "of_batch", "p50_s", "p99_s", "rejected", "lost_or_wrong")
    rows = [[row["case"], *(row[name] for name in names), row["rss_mb"][-1]] for row in _rows("server")]
    header = ["load", "clients", "images/s", "times colorize-batch", "p50 s", "p99 s", "429s", "lost, wrong"]
    return table([*header, "MB"], rows)
