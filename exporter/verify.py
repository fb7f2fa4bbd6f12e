"""Checking a model file again: later, elsewhere, on another device."""

from pathlib import Path
from typing import Any

from colorize_gan.core.contract import ModelContract
from colorize_gan.core.errors import UsageError
from colorize_gan.core.extras import packages_for
from colorize_gan.core.files.paths import StrPath
from colorize_gan.core.parity import (
    PHOTOGRAPHS,
    Limit,
    Run,
    compare,
    compare_with_fingerprint,
    limit_of,
    probes,
)
from colorize_gan.infer.backends.bundled import BACKENDS_BY_SUFFIX, bundled_models
from colorize_gan.infer.backends.open import open_backend
from colorize_gan.infer.backends.protocol import Backend

_CARD = (
    "architecture",
    "graph",
    "precision",
    "license",
    "training_data",
    "toolkit_version",
    "checkpoint_sha256",
)


def verify(
    backend: Backend, against: StrPath | None, images: StrPath = PHOTOGRAPHS, max_delta_e: float | None = None
) -> tuple[dict[str, Any], Limit]:
    """Measure the colours of an opened model file.

    Args:
        backend: the file, on the device in question.
        against: checkpoint or model file to compare it with on all probes; None for the fingerprint of the
            generator in the file's own contract.
        images: folder of photographs among the probes, with ``against``.
        max_delta_e: limit of CIEDE2000 p99; None for that of the less exact of the two, and
            of the precision the backend computes in.

    Returns:
        The record of `compare`, and the limit it has to keep to.

    Raises:
        MissingPackageError: ``against`` is a checkpoint, and the training tools are not installed.
        ModelError: no fingerprint, or ``against`` cannot be used.
        UsageError: the two have not the same kind of graph.
        VerificationError: an output is not finite.
    """
    contract = backend.contract
    limits = [limit_of(contract, backend.precision)]
    if against is None:
        record = compare_with_fingerprint(backend.run, contract)
    else:
        reference, other = _open_reference(Path(against))
        if other.graph != contract.graph:
            raise UsageError(f"`against` {against}: a {other.graph} graph, not {contract.graph}")
        if (other.size, other.takes_hints) != (contract.size, contract.takes_hints):
            raise UsageError(f"`against` {against}: takes other sizes or inputs, so it is another generator")
        limits.append(limit_of(other))
        record = compare(reference, backend.run, probes(contract, images))
    loosest = max(limits, key=lambda limit: limit.p99)
    return record, loosest if max_delta_e is None else Limit(max_delta_e)


def _open_reference(path: Path) -> tuple[Run, ModelContract]:
    path = bundled_models().get(str(path), path)
    if path.suffix in BACKENDS_BY_SUFFIX:
        backend = open_backend(path, "native", "cpu")
        return backend.run, backend.contract
    with packages_for(f"`against` {path}"):
        from colorize_gan.exporter.source import load_source
    source = load_source(path)
    return source.run, source.contract


def card(contract: ModelContract) -> str:
    """Return what a contract says, for people: Markdown."""
    lines = [f"# {contract.name}", ""]
    lines += [f"- {name.replace('_', ' ')}: {getattr(contract, name)}" for name in _CARD]
    inputs = " and ".join(f"`{name}`" for name in contract.input_names)
    lines += [f"- input {inputs}, output `{contract.output_name}`; {_sizes(contract)}"]
    for title, record in (("quality", contract.quality), ("parity", contract.parity)):
        figures = ", ".join(
            f"{name} {value}" for name, value in record.items() if not isinstance(value, dict)
        )
        lines.append(f"- {title}: {figures or 'not measured'}")
    return "\n".join(lines)


def _sizes(contract: ModelContract) -> str:
    rule = contract.size
    if rule.fixed:
        sides = f"{rule.minimum} x {rule.minimum} pixels only"
    else:
        sides = f"sides are multiples of {rule.multiple_of}, at least {rule.minimum} pixels"
    if contract.graph == "pixels":
        return f"any size; inside, the short side is {contract.render_size} pixels"
    return f"{sides}; made for a short side of {contract.render_size}"
