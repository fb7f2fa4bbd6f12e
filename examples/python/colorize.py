"""Colorize a photograph with ONNX Runtime alone: python colorize.py lite2.pixels.onnx old.jpg new.png."""

import sys

import cv2
import onnxruntime

model, photo, colored = sys.argv[1:]
session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
rgb = cv2.imread(photo)[None, ..., ::-1]  # (1, H, W, 3) uint8
result = session.run(["colored"], {"rgb": rgb})[0][0]
cv2.imwrite(colored, result[..., ::-1])
