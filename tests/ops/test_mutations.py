"""The check of the checker: wrong rules are planted in every primitive, and the registry's checks find each of them."""

import numpy as np
import pytest

from minigen.autograd import GradientError, check_grads, raw, registry, stop_gradient
from minigen.kernels.machinery.examples import ExampleMaker
from ops import oracle
from ops.cases import LIBRARY, make_case, seeded_case

SEEDS = range(60)


def is_found(name, plant, seeds=SEEDS) -> bool:
    """Whether the checks of orders 1 and 2 find what `plant(example)` puts in place of a rule."""
    for seed in seeds:
        example = seeded_case(name, seed)
        plant(example)
        try:
            oracle.check_first(example)
            oracle.check_second(example)
        except (AssertionError, ValueError):  # the sweep itself refuses cotangents of a wrong shape
            return True
    return False


def scaled(factor):
    """A rule like `rule`, but `factor` times as large."""
    return lambda rule: lambda g, residuals, needed: [
        None if cotangent is None else cotangent * factor for cotangent in rule(g, residuals, needed)]


def without(i):
    """A rule that gives nothing for input i."""
    return lambda rule: lambda g, residuals, needed: [
        None if k == i else cotangent for k, cotangent in enumerate(rule(g, residuals, needed))]


class OneElementOff:
    """Makes a rule of which a single element is wrong, by 1 %, in the cotangent of one input.

    `sizes` are those of the inputs that are differentiated, and cotangents that are still to be summed are left alone;
    without `sizes` any cotangent of several elements will do. The element is one of the larger half. It is chosen at
    the first call and kept in `planted`, which stays None if there is nothing to choose from.
    """

    def __init__(self, seed, sizes=None):
        self.random, self.sizes, self.planted = np.random.default_rng(seed), sizes, None

    def __call__(self, rule):
        def wrong(g, residuals, needed):
            cotangents = list(rule(g, residuals, needed))
            if self.planted is None:
                self.plant(cotangents, [i for i, wanted in enumerate(needed) if wanted])
            if self.planted is not None:
                i, position, shape = self.planted
                if cotangents[i] is not None and cotangents[i].shape == shape:
                    factors = np.ones(shape)
                    factors.flat[position] = 1.01
                    cotangents[i] = cotangents[i] * factors
            return cotangents

        return wrong

    def plant(self, cotangents, needed):
        """Choose an input and an element of its cotangent."""
        possible = [i for i in needed if cotangents[i] is not None and cotangents[i].size > 1]
        if self.sizes is not None:
            sizes = dict(zip(needed, self.sizes, strict=False)) if len(needed) == len(self.sizes) else {}
            possible = [i for i in possible if cotangents[i].size == sizes.get(i)]
        if possible:
            i = int(self.random.choice(possible))
            values = np.abs(raw(cotangents[i])).reshape(-1)
            large = np.flatnonzero((values > 0) & (values >= np.median(values[values > 0]))) if values.any() else []
            if len(large):
                self.planted = i, int(self.random.choice(large)), cotangents[i].shape


class Unsummed:
    """Makes a rule that, for an input of fewer elements than the result, gives one slice of what should be summed.

    `shapes` are those of the inputs that are differentiated; `changed` says whether there ever was something to sum.
    """

    def __init__(self):
        self.shapes, self.changed = [], False

    def __call__(self, rule):
        def wrong(g, residuals, needed):
            cotangents = list(rule(g, residuals, needed))
            inputs = [i for i, wanted in enumerate(needed) if wanted]
            for i, shape in zip(inputs, self.shapes, strict=False) if len(inputs) == len(self.shapes) else ():
                cotangent = cotangents[i]
                if cotangent is None or cotangent.shape == shape or cotangent.size == 0 or cotangent.ndim < len(shape):
                    continue
                extra = cotangent.ndim - len(shape)
                if all(n in (1, m) for n, m in zip(shape, cotangent.shape[extra:], strict=True)):
                    cotangents[i] = cotangent[(0,) * extra + tuple(slice(0, n) for n in shape)]
                    self.changed = True
            return cotangents

        return wrong


def inputs_of(name, monkeypatch) -> set:
    """Which of a primitive's inputs its cases differentiate; its rule passes the checks as it is."""
    primitive, seen = registry[name], set()
    rule = primitive.vjp

    def watched(g, residuals, needed):
        seen.update(i for i, wanted in enumerate(needed) if wanted)
        return rule(g, residuals, needed)

    with monkeypatch.context() as patch:
        patch.setattr(primitive, "vjp", watched)
        assert not is_found(name, lambda example: None, range(12)), "the rule as it stands fails the checks"
    return seen


def found_in_rule(name, mutation, monkeypatch) -> bool:
    """Whether a mutation of the primitive's rule is found."""
    primitive = registry[name]
    with monkeypatch.context() as patch:
        patch.setattr(primitive, "vjp", mutation(primitive.vjp))
        return is_found(name, lambda example: None)


