"""Export of trained generators to files that are proven to give the same colours."""

FORMATS = ("onnx", "torchscript", "pt2")
"""The formats that a generator can be exported to; also the suffixes of the files."""

GRAPHS = ("lab", "pixels")
"""L to ab, for runtimes that do the colour arithmetic themselves; or RGB to RGB, with all of it inside."""

PRECISIONS = {
    "onnx": ("fp32", "fp16-weights", "int8-weights", "fp16", "int8"),
    "torchscript": ("fp32", "bf16"),
    "pt2": ("fp32",),
}
"""Precisions of each format: float32; float16 or 8-bit integers in the file, float32 in computing; float16 in
both; 8-bit integers in both; bfloat16 in computing."""
