import functools
import importlib
import os
import subprocess
import sys
import threading
import zipfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import openvino
import pytest

from colorize_gan.core.contract import METADATA_KEY, ModelContract
from colorize_gan.core.errors import DeviceError, ModelError, UsageError
from colorize_gan.core.hints import join_hints, random_hints
from colorize_gan.core.system import devices
from colorize_gan.infer import Colorizer
from colorize_gan.infer.backends.batching import BatchingBackend
from colorize_gan.infer.backends.bundled import find_model
from colorize_gan.infer.backends.open import open_backend
from colorize_gan.infer.backends.protocol import Backend
from colorize_gan.trainer.checkpoint import load_generator
from colorize_gan.trainer.evaluate import torch_predictor

SUFFIXES = ["onnx", "torchscript", "pt2"]
BACKENDS = [("onnx", "onnxruntime"), ("onnx", "openvino"), ("torchscript", "torchscript"), ("pt2", "pt2")]
BF16_CLOSE = 2.0  # ab; other tests hold the colour difference to its limit


Opened = Callable[[str, str], Backend]


@pytest.fixture(scope="module")
def opened(exported: dict[str, Path]) -> Opened:
    """Open the file of a format with a backend, once: pt2 takes long."""
    return functools.cache(lambda suffix, name: open_backend(exported[suffix], name, "cpu", gate=False))


@pytest.mark.parametrize(("suffix", "name"), BACKENDS)
class TestEveryBackend:
    def test_gives_ab_of_any_allowed_size(self, opened: Opened, suffix: str, name: str) -> None:
        backend = opened(suffix, name)
        for shape in [(1, 1, 32, 32), (3, 1, 64, 96), (2, 1, 160, 32)]:
            ab = backend.run(np.full(shape, 40, np.float32))
            assert (ab.shape, ab.dtype) == ((shape[0], 2, *shape[2:]), np.float32)

    def test_reads_the_contract_from_the_file(self, opened: Opened, suffix: str, name: str) -> None:
        contract = opened(suffix, name).contract
        assert contract.name == "tiny"
        assert contract.parity["p99"] <= contract.parity["limit"]
        assert len(contract.checkpoint_sha256) == 64

    def test_neighbours_in_the_batch_do_not_matter(self, opened: Opened, suffix: str, name: str) -> None:
        backend = opened(suffix, name)
        batch = np.random.default_rng(0).uniform(0, 100, (4, 1, 64, 64)).astype(np.float32)
        alone = np.concatenate([backend.run(image[None]) for image in batch])
        assert np.abs(backend.run(batch) - alone).max() < 1e-3

    def test_truncated_file_is_refused_by_name(
        self, exported: dict[str, Path], suffix: str, name: str, tmp_path: Path
    ) -> None:
        path = tmp_path / f"cut.{suffix}"
        path.write_bytes(exported[suffix].read_bytes()[:5000])
        with pytest.raises(ModelError, match="cut"):
            open_backend(path, name, "cpu")


def test_backends_agree(opened: Opened) -> None:
    lightness = np.random.default_rng(0).uniform(0, 100, (2, 1, 96, 64)).astype(np.float32)
    first, *others = (opened(suffix, name) for suffix, name in BACKENDS)
    for other in others:
        close = BF16_CLOSE if other.precision == "bf16" else 1e-3
        assert np.abs(first.run(lightness) - other.run(lightness)).max() < close, other.name


@pytest.mark.parametrize(("suffix", "name"), BACKENDS)
def test_hints_reach_every_backend_and_none_are_zero(
    hinted: dict[str, Path], hinted_checkpoint: Path, suffix: str, name: str
) -> None:
    generator, contract = load_generator(hinted_checkpoint)
    backend = open_backend(hinted[suffix], name, "cpu", gate=False)
    assert backend.contract.takes_hints
    close = BF16_CLOSE if backend.precision == "bf16" else 1e-3
    for shape in [(1, 1, 32, 32), (2, 1, 80, 48)]:
        lightness = np.random.default_rng(0).uniform(0, 100, shape).astype(np.float32)
        plain = backend.run(lightness)
        for inputs in (lightness, join_hints(lightness, random_hints(shape))):
            found, expected = backend.run(inputs), torch_predictor(generator)(inputs)
            assert np.abs(found - expected).max() < close
            none = np.concatenate([inputs[:, :1], np.zeros_like(inputs[:, 1:])], axis=1)
            assert np.abs(backend.run(none) - plain).max() < 1e-3
        assert np.abs(found - plain).max() > 0.1
    assert contract.takes_hints


