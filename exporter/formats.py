"""Building a generator as ONNX, TorchScript or pt2, and writing it with its contract inside."""

import contextlib
import copy
import io
import warnings
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import onnx
import torch
from onnx import helper
from torch import nn
from torch.fx.experimental import _config as fx_config

from colorize_gan.core.contract import METADATA_KEY, ModelContract
from colorize_gan.core.errors import UsageError, VerificationError
from colorize_gan.infer.backends.torch_backends import torchscript_deprecation_silenced

DEFAULT_OPSET = 18
"""Opset of ONNX files that are made from a checkpoint."""

_AXES = ("batch", None, "height", "width")
_CHANCE = ("dropout", "bernoulli", "multinomial", "random", "rand", "normal_")

Save = Callable[[ModelContract, Path], None]
"""Writes a file of a generator, with a contract in it."""


def build_torchscript(generator: nn.Module, contract: ModelContract) -> torch.jit.ScriptModule:
    """Trace and freeze a generator that is in eval mode, in the contract's precision: fp32 or bf16.

    Raises:
        VerificationError: it leaves colours to chance.
    """
    _require_eval_mode(generator)
    in_bf16 = contract.precision == "bf16"
    if in_bf16:  # bfloat16 convolutions are faster in this layout
        generator = copy.deepcopy(generator).to(memory_format=torch.channels_last)
    # autocast and not a generator in bfloat16: what it leaves in float32 keeps the colours within the limit;
    # without its cache, which would put the casts of the weights outside the trace
    autocast = torch.autocast("cpu", torch.bfloat16, enabled=in_bf16, cache_enabled=False)
    with torchscript_deprecation_silenced(), torch.inference_mode(), autocast:
        module = torch.jit.freeze(torch.jit.trace(generator, _examples(contract), check_trace=False))
    _refuse_chance(node.kind() for node in module.inlined_graph.nodes())
    return module


def save_torchscript(module: torch.jit.ScriptModule, contract: ModelContract, path: Path) -> None:
    """Write the module, the contract in its extra files."""
    buffer = io.BytesIO()  # PyTorch's own writer ends the process on a full disk
    with torchscript_deprecation_silenced():
        torch.jit.save(module, buffer, _extra_files={METADATA_KEY: contract.to_json()})
    path.write_bytes(buffer.getbuffer())


def build_pt2(generator: nn.Module, contract: ModelContract) -> torch.export.ExportedProgram:
    """Export a generator that is in eval mode, with dynamic batch, height and width.

    Raises:
        UsageError: PyTorch cannot.
        VerificationError: it leaves colours to chance.
    """
    _require_eval_mode(generator)
    # the smallest sizes leave features of one pixel, which must not be taken for a special case
    oblivious = fx_config.patch(backed_size_oblivious=True)  # type: ignore[attr-defined]
    with torch.no_grad(), oblivious, warnings.catch_warnings(), _refusals_named("pt2", contract):
        warnings.filterwarnings("ignore", category=FutureWarning)
        program = torch.export.export(
            generator, _examples(contract), dynamic_shapes=_dynamic_shapes(contract)
        ).run_decompositions()
    _refuse_chance(str(node.target) for node in program.graph.nodes if node.op == "call_function")
    return program


def save_pt2(program: torch.export.ExportedProgram, contract: ModelContract, path: Path) -> None:
    """Write the program, the contract in its extra files."""
    buffer = io.BytesIO()  # as in `save_torchscript`
    torch.export.save(program, buffer, extra_files={METADATA_KEY: contract.to_json()})
    path.write_bytes(buffer.getbuffer())


def build_onnx(generator: nn.Module, contract: ModelContract, opset: int = DEFAULT_OPSET) -> onnx.ModelProto:
    """Export a generator that is in eval mode, with dynamic batch, height and width.

    Raises:
        UsageError: PyTorch cannot.
        VerificationError: it leaves colours to chance.
    """
    _require_eval_mode(generator)
    with torch.no_grad(), warnings.catch_warnings(), _refusals_named("onnx", contract):
        warnings.filterwarnings("ignore", category=DeprecationWarning)
        warnings.filterwarnings("ignore", category=FutureWarning)
        warnings.filterwarnings(
            "ignore", message=r"# The axis name: \w+ will not be used"
        )  # of hints: that of L
        program = torch.onnx.export(
            generator,
            _examples(contract),
            dynamo=True,
            opset_version=opset,
            external_data=False,
            input_names=list(contract.input_names),
            output_names=[contract.output_name],
            dynamic_shapes=_dynamic_shapes(contract),
            verbose=False,
        )
    assert program is not None
    model = program.model_proto
    _clean(model)
    _refuse_chance(node.op_type for node in model.graph.node)
    return model


def save_onnx(model: onnx.ModelProto, contract: ModelContract, path: Path) -> None:
    """Write the model in one file, the contract in its metadata."""
    helper.set_model_props(model, {METADATA_KEY: contract.to_json()})
    onnx.save(model, path)


@contextlib.contextmanager
def _refusals_named(format_: str, contract: ModelContract) -> Iterator[None]:
    """Turn what PyTorch's exporters raise into a `UsageError`."""
    try:
        yield
    except Exception as error:  # a network with sizes they cannot keep free has them raise many things
        raise UsageError(
            f"`formats` {format_}: PyTorch cannot export {contract.architecture} with dynamic sizes "
            f"({type(error).__name__}); use `formats` torchscript"
        ) from error


def _examples(contract: ModelContract) -> tuple[torch.Tensor, ...]:
    """Return inputs on which no axis is 1, nor equal to another if it is free, so that none is frozen."""
    step = 0 if contract.size.fixed else contract.size.multiple_of
    height = max(contract.size.minimum, 2 * step)
    lightness = torch.rand(2, 1, height, height + step) * 100
    return (lightness, torch.rand(2, 3, height, height + step)) if contract.takes_hints else (lightness,)


def _dynamic_shapes(contract: ModelContract) -> tuple[dict[int, object], ...]:
    shape: dict[int, object] = {0: torch.export.Dim("batch", min=1, max=4096)}
    if not contract.size.fixed:
        shape |= {2: torch.export.Dim.DYNAMIC, 3: torch.export.Dim.DYNAMIC}
    return (shape,) * len(contract.input_names)


def _require_eval_mode(generator: nn.Module) -> None:
    for name, module in generator.named_modules():
        if module.training:
            raise VerificationError(
                f"the generator's {name or 'whole'} is in training mode: BatchNorm would draw on the batch "
                "and dropout on chance; call eval() first"
            )


def _refuse_chance(operators: Iterable[str]) -> None:
    for operator in operators:
        if any(word in operator.lower() for word in _CHANCE):
            raise VerificationError(f"the graph has the random operator {operator}: its colours would vary")


def _clean(model: onnx.ModelProto) -> None:
    """Name the axes, drop the exporter's traces of this machine, and lower the IR version to the opset's."""
    model.ir_version = helper.find_min_ir_version_for(model.opset_import)
    del model.metadata_props[:]
    graph = model.graph
    for holder in (graph, *graph.node, *graph.value_info, *graph.initializer, *graph.input, *graph.output):
        del holder.metadata_props[:]
    del graph.value_info[:]  # inner shapes carry the exporter's symbol names; runtimes infer them again
    for value in (*graph.input, *graph.output):
        for axis, name in zip(value.type.tensor_type.shape.dim, _AXES, strict=True):
            if name is not None and not axis.HasField("dim_value"):
                axis.dim_param = name
