"""What the registry test checks: an example that stands beside an op, as a function of arrays, with its reference."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass

import minigen
from minigen.autograd import registry
from minigen.autograd.primitive import examples
from minigen.kernels.machinery.examples import ExampleMaker
from ops.references import REFERENCES

for _module in pkgutil.iter_modules(minigen.ops.__path__, "minigen.ops."):
    importlib.import_module(_module.name)  # some are loaded by the distributions that need them
# Tests and users add primitives of their own: the library's are those whose function it holds.
LIBRARY = sorted(name for name, p in registry.items() if p.forward.__module__.startswith("minigen."))
PUBLIC = sorted(set(minigen.ops.__all__))
NAMES = sorted({*LIBRARY, *PUBLIC})


@dataclass
class Case:
    """One call of an op: the differentiable arrays, the op as a function of them, and its reference."""

    args: list
    call: Callable
    reference: Callable


def reference_of(name):
    """An op's reference; without one its composite, which is the op in other ops."""
    if name in REFERENCES:
        return REFERENCES[name]
    primitive = registry.get(name)
    assert primitive is not None and primitive.composite is not None, (
        f"{name} has neither a reference in tests/ops nor a composite to compare its values with")

    def composite(*args, **keywords):
        inputs, static = primitive.bind(args, keywords)
        return primitive.composite(*inputs, **static)

    return composite


def make_case(name: str, make: ExampleMaker) -> Case:
    """One of the examples of an op."""
    example, reference = examples[name].make(make), reference_of(name)
    return Case(example.arrays, lambda *arrays: example.run(example.call, arrays),
                lambda *arrays: example.run(reference, arrays))


def seeded_case(name: str, seed: int) -> Case:
    """One of the examples of an op, the same at each call."""
    return make_case(name, ExampleMaker.seeded(seed))
