"""`grad`, the sweep's contract with its caller: structures, shapes, dtypes, errors, and what it leaves behind."""

import collections

import numpy as np
import pytest

from minigen import GraphError, Parameter, Tensor, grad, no_grad, ops, stop_gradient


def leaf(*shape, dtype=np.float64, seed=0):
    """A leaf of random values."""
    return Tensor(np.asarray(np.random.default_rng(seed).uniform(0.5, 1.5, shape), dtype))


def test_structures():
    x, y = leaf(3), leaf(3, seed=1)
    z = (x * x * y).sum()
    gx, gy = 2 * x.data * y.data, x.data**2
    one = grad(z, x, retain_graph=True)
    assert type(one) is np.ndarray
    np.testing.assert_allclose(one, gx)
    for structure in ([x, y], (x, y), {"a": x, "b": y}, [x, {"y": (y,)}], {"b": [x, [y]]}, [x, x], []):
        found = grad(z, structure, retain_graph=True)
        assert type(found) is type(structure)
        if structure in ([], ):
            assert found == []
    found = grad(z, {"b": y, "a": [x, (y, x)]}, retain_graph=True)
    assert list(found) == ["b", "a"] and type(found["a"][1]) is tuple
    np.testing.assert_allclose(found["b"], gy)
    np.testing.assert_allclose(found["a"][0], gx)
    np.testing.assert_allclose(found["a"][1][0], gy)
    Pair = collections.namedtuple("Pair", "first second")
    assert type(grad(z, Pair(x, y))) is Pair


def test_unreached_inputs_have_zero_gradients():
    x, unused = leaf(2, dtype=np.float32), leaf(3, 2, dtype=np.float32)
    gx, gu = grad(x.sum(), (x, unused))
    assert gu.shape == (3, 2) and gu.dtype == np.float32 and not gu.any() and gx.all()
    constant = stop_gradient(x) * 2
    assert not grad(constant, x, np.ones(2, np.float32)).any()
    later = x * 2
    assert grad(x, later, np.ones(2)).tolist() == [0, 0]  # made of the output, not the other way round
    recorded = grad(x.sum(), unused, create_graph=True)
    assert isinstance(recorded, Tensor) and not grad(recorded, x, np.ones((3, 2))).any()


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda x: grad(x * 2, x), ValueError, r"shape \(3,\) needs a cotangent"),
        (lambda x: grad(x * 2, x, np.ones(2)), ValueError, r"cotangent: expected shape \(3,\), got \(2,\)"),
        (lambda x: grad(x.sum(), x, np.ones(1)), ValueError, "cotangent: expected shape"),
        (lambda x: grad(x.sum(), stop_gradient(x)), TypeError, "a Tensor that is a constant"),
        (lambda x: grad(x.sum(), Tensor(np.arange(3))), TypeError, "constant"),
        (lambda x: grad(x.sum(), x.data), TypeError, "got ndarray"),
        (lambda x: grad(x.sum(), [x, None]), TypeError, "got NoneType"),
        (lambda x: grad(x.data.sum(), x), TypeError, "output: expected a Tensor, got float64"),
        (lambda x: stop_gradient(x).sum().backward(), TypeError, "constant"),
        (lambda x: (x * 2).backward(), ValueError, "needs a cotangent"),
    ],
)
def test_errors(call, error, words):
    with pytest.raises(error, match=words):
        call(leaf(3))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_gradients_belong_to_the_caller(dtype):
    """Writable, of the primal's shape and dtype, and sharing memory with nothing."""
    x, y, z = leaf(2, 3, dtype=dtype), leaf(3, dtype=dtype), Tensor(np.asarray(2, dtype))
    cotangent = np.ones((2, 3), dtype)
    middle = x + y
    outputs = {
        "sum": (middle + z, [x, y, z, middle]),
        "views": (ops.reshape(ops.transpose(middle), (2, 3)), [x, y, middle]),
        "itself": (x, [x, x]),
        "broadcast": (ops.broadcast_to(x.sum(keepdims=True), (2, 3)), [x]),
        "astype": (x.astype(np.float64), [x]),
        "choice": (x[::1], [x]),
        "same twice": (x - x, [x, x]),
    }
    for output, inputs in outputs.values():
        for create in (False, True):
            found = [g.data if create else g for g in grad(output, inputs, cotangent, create, retain_graph=True)]
            held = [cotangent, output.data, *[t.data for t in inputs]]
            for i, (g, t) in enumerate(zip(found, inputs, strict=True)):
                assert type(g) is np.ndarray and g.shape == t.shape and g.dtype == t.dtype == dtype
                assert g.flags.writeable
                assert not any(np.shares_memory(g, other) for other in held + found[:i] + found[i + 1 :])


