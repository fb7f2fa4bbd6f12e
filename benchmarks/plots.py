"""The looks of the plots."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import matplotlib as mpl
import numpy as np
from matplotlib import pyplot
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter

mpl.use("Agg")
mpl.rcParams.update({"font.size": 10, "axes.grid": True, "axes.axisbelow": True, "grid.alpha": 0.35})

_BAR = 0.8  # of the room between two names
_LEAST_RANGE = 3  # of the values on a logarithmic axis


@dataclass(frozen=True)
class Curve:
    """Points to draw on log-log axes."""

    label: str
    x: Sequence[float]
    y: Sequence[float]


def bars(names: Sequence[str], lengths: Mapping[str, Sequence[float]], label: str) -> Figure:
    """Draw horizontal bars: a group a name, a colour a series, the longest at their true length."""
    height = 1.2 + 0.2 * len(names) * len(lengths) + 0.1 * len(names)
    figure, axis = pyplot.subplots(figsize=(9, height), layout="constrained")
    thickness = _BAR / len(lengths)
    for number, (series, values) in enumerate(lengths.items()):
        drawn = axis.barh(np.arange(len(names)) + number * thickness, values, thickness, label=series)
        axis.bar_label(drawn, fmt="%.3g", padding=2, fontsize=8)
    axis.set_yticks(np.arange(len(names)) + _BAR / 2 - thickness / 2, names)
    axis.invert_yaxis()
    axis.grid(axis="y", visible=False)
    axis.set_xlabel(label)
    axis.margins(x=0.08, y=0.01)
    if len(lengths) > 1:
        figure.legend(loc="outside upper center", ncols=len(lengths))
    return figure


def stacks(axis: Axes, parts: Mapping[str, Mapping[str, float]], names: Sequence[str]) -> None:
    """Draw one bar for each of ``parts``, its named parts stacked in the order of ``names``."""
    bottoms = np.zeros(len(parts))
    for name in names:
        heights = np.array([part.get(name, 0) for part in parts.values()])
        axis.bar(list(parts), heights, bottom=bottoms, label=name)
        bottoms += heights
    axis.grid(axis="x", visible=False)


def curves(axis: Axes, drawn: Sequence[Curve], x_label: str, y_label: str) -> None:
    """Draw curves on log-log axes."""
    for curve, marker in zip(drawn, "osD^v", strict=False):
        axis.loglog(curve.x, curve.y, marker=marker, markersize=5, label=curve.label)
    axis.set_xlabel(x_label)
    axis.set_ylabel(y_label)
    axis.xaxis.set_major_formatter("{x:,g}")
    axis.xaxis.set_minor_formatter(NullFormatter())
    axis.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axis.yaxis.set_major_formatter("{x:,g}")
    axis.yaxis.set_minor_formatter(NullFormatter())
    values = [value for curve in drawn for value in curve.y]
    if max(values) < _LEAST_RANGE * min(values):  # what does not grow should not look as if it did
        axis.set_ylim(min(values) / 2, max(values) * 2)
    axis.grid(which="minor", alpha=0.15)
    axis.legend(fontsize=9)
