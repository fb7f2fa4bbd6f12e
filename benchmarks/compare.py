"""The guard: ratios of a run against those of an older one."""

from collections.abc import Mapping
from typing import Any

from colorize_gan.benchmarks.section import section
from colorize_gan.core.errors import UsageError, VerificationError


class RegressionError(VerificationError):
    """A ratio got worse by more than is allowed."""


def comparable(old: Mapping[str, Any], quick: Mapping[str, bool]) -> list[str]:
    """Return the sections of a run that older results have, too.

    Args:
        old: results by section.
        quick: of the sections of the run, whether they are quick.

    Raises:
        UsageError: there are none, or only one of the two was quick.
    """
    common = [name for name in quick if name in old]
    if not common:
        raise UsageError(f"--compare: has none of the sections {', '.join(quick)}")
    for name in common:
        if old[name]["quick"] != quick[name]:
            raise UsageError(f"--compare: its {name} and that of this run are not both quick, or both not")
    return common


def compare(old: Mapping[str, Any], new: Mapping[str, Any], tolerance: float) -> str:
    """Compare the sections that both results have.

    Args:
        old: results by section.
        new: the same of this run.
        tolerance: how much smaller a ratio may be, as a part of the old one.

    Returns:
        One line: how many ratios were compared, and the one that fell the most.

    Raises:
        UsageError: there is nothing that could be compared.
        RegressionError: a ratio got worse by more, or is not there any more; it names each, old and new.
    """
    common = comparable(old, {name: result["quick"] for name, result in new.items()})
    pairs = {
        f"{name}, {what}": (value, section(name).ratios(new[name]).get(what))
        for name in common
        for what, value in section(name).ratios(old[name]).items()
    }
    worse = [_difference(what, *pair) for what, pair in pairs.items() if _is_worse(*pair, tolerance)]
    if worse:
        raise RegressionError(f"worse by more than {tolerance:.0%}: " + "; ".join(worse))
    closest = min(pairs, key=lambda what: (pairs[what][1] or 0) / pairs[what][0])
    others = [name for name in common if old[name]["machine"]["cpu"] != new[name]["machine"]["cpu"]]
    warning = f"; {', '.join(others)}: measured on another CPU, whose ratios may differ" if others else ""
    return (
        f"{len(pairs)} ratios, none worse by more than {tolerance:.0%}; the most: "
        f"{_difference(closest, *pairs[closest])}{warning}"
    )


def _is_worse(old: float, new: float | None, tolerance: float) -> bool:
    return new is None or new < old * (1 - tolerance)


def _difference(what: str, old: float, new: float | None) -> str:
    return f"{what}: {old} -> {'gone' if new is None else new}"