def test_a_float64_path_gives_float32_gradients_to_float32_inputs():
    x, w = leaf(3, dtype=np.float32), leaf(3)
    gx, gw = grad((x * w).sum(), (x, w), create_graph=True)
    assert (gx.dtype, gw.dtype) == (np.float32, np.float64)
    second = grad(gx, w, np.ones(3, np.float32))
    assert second.dtype == np.float64 and second.tolist() == [1, 1, 1]


def test_an_input_that_another_was_computed_from():
    """The gradient by a middle value holds the rest fixed; that by the leaf goes all the way."""
    x = leaf(3)
    y = x * x
    z = (y * x).sum()
    gx, gy = grad(z, (x, y))
    np.testing.assert_allclose(gx, 3 * x.data**2)
    np.testing.assert_allclose(gy, x.data)


def test_several_paths_add_up():
    x = leaf(4)
    y = x * 2
    total = y
    for _ in range(5):
        total = total + y
    np.testing.assert_array_equal(grad(total.sum() + y.sum() + x.sum(), x), np.full(4, 15.0))


def test_freed_graphs():
    x = leaf(3)
    y = ops.exp(x)
    z = y.sum()
    first = grad(z, x)
    with pytest.raises(GraphError, match="freed"):
        grad(z, x)
    with pytest.raises(GraphError, match="retain_graph"):
        (y * 2).sum().backward()
    z = ops.exp(x).sum()
    np.testing.assert_array_equal(grad(z, x, retain_graph=True), first)
    np.testing.assert_array_equal(grad(z, x, create_graph=True).data, first)  # retains by itself
    np.testing.assert_array_equal(grad(z, x, create_graph=True, retain_graph=False).data, first)
    with pytest.raises(GraphError):
        grad(z, x)
    z = (x + 1).sum()  # freed too, though its ops have no residuals
    grad(z, x)
    with pytest.raises(GraphError):
        grad(z, x)


def test_a_sweep_leaves_the_rest_of_the_graph():
    """What does not lead to the inputs is not swept, and so not freed."""
    x, w = leaf(3), leaf(3, seed=1)
    features = ops.exp(x)
    loss = (features * w).sum()
    grad(loss, w)
    np.testing.assert_allclose(grad(features.sum(), x), np.exp(x.data))


def test_updated_parameters():
    p, x = Parameter(np.ones(3)), leaf(3)
    loss = (p * p).sum()
    p.assign(np.zeros(3))
    with pytest.raises(GraphError, match=r"shape \(3,\) was updated"):
        grad(loss, p)
    np.testing.assert_array_equal(grad((p * p).sum(), p), np.zeros(3))
    loss = (x * p).sum()
    p.assign(np.ones(3))
    with pytest.raises(GraphError, match="updated"):  # x lies upstream of the parameter that was updated
        grad(loss, x)
    with pytest.raises(GraphError, match="updated"):
        loss.backward()
    untouched = ops.exp(x).sum() + 0 * x.sum()
    p.assign(np.zeros(3))
    assert grad(untouched, x).all()


@pytest.mark.parametrize("view", [lambda p: p.T, lambda p: p.reshape(2, 3), lambda p: p[1:], lambda p: ops.flip(p),
                                  lambda p: ops.split(p, 3)[0], lambda p: ops.broadcast_to(p, (2, 3, 2)),
                                  lambda p: p.T.reshape(-1)])
