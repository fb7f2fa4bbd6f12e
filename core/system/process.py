"""Settings of the whole process. Importing the package changes none of it."""

import contextlib
import logging
import os
import sys
from collections.abc import Iterator

_NO_TELEMETRY = {"ORT_DISABLE_TELEMETRY": "1"}
_SETTINGS = _NO_TELEMETRY | {
    "RAY_USAGE_STATS_ENABLED": "0",  # nothing goes to Ray's makers
    "SVT_LOG": "1",  # errors only: SVT-AV1 writes to stderr by itself
}
_STUB = "openvino_telemetry"  # where it cannot be imported, OpenVINO has a stub for it


def configure_process() -> None:
    """Keep libraries from telling anybody, and from writing to stderr, in this process and its children.

    For processes whose one purpose is colorizing, as commands and their workers are. Variables that the
    environment has already stay.
    """
    for name, value in _SETTINGS.items():
        os.environ.setdefault(name, value)
    # what it warns of comes back as an exception, or is no concern of the user's
    logging.getLogger("pyvips").setLevel(logging.ERROR)


@contextlib.contextmanager
def telemetry_off() -> Iterator[None]:
    """Have ONNX Runtime or OpenVINO imported without telemetry: they look for it then and never again."""
    added = {name: value for name, value in _NO_TELEMETRY.items() if name not in os.environ}
    has_stub = _STUB in sys.modules
    os.environ |= added
    sys.modules.setdefault(_STUB, None)  # type: ignore[arg-type]
    try:
        yield
    finally:
        for name in added:
            del os.environ[name]
        if not has_stub:
            del sys.modules[_STUB]
