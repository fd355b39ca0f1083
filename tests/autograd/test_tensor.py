"""Tensors by themselves: what they take, what they refuse, and how they get along with NumPy."""

import copy
import pickle

import numpy as np
import pytest

from minigen import Parameter, Tensor, grad, ops, stop_gradient
from minigen.autograd import raw, xp_of
from shim import standin

X = Tensor(np.arange(6.0).reshape(2, 3))


@pytest.mark.parametrize(
    "data",
    [np.float16([1.0]), np.array(["a"]), np.array([object()]), np.array([1j]), np.array(["2020"], "M8[Y]"), "text",
     None, [[1, 2], ["a", "b"]], {"a": 1}, np.longdouble([1])],
)
def test_refused_data(data):
    with pytest.raises(TypeError, match="Tensor data: expected float32, float64"):
        Tensor(data)


def test_data():
    with pytest.raises(TypeError, match="got a Tensor"):
        Tensor(X)
    with pytest.raises(ValueError, match="inhomogeneous"):
        Tensor([[1.0], [1.0, 2.0]])
    array = np.ones(3, np.float32)
    assert Tensor(array).data is array
    for data, dtype in [([1.0, 2], "f8"), (1.5, "f8"), (np.float32(2), "f4"), (3, "i8"), ([True], "?")]:
        t = Tensor(data)
        assert type(t.data) is np.ndarray and t.dtype == dtype and t.is_leaf == (t.dtype.kind == "f")
    with pytest.raises(TypeError, match="Parameter data: expected float32 or float64, got int64"):
        Parameter(np.arange(3))


def test_kinds_of_arrays(tmp_path):
    """Matrices and memory maps become plain arrays, without a copy; masked arrays would lose their mask."""
    with pytest.raises(TypeError, match="masked"):
        Tensor(np.ma.array([1.0, 2.0], mask=[True, False]))
    product = Tensor(np.asmatrix(np.eye(2))) * Tensor(np.asmatrix(np.ones((2, 2))))
    assert type(product.data) is np.ndarray and product.data.tolist() == [[1, 0], [0, 1]]
    np.save(tmp_path / "a.npy", np.ones(3))
    mapped = np.load(tmp_path / "a.npy", mmap_mode="r")
    assert type(Tensor(mapped).data) is np.ndarray and np.shares_memory(Tensor(mapped).data, mapped)
    swapped = Tensor(np.array([1.0, 2.0], ">f4"))
    assert grad((swapped * swapped).sum(), swapped).tolist() == [2, 4]


def test_properties():
    assert (X.shape, X.ndim, X.size, X.dtype, len(X)) == ((2, 3), 2, 6, np.float64, 2)
    assert repr(Tensor(1.0)) == "Tensor(array(1.))" and "from=multiply" in repr(X * 2)
    assert repr(Parameter(1.0)).startswith("Parameter(")
    assert Tensor(2.5).item() == float(Tensor(2.5)) == 2.5 and int(Tensor(2.5)) == 2 and Tensor(1.0) and not Tensor(0.0)
    rows = list(X)
    assert len(rows) == 2 and rows[1].data.tolist() == [3, 4, 5] and rows[0].edge is not None
    first, second = X
    assert grad(second.sum(), X).tolist() == [[0, 0, 0], [1, 1, 1]]
    for broken in (lambda: len(Tensor(1.0)), lambda: list(Tensor(1.0)), lambda: float(X), lambda: hash([X])):
        with pytest.raises(TypeError):
            broken()
    with pytest.raises(ValueError):
        bool(X)


def test_immutability():
    with pytest.raises(TypeError, match="immutable: use minigen.ops.where"):
        X[0] = 1.0
    y = before = Tensor(np.ones(2))
    y += 1
    y *= 2
    assert y is not before and before.data.tolist() == [1, 1] and y.data.tolist() == [4, 4]
    with pytest.raises(AttributeError):
        X.shape = (3, 2)


