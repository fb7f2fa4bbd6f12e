"""Fail when an example photograph has no result, or a grey one."""

import sys
from pathlib import Path

from colorize_gan.core.color.metrics import colorfulness
from colorize_gan.core.images.decode import read_rgb8

LEAST_COLORFULNESS = 4  # grey is 0, the palest example about 8

sources, results = map(Path, sys.argv[1:])
for source in sorted(sources.glob("*.jpg")):
    measured = colorfulness(read_rgb8(results / source.name))
    print(f"{source.name:20} colourfulness {measured:.1f}")  # noqa: T201
    if measured < LEAST_COLORFULNESS:
        sys.exit(f"{results / source.name}: is grey")
