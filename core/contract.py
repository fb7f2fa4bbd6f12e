"""The model contract: what a model file says about itself, and the only thing `infer` trusts."""

import dataclasses
import json
import unicodedata
from dataclasses import dataclass, field
from typing import Any, get_origin

from colorize_gan.core.errors import ModelError

SCHEMA = 1
"""Version of the contract's JSON. A file with a newer one is refused."""

_GRAPHS = ("lab", "pixels")
_PRECISIONS = ("fp32", "fp16-weights", "int8-weights", "fp16", "bf16", "int8")

HINTS_NAME = "hints"
"""Name of a graph's second input, where it has one."""

METADATA_KEY = "colorize_gan.contract"
"""Where the JSON is kept: ONNX `metadata_props`, TorchScript `_extra_files`, checkpoints."""


def _check_types(values: Any) -> None:
    """Refuse fields of a dataclass that are not of the declared type."""
    for declared in dataclasses.fields(values):
        value = getattr(values, declared.name)
        if type(value) is not (get_origin(declared.type) or declared.type):  # of bool and int, too
            raise ModelError(f"{declared.name} cannot be {value!r}")


def is_model_name(name: str) -> bool:
    """Tell whether files and folders can be named so: without separators, quotes and control characters."""
    return name not in ("", ".", "..") and not any(
        sign in '/\\"' or unicodedata.category(sign) in ("Cc", "Cs") for sign in name
    )


@dataclass(frozen=True)
class SizeRule:
    """Which heights and widths a generator accepts."""

    multiple_of: int = 32
    minimum: int = 32
    fixed: bool = False
    """True when only `minimum` x `minimum` works."""

    def __post_init__(self) -> None:
        """Refuse rules that no size can meet."""
        _check_types(self)
        if self.multiple_of < 1 or self.minimum < self.multiple_of or self.minimum % self.multiple_of:
            raise ModelError(f"size rule cannot be met: {self}")

    def fit(self, length: float) -> int:
        """Return the accepted length nearest to ``length`` pixels."""
        if self.fixed:
            return self.minimum
        return max(self.minimum, round(length / self.multiple_of) * self.multiple_of)


@dataclass(frozen=True)
class ModelContract:
    """The promises of a model file.

    A ``lab`` graph takes CIE L* (0..100) and gives CIE a*, b* (D65, from sRGB), float32 ``(N, 1, H, W)`` and
    ``(N, 2, H, W)``; height and width follow `size`. One that takes hints has a second input, ``hints``: CIE
    a*, b* and a weight 0..1, float32 ``(N, 3, H, W)``, zero where there is none.

    A ``pixels`` graph takes sRGB uint8 ``(N, H, W, 3)`` of any size and gives the same; `render_size` and
    `size` say what its generator sees. One that takes hints has a second input, ``hints``, float32
    ``(N, P, 5)``. Each point has x and y as shares of the image, and sRGB red, green and blue, 0 to 255.
    """

    name: str
    architecture: str
    render_size: int
    """Short side, in pixels, that the generator sees unless the user says otherwise."""
    size: SizeRule = SizeRule()
    input_name: str = "L"
    output_name: str = "ab"
    graph: str = "lab"
    """`lab` or `pixels`."""
    takes_hints: bool = False
    """True if it has an input for hints."""
    precision: str = "fp32"
    """How an exported file computes and stores: see `colorize_gan.exporter.PRECISIONS`."""
    license: str = "unstated"
    training_data: str = "unstated"
    toolkit_version: str = "unknown"
    checkpoint_sha256: str = ""
    quality: dict[str, Any] = field(default_factory=dict)
    """The evaluation record: protocol and metrics."""
    parity: dict[str, Any] = field(default_factory=dict)
    """How far the exported file's colours are from the eager generator's."""
    fingerprint: dict[str, Any] = field(default_factory=dict)
    """The eager generator's colours at some points of known images: see `colorize_gan.core.parity`."""
    schema: int = SCHEMA

    def __post_init__(self) -> None:
        """Refuse values that no model can have."""
        _check_types(self)
        if not is_model_name(self.name):
            raise ModelError(f"name {self.name!r} cannot be that of a file")
        if self.graph not in _GRAPHS or self.precision not in _PRECISIONS or self.render_size < 1:
            raise ModelError(
                f"no graph of {self.precision} {self.graph} at {self.render_size} pixels is known"
            )

    @property
    def input_names(self) -> tuple[str, ...]:
        """Names of the graph's inputs, in order."""
        return (self.input_name, HINTS_NAME) if self.takes_hints else (self.input_name,)

    def to_json(self) -> str:
        """Return the contract as JSON; `from_json` reads it back equal."""
        return json.dumps(dataclasses.asdict(self), sort_keys=True)

    @classmethod
    def from_json(cls, text: str, source: str) -> "ModelContract":
        """Read a contract; ``source`` names the file in errors.

        Raises:
            ModelError: not a contract, or one of a newer schema.
        """
        try:
            values = json.loads(text)
            schema = values["schema"]
        except (ValueError, KeyError, TypeError) as error:
            raise ModelError(f"{source}: the model contract cannot be read ({error!r})") from error
        if schema != SCHEMA:
            raise ModelError(
                f"{source}: contract schema {schema}, this toolkit reads {SCHEMA}; "
                "upgrade colorize-gan or export the model again"
            )
        parity = values.get("parity")
        if isinstance(parity, dict) and "floor" in parity:  # files of version 0.1.0 call the limit so
            parity["limit"] = parity.pop("floor")
        try:
            return cls(**{**values, "size": SizeRule(**values["size"])})
        except (TypeError, KeyError, ModelError) as error:
            raise ModelError(f"{source}: the model contract is not valid ({error})") from error
