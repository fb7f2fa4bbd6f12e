"""The colour gate: a faster runtime has to give ONNX Runtime's colours, and is remembered for it."""

import contextlib
import hashlib
import json
from itertools import islice
from pathlib import Path
from typing import Any

from platformdirs import user_cache_path

from colorize_gan.core.errors import VerificationError
from colorize_gan.core.files.atomic import atomic_path
from colorize_gan.core.parity import compare, enforce, limit_of, photographs
from colorize_gan.core.version import __version__
from colorize_gan.infer.backends.onnxruntime_backend import OnnxRuntimeBackend
from colorize_gan.infer.backends.openvino_backend import runtime_and_cpu
from colorize_gan.infer.backends.protocol import Backend

_PHOTOGRAPHS = 4  # half a second; all seven give the same verdict in twice the time


def check_colors(tested: Backend, model: Path) -> dict[str, Any]:
    """Compare the colours of a model file on OpenVINO with those on ONNX Runtime.

    The result is kept in the user's cache folder, so that each machine measures once.

    Returns:
        The record of `compare`.

    Raises:
        VerificationError: the colours differ more than the limit of the file's precision and OpenVINO's.
    """
    known = _path_of(tested)
    record = _read(known)
    if record is None:
        reference = OnnxRuntimeBackend(model, "cpu")
        record = compare(reference.run, tested.run, islice(photographs(tested.contract), _PHOTOGRAPHS))
        _write(known, record)
    try:
        enforce(record, limit_of(tested.contract, tested.precision))
    except VerificationError as error:
        raise VerificationError(
            f"`backend` openvino: {model.name} in {tested.precision}: {error}; use `backend` onnxruntime"
        ) from error
    return record


def _path_of(tested: Backend) -> Path:
    """Return where the record is kept: its name stands for all that it depends on."""
    parts = [__version__, tested.sha256, *runtime_and_cpu(), tested.precision]
    name = hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:32]
    return user_cache_path("colorize-gan", appauthor=False) / "colours" / f"{name}.json"


def _read(path: Path) -> dict[str, Any] | None:
    """Return a record; None where there is none that can be read: it is measured again."""
    try:
        record = json.loads(path.read_bytes())
        usable = all(isinstance(record[name], float) for name in ("p99", "mean")) and "worst" in record
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return record if usable else None


def _write(path: Path, record: dict[str, Any]) -> None:
    with contextlib.suppress(OSError):  # a cache that cannot be written costs time, nothing else
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic_path(path) as part:
            part.write_text(json.dumps(record), encoding="utf-8")
