"""Elementary functions of one argument, applied to each element."""

import numpy as np

from ..arrays import array_module
from ..autograd import raw
from ..autograd.primitive import primitive
from ..kernels.machinery.examples import Example


@primitive(residuals=("output",))
def exp(x, /):
    """e to the x."""
    return array_module(x).exp(x)


@exp.defvjp
def _(g, residuals, needed):
    (y,) = residuals
    return (g * y,)


exp.example(lambda make: [make.values(make.shape())])


@primitive(residuals=("output",))
def expm1(x, /):
    """exp(x) - 1, exact near 0."""
    return array_module(x).expm1(x)


@expm1.defvjp
def _(g, residuals, needed):
    (y,) = residuals
    return (g * (y + 1),)


expm1.example(lambda make: [make.values(make.shape())])


@primitive(residuals=("x",))
def log(x, /):
    """Natural logarithm; -inf at 0, NaN below."""
    return array_module(x).log(x)


@log.defvjp
def _(g, residuals, needed):
    (x,) = residuals
    return (g / x,)


log.example(lambda make: [make.values(make.shape(), 0.3, 3.0)])


@primitive(residuals=("x",))
def log1p(x, /):
    """log(1 + x), exact near 0."""
    return array_module(x).log1p(x)


@log1p.defvjp
def _(g, residuals, needed):
    (x,) = residuals
    return (g / (1 + x),)


log1p.example(lambda make: [make.values(make.shape(), -0.6, 3.0)])


@primitive(residuals=("output",))
def sqrt(x, /):
    """Square root; its derivative is infinite at 0."""
    return array_module(x).sqrt(x)


@sqrt.defvjp
def _(g, residuals, needed):
    (y,) = residuals
    return (g / (2 * y),)


sqrt.example(lambda make: [make.values(make.shape(), 0.3, 3.0)])


@primitive(residuals=("x",))
def square(x, /):
    """x²."""
    return x * x


@square.defvjp
def _(g, residuals, needed):
    (x,) = residuals
    return (g * (2 * x),)


square.example(lambda make: [make.values(make.shape())])


@primitive(residuals=("x",))
def abs(x, /):  # NumPy's name, though a builtin has it too
    """|x|; its derivative at 0 is 0."""
    return array_module(x).abs(x)


@abs.defvjp
def _(g, residuals, needed):
    x = raw(residuals[0])
    return (g * array_module(x).sign(x),)


abs.example(lambda make: [make.apart(make.shape())])


@primitive(residuals=("x",))
def sin(x, /):
    """Sine of x in radians."""
    return array_module(x).sin(x)


@sin.defvjp
def _(g, residuals, needed):
    (x,) = residuals
    return (g * cos(x),)


sin.example(lambda make: [make.values(make.shape())])


@primitive(residuals=("x",))
def cos(x, /):
    """Cosine of x in radians."""
    return array_module(x).cos(x)


@cos.defvjp
def _(g, residuals, needed):
    (x,) = residuals
    return (-g * sin(x),)


cos.example(lambda make: [make.values(make.shape())])


@primitive()
def astype(x, /, dtype):
    """The values as float32 or float64; the gradient has the dtype of x. Raises TypeError for other dtypes."""
    if np.dtype(dtype).char not in "fd":
        raise TypeError(f"astype dtype: expected float32 or float64, got {np.dtype(dtype)}; other values carry no "
                        "gradient, so make them of tensor.data")
    return x.astype(dtype, copy=False)


@astype.defvjp
def _(g, residuals, needed):
    return (g,)  # the sweep gives every gradient its input's dtype


@astype.example
def _(make):
    """To float64 alone: differences of values would see how float32 rounds them."""
    return Example(make.values(make.shape()), dtype=np.float64)
