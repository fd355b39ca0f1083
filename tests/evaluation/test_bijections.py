"""The checks of bijections pass on maps that are right and fail, each for its own reason, on maps that are wrong."""

import numpy as np
import pytest

from evaluation.toys import Affine, Flow, Sinh
from minigen import DataSpec
from minigen.evaluation import all_passed, check_bijection, identities
from minigen.models import Model


def report(model, **keywords):
    """The checks of a model by name."""
    return {check.name: check for check in identities(model, rng=1, **keywords)}


@pytest.mark.parametrize("bijection, shape", [
    (Affine(1), (6, 1)), (Affine(5, stretch=100.0), (4, 5)), (Sinh(), (5, 3)), (Sinh(), (3, 2, 2)),
])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_bijections(bijection, shape, dtype):
    z = np.random.default_rng(0).normal(size=shape).astype(dtype)
    checks = {check.name: check for check in check_bijection(bijection, z)}
    assert set(checks) == {"inverse", "log-determinant of forward", "log-determinant of inverse"}
    assert all_passed(checks.values()), checks
    assert list(identities(bijection, points=z)) == list(checks.values())


@pytest.mark.parametrize("bijection, failing", [
    (Affine(4, lie=1e-3), {"log-determinant of forward", "log-determinant of inverse"}),
    (Affine(4, slip=1e-6), {"inverse"}),
    (Affine(4, stretch=10.0, slip=np.nan), {"inverse"}),
    (Sinh(wrong=True), {"log-determinant of forward", "log-determinant of inverse"}),
])
def test_wrong_bijections_fail(bijection, failing):
    z = np.random.default_rng(0).normal(size=(5, 4))
    assert {check.name for check in check_bijection(bijection, z) if check.passed is False} == failing


def test_flows_are_checked_as_densities_and_as_bijections():
    checks = report(Flow(3, stretch=3.0))
    assert all_passed(checks.values()) and len(checks) == 6, checks
    lying = report(Flow(3, lie=0.1))
    assert {name for name, check in lying.items() if check.passed is False} == {
        "normalisation", "log-determinant of forward", "log-determinant of inverse"}


def test_a_flow_without_samples_is_checked_where_it_is_asked_to_be():
    class Map(Model):
        def forward(self, z, condition=None):
            return Affine(3).forward(z)

        def inverse(self, x, condition=None):
            return Affine(3).inverse(x)

    flow = Map(DataSpec((3,), "continuous"))
    assert report(flow)["inverse"].passed is None
    assert report(flow, points=np.zeros((2, 3)))["inverse"].passed


class Forward:
    """Half a bijection."""

    def __init__(self, function):
        self.forward = self.inverse = function


@pytest.mark.parametrize("call, words", [
    (lambda: check_bijection(Affine(2), np.zeros(3)), "z: expected floating"),
    (lambda: check_bijection(Affine(2), np.zeros((3, 2), int)), "z: expected floating"),
    (lambda: check_bijection(Forward(lambda z: z), np.zeros((3, 2))), "forward: expected"),
    (lambda: check_bijection(Forward(lambda z: (z, 0.0)), np.zeros((3, 2))), "forward: expected"),
])
def test_bad_input(call, words):
    with pytest.raises((ValueError, TypeError), match=words):
        list(call())
