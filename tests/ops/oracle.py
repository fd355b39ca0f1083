"""Holds one example of an op against its reference and against differences of it, in every way it may be called."""

from __future__ import annotations

import numpy as np

from minigen.autograd import Tensor, grad, no_grad

STEP = 1e-3


def draw(random, shape):
    """Numbers of either sign, none near 0, so that an error at any one element shows."""
    return np.asarray(np.copysign(random.uniform(0.5, 1.5, shape), random.uniform(-1, 1, shape)))


def as_tuple(value):
    """Several outputs as a tuple, one as a tuple of one."""
    return tuple(value) if isinstance(value, tuple | list) else (value,)


def slope(function, args, i, direction):
    """The derivative of a scalar function along `direction` in argument i: central differences, error of order h⁶."""
    def at(distance):
        moved = list(args)
        moved[i] = args[i] + distance * direction
        return function(*moved)

    h = STEP
    return (45 * (at(h) - at(-h)) - 9 * (at(2 * h) - at(-2 * h)) + (at(3 * h) - at(-3 * h))) / (60 * h)


def gradients(call, args, cotangents, active=None, recorded=False):
    """Σ cotangent·output differentiated by the `active` args; Tensors on their graph when `recorded`.

    The sum is left to the sweep where it can be: an op in it could make up for a wrong rule of its own.
    """
    active = range(len(args)) if active is None else active
    inputs = [Tensor(a) if i in active else a for i, a in enumerate(args)]
    outputs = as_tuple(call(*inputs))
    active = [inputs[i] for i in active]
    if len(outputs) == 1:
        return grad(outputs[0], active, cotangents[0], create_graph=recorded), active
    total = sum((y * v).sum() for y, v in zip(outputs, cotangents, strict=True))
    return grad(total, active, create_graph=recorded), active


def second(call, args, cotangents, weights):
    """The gradients contracted with `weights` and differentiated again."""
    firsts, inputs = gradients(call, args, cotangents, recorded=True)
    parts = [grad(g, inputs, u, retain_graph=True) for g, u in zip(firsts, weights, strict=True)]
    return [sum(terms[1:], terms[0]) for terms in zip(*parts, strict=True)]


def assert_near(result, expected, scale, what, rtol=2e-6, atol=2e-8):
    """Fail unless two numbers differ by at most rtol of `scale`."""
    allowed = atol + rtol * max(abs(expected), scale)
    assert abs(result - expected) <= allowed, f"{what}: {result!r}, expected {expected!r}"


def check_values(example):
    """Values, shapes and dtypes are the reference's; arrays give arrays, Tensors Tensors; nothing is written to."""
    copies = [a.copy() for a in example.args]
    expected = as_tuple(example.reference(*example.args))
    plain = as_tuple(example.call(*example.args))
    tensors = as_tuple(example.call(*[Tensor(a) for a in example.args]))
    with no_grad():
        constants = as_tuple(example.call(*[Tensor(a) for a in example.args]))
    assert len(plain) == len(tensors) == len(constants) == len(expected)
    for y, t, c, reference in zip(plain, tensors, constants, expected, strict=True):
        assert isinstance(y, np.ndarray | np.generic), "arrays gave something else than an array"
        assert isinstance(t, Tensor) and isinstance(t.data, np.ndarray), "Tensors gave something else than a Tensor"
        assert t.edge is not None and c.edge is None
        for result in (y, t.data, c.data):
            assert result.shape == np.shape(reference), f"shape {result.shape}, expected {np.shape(reference)}"
            assert result.dtype == np.float64
            np.testing.assert_allclose(result, reference, rtol=1e-9, atol=1e-12)
    assert all(np.array_equal(a, b) for a, b in zip(example.args, copies, strict=True)), "an input was written to"


def check_first(example, seed=0):
    """Gradients of order 1, recorded or not, of all inputs together and of each alone."""
    random = np.random.default_rng(seed)
    args, call = example.args, example.call
    cotangents = [draw(random, np.shape(y)) for y in as_tuple(call(*args))]
    before = [v.copy() for v in cotangents]
    together, _ = gradients(call, args, cotangents)
    recorded, _ = gradients(call, args, cotangents, recorded=True)

    def contracted(*values):
        return sum(float((y * v).sum()) for y, v in zip(as_tuple(call(*values)), cotangents, strict=True))

    for i, (a, g, r) in enumerate(zip(args, together, recorded, strict=True)):
        (alone,), _ = gradients(call, args, cotangents, active=[i])
        for gradient in (g, alone, r.data):
            assert type(gradient) is np.ndarray and gradient.shape == a.shape and gradient.dtype == a.dtype
        size = np.abs(g).max(initial=0.0)
        np.testing.assert_allclose(r.data, g, rtol=1e-9, atol=1e-9 * (1 + size), err_msg=f"recorded, input {i}")
        np.testing.assert_allclose(alone, g, rtol=1e-9, atol=1e-9 * (1 + size), err_msg=f"input {i} alone")
        direction = draw(random, a.shape)
        assert_near(float((g * direction).sum()), slope(contracted, args, i, direction),
                    float(np.abs(g * direction).sum()), f"order 1, input {i}")
    assert all(np.array_equal(v, w) for v, w in zip(cotangents, before, strict=True)), "a cotangent was written to"


