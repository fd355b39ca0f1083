"""Nested lists, tuples and dicts come back as they were."""

from typing import NamedTuple

import pytest

from minigen.autograd.structure import flatten


class Pair(NamedTuple):
    """A named tuple."""

    first: object
    second: object


@pytest.mark.parametrize(
    ("structure", "values"),
    [
        (3, [3]),
        ([], []),
        ([1, 2], [1, 2]),
        ((1, [2, {"a": 3, "b": (4,)}], {}), [1, 2, 3, 4]),
        ({"b": 1, "a": [2]}, [1, 2]),
        (Pair(1, [Pair(2, 3)]), [1, 2, 3]),
    ],
)
def test_taken_apart_and_rebuilt(structure, values):
    leaves, rebuild = flatten(structure)
    assert leaves == values
    again = rebuild(leaves)
    assert again == structure and type(again) is type(structure)
    doubled = flatten(rebuild([2 * leaf for leaf in leaves]))[0]
    assert doubled == [2 * value for value in values]


def test_the_order_of_keys_is_kept():
    assert list(flatten({"b": 1, "a": 2})[1]([1, 2])) == ["b", "a"]
