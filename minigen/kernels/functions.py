"""Elementary functions for use inside compiled loops, written so that the compiler vectorises them.

numba's own `math.exp` and relatives call a scalar library function for each element. These are polynomials after a
range reduction, without branches: a loop over them runs at the speed of memory. float32 has its own versions, float64
uses the library's.
"""

import math

from .compiling import Builtin, loop


@Builtin
def bits_to_float():
    """int32 bits read as a float32: how 2^k is assembled from its exponent."""
    from llvmlite import ir
    from numba import types
    from numba.extending import intrinsic

    @intrinsic
    def bits_to_float(context, bits):
        def generate(context, builder, signature, args):
            return builder.bitcast(args[0], ir.FloatType())
        return types.float32(types.int32), generate

    return bits_to_float


def by_type(single, double):
    """A function for loops: the loop `single` for float32 arguments, `double` for float64."""
    def build():
        import numba
        from numba.extending import overload

        def function(x):
            raise NotImplementedError("for compiled loops only")

        fast, exact = single.compile(), double

        @overload(function, inline="never")
        def _(x):
            return (lambda x: fast(x)) if x == numba.float32 else (lambda x: exact(x))

        return function

    return Builtin(build)
