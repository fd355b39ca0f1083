"""Products in vector registers: for any number of rows, columns and inputs they are those of array code."""

import numpy as np
import pytest

from kernels.agreement import values
from minigen import DataSpec, kernels, models
from minigen.kernels.convolution.direct import multiply_rows
from minigen.kernels.machinery.compiling import loop
from minigen.kernels.machinery.dispatch import reference_kernels
from minigen.kernels.machinery.tiles import add_outer_products

ABOVE = tuple((row, column) for row in (-1, 0) for column in (-1, 0, 1))


@loop
def outer(x, x_at, g, g_at, first, out, width):
    add_outer_products(4, x, x_at, g, g_at, x_at.size, first, out, 0, width)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("width", [1, 7, 16, 37, 100])
@pytest.mark.parametrize("rows", [1, 2, 3, 9])
def test_rows_times_a_matrix(rows, width, dtype):
    x, w, start = values(1, dtype, (rows, 11), (11, width + 3), (rows, width + 2))
    at = np.random.default_rng(2).permutation(rows)
    out = start.copy()
    multiply_rows(x.reshape(-1), at * 11, out.reshape(-1), at * (width + 2), rows, w.reshape(-1), 2, width + 3, 3, 10,
                  width)
    expected = start.copy()
    expected[:, :width] += x[:, 3:10] @ w[3:10, 2:2 + width]  # what lies between the rows is left alone
    np.testing.assert_allclose(out, expected, rtol=1e-5 if dtype == np.float32 else 1e-13, atol=1e-4)


@pytest.mark.parametrize("width", [5, 16, 50])
def test_sums_of_outer_products(width):
    x, g, start = values(3, np.float64, (8, 6), (8, width), (6, width))
    chosen, out = np.array([5, 0, 3, 3]), start.copy()
    outer(x.reshape(-1), chosen * 6, g.reshape(-1), chosen * width, 1, out.reshape(-1), width)
    start[1:5] += x[chosen, 1:5].T @ g[chosen]
    np.testing.assert_allclose(out, start, rtol=1e-13, atol=1e-12)


@pytest.mark.parametrize("rectify", [False, True])
@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize(("channels", "outputs"), [(16, 16), (19, 37), (64, 20), (16, 130)])
@pytest.mark.parametrize("taps", [ABOVE, ((0, 0),), ((-3, 2), (0, 0), (1, -1), (9, 0))])
def test_convolutions_of_many_channels(taps, channels, outputs, stride, rectify):
    x, w = values(4, np.float64, (3, 7, 9, channels), (len(taps), channels, outputs))
    y = np.asarray(kernels.conv.reference(x, w, taps, stride))
    (g,) = values(5, np.float64, y.shape)
    for name, args in (("conv", (x, w)), ("conv_weight", (x, g)), ("conv_vjp", (g, x, w)),
                       ("conv_transpose", (g, w))):
        more = {"conv": [g[0, 0, 0], rectify], "conv_vjp": [rectify], "conv_transpose": [(7, 9)]}.get(name, [])
        args = (*args, taps, stride, *more)
        kernel = getattr(kernels, name)
        result, expected = kernel(*args), kernel.reference(*args)
        for a, b in zip(result, expected, strict=True) if name == "conv_vjp" else ((result, expected),):
            np.testing.assert_allclose(a, b, rtol=1e-11, atol=1e-10 * np.abs(b).max())


@pytest.mark.parametrize("n", [1, 2, 7])
def test_sampler_of_many_channels(n):
    spec = DataSpec((5, 6, 1), "discrete", 20)
    for key in ("gated_pixel_cnn", "pixel_cnn_pp"):
        model = models.create(key, spec, rng=0, channels=20, **({"first_size": 5} if key[0] == "g" else {"blocks": 1}))
        model.to(dtype="float64")
        x, parameters = model.draw(n, 1)
        with reference_kernels():
            y, expected = model.draw(n, 1)
        np.testing.assert_array_equal(x, y)
        np.testing.assert_allclose(parameters, expected, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("condition", [None, DataSpec((1,), "discrete", 3)])
def test_sampler_follows_its_parameters(condition):
    """The program that a model keeps is made anew when its parameters, or the classes, are others."""
    spec = DataSpec((5, 5, 1), "binary", condition=condition)
    model = models.create("gated_pixel_cnn", spec, rng=0, channels=4, layers=2, first_size=3)
    model.to(dtype="float64")
    for _ in range(3):
        for classes in (None,) if condition is None else (np.array([0, 1]), np.array([2, 1])):
            x, used = model.draw(2, 1, classes)
            np.testing.assert_allclose(used, model.conditionals(x, classes).data, rtol=1e-10, atol=1e-10)
        for parameter in model.parameters():
            parameter.data[...] += 0.1
