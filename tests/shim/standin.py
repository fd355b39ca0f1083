"""A strict stand-in for CuPy: arrays "on a device" that refuse NumPy functions and NumPy arrays.

`installed()` puts a module named cupy (and cupyx's special functions and linear algebra) in place for the duration of
a context. Its arrays keep their values in NumPy arrays that nothing else can reach; they mix with each other and with
scalars alone, as CuPy's do, and np.anything of them raises. Kernels in CUDA are run by the emulator. In
`no_synchronisation()` everything that would wait for a device, or copy to or from it, raises.
"""

from __future__ import annotations

import contextlib
import operator
import sys
import types

import numpy as np
import pytest
import scipy.linalg
import scipy.special

from shim import emulator
from shim.recording import STATE, Stream, cuda_module, waits
from shim.recording import no_synchronisation as no_synchronisation
from shim.recording import nothing as nothing

_SCALARS = (bool, int, float, np.generic)


def _made(compute, base=None):
    """What `compute()` gives, on the device; a graph that is being recorded computes it again at every replay."""
    result = _wrap(compute(), base)
    graph = STATE["graph"]
    if graph is not None:
        for i, item in enumerate(result if isinstance(result, tuple) else (result,)):
            if isinstance(item, ndarray):
                graph.computed(item, compute if not isinstance(result, tuple) else lambda i=i: compute()[i])
    return result


def _done(change, *targets):
    """Do what changes `targets` in place; a graph that is being recorded does it again at every replay."""
    if STATE["graph"] is not None:
        STATE["graph"].changed(change, targets)
    change()


class ndarray:  # named as CuPy's
    """An array on the device."""

    __array_ufunc__ = None
    __hash__ = None

    def __init__(self, values, base=None):
        self._values, self.base = np.asarray(values), base

    shape = property(lambda self: self._values.shape)
    dtype = property(lambda self: self._values.dtype)
    ndim = property(lambda self: self._values.ndim)
    size = property(lambda self: self._values.size)
    itemsize = property(lambda self: self._values.itemsize)
    nbytes = property(lambda self: self._values.nbytes)
    flags = property(lambda self: self._values.flags)
    T = property(lambda self: self.transpose())

    def __array__(self, dtype=None, copy=None):
        raise TypeError("an array on the device does not turn into a NumPy array by itself")

    def __array_function__(self, function, kinds, args, keywords):
        raise TypeError(f"np.{function.__name__} of an array on the device")

    def get(self):
        """A copy on the host."""
        waits("get")
        return self._values.copy()

    def item(self):
        """The only element as a Python number."""
        waits("item")
        return self._values.item()

    def tolist(self):
        """The elements as nested lists."""
        waits("tolist")
        return self._values.tolist()

    def __bool__(self):
        waits("bool")
        return bool(self._values)

    def __float__(self):
        waits("float")
        return float(self._values)

    def __int__(self):
        waits("int")
        return int(self._values)

    def __index__(self):
        waits("index")
        return operator.index(self._values)

    def __len__(self):
        return len(self._values)

    def __iter__(self):
        return (self[i] for i in range(len(self)))

    def __repr__(self):
        return f"device {self._values!r}"

    def __getitem__(self, index):
        parts = index if isinstance(index, tuple) else (index,)
        if any(getattr(item, "dtype", np.dtype(int)).kind == "b" for item in parts):
            waits("a boolean index")
        result = self._values[_plain(index)]
        if isinstance(result, np.ndarray) and np.may_share_memory(result, self._values):
            return ndarray(result, self)
        return _made(lambda: self._values[_plain(index)])

    def __setitem__(self, index, value):
        if isinstance(value, np.ndarray):
            _plain(value)

        def change():
            self._values[_plain(index)] = _plain(value)
        _done(change, self)

    @property
    def __cuda_array_interface__(self):
        raise TypeError("the stand-in has no device memory")


def _plain(value):
    """The values behind arrays on the device, in any structure; TypeError for a NumPy array."""
    if isinstance(value, ndarray):
        return value._values
    if isinstance(value, np.ndarray):
        raise TypeError(f"a NumPy array of shape {value.shape} met the device")
    if isinstance(value, tuple | list):
        return type(value)(_plain(item) for item in value)
    if type(value).__name__ in ("Tensor", "Parameter", "Buffer"):
        raise TypeError("a Tensor was given where an array is expected")
    return value