def check_second(example, seed=1):
    """Gradients of order 2, against differences of the gradients of order 1."""
    random = np.random.default_rng(seed)
    args, call = example.args, example.call
    cotangents = [draw(random, np.shape(y)) for y in as_tuple(call(*args))]
    weights = [draw(random, a.shape) for a in args]
    analytic = second(call, args, cotangents, weights)

    def contracted(*values):
        firsts, _ = gradients(call, values, cotangents)
        return sum(float((g * u).sum()) for g, u in zip(firsts, weights, strict=True))

    for i, (a, g) in enumerate(zip(args, analytic, strict=True)):
        assert g.shape == a.shape and g.dtype == a.dtype
        direction = draw(random, a.shape)
        assert_near(float((g * direction).sum()), slope(contracted, args, i, direction),
                    float(np.abs(g * direction).sum()), f"order 2, input {i}", rtol=1e-5, atol=1e-7)


LAYOUTS = {
    "Fortran order": lambda a: np.array(a, order="F"),
    "every second": lambda a: np.repeat(a, 2, axis=-1)[..., ::2] if a.ndim else a,
    "reversed": lambda a: np.array(a[::-1])[::-1] if a.ndim else a,
    "misaligned": lambda a: np.frombuffer(b"\0" + a.tobytes(), a.dtype, a.size, 1).reshape(a.shape),
}


def check_layouts(example):
    """Non-contiguous, reversed and misaligned read-only inputs give what contiguous ones give."""
    args, call = example.args, example.call
    random = np.random.default_rng(2)
    cotangents = [draw(random, np.shape(y)) for y in as_tuple(call(*args))]
    weights = [draw(random, a.shape) for a in args]
    wanted = (*as_tuple(call(*args)), *gradients(call, args, cotangents)[0], *second(call, args, cotangents, weights))
    for name, layout in LAYOUTS.items():
        laid = [layout(a) for a in args]
        result = (*as_tuple(call(*laid)), *gradients(call, laid, [LAYOUTS["Fortran order"](v) for v in cotangents])[0],
                 *second(call, laid, cotangents, weights))
        for x, y in zip(result, wanted, strict=True):
            np.testing.assert_allclose(x, y, rtol=1e-9, atol=1e-9 * (1 + np.abs(y).max(initial=0.0)), err_msg=name)


def check_dtypes(example, is_astype=False):
    """float32 stays so in values and gradients of both orders; mixed dtypes follow NumPy, gradients their primals."""
    all_single = [np.float32] * len(example.args)
    mixtures = [[np.float32 if i == k else np.float64 for i in range(len(example.args))]
                for k in range(len(example.args))] if len(example.args) > 1 else []
    for dtypes in [all_single, *mixtures]:
        args = [np.asarray(a, d) for a, d in zip(example.args, dtypes, strict=True)]
        expected = np.float64 if is_astype or np.float64 in dtypes else np.float32
        exact = as_tuple(example.reference(*example.args))
        for outputs in (example.call(*args), example.call(*[Tensor(a) for a in args])):
            for y, value in zip(as_tuple(outputs), exact, strict=True):
                assert y.dtype == expected, f"{dtypes} gave {y.dtype}"
                y = y.data if isinstance(y, Tensor) else y
                np.testing.assert_allclose(y, value, rtol=2e-4, atol=2e-4)
        random = np.random.default_rng(3)
        cotangents = [np.asarray(draw(random, np.shape(y)), expected) for y in exact]
        weights = [np.asarray(draw(random, a.shape), a.dtype) for a in args]
        firsts, _ = gradients(example.call, args, cotangents)
        recorded, _ = gradients(example.call, args, cotangents, recorded=True)
        seconds = second(example.call, args, cotangents, weights)
        doubles = [a.astype(np.float64) for a in args]
        exact_firsts, _ = gradients(example.call, doubles, cotangents)
        exact_seconds = second(example.call, doubles, cotangents, weights)
        for result, exact_gradients in ((firsts, exact_firsts), (recorded, exact_firsts), (seconds, exact_seconds)):
            for a, g, e in zip(args, result, exact_gradients, strict=True):
                assert g.dtype == a.dtype, f"the gradient of a {a.dtype} input is {g.dtype}"
                g = g.data if isinstance(g, Tensor) else g
                np.testing.assert_allclose(g, e, rtol=2e-3, atol=2e-3 * (1 + np.abs(e).max(initial=0.0)))


def check(example, name=""):
    """Everything that is claimed of every op."""
    check_values(example)
    check_first(example)
    check_second(example)
    check_layouts(example)
    check_dtypes(example, is_astype=name == "astype")
