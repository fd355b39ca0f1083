"""Fused ops: what they refuse, that float32 stays float32, and that large arrays give the gradients of small ones."""

import numpy as np
import pytest

from minigen import Tensor, grad, ops
from minigen.kernels.machinery.dispatch import reference_kernels

LOGITS = np.zeros((2, 3), np.float32)


@pytest.mark.parametrize(
    ("index", "error", "words"),
    [
        (np.array([0, 3]), ValueError, "from 0 to 2, got 0 to 3"),
        (np.array([-1, 0]), ValueError, "from 0 to 2, got -1 to 0"),
        (np.array([0.0, 1.0]), TypeError, "an array of integers"),
        (np.array([True, False]), TypeError, "an array of integers"),
        ([0, 1], TypeError, "an array of integers"),
    ],
)
def test_categorical_indices_that_are_refused(index, error, words):
    with pytest.raises(error, match=words):
        ops.categorical_log_prob(LOGITS, index)


ARGS = {
    "tanh": 1, "sigmoid": 1, "softplus": 1, "relu": 1, "leaky_relu": 1, "elu": 1, "gelu": 1, "silu": 1, "gate": 2,
    "concat_elu": 1, "glu": 1, "tanh_gate": 1, "softmax": 1, "log_softmax": 1, "logsumexp": 1, "normal_log_prob": 3,
    "normal_kl": 2, "reparameterize": 3,
}


@pytest.mark.parametrize("name", ARGS)
def test_compiled_gradients_are_those_of_array_code(name):
    """Through the ops and the sweep, both orders, on arrays large enough to be compiled."""
    random = np.random.default_rng(0)
    arrays = [random.standard_normal((140, 130)).astype(np.float32) for _ in range(ARGS[name])]
    settings = {"axis": -1} if name == "logsumexp" else {}

    def derivatives():
        inputs = [Tensor(a) for a in arrays]
        y = getattr(ops, name)(*inputs, **settings)
        weights = np.linspace(-1, 1, y.size, dtype=np.float32).reshape(y.shape)
        plain = grad(y, inputs, weights, retain_graph=True)
        recorded = grad(y, inputs, weights, create_graph=True)
        total = sum((g * a).sum() for g, a in zip(recorded, arrays, strict=True))
        return [y.data, *plain, *[g.data for g in recorded], *grad(total, inputs)]

    result = derivatives()
    with reference_kernels():
        expected = derivatives()
    for a, b in zip(result, expected, strict=True):
        assert a.dtype == np.float32
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-4 * (1 + np.abs(b).max() / 100))