def _wrap(value, base=None):
    if isinstance(value, np.ndarray | np.generic):
        return ndarray(value, base)
    if isinstance(value, tuple):
        return tuple(_wrap(item) for item in value)
    return value


def _operator(name, function):
    def apply(self, other):
        if isinstance(other, np.ndarray):
            raise TypeError(f"{name} of an array on the device and a NumPy array of shape {other.shape}")
        if not isinstance(other, (ndarray, *_SCALARS)):
            return NotImplemented
        return _made(lambda: function(self._values, _plain(other)))
    return apply


for _name in ("add", "sub", "mul", "truediv", "floordiv", "mod", "pow", "matmul", "and_", "or_", "xor", "lshift",
              "rshift", "lt", "le", "gt", "ge", "eq", "ne"):
    _function, _bare = getattr(operator, _name), _name.rstrip("_")
    setattr(ndarray, f"__{_bare}__", _operator(_name, _function))
    setattr(ndarray, f"__r{_bare}__", _operator(_name, lambda a, b, f=_function: f(b, a)))
for _name in ("iadd", "isub", "imul", "itruediv", "iand", "ior", "ixor", "ilshift", "irshift"):
    def _in_place(self, other, _name=_name):
        _plain(other)
        _done(lambda: getattr(operator, _name)(self._values, _plain(other)), self)
        return self
    setattr(ndarray, f"__{_name}__", _in_place)
for _name in ("neg", "pos", "abs", "invert"):
    setattr(ndarray, f"__{_name}__", lambda self, _name=_name: _made(lambda: getattr(operator, _name)(self._values)))
for _name in ("sum", "mean", "var", "std", "max", "min", "any", "all", "argmax", "argmin", "argsort", "cumsum", "prod",
              "repeat", "reshape", "transpose", "astype", "copy", "ravel", "clip", "dot", "view", "fill", "squeeze"):
    def _method(self, *args, _name=_name, **keywords):
        def compute():
            plain = {k: _plain(v) for k, v in keywords.items()}
            return getattr(self._values, _name)(*_plain(args), **plain)

        if "out" in keywords or _name == "fill":
            _done(compute, keywords.get("out", self))
            return keywords.get("out")
        result = compute()
        if result is self._values:
            return self
        if isinstance(result, np.ndarray) and np.may_share_memory(result, self._values) and result.size:
            return ndarray(result, self)
        return _made(compute)
    setattr(ndarray, _name, _method)
ndarray.__module__ = "cupy"

# What minigen uses of CuPy; `real_names` is held against a CuPy that is installed.
FUNCTIONS = (
    "abs add arange argmax argsort broadcast_to clip concatenate copysign cos cumsum divide dot empty "
    "empty_like equal exp expand_dims expm1 eye flip floor full full_like isfinite isinf isnan log log1p matmul "
    "maximum minimum multiply negative ones ones_like pad power repeat sign sin sqrt square stack subtract sum take "
    "take_along_axis tanh tril triu where zeros zeros_like bitwise_and right_shift logical_and logical_or "
    "logical_not ascontiguousarray round sinh cosh arctan2 fabs floor_divide cbrt nan_to_num vdot tensordot einsum "
    "result_type broadcast_arrays moveaxis swapaxes squeeze mean var amax amin prod outer diagonal ravel reshape "
    "transpose searchsorted isclose arcsin logaddexp"
).split()
PLAIN = "broadcast_shapes float32 float64 int32 int64 uint8 uint32 uint64 bool_ pi inf nan newaxis".split()
LINALG = "solve inv cholesky slogdet norm".split()
SPECIAL = "erf gammaln digamma zeta ndtr ndtri gammainc gammaincinv betainc betaincinv".split()


def _function_of(function):
    def apply(*args, **keywords):
        def compute():
            return function(*_plain(args), **{name: _plain(value) for name, value in keywords.items()})

        out = keywords.get("out")
        if out is not None:
            _done(compute, out)
            return out
        result = compute()
        if not isinstance(result, np.ndarray | np.generic | tuple):
            return result
        shared = [a for a in args if isinstance(a, ndarray) and isinstance(result, np.ndarray)
                  and np.may_share_memory(a._values, result)]
        return ndarray(result, shared[0]) if shared and result.size else _made(compute)
    apply.__name__ = function.__name__
    return apply


