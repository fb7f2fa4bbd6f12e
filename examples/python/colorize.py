"""Colorize a photograph with ONNX Runtime alone: python colorize.py MODEL.pixels.onnx old.jpg new.png.

A model that takes hints gets the colours of places that follow: 0.41,0.62,#4b5320.
"""

import sys

import cv2
import numpy as np
import onnxruntime

model, photo, colored, *hints = sys.argv[1:]
session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
inputs = {"rgb": cv2.imread(photo)[None, ..., ::-1]}  # (1, H, W, 3) uint8
if hints or len(session.get_inputs()) > 1:
    places = (hint.split(",") for hint in hints)
    points = [[float(x), float(y), *bytes.fromhex(color.removeprefix("#"))] for x, y, color in places]
    inputs["hints"] = np.reshape(points, (1, -1, 5)).astype(np.float32)
result = session.run(["colored"], inputs)[0][0]
cv2.imwrite(colored, result[..., ::-1])
