"""Binarization, dequantization and standardizing."""

import json
import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import stats

from minigen.arrays import Generator
from minigen.data import Standardizer, binarize, dequantize, quantize


def test_threshold():
    x = np.arange(17).reshape(1, 17)
    assert binarize.threshold(x, 8).tolist() == [[0] * 8 + [1] * 9]
    assert binarize.threshold(x, 8).dtype == np.uint8


def test_stochastic_binarization():
    x = np.tile(np.arange(17, dtype=np.uint8), (9000, 1))
    y = binarize.stochastic(x, 3, 17)
    assert y.dtype == np.uint8 and y.shape == x.shape
    assert np.array_equal(y, binarize.stochastic(x, Generator(3), 17))
    assert not y[:, 0].any() and y[:, 16].all()
    for level in range(1, 16):
        assert stats.binomtest(int(y[:, level].sum()), 9000, level / 16).pvalue > 1e-5
    assert binarize.stochastic(np.zeros((0, 3), int), 0, 2).shape == (0, 3)
    for bad in ([[17]], [[-1]]):
        with pytest.raises(ValueError, match="from 0 to 16"):
            binarize.stochastic(bad, 0, 17)
    with pytest.raises(TypeError, match="rng"):
        binarize.stochastic(x, None, 17)
    draw = pickle.loads(pickle.dumps(binarize.Dynamic(17)))
    assert np.array_equal(draw(x, 3), y) and repr(draw) == "Dynamic(levels=17)"


@given(
    st.integers(2, 4096).flatmap(
        lambda k: st.tuples(st.just(k), hnp.arrays("u2", (5, 4), elements=st.integers(0, k - 1)))
    ),
    st.sampled_from([np.float32, np.float64]),
    st.integers(0, 2**32),
)
def test_quantize_undoes_dequantize(levels_and_x, dtype, seed):
    levels, x = levels_and_x
    y = dequantize(x, levels, seed, dtype)
    assert y.dtype == dtype and y.shape == x.shape
    assert (y > 0).all() and (y < 1).all()
    assert np.array_equal(quantize(y, levels), x)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_dequantization_noise_is_uniform(dtype):
    x = np.full(100_000, 200, np.uint8)
    noise = dequantize(x, 256, 5, dtype).astype(np.float64) * 256 - 200
    assert stats.kstest(noise, "uniform").pvalue > 1e-5
    # The midpoints of the documented grid, so that the ends of a level are never met.
    steps = noise * 2.0 ** (13 if dtype == np.float32 else 42) - 0.5
    assert np.array_equal(steps, np.floor(steps)) and steps.min() >= 0


def test_dequantize_refuses():
    for bad in ([[256]], [[-1]], [[0.5]]):
        with pytest.raises(ValueError, match="x: expected integers from 0 to 255"):
            dequantize(bad, 256, 0)
    for levels, error in ((1, ValueError), (True, TypeError), (2.0, TypeError), (2**20, ValueError)):
        with pytest.raises(error, match="levels"):
            dequantize([[0]], levels, 0)
    assert dequantize([[2**20 - 1]], 2**20, 0, np.float64) < 1
    assert quantize([0.0, 1.0], 4).tolist() == [0, 3]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_standardizer(dtype):
    rng = np.random.default_rng(0)
    x = (rng.standard_normal((500, 3, 2)) * [1e-3, 40] + [5, -7]).astype(dtype)
    x[:, 1, 0] = 3.3
    s = Standardizer.fit(x)
    y = s.transform(x)
    assert y.dtype == dtype and s.loc.shape == (3, 2)
    np.testing.assert_allclose(y.mean(axis=0), 0, atol=2e-3 if dtype == np.float32 else 1e-10)
    expected = np.ones((3, 2))
    expected[1, 0] = 0
    np.testing.assert_allclose(y.std(axis=0), expected, atol=1e-3)
    assert s.scale[1, 0] == 1
    np.testing.assert_allclose(s.inverse(y), x, rtol=1e-5, atol=1e-6)
    # The change of variables: a density of y gives that of x.
    np.testing.assert_allclose(
        stats.norm.logpdf(x[:, 0], s.loc[0], s.scale[0]).sum(axis=1),
        stats.norm.logpdf(y[:, 0]).sum(axis=1) - np.log(s.scale[0]).sum(),
        rtol=1e-3,
    )
    assert s.log_det == pytest.approx(-np.log(s.scale.astype(float)).sum())
    again = Standardizer.from_json(json.loads(json.dumps(s.to_json())))
    assert np.array_equal(again.transform(x), y) and again.loc.dtype == dtype


def test_standardizer_of_integers_and_bad_arrays():
    s = Standardizer.fit(np.array([[0], [2]]))
    assert s.transform([[0], [2]]).tolist() == [[-1], [1]] and s.loc.dtype == np.float32
    for bad in (np.zeros(3), np.zeros((0, 3)), np.array([["a"]]), [[np.nan]], [[np.inf], [0]]):
        with pytest.raises(ValueError, match="x: expected"), np.errstate(invalid="ignore"):
            Standardizer.fit(bad)
    for bad in ({}, {"dtype": "float32", "loc": [0], "scale": [0]}, {"dtype": "float32", "loc": [0], "scale": [1, 1]}):
        with pytest.raises(ValueError, match="standardizer"):
            Standardizer.from_json(bad)
