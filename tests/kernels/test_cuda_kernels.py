"""The CUDA sources run, threads as fibers of the CPU, and agree with the references; a missing barrier is found."""

import importlib

import numpy as np
import pytest

from kernels.agreement import as_tuple
from minigen.kernels.convolution import convolution
from minigen.kernels.machinery import cuda
from minigen.kernels.machinery.dispatch import registry
from minigen.kernels.machinery.examples import ExampleMaker
from shim import emulator, standin

pytestmark = pytest.mark.skipif(not emulator.available(), reason=emulator.REASON)

DTYPES = ("float32", "float64")
ON_DEVICE = sorted(name for name, kernel in registry.items() if kernel.device is not None)
TOLERANCE = {"float32": 3e-6, "float64": 1e-13}


@pytest.fixture(params=["ascending", "descending", pytest.param("gpu", marks=pytest.mark.gpu)])
def device(request, monkeypatch):
    """The stand-in for CuPy, threads running in either order, or CuPy."""
    monkeypatch.setattr(standin.RawModule, "reverse", request.param == "descending")
    with standin.cupy_or_stand_in(request.param) as cupy:
        yield cupy


def values(*shape, dtype="float64", seed=0):
    """Normal numbers with extremes among them."""
    x = np.asarray(3 * np.random.default_rng(seed).standard_normal(shape))
    if x.size > 3:
        x.reshape(-1)[:3] = (0.0, 60.0, -60.0)
    return np.asarray(x, dtype)


def reference(name):
    """The array code that defines a kernel."""
    return registry[name].reference


def agree(device, name, *args, in_place=(), **keywords):
    """Run the device's version and the reference on copies of `args`: outputs and changed arguments are equal."""
    def copies(convert):
        return [convert(a.copy()) if isinstance(a, np.ndarray) else a for a in args]

    ours, theirs = copies(device.asarray), copies(np.asarray)
    result = registry[name].device(*ours, **keywords)
    with np.errstate(all="ignore"):
        expected = reference(name)(*theirs, **keywords)
    assert result is not NotImplemented
    pairs = [(ours[i], theirs[i]) for i in in_place]
    if not in_place:
        pairs = list(zip(result, expected, strict=True)) if isinstance(result, tuple) else [(result, expected)]
    for a, b in pairs:
        assert a.shape == np.shape(b) and a.dtype == b.dtype, name
        scale = max(1.0, float(np.abs(b[np.isfinite(b)]).max(initial=0))) if np.ndim(b) else 1.0
        tolerance = TOLERANCE.get(b.dtype.name, 0)  # integers are equal
        np.testing.assert_allclose(a.get(), b, rtol=tolerance, atol=tolerance * scale)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", ON_DEVICE)
def test_examples(device, name, dtype):
    """The examples that stand beside the kernels, and what a kernel changes in place."""
    covered = 0
    for seed in range(8):
        args = registry[name].examples.make(ExampleMaker.seeded(seed, dtype=dtype)).arguments
        arrays = [i for i, a in enumerate(args) if isinstance(a, np.ndarray)]
        probe = registry[name].device(*[device.asarray(a.copy()) if i in arrays else a for i, a in enumerate(args)])
        if probe is NotImplemented:
            continue
        covered += 1
        agree(device, name, *args, in_place=arrays)
        if probe is not None:
            agree(device, name, *args)
    assert covered, "the device's version covers none of the examples"


def elementwise(name):
    """How many arrays a kernel of arrays and results of one shape takes; 0 for other kernels."""
    for seed in range(8):
        args = registry[name].examples.make(ExampleMaker.seeded(seed)).arguments
        if not all(isinstance(a, np.ndarray) and a.shape == args[0].shape for a in args):
            return 0
        if any(np.shape(y) != args[0].shape for y in as_tuple(reference(name)(*args))):
            return 0
    return len(args)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", [name for name in ON_DEVICE if elementwise(name)])
def test_layouts_and_numbers_that_are_not_finite(device, name, dtype):
    count = elementwise(name)
    several = [values(700, dtype=dtype, seed=i) for i in range(count)]
    agree(device, name, *[x.reshape(35, 20).T for x in several])
    agree(device, name, *[np.array([1, -1, 0, -0.0, 1e-30, 1e30], dtype)] * count)
    agree(device, name, *[np.zeros((0, 3), dtype)] * count)
    agree(device, name, *[np.array(0.5, dtype)] * count)
    if count == 1:
        agree(device, name, np.array([np.inf, -np.inf, np.nan], dtype))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(3, 5, 300), (4, 7), (40,)])
