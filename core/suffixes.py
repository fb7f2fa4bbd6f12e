"""The names of image formats: what files are read, and what their formats can hold."""

JPEG_SUFFIXES = frozenset({".jpg", ".jpeg", ".jpe", ".jif", ".jfif"})
TIFF_SUFFIXES = frozenset({".tif", ".tiff"})
HEIF_SUFFIXES = frozenset({".heic", ".heif"})
SUFFIXES = frozenset({".png", ".webp", ".bmp", ".avif"}) | JPEG_SUFFIXES | TIFF_SUFFIXES | HEIF_SUFFIXES
SIXTEEN_BIT_SUFFIXES = frozenset({".png"}) | TIFF_SUFFIXES
UNSUPPORTED_SUFFIXES = frozenset(
    {".apng", ".dib", ".exr", ".fits", ".gif", ".hdr", ".ico", ".j2k", ".jp2", ".jpf", ".jpx", ".jxl", ".jxr"}
    | {".mpo", ".pbm", ".pcx", ".pgm", ".pnm", ".ppm", ".psb", ".psd", ".svg", ".tga", ".wdp", ".xcf"}
    | {".3fr", ".arw", ".cr2", ".cr3", ".crw", ".dcr", ".dng", ".erf", ".iiq", ".kdc", ".mrw", ".nef", ".nrw"}
    | {".orf", ".pef", ".raf", ".raw", ".rw2", ".sr2", ".srf", ".srw", ".x3f"}
)
"""Of images that cannot be read here, raw ones in the end."""
