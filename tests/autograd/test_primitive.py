"""Primitives that users add: the public decorator in all its forms, and what it says when it is misused."""

import numpy as np
import pytest

from minigen import GraphError, Tensor, check_grads, grad, hessian, jvp, no_grad, ops, primitive
from minigen.autograd import registry


@pytest.fixture(autouse=True)
def same_registry():
    """What a test registers goes with it."""
    before = dict(registry)
    yield
    registry.clear()
    registry.update(before)


X, Y = np.array([0.5, 1.2, 2.0]), np.array([[0.3], [1.5]])


def test_the_example_of_the_documentation():
    @primitive(residuals=("x", "output"))
    def cube_root(x, /):
        return np.cbrt(x)

    @cube_root.defvjp
    def _(g, residuals, needed):
        x, y = residuals
        return (g * y / (3 * x),)

    assert registry["cube_root"] is cube_root.primitive and cube_root.__name__ == "cube_root"
    assert type(cube_root(X)) is np.ndarray and type(cube_root(Tensor(X))) is Tensor
    check_grads(cube_root, (X,), order=3)
    assert cube_root(Tensor(np.float32(8))).dtype == np.float32
    np.testing.assert_allclose(hessian(lambda x: cube_root(x).sum())(X), np.diag(-2 / 9 * X ** (-5 / 3)))


def test_static_parameters_and_shapes():
    @primitive(residuals=("y.shape", "x", "power", "scale"), name="test_scaled")
    def scaled(x, y, /, power, *, scale=2.0):
        return scale * x**power + y

    shapes = []

    @scaled.defvjp
    def _(g, residuals, needed):
        shape, x, power, scale = residuals
        shapes.append(shape)
        return (g * (scale * power) * x ** (power - 1) if needed[0] else None, g)

    for call in (lambda x, y: scaled(x, y, 3), lambda x, y: scaled(x, y, power=2, scale=0.5)):
        check_grads(call, (X, Y))
    assert shapes[0] == (2, 1)
    for wrong, words in [(lambda: scaled(X, Y), r"test_scaled\(x, y, power, scale\)"), (lambda: scaled(X), "got 1 pos"),
                         (lambda: scaled(X, Y, 1, 2, 3), "5 positional"), (lambda: scaled(X, Y, 1, size=2), "size"),
                         (lambda: scaled(Tensor(X), Y, Tensor(2.0)), "only x, y can be Tensors")]:
        with pytest.raises(TypeError, match=words):
            wrong()


def polar():
    """Two outputs of two inputs."""
    @primitive(residuals=("x", "y"), several=True, name="test_polar")
    def to_polar(x, y, /):
        return np.hypot(x, y), np.arctan2(y, x)

    seen = []

    @to_polar.defvjp
    def _(g, residuals, needed):
        x, y = residuals
        seen.append(tuple(part is not None for part in g))
        square = x * x + y * y
        gx = gy = 0 * x * y
        if g[0] is not None:
            gx, gy = gx + g[0] * x / square**0.5, gy + g[0] * y / square**0.5
        if g[1] is not None:
            gx, gy = gx - g[1] * y / square, gy + g[1] * x / square
        return gx, gy

    return to_polar, seen


def test_several_outputs():
    to_polar, seen = polar()
    check_grads(to_polar, (X, Y), order=3)
    check_grads(lambda x, y: to_polar(x, y)[1], (X, Y))
    seen.clear()
    x, y = Tensor(X), Tensor(Y)
    radius, angle = to_polar(x, y)
    grad(angle, x, np.ones((2, 3)), retain_graph=True)
    grad(angle + radius, x, np.ones((2, 3)), retain_graph=True)
    assert seen == [(False, True), (True, True)]
    found = grad(angle * radius, [radius, angle, x], np.ones((2, 3)))  # outputs as targets, beside an input
    np.testing.assert_allclose(found[0], angle.data)
    np.testing.assert_allclose(found[1], radius.data)
    with pytest.raises(GraphError):
        grad(radius, x, np.ones((2, 3)))
    assert all(type(part) is np.ndarray for part in to_polar(X, Y))


def test_one_output_in_a_tuple():
    @primitive(several=True, name="test_single")
    def single(x, /):
        return (x * 2,)

    @single.defvjp
    def _(g, residuals, needed):
        (part,) = g
        return (part * 2,)

    (y,) = single(Tensor(X))
    assert y.shape == (3,)
    check_grads(single, (X,))
    check_grads(lambda x: single(x[:1]), (X,))


def test_variadic_inputs():
    @primitive(residuals=("shapes", "weights"), name="test_total")
    def total(*arrays, weights):
        return sum(w * a for w, a in zip(weights, arrays, strict=True))

    shapes_seen = []

    @total.defvjp
    def _(g, residuals, needed):
        shapes, weights = residuals
        shapes_seen.append(shapes)
        return [g * w if wanted else None for w, wanted in zip(weights, needed, strict=True)]

    check_grads(lambda x, y, z: total(x, y, z, weights=(1, 2, 3)), (X, Y, 0.5))
    assert shapes_seen[0] == ((3,), (2, 1), ())
    y = Tensor(Y)
    np.testing.assert_array_equal(grad(total(X, y, weights=(1, 2)), y, np.ones((2, 3))), np.full((2, 1), 6.0))


