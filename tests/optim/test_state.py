"""Optimiser state: going on from a saved one bit for bit, states that do not fit, creation by name."""

import numpy as np
import pytest

from minigen import Parameter, optim
from minigen.layers import MLP

OPTIONS = {"sgd": {"momentum": 0.9, "nesterov": True}, "adam": {}, "adamw": {}, "rmsprop": {}}


def gradients(net, t):
    random = np.random.default_rng(t)
    return [random.standard_normal(p.shape, np.float32) for p in net.parameters()]


@pytest.mark.parametrize("name", OPTIONS)
def test_going_on_from_a_state_is_bit_identical(name):
    straight, first = MLP((3, 4, 2), rng=0), MLP((3, 4, 2), rng=0)
    a, b = (optim.create(name, net, **OPTIONS[name]) for net in (straight, first))
    for t in range(7):
        a.step(gradients(straight, t))
    for t in range(4):
        b.step(gradients(first, t))
    saved, values = b.state_dict(), first.state_dict()
    b.step(gradients(first, 99))  # the saved copies do not see it
    second = MLP((3, 4, 2), rng=5)
    second.load_state_dict(values)
    c = optim.create(name, second, **OPTIONS[name])
    c.load_state_dict({key: np.asarray(value) for key, value in saved.items()})
    for t in range(4, 7):
        c.step(gradients(second, t))
    assert c.steps == 7
    for key, value in straight.state_dict().items():
        np.testing.assert_array_equal(second.state_dict()[key], value)
    for key, value in a.state_dict().items():
        np.testing.assert_array_equal(c.state_dict()[key], value)


@pytest.mark.parametrize(
    "spoil, words",
    [
        (lambda s: s.pop("steps"), "missing steps"),
        (lambda s: s.update(steps=-1), "steps: expected an integer"),
        (lambda s: s.update(steps=np.ones(2, int)), "steps: expected an integer"),
        (lambda s: s.update(steps=1.5), "steps: expected an integer"),
        (lambda s: s.pop("mean.float32"), "missing mean.float32"),
        (lambda s: s.update(other=np.ones(2)), "unexpected other"),
        (lambda s: s.update({"square.float32": np.zeros(3, np.float32)}), r"square.float32: expected shape \(4,\)"),
        (lambda s: s.update({"square.float32": np.zeros(4)}), "float64"),
    ],
)
def test_a_state_that_does_not_fit_changes_nothing(spoil, words):
    optimizer = optim.Adam([Parameter(np.ones(4, np.float32))])
    optimizer.step([np.ones(4)])
    before = optimizer.state_dict()
    state = {name: np.asarray(value) + 1 if name == "steps" else value + 1 for name, value in before.items()}
    spoil(state)
    with pytest.raises(ValueError, match=words):
        optimizer.load_state_dict(state)
    for name, value in optimizer.state_dict().items():
        np.testing.assert_array_equal(value, before[name])


def test_a_step_that_is_not_called_changes_nothing():
    parameter = Parameter(np.ones(3, np.float32))
    optimizer = optim.Adam([parameter])
    before = optimizer.state_dict()
    optimizer.group.gather([np.array([1, np.nan, 2])])
    assert not np.isfinite(optim.clip_by_global_norm(optimizer.group, 1.0))
    assert optimizer.group.version == 0 and (parameter.data == 1).all()
    optimizer.group.gather([np.ones(3)])
    optimizer.step()
    assert optimizer.steps == 1 and before["steps"] == 0 and np.isfinite(parameter.data).all()


def test_creation_by_name():
    parameter = [Parameter(np.ones(3, np.float32))]
    kinds = {"adam": optim.Adam, "adamw": optim.AdamW, "rmsprop": optim.RMSProp, "sgd": optim.SGD}
    assert optim.available() == sorted(kinds)
    for name, kind in kinds.items():
        assert type(optim.create(name, parameter)) is kind
    assert optim.create("sgd", parameter, momentum=0.5).momentum == 0.5
    with pytest.raises(ValueError, match="unknown name 'adma'; did you mean 'adam'"):
        optim.create("adma", parameter)
    assert optim.create("adam", parameter, learning_rate=0.1, betas=(0.5, 0.9)).betas == (0.5, 0.9)
    for name, wrong, hint in [("adam", "momentum", "valid: betas, eps, learning_rate, weight_decay"),
                              ("sgd", "betas", "valid: learning_rate, momentum, nesterov, weight_decay"),
                              ("rmsprop", "lerning_rate", "did you mean 'learning_rate'")]:
        with pytest.raises(ValueError, match=f"optimizer {name}: unknown option '{wrong}'; {hint}"):
            optim.create(name, parameter, **{wrong: 0.5})


@pytest.mark.parametrize(
    "options, error, words",
    [
        ({"learning_rate": 0}, ValueError, "learning_rate"),
        ({"learning_rate": float("nan")}, ValueError, "learning_rate"),
        ({"learning_rate": "1"}, TypeError, "learning_rate"),
        ({"betas": (1.0, 0.9)}, ValueError, "betas"),
        ({"betas": (0.9, -0.1)}, ValueError, "betas"),
        ({"betas": (0.9,)}, ValueError, "betas"),
        ({"betas": 0.9}, TypeError, "betas"),
        ({"eps": -1e-8}, ValueError, "eps"),
        ({"weight_decay": -1}, ValueError, "weight_decay"),
    ],
)
def test_wrong_options_are_named(options, error, words):
    with pytest.raises(error, match=words):
        optim.Adam([Parameter(np.ones(3))], **options)


def test_nesterov_needs_momentum():
    with pytest.raises(ValueError, match="momentum"):
        optim.SGD([Parameter(np.ones(3))], nesterov=True)
