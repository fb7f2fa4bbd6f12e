"""colorize-gan: train, export and run image colorization models."""

import os

os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")  # ONNX Runtime looks when it is imported

__version__ = "0.1.0"
