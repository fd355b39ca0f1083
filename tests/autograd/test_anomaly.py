"""`detect_anomaly` names the op and the line that first made a NaN or an infinity."""

import threading

import numpy as np
import pytest

from minigen import AnomalyError, Tensor, detect_anomaly, grad, no_grad, ops

pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")


def test_forward():
    x = Tensor(np.array([1.0, 0.0]))
    with detect_anomaly(), pytest.raises(AnomalyError) as caught:
        y = ops.exp(x)
        ops.log(x) + y  # the culprit
    error = caught.value
    assert error.op == "log" and not error.backward and "# the culprit" in error.line and __file__ in error.line
    assert "made a NaN or infinity of finite inputs" in str(error)


def test_forward_of_an_operator_and_of_bad_input():
    x = Tensor(np.array([0.0, 1.0]))
    with detect_anomaly(), pytest.raises(AnomalyError, match="op divide made.*1 / x"):
        1 / x
    with detect_anomaly(), pytest.raises(AnomalyError, match="op multiply was given a NaN or infinity as input 1"):
        x * np.array([np.nan, 1])
    with detect_anomaly(), pytest.raises(AnomalyError, match="op logsumexp made"):
        ops.logsumexp(x[:0])  # an op with static parameters
    with detect_anomaly():
        assert ops.sqrt(x).edge is not None and (x > 0).dtype == bool


def test_backward():
    x = Tensor(np.array([0.0, 4.0]))
    with detect_anomaly():
        y = ops.sqrt(x)  # infinite slope
        z = (y * 3).sum()
        with pytest.raises(AnomalyError) as caught:
            grad(z, x)
    error = caught.value
    assert error.op == "sqrt" and error.backward and "# infinite slope" in error.line
    with detect_anomaly():
        z = (ops.sqrt(x) * 3).sum()
        with pytest.raises(AnomalyError, match="sqrt"):
            grad(z, x, create_graph=True)


def test_backward_of_a_graph_that_was_not_traced():
    x = Tensor(np.array([0.0]))
    y = ops.sqrt(x)
    with detect_anomaly(), pytest.raises(AnomalyError, match="op sqrt.*not traced"):
        grad(y, x)
    assert grad(ops.sqrt(x), x) == np.inf


def test_the_state_before_comes_back():
    x = Tensor(np.array([0.0]))
    with no_grad():
        with detect_anomaly():
            assert ops.exp(x).edge is None
            with pytest.raises(AnomalyError):
                ops.log(x)
        assert ops.exp(x).edge is None
    with pytest.raises(AnomalyError), detect_anomaly():
        ops.log(x)
    assert np.isinf(ops.log(x).data).all()
    seen = []
    with detect_anomaly():
        thread = threading.Thread(target=lambda: seen.append(ops.log(x).data))
        thread.start()
        thread.join()
    assert np.isinf(seen[0]).all()
