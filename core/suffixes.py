"""The names of image formats: what files are read, and what their formats can hold."""

JPEG_SUFFIXES = frozenset({".jpg", ".jpeg"})
TIFF_SUFFIXES = frozenset({".tif", ".tiff"})
HEIF_SUFFIXES = frozenset({".heic", ".heif"})
SUFFIXES = frozenset({".png", ".webp", ".bmp", ".avif"}) | JPEG_SUFFIXES | TIFF_SUFFIXES | HEIF_SUFFIXES
SIXTEEN_BIT_SUFFIXES = frozenset({".png"}) | TIFF_SUFFIXES
