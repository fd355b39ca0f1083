"""Array modules, devices, dtypes and threads."""

import os
import subprocess
import sys
import types

import numpy as np
import pytest

from minigen import arrays
from minigen.arrays import array_module, as_dtype, check_device, set_threads, to_device, to_numpy


def test_array_module_of_what_lives_on_the_cpu():
    assert array_module() is np
    assert array_module(np.zeros(2), 1.0, [1], np.float32(2), None) is np
    assert "cupy" not in sys.modules


def test_array_module_of_a_gpu_array(monkeypatch):
    # A stand-in: CuPy's arrays have a type whose module is below "cupy".
    fake = types.ModuleType("cupy")
    kind = type("ndarray", (), {"__module__": "cupy.core", "get": lambda self: np.arange(3)})
    monkeypatch.setitem(sys.modules, "cupy", fake)
    monkeypatch.setattr("minigen.arrays.devices.MODULES", {np.ndarray: np})
    assert array_module(np.zeros(2), kind()) is fake
    assert array_module(kind()) is fake
    assert to_numpy(kind()).tolist() == [0, 1, 2]


def test_to_numpy_and_to_device_do_not_copy_on_the_cpu():
    x = np.zeros(3)
    assert to_numpy(x) is x and to_device(x, "cpu") is x
    assert to_numpy([1, 2]).tolist() == [1, 2]


def test_check_device(monkeypatch):
    assert check_device("cpu") == "cpu"
    for bad in ("gpu", "CUDA", "", None, 0):
        with pytest.raises(ValueError, match="device: expected 'cpu' or 'cuda'"):
            check_device(bad)
        with pytest.raises(ValueError, match="device"):
            to_device(np.zeros(2), bad)
    monkeypatch.setitem(sys.modules, "cupy", None)
    with pytest.raises(ValueError, match="'cuda' needs CuPy"):
        check_device("cuda")
    blind = types.ModuleType("cupy")
    blind.is_available = lambda: False
    monkeypatch.setitem(sys.modules, "cupy", blind)
    with pytest.raises(ValueError, match="no GPU"):
        check_device("cuda")


def test_as_dtype():
    for name in ("float32", np.float32, np.dtype("float32")):
        assert as_dtype(name) == np.dtype(np.float32)
    for name in ("float64", np.float64, float):
        assert as_dtype(name) == np.dtype(np.float64)
    for bad in ("float16", "int32", int, np.dtype("complex64"), None, 3):
        with pytest.raises(ValueError, match="dtype: expected 'float32' or 'float64'"):
            as_dtype(bad)
    with pytest.raises(TypeError, match="dtype"):
        as_dtype(["float32"])


@pytest.mark.parametrize(
    ("error", "bad"),
    [(ValueError, 0), (ValueError, -2), (TypeError, 1.5), (TypeError, True), (TypeError, "2"), (TypeError, None)],
)
def test_set_threads_refuses(error, bad):
    before = dict(os.environ)
    with pytest.raises(error, match="threads"):
        set_threads(bad)
    assert dict(os.environ) == before


def test_set_threads_reaches_blas_and_what_is_loaded_later():
    # In a process of its own: the setting is for the whole process. threadpoolctl is an independent witness.
    pytest.importorskip("threadpoolctl")
    code = (
        "import os, numpy, threadpoolctl; from minigen.arrays import pool, set_threads\n"
        "for n in (1, 2, 1):\n"
        "    got = set_threads(n)\n"
        "    blas = [l['num_threads'] for l in threadpoolctl.threadpool_info() if l['user_api'] == 'blas']\n"
        "    assert got is None or (blas and all(b == got == n for b in blas)), (n, got, blas)\n"
        "    assert os.environ['OMP_NUM_THREADS'] == str(n)\n"
        "    assert pool.thread_count() == n\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        timeout=120,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert done.returncode == 0, done.stderr


def test_names():
    for name in arrays.__all__:
        assert hasattr(arrays, name)