@pytest.mark.parametrize("name", LIBRARY)
def test_wrong_rules_are_found(name, monkeypatch):
    inputs = inputs_of(name, monkeypatch)
    assert inputs
    assert found_in_rule(name, scaled(-1), monkeypatch), "the sign flipped"
    assert found_in_rule(name, scaled(1.01), monkeypatch), "1 % too large"
    for i in inputs:
        assert found_in_rule(name, without(i), monkeypatch), f"nothing for input {i}"


def leaves_sums_to_the_sweep(name, monkeypatch):
    """Whether the missing sum over broadcast axes is found; None if the rule has none in any example."""
    mutation = Unsummed()

    def plant(case):
        mutation.shapes = [a.shape for a in case.args]

    with monkeypatch.context() as patch:
        patch.setattr(registry[name], "vjp", mutation(registry[name].vjp))
        noticed = is_found(name, plant)
        return noticed if mutation.changed else None


@pytest.mark.parametrize("name", LIBRARY)
def test_a_missing_sum_over_broadcast_axes_is_found(name, monkeypatch):
    assert leaves_sums_to_the_sweep(name, monkeypatch) is not False


def test_sums_over_broadcast_axes_are_left_to_the_sweep(monkeypatch):
    assert leaves_sums_to_the_sweep("add", monkeypatch) and leaves_sums_to_the_sweep("log", monkeypatch) is None


@pytest.mark.parametrize("name", [name for name in LIBRARY if registry[name].composite])
def test_wrong_composites_are_found(name, monkeypatch):
    primitive = registry[name]
    composite = primitive.composite

    def found_with(wrong):
        with monkeypatch.context() as patch:
            patch.setattr(primitive, "composite", wrong)
            return is_found(name, lambda example: None)

    def times(factor):
        def wrong(*inputs, **static):
            outputs = composite(*inputs, **static)
            return tuple(factor * y for y in outputs) if isinstance(outputs, tuple) else factor * outputs

        return wrong

    assert found_with(times(-1.0))
    assert found_with(times(1.01))
    for i in inputs_of(name, monkeypatch):
        assert found_with(lambda *inputs, i=i, **static: composite(
            *[stop_gradient(x) if k == i else x for k, x in enumerate(inputs)], **static))


def test_every_fused_rule_has_a_composite():
    assert [name for name in LIBRARY if registry[name].byproducts and registry[name].composite is None] == []


@pytest.mark.parametrize("name", LIBRARY)
def test_small_errors_are_found(name, monkeypatch):
    assert found_in_rule(name, scaled(1.0001), monkeypatch)
    assert found_in_rule(name, OneElementOff(0), monkeypatch)
    for seed in range(100, 130):  # whatever the examples, a wrong sign does not stay hidden for long
        with monkeypatch.context() as patch:
            patch.setattr(registry[name], "vjp", scaled(-1)(registry[name].vjp))
            assert is_found(name, lambda example: None, range(100 * seed, 100 * seed + 40))


class WideMaker(ExampleMaker):
    """Makes examples whose axes have 10 elements, so that arrays of three axes have 1,000."""

    def extent(self, smallest=0):
        """10, however small it might be."""
        return 10


def wide_cases(name):
    """Examples of an op with arrays of at most about 1,000 elements, those with the largest arrays first."""
    cases = [make_case(name, WideMaker.seeded(seed)) for seed in range(30)]
    sizes = [max((a.size for a in case.args), default=0) for case in cases]
    return [cases[n] for n in sorted(range(30), key=lambda n: -sizes[n]) if sizes[n] <= 2000]


def check_one_element(name, seeds, monkeypatch):
    """Plant one wrong element after another, and see `check_grads` find each."""
    primitive = registry[name]
    for case in wide_cases(name):
        mutation = None
        for seed in seeds:
            mutation = OneElementOff(seed, [a.size for a in case.args])
            with monkeypatch.context() as patch:
                patch.setattr(primitive, "vjp", mutation(primitive.vjp))
                try:
                    check_grads(case.call, case.args, order=1, rng=seed)
                    raised = False
                except GradientError:
                    raised = True
            assert raised or mutation.planted is None, f"input, element, shape: {mutation.planted}"
            if mutation.planted is None:
                break
        if mutation.planted is not None:
            check_grads(case.call, case.args, order=1)  # the rule as it is
            return
    pytest.fail("no example has a cotangent to plant a wrong element in")


@pytest.mark.parametrize("name", LIBRARY)
def test_one_wrong_element_is_found(name, monkeypatch):
    """1 % at one element, among 1,000 where the op has such arrays."""
    check_one_element(name, range(1), monkeypatch)


@pytest.mark.slow
@pytest.mark.parametrize("name", LIBRARY)
def test_one_wrong_element_is_always_found(name, monkeypatch):
    """As above, many times."""
    check_one_element(name, range(1, 11), monkeypatch)
