"""Every op there is: values, gradients of two orders, broadcasting, layouts, dtypes, empty and single axes."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import minigen
from minigen.autograd import registry
from ops import oracle
from ops.cases import BROADCASTING, CASES
from ops.source import Example, Source

# Tests and users add primitives of their own: the library's are those whose function it holds.
LIBRARY = sorted(name for name, p in registry.items() if p.forward.__module__.startswith("minigen."))
PUBLIC = sorted(set(minigen.ops.__all__))


def test_every_op_has_cases():
    assert {*LIBRARY, *PUBLIC} - set(CASES) == set(), "these ops are registered or public but have no cases"


def test_every_case_is_of_an_op():
    assert set(CASES) - {*LIBRARY, *PUBLIC} == set()


def check_drawn(name, data):
    """Hold an example that hypothesis draws against everything that is claimed of every op."""
    source = Source(lambda low, high: data.draw(st.integers(low, high)))
    oracle.check(source.choice(CASES[name])(source), name)


@pytest.mark.parametrize("name", sorted(CASES))
@settings(max_examples=25)
@given(data=st.data())
def test_op(name, data):
    check_drawn(name, data)


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(CASES))
@settings(max_examples=1000)
@given(data=st.data())
def test_op_at_length(name, data):
    check_drawn(name, data)


@pytest.mark.parametrize("name", sorted(CASES))
def test_cases_reach_the_corners(name):
    """Among a hundred examples are such with values, empty ones, length-1 axes, 0-d arrays and broadcasting."""
    examples = [make(Source.seeded(seed)) for seed in range(100) for make in CASES[name]]
    shapes = {a.shape for example in examples for a in example.args}
    assert any(shape and min(shape) > 1 for shape in shapes)
    if name not in WITHOUT_EMPTY:
        assert any(0 in shape for shape in shapes)
    assert name in WITHOUT_SINGLE or any(1 in shape for shape in shapes)
    assert name in WITHOUT_0D or () in shapes
    if name in BROADCASTING:
        assert any(_broadcasts(example) for example in examples)


def _broadcasts(example: Example) -> bool:
    """Whether some input is summed over when the cotangent comes back."""
    sizes = [np.size(y) for y in oracle.as_tuple(example.reference(*example.args))]
    return any(0 < a.size < max(sizes) for a in example.args) or len({a.shape for a in example.args}) > 1


MATRICES = {"cholesky", "inverse", "logabsdet", "solve", "triangular_solve", "matmul"}
AXIS_NEEDED = {"concatenate", "cumsum", "group_norm", "layer_norm", "log_softmax", "pad", "softmax", "split", "take",
               "take_along_axis", "conv", "affine_conv", "conv_transpose", "conv_weight", "bernoulli_log_prob",
               "masked_matmul", "masked_weight", "nade_logits", "categorical_log_prob", "normal_log_prob", "normal_kl"}
NOTHING_TO_REDUCE = {"layer_norm", "logsumexp", "max", "min", "norm", "take", "var", "mean"}
WITHOUT_EMPTY = NOTHING_TO_REDUCE | {"getitem"}
WITHOUT_SINGLE = {"getitem"}
WITHOUT_0D = (AXIS_NEEDED | MATRICES | {"getitem", "concat_elu", "glu", "tanh_gate"}) - {"concatenate"}
