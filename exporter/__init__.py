"""Export of trained generators to files that are proven to give the same colours."""

FORMATS = ("onnx", "torchscript", "pt2")
"""What a generator can be exported to; also the suffixes of the files."""

GRAPHS = ("lab", "pixels")
"""L to ab, for runtimes that do the colour arithmetic themselves; or RGB to RGB, with all of it inside."""

PRECISIONS = ("fp32", "fp16-weights", "fp16", "int8")
"""Of ONNX files: float32; float16 in the file, float32 in computing; float16 in both; 8-bit integers."""
