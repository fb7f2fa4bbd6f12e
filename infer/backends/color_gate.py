"""The colour gate: a faster runtime has to give ONNX Runtime's colours, and is remembered for it."""

from collections.abc import Callable
from itertools import islice
from pathlib import Path
from typing import Any

from colorize_gan.core.errors import VerificationError
from colorize_gan.core.parity import compare, enforce, limit_of, photographs
from colorize_gan.infer.backends.cache import measured_path, read_measured, write_measured
from colorize_gan.infer.backends.protocol import Backend

_PHOTOGRAPHS = 4  # half a second; all seven give the same verdict in twice the time


def check_colors(tested: Backend, model: Path) -> dict[str, Any]:
    """Compare the colours of a model file on OpenVINO with those on ONNX Runtime, unless that is remembered.

    Returns:
        The record of `compare`.

    Raises:
        VerificationError: the colours differ more than the limit of the file's precision and OpenVINO's.
    """
    from colorize_gan.infer.backends.onnxruntime_backend import OnnxRuntimeBackend

    record = measured_colors(tested, lambda: OnnxRuntimeBackend(model, "cpu"))
    try:
        enforce_colors(tested, record)
    except VerificationError as error:
        raise VerificationError(
            f"`backend` openvino: {model.name} in {tested.precision}: {error}; use `backend` onnxruntime"
        ) from error
    return record


def measured_colors(tested: Backend, reference: Callable[[], Backend]) -> dict[str, Any]:
    """Return the record of `compare`, kept in the user's cache folder: each machine measures once.

    Args:
        tested: a model file on OpenVINO.
        reference: opens it on ONNX Runtime.
    """
    known = measured_path("colours", tested.sha256, tested.precision)
    record = read_measured(known, _parsed)
    if record is None:
        probes = islice(photographs(tested.contract), _PHOTOGRAPHS)
        record = compare(reference().run, tested.run, probes)
        write_measured(known, record)
    return record


def enforce_colors(tested: Backend, record: dict[str, Any]) -> None:
    """Hold a record to the limit of the precisions of file and backend.

    Raises:
        VerificationError: the colours differ more.
    """
    enforce(record, limit_of(tested.contract, tested.precision))


def _parsed(record: Any) -> dict[str, Any]:
    """Return a record of `compare`.

    Raises:
        ValueError: it is none; so do `TypeError` and `KeyError`.
    """
    if "worst" not in record or not all(isinstance(record[name], float) for name in ("p99", "mean")):
        raise ValueError
    return dict(record)