def test_views_of_updated_parameters(view):
    """A residual that is a view of a parameter has changed with it."""
    p = Parameter(np.ones((3, 2)))
    x = leaf(*view(p).shape)
    loss = (x * view(p)).sum()
    p.assign(np.zeros((3, 2)))
    with pytest.raises(GraphError, match="updated"):
        grad(loss, x)


def test_assign_refuses_other_shapes_before_it_writes():
    p = Parameter(np.ones(3))
    with pytest.raises(ValueError, match=r"expected shape \(3,\), got \(2,\)"):
        p.assign(np.zeros(2))
    assert p.data.tolist() == [1, 1, 1]


def test_frozen_parameters():
    p, x = Parameter(np.full(3, 2.0)), leaf(3)
    p.freeze()
    loss = (x * p).sum()
    assert grad(loss, x, retain_graph=True).tolist() == [2, 2, 2]
    with pytest.raises(TypeError, match="constant"):
        grad(loss, p)
    p.freeze(False)
    p.freeze(False)
    assert p.is_leaf and grad((x * p).sum(), p).tolist() == x.data.tolist()


def test_frozen_parameters_that_were_updated():
    """Freezing takes the gradient away, not the check that the graph still holds what it recorded."""
    p, x = Parameter(np.full(3, 2.0)), leaf(3)
    loss = (x * p).sum()
    p.freeze()
    p.assign(np.ones(3))
    with pytest.raises(GraphError, match="updated"):
        grad(loss, x)
    assert grad((x * p).sum(), x).tolist() == [1, 1, 1]


def test_freezing_and_thawing_keeps_the_graph():
    p = Parameter(np.full(3, 2.0))
    loss = (p * p).sum()
    p.freeze()
    p.freeze(False)
    assert grad(loss, p).tolist() == [4, 4, 4]
    p.replace(np.ones(2, np.float32))
    p.changed()
    assert grad(p.sum(), p).tolist() == [1, 1]


def test_backward_accumulates():
    x, w, scale = leaf(3), leaf(3, seed=1), Tensor(2.0)
    frozen = Parameter(np.ones(3))
    frozen.freeze()
    (x * w * scale * frozen).sum().backward()
    (x * scale).sum().backward()
    np.testing.assert_allclose(x.grad, 2 * w.data + 2)
    np.testing.assert_allclose(w.grad, 2 * x.data)
    np.testing.assert_allclose(scale.grad, (x.data * w.data).sum() + x.data.sum())
    assert frozen.grad is None
    for t in (x, w, scale):
        assert type(t.grad) is np.ndarray and t.grad.flags.writeable
        t.grad[...] = 0
    x.grad = None
    (x * 3).backward(np.arange(3.0))
    assert x.grad.tolist() == [0, 3, 6]
    with pytest.raises(TypeError, match="leaf"):
        (x * 2).grad = np.zeros(3)
    assert (x * 2).grad is None and stop_gradient(x).grad is None
    y = x.sum()
    y.backward(retain_graph=True)
    y.backward()
    with pytest.raises(GraphError):
        y.backward()


def test_backward_does_not_write_into_gradients_that_were_handed_out():
    x = leaf(3)
    (x * 1).sum().backward()
    held, copy = x.grad, x.grad.copy()
    (x * 5).sum().backward()
    np.testing.assert_array_equal(held, copy)


def test_no_grad_and_stop_gradient():
    x = leaf(3)
    with no_grad():
        y = x * 2
        with no_grad():
            pass
        z = ops.exp(x) + ops.split(x, 3)[0]
    assert y.edge is None and z.edge is None and (x * 2).edge is not None

    @no_grad()
    def constant(x):
        return x * 2

    assert constant(x).edge is None and constant(x).edge is None and (x * 2).edge is not None
    with pytest.raises(ZeroDivisionError), no_grad():
        raise ZeroDivisionError
    assert (x * 2).edge is not None
    np.testing.assert_array_equal(grad((x * stop_gradient(x)).sum(), x), x.data)
    plain = np.ones(3)
    assert stop_gradient(plain) is plain
