"""Compiles CUDA sources with g++ and runs them on the CPU, on NumPy arrays: see cuda_on_cpu.h."""

import ctypes
import functools
import hashlib
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

import numpy as np

HEADER = Path(__file__).with_name("cuda_on_cpu.h")
REASON = "no g++ to compile CUDA sources for the CPU with"


def available() -> bool:
    """Whether there is a compiler."""
    return shutil.which("g++") is not None


def kernels_of(source: str) -> list[str]:
    """The names of the kernels in a source."""
    return re.findall(r"^KERNEL (\w+)\(", source, re.MULTILINE)


@functools.cache
def _folder():
    return tempfile.TemporaryDirectory(prefix="minigen-shim-")


@functools.cache
def library(source: str, options: tuple[str, ...]):
    """The compiled source as a library of launchers; AssertionError with the compiler's words if it is wrong."""
    text = f'#include "{HEADER}"\n{source}\n' + "".join(f"LAUNCHER({name})\n" for name in kernels_of(source))
    stem = Path(_folder().name) / hashlib.sha256(repr((text, options)).encode()).hexdigest()[:16]
    stem.with_suffix(".cpp").write_text(text, encoding="utf-8")
    defines = [option for option in options if option.startswith("-D")]
    command = ["g++", "-std=c++17", "-O1", "-shared", "-fPIC", "-Wl,-Bsymbolic", "-ffp-contract=off", "-w", *defines,
               str(stem.with_suffix(".cpp")), "-o", str(stem.with_suffix(".so"))]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return ctypes.CDLL(str(stem.with_suffix(".so")))


def launch(source: str, options, kernel: str, blocks: int, threads: int, args, reverse: bool = False) -> None:
    """Run a kernel; `args` are NumPy arrays (passed by address) and NumPy scalars (by value)."""
    held = [np.array(a.ctypes.data, np.uint64) if isinstance(a, np.ndarray) else np.array(a) for a in args]
    pointers = (ctypes.c_void_p * len(held))(*[a.ctypes.data for a in held])
    getattr(library(source, tuple(options)), f"launch_{kernel}")(
        ctypes.c_uint(blocks), ctypes.c_uint(threads), ctypes.c_int(reverse), pointers)

