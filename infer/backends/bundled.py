"""Finding a model by its bundled name or its path, and what can run it."""

from pathlib import Path

from colorize_gan.core.errors import ModelError
from colorize_gan.core.files.paths import StrPath

DEFAULT_MODEL = "lite2"

HINTS_MODEL = "dinov2-small"
"""The bundled model that takes hints."""

BACKENDS_BY_SUFFIX = {
    ".onnx": ("onnxruntime", "openvino"),
    ".torchscript": ("torchscript",),
    ".pt2": ("pt2",),
}
"""Which backends read a kind of file, its own first."""

BACKENDS = tuple(name for readers in BACKENDS_BY_SUFFIX.values() for name in readers)

_FOLDER = Path(__file__).parents[1] / "models"
_FAST = "lite2"


def bundled_models() -> dict[str, Path]:
    """Return the models that came with the package, by name; ``fast`` is a second name of one."""
    models = {path.stem: path for path in sorted(_FOLDER.glob("*.onnx"))}
    return {"fast": models[_FAST], **models} if _FAST in models else models


def find_model(name_or_path: StrPath) -> Path:
    """Return the file of a bundled model's name, or the path as it is.

    Raises:
        ModelError: neither a bundled name nor an existing file.
    """
    bundled = bundled_models()
    if str(name_or_path) in bundled:
        return bundled[str(name_or_path)]
    path = Path(name_or_path)
    if not path.is_file():
        raise ModelError(
            f"`model` {name_or_path}: no such file, and not one of {', '.join(bundled) or 'none'}"
        )
    return path
