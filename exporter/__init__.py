"""Export of trained generators to files that are proven to give the same colours."""

FORMATS = ("onnx", "torchscript")
"""What a generator can be exported to; also the suffixes of the files."""
