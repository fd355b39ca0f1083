"""Functions that differentiate functions.

Each takes f and gives a new function, or a value, on f's own arguments. Arrays in, arrays out; where an argument
is a Tensor that takes part in differentiation the result does too, so that transformations nest to any order.
"""

from __future__ import annotations

from collections.abc import Callable

from ..arrays import array_module
from .structure import flatten
from .sweep import grad, identity, recording
from .tensor import Tensor, modes, raw


def value_and_grad(f: Callable, argnums: int | tuple[int, ...] = 0) -> Callable:
    """A function that gives f's scalar value and its gradient with respect to the arguments `argnums`.

    An argument may be an array, a Tensor, or a list, tuple or dict of these; its gradient has the same structure.
    For several `argnums` the gradients come as a tuple.
    """

    def evaluate(*args, **keywords):
        chosen = (argnums,) if isinstance(argnums, int) else argnums
        args, inputs, higher = _differentiable(args, chosen, keywords)
        with recording(True):
            output = f(*args, **keywords)
            gradients = grad(output, inputs, create_graph=higher)
        return output if higher else output.data, gradients[0] if isinstance(argnums, int) else gradients

    return evaluate


def vjp(f: Callable, *primals):
    """f's value at `primals`, and its pullback: a function from the value's cotangent to a tuple of theirs."""
    args, inputs, higher = _differentiable(primals, range(len(primals)))
    with recording(True):
        output = f(*args)

    def pullback(cotangent):
        record = higher or (isinstance(cotangent, Tensor) and cotangent.edge is not None and modes.recording)
        return grad(output, inputs, cotangent, create_graph=record, retain_graph=True)

    return output if higher else output.data, pullback


def jvp(f: Callable, primals, tangents):
    """f's value at `primals` and its derivative along `tangents`, each a tuple with one entry per argument.

    The Jacobian-vector product is the transpose of the vector-Jacobian product, which is linear in its cotangent:
    two reverse sweeps give it, the second through the first (Townsend, 2017).
    """
    if len(primals) != len(tangents):
        raise ValueError(f"jvp tangents: expected {len(primals)}, one per primal, got {len(tangents)}")
    args, inputs, higher = _differentiable(primals, range(len(primals)), tangents)
    for x, tangent in zip(inputs, tangents, strict=True):
        shape = getattr(tangent, "shape", ())
        if shape != x.shape:
            raise ValueError(f"jvp tangents: expected the primal's shape {x.shape}, got {shape}")
    with recording(True):
        output = f(*args)
        dummy = Tensor(array_module(output.data).zeros_like(output.data))
        pulled = grad(output, inputs, dummy, create_graph=True)
        product = sum((row * tangent).sum() for row, tangent in zip(pulled, tangents, strict=True))
        return output if higher else output.data, grad(product, dummy, create_graph=higher)


def jacobian(f: Callable, argnums: int = 0) -> Callable:
    """A function that gives the matrix of f's partial derivatives, of shape `output.shape + input.shape`.

    One sweep per element of the output.
    """

    def evaluate(*args, **keywords):
        args, (x,), higher = _differentiable(args, (argnums,), keywords)
        with recording(True):
            return _rows(f(*args, **keywords), x, higher)

    return evaluate


def hessian(f: Callable, argnums: int = 0) -> Callable:
    """A function that gives the matrix of second derivatives of a scalar f, of shape `input.shape * 2`."""

    def evaluate(*args, **keywords):
        args, (x,), higher = _differentiable(args, (argnums,), keywords)
        with recording(True):
            return _rows(grad(f(*args, **keywords), x, create_graph=True), x, higher)

    return evaluate


def hvp(f: Callable) -> Callable:
    """A function `(x, v)` that gives the Hessian of the scalar f at x times v, without forming the Hessian."""

    def evaluate(x, v):
        _, (x,), higher = _differentiable((x,), (0,), v)
        with recording(True):
            return grad(grad(f(x), x, create_graph=True), x, v, create_graph=higher)

    return evaluate


def _differentiable(args, argnums, others=()):
    """The arguments with those of `argnums` made Tensors, these Tensors, and whether to record the derivatives."""
    values = flatten([args, others])[0]
    higher = modes.recording and any(isinstance(x, Tensor) and x.edge is not None for x in values)
    args = list(args)
    for i in argnums:
        if not 0 <= i < len(args):
            raise ValueError(f"argnums: expected positions among {len(args)} arguments, got {i}")
        leaves, rebuild = flatten(args[i])
        args[i] = rebuild([_as_input(x, i) for x in leaves])
    return args, tuple(args[i] for i in argnums), higher


def _as_input(x, i):
    tensor = identity(x) if isinstance(x, Tensor) and x.edge is not None and modes.recording else Tensor(raw(x))
    if tensor.edge is None:
        raise TypeError(f"argument {i}: expected float32 or float64 to differentiate, got {tensor.dtype}")
    return tensor


def _rows(output, x, higher):
    """The Jacobian of `output` with respect to `x`, one sweep a row."""
    xp = array_module(x.data)
    basis = xp.eye(output.size, dtype=output.dtype)
    rows = [grad(output, x, e.reshape(output.shape), create_graph=higher, retain_graph=True) for e in basis]
    matrix = xp.zeros((output.size, x.size), x.dtype)
    for i, row in enumerate(rows):
        if higher:  # placed by an outer product, since a Tensor cannot be written into
            matrix = matrix + basis[i, :, None] * row.reshape((1, x.size))
        else:
            matrix[i] = row.reshape(-1)
    return matrix.reshape(output.shape + x.shape)