@pytest.mark.parametrize(("suffix", "name"), BACKENDS)
def test_contract_that_says_otherwise_of_hints_is_refused_in_one_line(
    exported: dict[str, Path], hinted: dict[str, Path], suffix: str, name: str, tmp_path: Path
) -> None:
    for file, graph, promised in ((exported, "L", "L, hints"), (hinted, "L, hints", "L")):
        path = _with_other_contract(file[suffix], tmp_path / f"wrong.{suffix}")
        with pytest.raises(ModelError) as caught:
            open_backend(path, name, "cpu", gate=False)
        assert str(caught.value) == (
            f"{path}: its graph takes {graph}, its contract says {promised}; export the model again"
        )


def _with_other_contract(file: Path, path: Path) -> Path:
    """Copy a file with the opposite in its contract of whether it takes hints."""
    no, yes = b'"takes_hints": false,', b'"takes_hints": true, '  # of one length

    def swapped(content: bytes) -> bytes:
        return content.replace(no, yes) if no in content else content.replace(yes, no)

    if file.suffix == ".onnx":
        path.write_bytes(swapped(file.read_bytes()))
    else:
        with zipfile.ZipFile(file) as old, zipfile.ZipFile(path, "w") as new:
            for name in old.namelist():
                new.writestr(name, swapped(old.read(name)))
    return path


def test_colorizer_colours_with_a_model_that_takes_hints(hinted: dict[str, Path], photo: np.ndarray) -> None:
    colored = Colorizer(hinted["onnx"], backend="onnxruntime").colorize(photo)
    assert (colored.shape, colored.dtype) == (photo.shape, np.uint8)
    together = Colorizer(hinted["onnx"], backend="onnxruntime", batch_size=3).colorize(photo)
    assert np.array_equal(together, colored)