def test_bernoulli(device, dtype, shape):
    logits, g = values(*shape, dtype=dtype), values(*shape[:-1], dtype=dtype, seed=1)
    for lacking in range(2 if len(shape) > 2 else 1):
        x = (values(*shape[lacking:], seed=2) > 0).astype(dtype)
        agree(device, "bernoulli_log_prob", x, logits)
        agree(device, "bernoulli_log_prob_vjp", g, x, logits)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("n", [1, 31, 256, 700])
def test_rows(device, dtype, n):
    x = values(5, n, dtype=dtype)
    x[1], x[2] = -np.inf, 1e30
    agree(device, "logsumexp", x, -1)
    agree(device, "logsumexp", x[:, None], 2, True)
    agree(device, "softmax", np.delete(x, 1, 0), -1)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("n", [2, 33, 500])
def test_layer_norm(device, dtype, n):
    x = np.random.default_rng(0).standard_normal((2, 3, n)).astype(dtype)
    gain, bias = (np.random.default_rng(i).standard_normal(n).astype(dtype) for i in (1, 2))
    agree(device, "layer_norm", x, gain, bias, 1e-5)
    _, normalised, scale = reference("layer_norm")(x, gain, bias, 1e-5)
    agree(device, "layer_norm_vjp", values(2, 3, n, dtype=dtype), gain, normalised, scale)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape, groups", [((1, 150, 7), 7), ((3, 5, 4, 6), 2), ((2, 300), 3), ((2, 2, 70, 1), 1)])
def test_group_norm(device, dtype, shape, groups):
    random = np.random.default_rng(0)
    x, g, weight, bias = (random.standard_normal(s).astype(dtype) for s in (shape, shape, shape[-1:], shape[-1:]))
    agree(device, "group_norm", x, weight, bias, groups, 0.1)
    _, mean, variance = reference("group_norm")(x, weight, bias, groups, 0.1)
    scale = (1 / np.sqrt(variance + 0.1)).astype(dtype)
    agree(device, "group_norm_sums", g, x, mean, scale)
    sums = reference("group_norm_sums")(g, x, mean, scale)
    agree(device, "group_norm_vjp", g, x, weight, mean, scale, *sums)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("search", [0, 1 << 30], ids=["atomic", "ordered"])
def test_scatter(device, dtype, search, monkeypatch):
    monkeypatch.setattr(importlib.import_module("minigen.kernels.scatter"), "SEARCH", search)
    index = np.random.default_rng(0).integers(-6, 6, (3, 4))
    agree(device, "scatter", np.arange(3 * 4 * 5 * 2, dtype=dtype).reshape(3, 4, 5, 2), index, (6, 5, 2))
    agree(device, "scatter", np.arange(12, dtype=dtype).reshape(3, 4), index.astype(np.int32), (6,))


@pytest.mark.parametrize("dtype", DTYPES)
def test_rectifiers_with_a_number(device, dtype):
    x, g = values(300, dtype=dtype), values(300, dtype=dtype, seed=1)
    for name in ("leaky_relu", "elu"):
        agree(device, name, x, 0.3)
        agree(device, f"{name}_vjp", g, x, 0.3)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("n", [1, 40, 300])
def test_row_derivatives(device, dtype, n):
    y, g = reference("softmax")(values(4, n, dtype=dtype)), np.clip(values(4, n, dtype=dtype, seed=1), -2, 2)
    agree(device, "softmax_vjp", g, y, -1)
    agree(device, "log_softmax", values(4, n, dtype=dtype), 1)
    agree(device, "log_softmax_vjp", g, np.log(y + 1e-3).astype(dtype), 1)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("n", [1, 20, 300])
def test_normal(device, dtype, n):
    random = np.random.default_rng(n)
    x, loc, log_scale = (random.standard_normal((2, 3, n)).astype(dtype) for _ in range(3))
    g = random.standard_normal((2, 3)).astype(dtype)
    for mean, log_spread in ((loc, log_scale), (loc[0], log_scale), (loc[0, 0], log_scale[1])):
        agree(device, "normal_log_prob", x, mean, log_spread)
        agree(device, "normal_log_prob_vjp", g, x, mean, log_spread)
    agree(device, "normal_kl", loc, log_scale)
    agree(device, "normal_kl_vjp", g, loc, log_scale)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("n", [1, 10, 300])
