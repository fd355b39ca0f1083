"""The elementary functions of compiled loops, in units in the last place over all of float32."""

import numba
import numpy as np
import pytest
from scipy import special

from minigen.kernels.machinery import functions

INF = np.inf
# float64 functions as references for float32, and the error that is allowed, in units in the last place.
REFERENCES = {
    "exp": (np.exp, 1.5),
    "expm1": (np.expm1, 2),
    "log": (np.log, 1.5),
    "log1p": (np.log1p, 2),
    "tanh": (np.tanh, 3),
    "sigmoid": (special.expit, 3),
    "softplus": (lambda x: np.logaddexp(x, 0), 2.5),
    "erf": (special.erf, 2.5),
}
SPECIAL = np.array([0.0, -0.0, INF, -INF, np.nan, 1, -1, 1e-45, -1e-45, 1e-38, 88.72, 88.73, 89, -87.4, -103.9, -104,
                    3.4e38, -3.4e38, 0.999999, 1.000001, 2**-24, -(2**-24), 9.01, 4.0, 16777216])


def apply(name, x):
    """The function `name` of each element, by a loop that the compiler is free to vectorise."""
    return _loop(name)(np.ascontiguousarray(x), np.empty_like(x))


def _loop(name, made={}):  # noqa: B006  (compiled once for all tests)
    if name not in made:
        function = getattr(functions, name).compile()

        @numba.njit(error_model="numpy")
        def loop(x, out):
            for i in range(x.size):
                out[i] = function(x[i])
            return out

        made[name] = loop
    return made[name]


@np.errstate(all="ignore")
def ulps(result, exact):
    """Distances of float32 values from float64 ones in units of float32's spacing there; inf if one alone is NaN."""
    rounded = exact.astype(np.float32)
    spacing = np.spacing(np.minimum(np.abs(rounded), np.float32(3e38))).astype(float)
    # beyond the largest number the next one would be 2^128
    value, exact = (np.where(np.isinf(v), np.copysign(2.0**128, v), v) for v in (result.astype(float), exact))
    error = np.where(np.isnan(result) != np.isnan(rounded), INF, np.abs(value - exact) / spacing)
    return np.where((result == rounded) & np.isinf(rounded) | np.isnan(result) & np.isnan(rounded), 0, error)


def worst(name, patterns):
    """The largest error at the float32 numbers with these bit patterns, and where."""
    x = patterns.astype(np.uint32).view(np.float32)
    with np.errstate(all="ignore"):
        error = ulps(apply(name, x), REFERENCES[name][0](x.astype(float)))
    at = error.argmax()
    return error[at], x[at]


@pytest.mark.parametrize("name", REFERENCES)
def test_float32_over_the_whole_range(name):
    """Every 4001st number of all, signs, subnormals, infinities and NaN among them."""
    error, at = worst(name, np.arange(0, 2**32, 4001, dtype=np.uint64))
    assert error <= REFERENCES[name][1], f"{error} ulp at {at!r}"


@pytest.mark.parametrize("name", REFERENCES)
def test_float32_around_the_seams(name):
    """Densely where a function changes its branch, its power of two, or leaves the range."""
    seams = np.array([1e-8, 6e-8, 0.34657, 0.5, 0.70710678, 1, 1.41421356, 2, 4, 9.1, 18, 87.336, 88.7228, 89, 103.97],
                     np.float32)
    near = (seams.view(np.uint32)[:, None].astype(np.int64) + np.arange(-3000, 3000)).ravel()
    for patterns in (near, near + 2**31):
        error, at = worst(name, patterns)
        assert error <= REFERENCES[name][1], f"{error} ulp at {at!r}"


@pytest.mark.slow
@pytest.mark.parametrize("name", REFERENCES)
def test_every_float32(name):
    step = 2**23
    error, at = max((worst(name, np.arange(i, i + step, dtype=np.uint64)) for i in range(0, 2**32, step)),
                    key=lambda result: result[0])
    assert error <= REFERENCES[name][1], f"{error} ulp at {at!r}"


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", REFERENCES)
@np.errstate(all="ignore")
def test_special_values(name, dtype):
    x = SPECIAL.astype(dtype)
    exact = REFERENCES[name][0](x.astype(float))
    result = apply(name, x)
    assert result.dtype == dtype
    if dtype is np.float32:
        assert ulps(result, exact).max() <= REFERENCES[name][1]
        exact = exact.astype(np.float32)
    np.testing.assert_array_equal(np.isnan(result), np.isnan(exact))
    np.testing.assert_array_equal(np.isinf(result), np.isinf(exact))
    np.testing.assert_array_equal(np.signbit(result[:2]), np.signbit(exact[:2]))  # of f(0) and f(-0)


@pytest.mark.parametrize("name", REFERENCES)
def test_float64(name):
    x = np.random.default_rng(0).normal(0, 8, 20000) * np.logspace(-12, 1, 20000)
    x = np.abs(x) if name == "log" else np.maximum(x, -0.99999) if name == "log1p" else x
    with np.errstate(over="ignore"):
        np.testing.assert_allclose(apply(name, x), REFERENCES[name][0](x), rtol=2e-14, atol=0)


@pytest.mark.skipif(np.finfo(np.longdouble).eps > 1e-18, reason="nothing here is more precise than float64")
def test_exponential_of_float64_over_the_whole_range():
    """Beside that of long doubles, subnormal results and both ends of the range among them."""
    rng = np.random.default_rng(1)
    near = [end + rng.uniform(-1, 1, 5000) for end in (-745.13, -708.4, 0, 709.78)]
    x = np.concatenate([rng.uniform(-746, 710, 100_000), rng.normal(0, 1, 100_000), *near])
    exact, result = np.exp(x.astype(np.longdouble)), apply("exp", x)
    with np.errstate(over="ignore"):
        finite = np.isfinite(exact.astype(np.float64))
    error = np.abs(result[finite] - exact[finite]) / np.spacing(exact[finite].astype(np.float64))
    assert error.max() <= 1.5, f"{error.max()} ulp at {x[finite][error.argmax()]!r}"
    np.testing.assert_array_equal(result[~finite], np.inf)


def test_exponential_of_float64_is_vectorised():
    apply("exp", np.zeros(1))
    (code,) = [text for signature, text in _loop("exp").inspect_llvm().items() if "float64" in str(signature)]
    assert " x double>" in code and "@exp(" not in code


@pytest.mark.parametrize("name", REFERENCES)
def test_loops_are_vectorised(name):
    """Arithmetic on whole vectors, and no call of a scalar function, in what the compiler makes of the loop."""
    apply(name, np.zeros(1, np.float32))
    (code,) = [text for signature, text in _loop(name).inspect_llvm().items() if "float32" in str(signature)]
    assert " x float> " in code or " x float>" in code
    for called in (f"@{name}f(", "@expf(", "@logf(", "@log1pf(", "@tanhf(", "@erff("):
        assert called not in code


@pytest.mark.parametrize("name", ["tanh", "erf", "expm1"])
def test_odd_near_zero(name):
    """Tiny numbers keep their relative accuracy and their sign."""
    x = np.float32(10.0) ** np.arange(-45, -2, dtype=np.float32)
    slope = {"erf": 2 / np.sqrt(np.pi)}.get(name, 1)
    for sign in (1, -1):
        np.testing.assert_allclose(apply(name, sign * x[8:]), (sign * slope * x[8:]), rtol=1e-2)
        assert (np.sign(apply(name, sign * x)) == sign * np.sign(x)).all()