def test_comparisons_are_arrays_and_hashes_identities():
    assert type(X > 2) is np.ndarray and (X > 2).dtype == bool
    assert (X == X.data).all() and not (X != X).any() and (X <= 5).all() and (X >= Tensor(0.0)).all() and (X < 6).all()
    other = Tensor(X.data)
    assert len({X, other, X}) == 2 and {X: 1}[X] == 1
    assert (np.array([0.0, 9, 2]) < X).tolist() == [[False, False, False], [True, False, True]]


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: np.exp(X), ""),
        (lambda: np.add(np.ones(3), X), ""),
        (lambda: np.where(X > 0, X, 0), "minigen.ops.where"),
        (lambda: np.where(np.ones((2, 3), bool), X, 0), "minigen.ops.where"),
        (lambda: np.stack([X, X]), "minigen.ops.stack"),
        (lambda: np.concatenate([X, np.ones((2, 3))]), "minigen.ops.concatenate"),
        (lambda: np.sum(X), "minigen.ops.sum"),
        (lambda: np.linalg.norm(X), "minigen.ops.norm"),
        (lambda: np.asarray(X), "tensor.data"),
        (lambda: np.array(X, dtype=object), "tensor.data"),
        (lambda: np.array([X, X]), "tensor.data"),
        (lambda: np.float64(X), "tensor.data"),
        (lambda: np.ones((2, 3)).__setitem__(0, X[0]), "tensor.data"),
        (lambda: np.random.default_rng(0).normal(X), "tensor.data"),
    ],
)
def test_numpy_functions_refuse(call, words):
    with pytest.raises(TypeError, match=words or "ufunc"):
        call()


@pytest.mark.parametrize("other", [np.full((2, 3), 2.0), np.float64(2), np.float32(2), np.array(2.0), 2, 2.0,
                                   np.int64(2), True, np.True_])
def test_arrays_and_numbers_on_the_left(other):
    for found, expected in [(other * X, other * X.data), (other + X, other + X.data), (other - X, other - X.data),
                            (other / (X + 1), other / (X.data + 1)), (other**X, other**X.data)]:
        assert type(found) is Tensor and found.edge is not None
        np.testing.assert_array_equal(found.data, expected)
        assert grad(found, X, np.ones((2, 3))).shape == (2, 3)
    single = Tensor(np.ones(3, np.float32))
    assert (np.float32(2) * single).dtype == np.float32 and (single * 2.0).dtype == np.float32
    assert (np.float64(2) * single).dtype == np.float64  # as for arrays


def test_arrays_do_not_take_tensors_in():
    array = np.ones((2, 3))
    for change in (lambda a: a.__iadd__(X), lambda a: a.__imul__(X)):
        with pytest.raises(TypeError, match="Tensor"):
            change(array)
    assert (array == 1).all()


@pytest.mark.parametrize("copier", [copy.copy, copy.deepcopy, lambda t: pickle.loads(pickle.dumps(t))])
def test_copies_are_new_leaves(copier):
    y = X * 2
    for original in (X, y, Parameter(np.ones(2)), Tensor(np.arange(3)), [y, y]):
        new = copier(original)
        if isinstance(original, list):
            new, original = new[0], original[0]
            if copier is copy.copy:
                continue
        assert type(new) is type(original) and new is not original
        np.testing.assert_array_equal(new.data, original.data)
        assert new.is_leaf == (original.edge is not None)
    assert not grad(y.sum(), copier(X)).any()
    frozen = Parameter(np.ones(2))
    frozen.freeze()
    thawed = copier(frozen)
    assert thawed.frozen and thawed.edge is None
    thawed.freeze(False)
    assert frozen.frozen and thawed.is_leaf
    assert copy.deepcopy(X).data is not X.data


def test_stop_gradient_shares_values():
    constant = stop_gradient(X)
    assert constant.data is X.data and constant.edge is None and not constant.is_leaf


def test_plain_arrays_stay_plain():
    for value in (ops.exp(np.ones(3)), ops.sum(np.ones(3)), ops.split(np.ones(4), 2)[0], ops.exp(1.0),
                  ops.layer_norm(np.ones((2, 3)), np.ones(3), np.ones(3))):
        assert not isinstance(value, Tensor)


def test_raw_and_xp_of_take_tensors_arrays_and_numbers():
    array = np.arange(3.0)
    assert raw(Tensor(array)) is array and raw(array) is array and raw(2) == 2
    assert xp_of(Tensor(array), array) is xp_of(array) is xp_of() is np
    with standin.cupy_or_stand_in("stand-in") as cupy:
        on_device = Tensor(cupy.asarray(array))
        assert xp_of(Tensor(array), on_device) is xp_of(on_device.data) is cupy