def test_categorical(device, dtype, n):
    logits, index = values(3, n, dtype=dtype), np.random.default_rng(n).integers(0, n, (2, 3))
    g = values(2, 3, dtype=dtype)
    agree(device, "categorical_log_prob", logits, index)
    agree(device, "categorical_log_prob", logits, index[0].astype(np.uint8))
    agree(device, "categorical_log_prob_vjp", g, logits, index)


@pytest.mark.parametrize("dtype", DTYPES)
def test_updates(device, dtype):
    p, g, m = (values(600, dtype=dtype, seed=i) for i in range(3))
    v = np.abs(values(600, dtype=dtype, seed=4))
    agree(device, "sgd_update", p, g, None, 0.1, weight_decay=0.01, in_place=[0])
    for nesterov in (False, True):
        agree(device, "sgd_update", p, g, m, 0.1, 0.9, nesterov, in_place=[0, 2])
    for decoupled in (False, True):
        agree(device, "adam_update", p, g, m, v, 3, 1e-2, 0.9, 0.999, 1e-8, 0.1, decoupled, in_place=[0, 2, 3])
    agree(device, "rmsprop_update", p, g, v, 1e-2, 0.99, 1e-8, 0.1, in_place=[0, 2])
    agree(device, "average_update", p, g, 0.25, in_place=[0])


def test_updates_read_what_varies_from_the_device(device):
    p, g, m, v = (np.abs(values(300, seed=i)) for i in range(4))
    expected = [a.copy() for a in (p, m, v)]
    reference("adam_update")(expected[0], 0.5 * g, *expected[1:], 7, 1e-2, 0.9, 0.999, 1e-8)
    ours = [device.asarray(a) for a in (p, g, m, v)]
    step, rate, half, nothing = (device.asarray(np.array(x)) for x in (7.0, 1e-2, 0.5, np.nan))
    update = registry["adam_update"].device
    update(*ours, step, rate, 0.9, 0.999, 1e-8, scale=nothing)
    for a, b in zip(ours, (p, g, m, v), strict=True):
        np.testing.assert_array_equal(a.get(), b)  # not finite: all is left as it is
    update(*ours, step, rate, 0.9, 0.999, 1e-8, scale=half)
    for i, b in zip((0, 2, 3), expected, strict=True):
        np.testing.assert_allclose(ours[i].get(), b, rtol=1e-13)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("stride", [1, 2, 3])
def test_convolution(device, dtype, stride, monkeypatch):
    monkeypatch.setattr(convolution, "DEVICE_BLOCK_BYTES", 1000)  # several blocks
    random = np.random.default_rng(stride)
    for space, taps in (((7,), ((-3,), (0,), (9,))), ((4, 5), ((-1, -1), (0, 2), (0, 0))),
                        ((3, 2, 4), ((0, 1, -1), (1, 0, 0)))):
        out = tuple(-(-n // stride) for n in space)
        x = random.standard_normal((2, *space, 3)).astype(dtype)
        y = random.standard_normal((2, *out, 4)).astype(dtype)
        w = random.standard_normal((len(taps), 3, 4)).astype(dtype)
        agree(device, "conv", x, w, taps, stride)
        agree(device, "conv", x, w, taps, stride, y[0].reshape(-1, 4)[0], True)
        agree(device, "conv_transpose", y, w, taps, stride, space)
        agree(device, "conv_weight", x, y, taps, stride)


@pytest.mark.parametrize("reverse", [False, True])
def test_a_missing_barrier_is_found(reverse):
    """Without its first barrier the sum over a block takes in what other warps have not written yet."""
    source, options = cuda.source("reductions"), cuda.options("float64")
    assert source.count("__syncthreads();") == 2
    x, expected = values(2, 500), np.logaddexp.reduce(values(2, 500), axis=-1)

    def run(text):
        out = np.zeros(2)
        emulator.launch(text, options, "logsumexp", 2, 256, (x, out, np.int64(500)), reverse)
        return out

    np.testing.assert_allclose(run(source), expected)
    head, barrier, tail = source.partition("__syncthreads();")
    broken = head + tail
    assert barrier
    assert not np.allclose(run(broken), expected)
