"""What all parts share: contract, parity and errors; in rooms colour, images, files and the system."""

import os

os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")  # ONNX Runtime looks when it is imported