def test_openvino_runs_its_callers_at_once_and_alike(exported: dict[str, Path]) -> None:
    backend = open_backend(exported["onnx"], "openvino", gate=False)
    images = np.random.default_rng(0).uniform(0, 100, (6, 1, 64, 96)).astype(np.float32)
    expected = backend.run(images)
    with ThreadPoolExecutor(3) as pool:
        found = list(pool.map(backend.run, [image[None] for image in images for _ in range(3)]))
    for index, ab in enumerate(found):
        assert np.array_equal(ab[0], expected[index // 3])


def test_openvino_gives_each_caller_a_copy_of_its_own(
    exported: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    backend = open_backend(exported["onnx"], "openvino", gate=False)
    together = threading.Barrier(2, timeout=300)

    class Meeting:
        """A request that waits until another one runs, too."""

        def infer(self, inputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
            together.wait()
            return {"ab": inputs["L"]}

    monkeypatch.setattr(backend, "_idle", [])
    monkeypatch.setattr(backend, "_compile", Meeting)
    with ThreadPoolExecutor(2) as pool:
        for _ in range(2):
            assert len(list(pool.map(backend.run, np.zeros((2, 1, 1, 64, 64), np.float32)))) == 2
    assert len(backend._idle) == 2  # type: ignore[attr-defined]


def test_openvino_out_of_memory_is_a_memory_error(
    exported: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Full:
        def infer(self, _: object) -> None:
            raise RuntimeError("Exception from src/inference: std::bad_alloc")

    backend = open_backend(exported["onnx"], "openvino", gate=False)
    monkeypatch.setattr(backend, "_idle", [Full()])
    with pytest.raises(MemoryError):
        backend.run(np.zeros((1, 1, 64, 64), np.float32))


@pytest.mark.parametrize("suffix", ["torchscript", "pt2"])
def test_pytorch_out_of_memory_is_a_memory_error(
    opened: Opened, suffix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    backend = opened(suffix, suffix)

    def fail(_: object) -> None:
        raise RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried 80 bytes")

    monkeypatch.setattr(backend, "_program", fail)
    with pytest.raises(MemoryError):
        backend.run(np.full((1, 1, 64, 64), 50, np.float32))


def test_openvino_leaves_the_threads_of_its_callers_on_their_cores(exported: dict[str, Path]) -> None:
    compiled = open_backend(exported["onnx"], "openvino", gate=False)._compile().get_compiled_model()  # type: ignore[attr-defined]
    assert compiled.get_property("ENABLE_CPU_PINNING") is False
    assert compiled.get_property("INFERENCE_NUM_THREADS") == 1


def test_openvino_computes_colour_arithmetic_in_float32(pixels_file: Path, photo: np.ndarray) -> None:
    on_openvino = open_backend(pixels_file, "openvino", gate=False)
    assert on_openvino.precision == "fp32"
    images = photo[None, :151, :233]
    expected = open_backend(pixels_file, "onnxruntime", "cpu").run(images)
    assert np.abs(on_openvino.run(images).astype(int) - expected).max() <= 1


def test_openvino_is_for_the_cpu(exported: dict[str, Path]) -> None:
    with pytest.raises(DeviceError, match="`device` cuda: OpenVINO runs on the CPU"):
        open_backend(exported["onnx"], "openvino", "cuda")
    with pytest.raises(UsageError, match="`device` tpu"):
        open_backend(exported["onnx"], "openvino", "tpu")


def test_openvino_needs_neither_torch_nor_onnx(exported: dict[str, Path]) -> None:
    code = (
        # importing them raises
        "import sys; sys.modules |= dict.fromkeys(['torch', 'onnx', 'onnxruntime'])\n"
        "from pathlib import Path; import numpy; from colorize_gan.infer import open_backend\n"
        f"backend = open_backend(Path({str(exported['onnx'])!r}), 'openvino', gate=False)\n"
        "print(backend.run(numpy.zeros((1, 1, 32, 64), numpy.float32)).shape)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "(1, 2, 32, 64)"


@pytest.mark.parametrize("name", ["onnxruntime", "openvino"])
def test_runtimes_tell_nobody(exported: dict[str, Path], name: str, tmp_path: Path) -> None:
    code = (
        "from pathlib import Path; from colorize_gan.infer import open_backend\n"
        f"open_backend(Path({str(exported['onnx'])!r}), {name!r}, gate=False)\n"
    )
    environment = os.environ | {"HOME": str(tmp_path)}
    for variable in ("ORT_DISABLE_TELEMETRY", "XDG_CACHE_HOME"):
        environment.pop(variable, None)
    subprocess.run([sys.executable, "-c", code], env=environment, check=True)
    assert not list(tmp_path.iterdir())  # where both keep an identifier of the machine


def test_openvino_that_is_not_installed_says_so(exported: dict[str, Path]) -> None:
    code = (
        "import sys; sys.modules['openvino'] = None\n"
        "from pathlib import Path; from colorize_gan.infer import open_backend\n"
        f"open_backend(Path({str(exported['onnx'])!r}), 'openvino', gate=False)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "MissingPackageError: `backend` openvino: needs openvino, which is not installed" in done.stderr


@pytest.mark.parametrize(
    ("flags", "precise"), [("avx2 avx512f", "1"), ("avx512_vnni", "0"), ("avx_vnni", "0")]
)
def test_int8_sums_are_exact_on_cpus_without_vnni_and_fast_with_it(
    flags: str, precise: str, exported: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "cpuinfo").write_text(f"model name\t: A CPU\nflags\t\t: fpu sse2 {flags} xsave\n")
    monkeypatch.setattr(devices, "_CPU_INFO", tmp_path / "cpuinfo")
    asked = []
    session = onnxruntime.InferenceSession

    def keep_options(model: str, options: onnxruntime.SessionOptions, **kwargs: Any) -> Any:
        asked.append(options.get_session_config_entry("session.x64quantprecision"))
        return session(model, options, **kwargs)

    monkeypatch.setattr(onnxruntime, "InferenceSession", keep_options)
    open_backend(exported["onnx"], backend="native")
    assert asked == [precise]


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ties threads to CPUs here")
def test_openvino_leaves_the_calling_thread_on_its_cpus(
    exported: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    backend = open_backend(exported["onnx"], "openvino", gate=False)
    policy, cpus = os.sched_getscheduler(0), os.sched_getaffinity(0)
    run = openvino.InferRequest.infer

    def infer_on_one_cpu(*args: Any) -> Any:
        os.sched_setaffinity(0, {min(cpus)})
        os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))  # shows also where there is one CPU
        return run(*args)

    monkeypatch.setattr(openvino.InferRequest, "infer", infer_on_one_cpu)
    backend.run(np.zeros((2, 1, 32, 64), np.float32))
    assert (os.sched_getscheduler(0), os.sched_getaffinity(0)) == (policy, cpus)


def test_onnx_without_contract_is_refused_by_name(exported: dict[str, Path], tmp_path: Path) -> None:
    model = onnx.load(exported["onnx"])
    del model.metadata_props[:]
    onnx.save(model, tmp_path / "foreign.onnx")
    with pytest.raises(ModelError, match=r"foreign\.onnx: has no model contract"):
        open_backend(tmp_path / "foreign.onnx")


def test_onnx_of_a_newer_schema_is_refused_by_name(exported: dict[str, Path], tmp_path: Path) -> None:
    model = onnx.load(exported["onnx"])
    text = model.metadata_props[0].value.replace('"schema": 1', '"schema": 2')
    onnx.helper.set_model_props(model, {METADATA_KEY: text})
    onnx.save(model, tmp_path / "newer.onnx")
    with pytest.raises(ModelError, match=r"newer\.onnx: contract schema 2"):
        open_backend(tmp_path / "newer.onnx")


def test_model_that_gives_no_finite_color_is_refused(exported: dict[str, Path], tmp_path: Path) -> None:
    model = onnx.load(exported["onnx"])
    bias = next(tensor for tensor in model.graph.initializer if tensor.name.endswith("head.bias"))
    bias.CopyFrom(onnx.numpy_helper.from_array(np.full(2, np.nan, np.float32), bias.name))
    onnx.save(model, tmp_path / "nan.onnx")
    with pytest.raises(ModelError, match=r"nan\.onnx: does not give finite"):
        open_backend(tmp_path / "nan.onnx")


def test_missing_and_foreign_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no such model file"):
        open_backend(tmp_path / "gone.onnx")
    with pytest.raises(ModelError, match="not a model file"):
        open_backend(tmp_path / "weights.pth")


def test_backend_that_cannot_read_the_file_is_a_usage_error(exported: dict[str, Path]) -> None:
    with pytest.raises(UsageError, match="needs onnxruntime or openvino"):
        open_backend(exported["onnx"], backend="torchscript")
    with pytest.raises(UsageError, match="needs torchscript"):
        open_backend(exported["torchscript"], backend="openvino")


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_cuda_that_is_not_there_is_an_error(exported: dict[str, Path], suffix: str) -> None:
    with pytest.raises(DeviceError, match="`device` cuda"):
        open_backend(exported[suffix], device="cuda:7")


def test_session_that_fell_back_to_the_cpu_is_an_error(
    exported: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    module = importlib.import_module("colorize_gan.infer.backends.onnxruntime_backend")
    monkeypatch.setattr(module, "_require_cuda", lambda: None)
    asked = []

    def open_on_cpu(path: str, options: object, providers: list[object]) -> onnxruntime.InferenceSession:
        asked.extend(providers)
        return real(path, options, providers=["CPUExecutionProvider"])

    real = onnxruntime.InferenceSession
    monkeypatch.setattr(onnxruntime, "InferenceSession", open_on_cpu)
    with pytest.raises(DeviceError, match="could not load CUDA"):
        open_backend(exported["onnx"], device="cuda:1")
    provider, settings = asked[0]
    assert (provider, settings["device_id"]) == ("CUDAExecutionProvider", "1")
    assert settings["cudnn_conv_algo_search"] == "HEURISTIC"
    assert settings["cudnn_conv_use_max_workspace"] == "1"
    assert settings["arena_extend_strategy"] == "kSameAsRequested"
    assert settings["use_tf32"] == "0"


class Gpu:
    """A session in the place of one on CUDA: real on the CPU, with room for so many images."""

    def __init__(self, session: onnxruntime.InferenceSession, room: int) -> None:
        self._session, self._room = session, room
        self.bound = list[tuple[str, int]]()

    def __getattr__(self, name: str) -> object:
        return getattr(self._session, name)

    def get_providers(self) -> list[str]:
        return ["CUDAExecutionProvider", "CPUExecutionProvider"]

    def run(self, *_: object) -> None:
        raise AssertionError("a run on CUDA binds its output to the device")

    def io_binding(self) -> "Gpu.Binding":
        return Gpu.Binding(self)

    class Binding:
        def __init__(self, gpu: "Gpu") -> None:
            self._gpu, self._real = gpu, gpu._session.io_binding()

        def bind_cpu_input(self, name: str, inputs: np.ndarray) -> None:
            if len(inputs) > self._gpu._room:
                raise RuntimeError("BFCArena: Failed to allocate memory for requested buffer")
            assert inputs.flags.c_contiguous
            self._real.bind_cpu_input(name, inputs)

        def bind_output(self, name: str, device: str, number: int) -> None:
            self._gpu.bound.append((device, number))
            self._real.bind_output(name)

        def copy_outputs_to_cpu(self) -> list[np.ndarray]:
            return self._real.copy_outputs_to_cpu()

    def run_with_iobinding(self, binding: "Gpu.Binding") -> None:
        self._session.run_with_iobinding(binding._real)


@pytest.fixture
def gpu(monkeypatch: pytest.MonkeyPatch) -> Gpu:
    """The session that `open_backend` opens on CUDA, with room for two images."""
    module = importlib.import_module("colorize_gan.infer.backends.onnxruntime_backend")
    session = Gpu(
        onnxruntime.InferenceSession(find_model("lite2"), providers=["CPUExecutionProvider"]), room=2
    )
    monkeypatch.setattr(module, "_require_cuda", lambda: None)
    monkeypatch.setattr(onnxruntime, "InferenceSession", lambda *_, **__: session)
    return session


def test_output_on_cuda_is_bound_to_the_device_of_the_session(gpu: Gpu) -> None:
    lightness = np.random.default_rng(0).uniform(0, 100, (2, 1, 64, 96)).astype(np.float32)
    backend = open_backend(find_model("lite2"), device="cuda:1")
    assert backend.device == "cuda:1"
    reversed_ = lightness[:, :, ::-1]  # not contiguous
    [expected] = gpu._session.run(["ab"], {"L": np.ascontiguousarray(reversed_)})
    assert np.array_equal(backend.run(reversed_), expected)
    assert set(gpu.bound) == {("cuda", 1)}


def test_full_gpu_halves_the_batch(gpu: Gpu) -> None:
    backend = open_backend(find_model("lite2"), device="cuda:1")
    with pytest.raises(MemoryError, match="Failed to allocate"):
        backend.run(np.zeros((3, 1, 32, 32), np.float32))
    batching = BatchingBackend(backend, 8)
    with ThreadPoolExecutor(8) as pool:
        outputs = list(pool.map(batching.run, np.zeros((8, 1, 1, 32, 32), np.float32)))
    assert {output.shape for output in outputs} == {(1, 2, 32, 32)}


@pytest.mark.gpu
@pytest.mark.parametrize("precision", ["fp32", "fp16"])
def test_cuda_gives_the_colors_of_the_cpu(exported: dict[str, Path], tmp_path: Path, precision: str) -> None:
    from colorize_gan.exporter.export import ExportOptions, export_file

    options = ExportOptions(("onnx",), precisions=(precision,))
    [file] = export_file(exported["onnx"], tmp_path, options)
    lightness = np.random.default_rng(0).uniform(0, 100, (2, 1, 96, 64)).astype(np.float32)
    on_cuda = open_backend(file.path, device="cuda")
    assert on_cuda.device == "cuda:0"
    on_cpu = open_backend(exported["onnx"], device="cpu").run(lightness)
    assert np.abs(on_cuda.run(lightness) - on_cpu).max() < (0.1 if precision == "fp32" else 2)


def test_colorizing_needs_no_torch(exported: dict[str, Path]) -> None:
    code = (
        "import sys; sys.modules['torch'] = None\n"  # importing it raises
        "import numpy, colorize_gan.infer as infer\n"
        f"c = infer.Colorizer({str(exported['onnx'])!r})\n"
        "print(c.colorize(numpy.full((40, 60), 99, numpy.uint8)).shape)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "(40, 60, 3)"


def test_torchscript_without_torch_says_so(exported: dict[str, Path]) -> None:
    code = (
        "import sys; sys.modules['torch'] = None\n"
        "from pathlib import Path; from colorize_gan.infer import open_backend\n"
        f"open_backend(Path({str(exported['torchscript'])!r}))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "torchscript: needs torch, which is not installed" in done.stderr


def test_contract_is_what_was_exported(exported: dict[str, Path]) -> None:
    contract = open_backend(exported["onnx"]).contract
    assert ModelContract.from_json(contract.to_json(), "x") == contract