def _asarray(values, dtype=None, **keywords):
    if isinstance(values, ndarray):
        return values if dtype is None or values.dtype == dtype else values.astype(dtype)
    waits("asarray of what is on the host")
    return ndarray(np.array(values, dtype))


class RawModule:
    """Compiles CUDA sources for the CPU; `reverse` is the order in which threads run."""

    reverse = False

    def __init__(self, code, options=(), **keywords):
        self.code, self.options = code, tuple(options)

    def get_function(self, name):
        """A kernel that is launched as `kernel((blocks,), (threads,), arguments)`."""
        assert name in emulator.kernels_of(self.code), f"no kernel {name}"

        def kernel(grid, block, args):
            assert all(isinstance(a, ndarray | np.generic) for a in args), "an argument that CUDA cannot take"
            _done(lambda: emulator.launch(self.code, self.options, name, int(grid[0]), int(block[0]),
                                          [_plain(a) for a in args], self.reverse),
                  *[a for a in args if isinstance(a, ndarray)])
        return kernel


def _modules():
    cupy = types.ModuleType("cupy")
    for name in FUNCTIONS:
        setattr(cupy, name, _function_of(getattr(np, name)))
    for name in PLAIN:
        setattr(cupy, name, getattr(np, name))
    cupy.ndarray, cupy.RawModule, cupy.asarray, cupy.array = ndarray, RawModule, _asarray, _asarray
    cupy.is_available = lambda: True
    cupy.add = types.SimpleNamespace(at=lambda a, index, b: _done(
        lambda: np.add.at(a._values, _plain(index), _plain(b)), a))
    cupy.cuda = cuda_module()
    cupy.linalg = types.ModuleType("cupy.linalg")
    for name in LINALG:
        setattr(cupy.linalg, name, _function_of(getattr(np.linalg, name)))
    special, linalg = types.ModuleType("cupyx.scipy.special"), types.ModuleType("cupyx.scipy.linalg")
    for name in SPECIAL:
        setattr(special, name, _function_of(getattr(scipy.special, name)))
    linalg.solve_triangular = _function_of(scipy.linalg.solve_triangular)
    cupyx, package = types.ModuleType("cupyx"), types.ModuleType("cupyx.scipy")
    cupyx.scipy, package.special, package.linalg = package, special, linalg
    return {"cupy": cupy, "cupy.cuda": cupy.cuda, "cupy.linalg": cupy.linalg, "cupyx": cupyx, "cupyx.scipy": package,
            "cupyx.scipy.special": special, "cupyx.scipy.linalg": linalg}


@contextlib.contextmanager
def installed():
    """The context in which `import cupy` gives the stand-in, which it yields."""
    from minigen.arrays import MODULES
    from minigen.kernels.machinery import cuda

    modules = _modules()
    held = {name: sys.modules.get(name) for name in list(sys.modules) + list(modules)
            if name.partition(".")[0] in ("cupy", "cupyx")}
    for name in held:
        sys.modules.pop(name, None)
    sys.modules.update(modules)
    cuda.function.cache_clear()
    try:
        yield modules["cupy"]
    finally:
        for name in modules:
            sys.modules.pop(name, None)
        sys.modules.update({name: module for name, module in held.items() if module is not None})
        MODULES.pop(ndarray, None)
        cuda.function.cache_clear()


@contextlib.contextmanager
def cupy_or_stand_in(name):
    """CuPy itself if `name` is "gpu" (the test is skipped where there is none), else the stand-in."""
    if name != "gpu":
        with installed() as cupy:
            yield cupy
        return
    cupy = pytest.importorskip("cupy")
    if not cupy.is_available():
        pytest.skip("CuPy finds no GPU")
    yield cupy


def real_names(cupy, special) -> list[str]:
    """The names that the stand-in has and a real CuPy lacks."""
    checks = [(cupy, [*FUNCTIONS, *PLAIN, "RawModule", "asarray", "is_available"]), (cupy.linalg, LINALG),
              (special, SPECIAL),
              (cupy.ndarray, [n for n in vars(ndarray) if not n.startswith("_")]),
              (cupy.cuda, ["Stream", "MemoryPool", "get_current_stream", "using_allocator"]),
              (cupy.cuda.Stream, [n for n in vars(Stream) if not n.startswith("_")])]
    return [f"{where.__name__}.{name}" for where, names in checks for name in names if not hasattr(where, name)]
