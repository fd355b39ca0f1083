"""`Kernel`: one function of arrays in up to three versions, and the choice between them.

    @kernel
    def softplus(x):                       # the reference: array code, on NumPy and CuPy
        ...

    @softplus.compiled(above=4096)         # for NumPy arrays of 4096 elements or more: calls numba loops
    def _(x):
        ...

    @softplus.on_device                    # for CuPy arrays: launches a CUDA kernel
    def _(x):
        ...

    @softplus.example                      # what checks and tests run it on: see `examples`
    def _(make):
        return [make.normal(make.rows())]

The choice looks at the first array's type and one array's size alone. MINIGEN_KERNELS=reference in the environment, or
`with reference_kernels():`, takes the reference always.
"""

import contextlib
import functools
import os
import threading
import warnings

from numpy import ndarray

from .examples import Examples

registry: dict[str, "Kernel"] = {}


class _Modes(threading.local):
    reference = os.environ.get("MINIGEN_KERNELS", "") == "reference"


_modes = _Modes()


class Kernel:
    """A function of arrays. `reference` is the array code that defines it; the other versions agree with it.

    `example` is a decorator for functions that make arguments, `examples` holds them.
    """

    def __init__(self, reference):
        self.reference, self.fast, self.device = reference, None, None
        self.above = self.by = 0
        functools.update_wrapper(self, reference)
        self.examples = Examples(self)
        self.example = self.examples.add
        registry[reference.__name__] = self

    def compiled(self, above: int = 4096, by: int = 0):
        """Decorator: the version for NumPy arrays, when argument number `by` has at least `above` elements.

        It gets the same arguments. It may return NotImplemented for arguments that it does not cover.
        """
        def define(function):
            self.fast, self.above, self.by = function, above, by
            return function
        return define

    def on_device(self, function):
        """Decorator: the version for CuPy arrays; it may return NotImplemented."""
        self.device = function
        return function

    def __call__(self, *args, **keywords):
        kind = type(args[0])
        if kind is ndarray:
            if args[self.by].size < self.above:
                return self.reference(*args, **keywords)
            version = self.fast
        else:
            version = self.device if kind.__module__.partition(".")[0] == "cupy" else None
        if version is not None and not _modes.reference:
            try:
                result = version(*args, **keywords)
                if result is not NotImplemented:
                    return result
            except Exception as error:
                self._give_up(version, error)
        return self.reference(*args, **keywords)

    def _give_up(self, version, error):
        """Use the reference from now on if the version could not be compiled; raise any other error again."""
        if not _is_compilation_error(error):
            raise error
        if version is self.fast:
            self.fast = None
        else:
            self.device = None
        warnings.warn(f"kernel {self.__name__} could not be compiled and runs as array code: "
                      f"{type(error).__name__}: {str(error)[:200]}", RuntimeWarning, stacklevel=3)


def kernel(reference) -> Kernel:
    """Decorator: make a Kernel of its reference."""
    return Kernel(reference)


@contextlib.contextmanager
def reference_kernels():
    """Within this context (and this thread) every kernel runs as its reference."""
    before, _modes.reference = _modes.reference, True
    try:
        yield
    finally:
        _modes.reference = before


def _is_compilation_error(error) -> bool:
    kind = type(error)
    module = kind.__module__.partition(".")[0]
    return isinstance(error, ImportError) or module in ("numba", "llvmlite") or kind.__name__ in (
        "CompileException", "NVRTCError", "CUDADriverError")
