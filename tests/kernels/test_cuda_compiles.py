"""Every CUDA source compiles, for both dtypes and for GPUs from Turing to Blackwell; no GPU is needed."""

import ctypes
import functools
import importlib.util
import shutil
import subprocess
from pathlib import Path

import pytest

from minigen.kernels.machinery import cuda

SOURCES = sorted(str(path.relative_to(cuda.FOLDER).with_suffix("")) for path in cuda.FOLDER.rglob("*.cu"))
ARCHITECTURES = ("sm_75", "sm_80", "sm_90", "sm_100")


@functools.cache
def nvrtc():
    """NVIDIA's runtime compiler from the wheel nvidia-cuda-nvrtc, or None."""
    spec = importlib.util.find_spec("nvidia") if importlib.util.find_spec("nvidia") else None
    for folder in spec.submodule_search_locations if spec else ():
        for path in sorted(Path(folder).rglob("libnvrtc.so*")):
            return ctypes.CDLL(str(path))
    return None


def compile_with_nvrtc(source, options):
    """The compiler's words, empty if it has none; AssertionError if it fails."""
    library, program, length = nvrtc(), ctypes.c_void_p(), ctypes.c_size_t()
    assert library.nvrtcCreateProgram(ctypes.byref(program), source.encode(), b"kernel.cu", 0, None, None) == 0
    words = (ctypes.c_char_p * len(options))(*[option.encode() for option in options])
    code = library.nvrtcCompileProgram(program, len(options), words)
    library.nvrtcGetProgramLogSize(program, ctypes.byref(length))
    log = ctypes.create_string_buffer(length.value)
    library.nvrtcGetProgramLog(program, log)
    library.nvrtcDestroyProgram(ctypes.byref(program))
    assert code == 0, log.value.decode()
    return log.value.decode().strip()


@pytest.mark.parametrize("name", SOURCES)
def test_sources_compile(name, tmp_path):
    if nvrtc() is not None:
        for architecture in ARCHITECTURES:
            for dtype in cuda.REALS:
                assert compile_with_nvrtc(cuda.source(name), [*cuda.options(dtype), f"-arch={architecture}"]) == ""
    elif shutil.which("nvcc"):
        source = tmp_path / "kernel.cu"
        source.write_text(cuda.source(name), encoding="utf-8")
        for dtype, architecture in (("float32", "sm_75"), ("float64", "sm_100")):  # a second each
            command = ["nvcc", "--cubin", f"-arch={architecture}", *cuda.options(dtype), "-o", str(tmp_path / "out"),
                       str(source)]
            done = subprocess.run(command, capture_output=True, text=True)
            assert done.returncode == 0, done.stderr
    else:
        pytest.skip("neither the wheel nvidia-cuda-nvrtc nor nvcc is there to compile CUDA sources")


def test_a_mistake_is_found():
    if nvrtc() is None:
        pytest.skip("the wheel nvidia-cuda-nvrtc is not installed")
    with pytest.raises(AssertionError, match="undefined"):
        compile_with_nvrtc(cuda.source("activations").replace("x[i]", "z[i]"), cuda.options("float32"))
