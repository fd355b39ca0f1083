"""Point clouds side by side."""

import numpy as np
import pytest

from minigen.plotting import scatter

RNG = np.random.default_rng(0)


def test_panels_hold_their_points_on_shared_axes(tmp_path):
    a, b = RNG.standard_normal((500, 2)), RNG.standard_normal((900, 2)) * 3 + 1
    figure = scatter({"data": a, "$samples": b}, tmp_path / "a.png", title="Both")
    left, right = figure.axes
    np.testing.assert_array_equal(left.collections[0].get_offsets(), a)
    np.testing.assert_array_equal(right.collections[0].get_offsets(), b)
    assert left.get_xlim() == right.get_xlim() and left.get_ylim() == right.get_ylim()
    both = np.concatenate([a, b])
    inside = ((both > [left.get_xlim()[0], left.get_ylim()[0]]) & (both < [left.get_xlim()[1], left.get_ylim()[1]]))
    assert inside.all(axis=1).mean() > 0.99 and left.get_xlim()[1] < 2 * both[:, 0].max()
    assert (left.get_title(), right.get_title()) == ("data", "$samples")
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")


def test_strays_points_that_are_not_finite_and_single_points():
    x = RNG.standard_normal((5000, 2))
    x[0], x[1], x[2] = [1e9, 0], [np.nan, 1], [np.inf, 1]
    axis = scatter({"x": x}).axes[0]
    assert axis.get_xlim()[1] < 10 and len(axis.collections[0].get_offsets()) == 4998
    one = scatter({"x": [[3, 4]]}).axes[0]
    assert one.get_xlim()[0] < 3 < one.get_xlim()[1] and one.get_ylim()[0] < 4 < one.get_ylim()[1]


@pytest.mark.parametrize("clouds, error, words", [
    ({}, ValueError, "clouds: expected a dict"), ([1], ValueError, "clouds: expected a dict"),
    ({"a": np.zeros((3, 3))}, ValueError, r"expected points of shape \(n, 2\)"),
    ({"a": np.zeros((0, 2))}, ValueError, "at least one point"),
    ({"a": [["x", "y"]]}, TypeError, "expected numbers"),
])
def test_what_are_no_points(clouds, error, words):
    with pytest.raises(error, match=words):
        scatter(clouds)