def fused(several):
    """sin(x)·y by a rule that needs by-products (and, with `several`, x·y beside it)."""
    runs = []
    if several:
        @primitive(residuals=("x", "y"), several=True, name="test_fused")
        def op(x, y, /):
            return np.sin(x) * y, x * y

        @op.defvjp
        def _(g, residuals, needed):
            runs.append("fused")
            x, y = residuals
            first, second = (0 if part is None else part for part in g)
            return first * np.cos(x) * y + second * y, first * np.sin(x) + second * x
    else:
        @primitive(residuals=("y", "sine", "cosine"), byproducts=("sine", "cosine"), name="test_fused")
        def op(x, y, /):
            sine, cosine = np.sin(x), np.cos(x)
            return sine * y, sine, cosine

        @op.defvjp
        def _(g, residuals, needed):
            runs.append("fused")
            y, sine, cosine = residuals
            assert not any(isinstance(r, Tensor) for r in (g, *residuals))
            return g * cosine * y if needed[0] else None, g * sine if needed[1] else None
    return op, runs


@pytest.mark.parametrize("several", [False, True])
def test_a_fused_rule_replays_its_composite(several):
    op, runs = fused(several)
    replays = []

    @op.defcomposite
    def _(x, y):
        replays.append(1)
        return (ops.sin(x) * y, x * y) if several else ops.sin(x) * y

    first = (lambda *args: op(*args)[0]) if several else op
    x, y = Tensor(X), Tensor(Y)
    v = np.arange(6.0).reshape(2, 3)
    plain = grad(first(x, y), [x, y], v)
    assert runs == ["fused"] and not replays
    recorded = grad(first(x, y), [x, y], v, create_graph=True)
    assert runs == ["fused"] and replays
    for g, r in zip(plain, recorded, strict=True):
        np.testing.assert_allclose(g, r.data)
    np.testing.assert_allclose(plain[0], (v * np.cos(X) * Y).sum(0))
    check_grads(op, (X, Y), order=3)
    np.testing.assert_allclose(jvp(first, (X, Y), (X, 0 * Y))[1], np.cos(X) * Y * X)
    chained = check_grads(lambda x: first(ops.exp(first(x, X)), x), (X,), order=3)
    assert chained is None
    with no_grad():
        assert first(x, y).edge is None


def test_by_products_without_a_composite_are_not_detached_silently():
    op, _ = fused(False)
    x = Tensor(X)
    assert grad(op(x, Y), x, np.ones((2, 3))).shape == (3,)
    with pytest.raises(TypeError, match="test_fused: by-products are not differentiable"):
        grad(op(x, Y), x, np.ones((2, 3)), create_graph=True)


@pytest.mark.parametrize(
    ("cotangents", "error", "words"),
    [
        (lambda g: (g[:1],), ValueError, r"VJP of test_wrong gave .* of shape \(1,\) for an input of shape \(3,\)"),
        (lambda g: (g[:, None] * np.ones(2),), ValueError, r"shape \(3, 2\) for an input of shape \(3,\)"),
        (lambda g: (g.sum(),), ValueError, r"shape \(\) for an input of shape \(3,\)"),
        (lambda g: (g, g), ValueError, "gave 2 cotangents for 1 inputs"),
        (lambda g: (), ValueError, "gave 0 cotangents for 1 inputs"),
    ],
)
def test_wrong_cotangents_are_reported(cotangents, error, words):
    @primitive(name="test_wrong")
    def wrong(x, /):
        return x + 0

    wrong.defvjp(lambda g, residuals, needed: cotangents(g))
    x = Tensor(X)
    with pytest.raises(error, match=words):
        grad(wrong(x).sum(), x)


def test_a_rule_may_leave_an_input_out():
    @primitive(name="test_half")
    def half(x, y, /):
        return x + y

    half.defvjp(lambda g, residuals, needed: (g, None))
    x, y = Tensor(X), Tensor(X)
    gx, gy = grad(half(x, y), (x, y), np.ones(3))
    assert gx.all() and not gy.any()


def test_a_rule_of_the_wrong_dtype_is_put_right():
    @primitive(residuals=("x",), name="test_wide")
    def wide(x, /):
        return x * 2

    wide.defvjp(lambda g, residuals, needed: (g * np.float64(2) * np.ones(3),))
    x = Tensor(np.ones(3, np.float32))
    assert grad(wide(x), x, np.ones(3, np.float32)).dtype == np.float32


def test_a_missing_rule():
    @primitive(name="test_ruleless")
    def ruleless(x, /):
        return x + 0

    x = Tensor(X)
    assert ruleless(X).tolist() == ruleless(x).data.tolist() == X.tolist()
    with pytest.raises(TypeError, match="test_ruleless.*defvjp"):
        grad(ruleless(x).sum(), x)


def test_signatures_that_do_not_fit():
    for function in (lambda x: x, lambda: 0, lambda *, axis: 0):
        with pytest.raises(TypeError, match="array inputs are the parameters before `/`"):
            primitive(name="test_bad")(function)
    with pytest.raises(TypeError, match="test_bad.*array inputs"):
        primitive(name="test_bad")(lambda x, /, *more: x)
    for residuals in (("z",), ("x.size",), ("output.shape",), ("shapes",), ("n", "m")):
        with pytest.raises(TypeError, match="test_bad: residual .* is not an input"):
            primitive(residuals=residuals, name="test_bad")(lambda x, /, n=1: x)
    with pytest.raises(TypeError, match="residual 'output'"):
        primitive(residuals=("output",), several=True, name="test_bad")(lambda x, /: (x, x))
    assert "test_bad" not in registry
