"""The comparison of kernels with their references: every kernel is in it, and wrong ones are found."""

import numpy as np
import pytest

from minigen.cli import main
from minigen.evaluation.kernel_check import check_kernels
from minigen.kernels.machinery.dispatch import Kernel, registry
from minigen.kernels.machinery.examples import ExampleMaker

MIXTURES = ("bernoulli_mixture", "normal_mixture")
ELEMENTS = 300_000  # some kernels are compiled for large arrays only


@pytest.fixture(scope="module")
def checks():
    return {check.name: check for check in check_kernels(elements=ELEMENTS)}


@pytest.mark.slow
def test_every_kernel_is_compared_and_agrees(checks):
    assert checks.keys() == registry.keys()
    assert {name: check.difference for name, check in checks.items() if not check.passed} == {}


@pytest.mark.slow
def test_rates_are_numbers(checks):
    for check in checks.values():
        assert check.rate > 0 and check.speed_up > 0
        assert check.unit == ("GFLOP/s" if check.name.startswith(("conv", "masked", *MIXTURES)) else "GB/s")
        assert check.version == ("reference" if registry[check.name].fast is None else "compiled")


@pytest.mark.parametrize("name", sorted(registry))
def test_examples_reach_the_compiled_version(name):
    kernel = registry[name]
    args = kernel.examples.make(ExampleMaker.seeded(0, elements=ELEMENTS, dtype="float32")).arguments
    assert kernel.fast is None or args[kernel.by].size >= kernel.above


WRONG = {
    "a little": lambda x: 2.001 * x,
    "NaN in places": lambda x: np.where(x > 3, np.nan, 2 * x),
    "dtype": lambda x: (2 * x).astype(np.float16),
    "shape": lambda x: 2 * x[:1],
    "writes into its argument": lambda x: np.multiply(x, 2, out=x),
}


@pytest.mark.parametrize("wrong", WRONG.values(), ids=WRONG.keys())
def test_a_wrong_kernel_is_found(monkeypatch, wrong):
    def double(x):
        return 2 * x

    made = Kernel(double)
    registry.pop("double")
    made.compiled(above=1)(wrong)
    made.example(lambda make: make.alike(1))
    monkeypatch.setattr("minigen.evaluation.kernel_check.registry", {"double": made})
    (check,) = check_kernels(elements=ELEMENTS)
    assert not check.passed
    assert check.version == "compiled"


def test_a_kernel_without_an_example_fails(monkeypatch):
    def double(x):
        return 2 * x

    made = Kernel(double)
    registry.pop("double")
    monkeypatch.setattr("minigen.evaluation.kernel_check.registry", {"double": made})
    (check,) = check_kernels(elements=ELEMENTS)
    assert not check.passed
    assert check.version == "no example"


def test_command(capsys, monkeypatch):
    kept = {name: registry[name] for name in ("relu", "conv")}
    monkeypatch.setattr("minigen.evaluation.kernel_check.registry", kept)
    assert main(["check", "--kernels"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == ["kernel", "conv", "relu", "difference:"]
