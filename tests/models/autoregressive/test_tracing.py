"""From a network to its incremental program: its order, its refusals, and its comparison with the network."""

import numpy as np
import pytest

from minigen import DataSpec, ops
from minigen.autograd import raw
from minigen.layers import Conv
from minigen.models.autoregressive.made import MADE, Config
from minigen.models.autoregressive.support.tracing import compile_program
from minigen.models.heads import BernoulliHead
from models.autoregressive.autoregressive_toys import build

FOUR = [(k, 0, k, 1) for k in range(4)]  # one output for each of four steps
STRICT = np.triu(np.arange(1.0, 17.0).reshape(4, 4), 1)  # output k sees the inputs before k


def compiled(network, contexts=()):
    """The program of a network on four numbers."""
    return compile_program(network, (4,), np.arange(4)[None], FOUR, BernoulliHead(), np.float64, contexts)


def test_a_program_keeps_steps_apart():
    """A network of one matrix: at step k only what is known then has been added up."""
    program = compiled(lambda x: x @ STRICT)
    assert program.steps.tolist() == sorted(program.steps.tolist())
    assert (np.diff(program.entries[:, 1:]) > 0).all()
    with pytest.raises(ValueError, match="step 0 needs depends on what is drawn at step 0"):
        compiled(lambda x: x @ (STRICT + np.eye(4)))


@pytest.mark.parametrize("ahead", [(0, 0), (0, 1), (1, 0)])
def test_a_network_that_sees_ahead_is_refused(ahead):
    model = build("gated_pixel_cnn", DataSpec((7, 7, 1), "binary"), {"channels": 4, "layers": 2, "first_size": 3})
    layer = model.layers[0].left
    layer.taps = (*layer.taps, ahead)
    layer.weight.replace(np.ones((len(layer.taps), *layer.weight.shape[1:])))
    with pytest.raises(ValueError, match="not autoregressive"):
        model.sample(1, 0)


def test_ops_without_an_incremental_form_are_named():
    with pytest.raises(TypeError, match="sum has no incremental form"):
        compile_program(lambda x: x.sum(axis=1, keepdims=True), (3, 3, 1), np.arange(9)[:, None], [(0, 0, 0, 1)],
                        BernoulliHead(), np.float64)


def test_values_that_do_not_lie_at_the_same_positions_are_refused():
    """One position stands for all; one row of them does not."""
    outputs = [(k, k, 0, 1) for k in range(9)]
    above = Conv(1, 1, [(-1, 0)], rng=0)
    add = lambda x, c: above(x) + ops.tanh(c)  # noqa: E731
    compile_program(add, (3, 3, 1), np.arange(9)[:, None], outputs, BernoulliHead(), np.float32, [(1, 1, 1)])
    with pytest.raises(TypeError, match="op add on values of different shapes"):
        compile_program(add, (3, 3, 1), np.arange(9)[:, None], outputs, BernoulliHead(), np.float32, [(1, 3, 1)])


def on_the_raw_array(x):
    """What leaves the ops: its result looks like a constant, that of an input of zeros."""
    return np.tanh(raw(x))


@pytest.mark.parametrize("network", [
    lambda x: (x + on_the_raw_array(x)) @ STRICT,
    lambda x: x @ STRICT + on_the_raw_array(x) @ STRICT,
    lambda x: ops.tanh(x @ STRICT) * (1 + raw(x).sum()),
    lambda x: x @ STRICT if raw(x).any() else ops.relu(x @ STRICT),  # another branch at zeros
])
def test_a_network_that_leaves_the_ops_is_refused(network):
    with pytest.raises(ValueError, match="computed outside of minigen.ops"):
        compiled(network)


def test_a_context_that_leaves_the_ops_is_refused():
    u = np.arange(1.0, 9.0).reshape(2, 4)
    compiled(lambda x, c: x @ STRICT + c @ u, [(2,)])
    with pytest.raises(ValueError, match="computed outside of minigen.ops"):
        compiled(lambda x, c: x @ STRICT + np.tanh(raw(c)) @ u, [(2,)])


def test_a_model_that_leaves_the_ops_cannot_sample():
    class Sloppy(MADE):
        def network(self, x, context=None, component=0):
            return super().network(x, context, component) * (1 + np.square(raw(x)).mean())

    model = Sloppy(DataSpec((5,), "binary"), Config(hidden=(6,)), rng=0)
    for parameter in model.parameters():
        parameter.assign(np.random.default_rng(0).standard_normal(parameter.shape).astype(np.float32))
    assert np.isfinite(model.score_samples(np.eye(5))).all()
    with pytest.raises(ValueError, match="computed outside of minigen.ops"):
        model.sample(2, 0)


def test_a_program_follows_the_parameters():
    """A program is kept while the parameters stay, and made anew when they change."""
    model = build("made", DataSpec((5,), "binary"), {"hidden": (6,)})
    x = model.sample(4, 0)
    np.testing.assert_array_equal(model.sample(4, 0), x)
    model.biases[-1].assign(np.full(5, 40.0))
    assert model.sample(4, 0).all()
