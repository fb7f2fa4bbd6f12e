"""The packages that extras bring, and the one error where one is missing."""

import contextlib
from collections.abc import Iterator

from colorize_gan.core.errors import MissingPackageError

EXTRAS = {
    "heif": ("pillow_heif",),
    "openvino": ("openvino",),
    "serve": ("uvicorn", "fastapi", "h11", "prometheus_client", "pydantic", "python_multipart", "starlette"),
    "train": ("torch", "tensorboard", "timm", "torch_fidelity", "torchmetrics", "torchvision"),
    "export": ("onnx", "onnxconverter_common", "onnxscript"),
    "cloud": ("upath", "fsspec", "gcsfs", "s3fs"),
    "ray": ("ray",),
    "bench": ("skimage", "markdown", "matplotlib", "psutil"),
}
"""The packages of each extra. The first one tells whether the extra is installed."""


def needed(package: str, state: str = "is not installed") -> str:
    """Say that a package is needed, and what brings it."""
    extra = next((extra for extra, packages in EXTRAS.items() if package in packages), None)
    name = f"'colorize-gan[{extra}]'" if extra else package
    return f"needs {package}, which {state}; pip install {name}"


@contextlib.contextmanager
def packages_for(purpose: str = "") -> Iterator[None]:
    """Name the package that an import in the block fails for.

    Args:
        purpose: what needs it, for the message.

    Raises:
        MissingPackageError: it is not installed, or an extra's that cannot be loaded.
        ImportError: of another kind, as of a name that a module does not have.
    """
    try:
        yield
    except ImportError as error:
        if not (text := _needed_by(error)):
            raise
        raise MissingPackageError(f"{purpose}: {text}" if purpose else text) from error


def _needed_by(error: ImportError) -> str:
    """Return what an import lacks; empty where it is not a package."""
    if isinstance(error.__cause__, ImportError):  # fsspec's says in words what is missing
        return _needed_by(error.__cause__)
    package = (error.name or "").partition(".")[0]
    if package in ("", "colorize_gan"):
        return ""
    if isinstance(error, ModuleNotFoundError):
        return needed(package)
    is_known = any(package in packages for packages in EXTRAS.values())
    return needed(package, f"cannot be loaded ({error})") if is_known else ""
