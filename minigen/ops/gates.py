"""Gated units of one array, whose last axis has two halves a and b."""

from .. import kernels
from ..autograd import raw
from ..autograd.primitive import example, primitive
from .activations import sigmoid, tanh
from .recordable import recordable
from .shape import concatenate, split


@primitive(residuals=("x",), name="glu")
def _glu(x, /):
    return kernels.glu(x)


def _glu_formula(g, x):
    a, b = split(x, 2, axis=-1)
    s = sigmoid(b)
    return concatenate([g * s, g * (a * (s * (1 - s)))], axis=-1)


_glu_vjp = recordable(kernels.glu_vjp, _glu_formula)


@_glu.defvjp
def _(g, residuals, needed):
    return (_glu_vjp(g, *residuals),)


@primitive(residuals=("x",), name="tanh_gate")
def _tanh_gate(x, /):
    return kernels.tanh_gate(x)


def _tanh_gate_formula(g, x):
    a, b = split(x, 2, axis=-1)
    t, s = tanh(a), sigmoid(b)
    return concatenate([g * (s * (1 - t * t)), g * (t * (s * (1 - s)))], axis=-1)


_tanh_gate_vjp = recordable(kernels.tanh_gate_vjp, _tanh_gate_formula)


@_tanh_gate.defvjp
def _(g, residuals, needed):
    return (_tanh_gate_vjp(g, *residuals),)


def glu(x):
    """a·sigmoid(b), half as long on the last axis as x = (a, b) (Dauphin et al., 2017).

    Raises ValueError if the last axis has no halves.
    """
    return _glu(_halved("glu", x))


@example(glu)(scalars=False)
def _(make):
    *leading, width = make.shape(least=1)
    return [make.values((*leading, 2 * width))]


def tanh_gate(x):
    """tanh(a)·sigmoid(b), half as long on the last axis as x = (a, b) (van den Oord et al., 2016).

    Raises ValueError if the last axis has no halves.
    """
    return _tanh_gate(_halved("tanh_gate", x))


@example(tanh_gate)(scalars=False)
def _(make):
    *leading, width = make.shape(least=1)
    return [make.values((*leading, 2 * width))]


def _halved(name, x):
    shape = getattr(raw(x), "shape", ())
    if not shape or shape[-1] % 2:
        raise ValueError(f"{name}: expected an even number on the last axis, got shape {shape}")
    return x
