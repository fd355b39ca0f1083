"""Every kernel beside its reference: how closely they agree, how much faster it is, and at what rate it runs."""

import inspect
import time
from dataclasses import dataclass

import numpy as np

from .. import kernels, models  # their import fills the registry
from ..arrays import Generator, check_device, to_device, to_numpy
from ..kernels import heads
from ..kernels.convolution import windows
from ..kernels.machinery.dispatch import reference_kernels, registry
from ..kernels.masked import Blocks
from ..models.autoregressive.support.tracing import compile_program
from ..protocols import DataSpec

TOLERANCE = {"float32": 2e-5, "float64": 1e-11}  # of the largest value; sums of many terms come in other orders
REPEATS = 5
WIDTH = 512  # of a row, for kernels that sum over the last axis


@dataclass(frozen=True)
class KernelCheck:
    """What was found for one kernel.

    `difference` is the largest one from the reference, relative to the largest value, in float32 (NaN where the
    check of either dtype failed to give numbers); `speed_up` is the reference's time over the kernel's; `rate` counts
    bytes read and written a second, or floating-point operations where `unit` says so. `version` is "compiled",
    "device", or "reference" where there is nothing else, and then nothing is compared.
    """

    name: str
    version: str
    passed: bool
    difference: float
    speed_up: float
    rate: float
    unit: str


def check_kernels(rng: int = 0, elements: int = 2**20, device: str = "cpu"):
    """Yield a `KernelCheck` for each registered kernel, on arrays of about `elements` elements.

    `rng` is a seed. The reference runs on the same device. Errors as in `minigen.arrays.check_device`.
    """
    check_device(device)
    for name in sorted(registry):
        kernel = registry[name]
        version = kernel.fast if device == "cpu" else kernel.device
        kind = "reference" if version is None else "compiled" if device == "cpu" else "device"
        differences, passed = {}, True
        for dtype in ("float64", "float32"):
            args, flops = example(name, elements, np.random.default_rng(rng), dtype)
            args = [to_device(a, device) if isinstance(a, np.ndarray) else a for a in args]
            differences[dtype] = _difference(kernel, args)
            passed = passed and bool(differences[dtype] <= TOLERANCE[dtype])  # not for NaN
        seconds, reference, moved = _times(kernel, args, device)
        rate, unit = (flops / seconds, "GFLOP/s") if flops else (moved / seconds, "GB/s")
        yield KernelCheck(name, kind, passed, differences["float32"], reference / seconds, rate, unit)


def example(name: str, elements: int, random, dtype: str):
    """Arguments for a kernel, and how many floating-point operations it does with them (0: count bytes instead).

    A kernel that is not treated here is a function of arrays of one shape, as many as it has parameters without
    defaults that are not among `_SETTINGS`.
    """
    rows = max(1, elements // WIDTH)

    def normal(*shape):
        return random.standard_normal(shape).astype(dtype)

    x, g = normal(rows, WIDTH), normal(rows, WIDTH)
    bits = (x > 0).astype(dtype)
    if name in _MASKED:
        return _masked(name, max(1, elements // WIDTH), normal)
    if name in _CONVOLUTIONS:
        return _convolution(name, max(1, elements // 28 // 28 // 32), normal)
    if name in _MIXTURES:
        return _mixture(name, rows, normal, bits)
    if name in _AUTOREGRESSIVE:
        return _autoregressive(name, max(1, elements // WIDTH // 64), normal, random), 0
    if name in _CHAINS:
        return _chain(name, max(1, elements // 512), normal, random), 0
    if name in _ROWS:
        return _ROWS[name](x, g, bits, normal), 0
    if name in _FLAT:
        return _FLAT[name](*(np.ascontiguousarray(a.reshape(-1)) for a in (x, g)), normal(x.size), random), 0
    parameters = inspect.signature(registry[name].reference).parameters.values()
    needed = [p.name for p in parameters if p.default is p.empty or p.name in _SETTINGS]
    return [_SETTINGS[p] if p in _SETTINGS else normal(rows, WIDTH) for p in needed], 0


_SETTINGS = {"axis": -1, "keepdims": True, "eps": 1e-5, "slope": 0.2, "alpha": 1.0}
_ROWS = {  # of x, another such array, zeros and ones where x is positive, and normal numbers of a shape
    "bernoulli_log_prob": lambda x, g, bits, normal: [bits, x],
    "bernoulli_log_prob_vjp": lambda x, g, bits, normal: [normal(len(x)), bits, x],
    "categorical_log_prob": lambda x, g, bits, normal: [x, _indices(g)],
    "categorical_log_prob_vjp": lambda x, g, bits, normal: [normal(len(x)), x, _indices(g)],
    "concat_elu_vjp": lambda x, g, bits, normal: [normal(len(x), 2 * WIDTH), x],
    "fill_random": lambda x, g, bits, normal: [
        np.zeros(x.size, x.dtype), "normal", Generator(1).stream, 0, x.size * x.itemsize // 4],
    "glu_vjp": lambda x, g, bits, normal: [normal(len(x), WIDTH // 2), x],
    "group_norm": lambda x, g, bits, normal: [x[None], normal(WIDTH), normal(WIDTH), 4, 1e-5],
    "group_norm_sums": lambda x, g, bits, normal: [g[None], x[None], normal(1, 4), abs(normal(1, 4)) + 1],
    "group_norm_vjp": lambda x, g, bits, normal: [
        g[None], x[None], normal(WIDTH), normal(1, 4), abs(normal(1, 4)) + 1, normal(1, WIDTH), normal(1, WIDTH)],
    "kernel_log_sum": lambda x, g, bits, normal: [
        normal(len(x), 8), normal(min(len(x), 1024), 8), abs(normal(8)) + 1, "gaussian"],
    "layer_norm": lambda x, g, bits, normal: [x, normal(WIDTH), normal(WIDTH), 1e-5],
    "layer_norm_vjp": lambda x, g, bits, normal: [g, normal(WIDTH), x, abs(normal(len(x), 1)) + 1],
    "lgamma": lambda x, g, bits, normal: [abs(x)],
    "normal_kl_vjp": lambda x, g, bits, normal: [normal(len(x)), x, g],
    "normal_log_prob_vjp": lambda x, g, bits, normal: [normal(len(x)), x, g, normal(*x.shape)],
    "polygamma": lambda x, g, bits, normal: [1, abs(x) + 0.1],
    "tanh_gate_vjp": lambda x, g, bits, normal: [normal(len(x), WIDTH // 2), x],
}
_FLAT = {  # of parameters, gradients, another such array and a generator of integers
    "adam_update": lambda p, g, m, random: [p, g, m, m * m, 3, 1e-3, 0.9, 0.999, 1e-8],
    "average_update": lambda p, g, m, random: [p, g, 0.01],
    "global_norm": lambda p, g, m, random: [g],
    "rmsprop_update": lambda p, g, m, random: [p, g, m * m, 1e-3, 0.9, 1e-8],
    "scatter": lambda p, g, m, random: [
        g.reshape(-1, 64), random.integers(0, 256, len(g) // 64), (256, 64)],
    "sgd_update": lambda p, g, m, random: [p, g, m, 1e-3, 0.9],
}
_CONVOLUTIONS = ("conv", "conv_transpose", "conv_vjp", "conv_weight")
_MASKED = ("masked_matmul", "masked_weight")
_AUTOREGRESSIVE = ("nade_draw", "nade_logits", "nade_logits_vjp", "rnade_draw", "run_program")
_CHAINS = ("hmm_draw", "hmm_filter", "hmm_smooth", "hmm_viterbi")
_MIXTURES = ("bernoulli_mixture_moments", "normal_mixture_log_joint", "normal_mixture_moments")


def _indices(g):
    """One index of a column for each row."""
    return g.argmax(axis=-1)


def _convolution(name, batch, normal):
    """A masked 3 × 3 convolution of 32 channels, its adjoint, its weight's gradient, or both gradients."""
    taps, extents, channels = ((-1, -1), (-1, 0), (-1, 1), (0, -1), (0, 0)), (28, 28), 32
    x, y = normal(batch, *extents, channels), normal(batch, *extents, channels)
    w = normal(len(taps), channels, channels)
    met = sum(np.empty(extents)[reads[1:]].size for reads, _ in windows(taps, extents, 1))
    args = {"conv": [x, w, taps, 1], "conv_transpose": [y, w, taps, 1, extents], "conv_weight": [x, y, taps, 1],
            "conv_vjp": [y, x, w, taps, 1]}[name]
    return args, 2 * batch * met * channels**2 * (2 if name == "conv_vjp" else 1)


def _masked(name, rows, normal):
    """A product with a staircase of a mask, or its weight's gradient."""
    mask = np.triu(np.ones((WIDTH, WIDTH), bool))
    x, other = normal(rows, WIDTH), normal(*((WIDTH, WIDTH) if name == "masked_matmul" else (rows, WIDTH)))
    return [x, other, Blocks(mask)], 2 * rows * int(mask.sum())


def _autoregressive(name, rows, normal, random):
    """Estimators of 64 variables with hidden units; a small PixelCNN. Samplers are given the values that they draw."""
    variables, hidden = 64, 128
    c, x = normal(hidden), random.integers(0, 2, (rows, variables))
    if name == "run_program":
        return _program(normal(1).dtype, rows, random)
    if name == "rnade_draw":
        scale, known = abs(normal(variables)) / variables, np.ones((rows, variables), bool)
        return [abs(normal(rows, variables, 2)) % 1, normal(variables, hidden), c, scale, normal(variables, hidden, 6),
                normal(variables, 6), normal(rows, variables), known, heads.NORMAL_MIXTURE, np.array([1, 0.1], c.dtype)]
    table, v, b = normal(variables, 1, hidden), normal(variables, 1, hidden), normal(variables, 1)
    return {"nade_draw": [abs(normal(rows, variables)) % 1, table, c, v, b, x, 2],
            "nade_logits": [table, c, v, b, x, 2],
            "nade_logits_vjp": [normal(rows, variables, 1), table, c, v, x, 2]}[name]


def _program(dtype, rows, random):
    """The incremental pass of a PixelCNN on 8 × 8 pixels."""
    model = models.create("pixel_cnn", DataSpec((8, 8, 1), "binary"), rng=0, channels=16, blocks=2).to(dtype=dtype)
    steps, outputs = np.arange(64)[:, None], [(k, k, 0, 1) for k in range(64)]
    program = compile_program(model.network, (8, 8, 1), steps, outputs, model.output, dtype)
    values, noise = (draw((rows, 64, 1)).astype(dtype) for draw in (lambda n: random.integers(0, 2, n), random.random))
    return [noise, values, np.ones(values.shape, bool), program, heads.CATEGORICAL, 1,
            np.array([[-1], [1]], dtype), np.ones(1, dtype)]


def _chain(name, sequences, normal, random):
    """64 steps of a hidden Markov chain with 8 states."""
    emission, initial, transition = normal(sequences, 64, 8), normal(8), kernels.log_softmax(normal(8, 8))
    initial = kernels.log_softmax(initial)
    filtered = kernels.hmm_filter(emission, initial, transition)[0]
    return {"hmm_smooth": [emission, filtered, transition],
            "hmm_draw": [filtered, transition, random.random((sequences, 64))],
            }.get(name, [emission, initial, transition])


def _mixture(name, rows, normal, bits):
    """Ten components of products of Bernoullis, or of normals in 16 dimensions."""
    if name == "bernoulli_mixture_moments":
        return [bits, normal(10, WIDTH), normal(10), None, None], 4 * rows * 10 * WIDTH
    x = normal(rows * WIDTH // 16, 16)
    flops = 2 * len(x) * 10 * 16**2 * (2 if name == "normal_mixture_moments" else 1)
    return [x, normal(10, 16, 16), normal(10, 16), normal(10)], flops


def _difference(kernel, args):
    """Between what kernel and reference return and what they write into their arguments."""
    worst, found = 0.0, []
    for function in (kernel, kernel.reference):
        own = [a.copy() if hasattr(a, "copy") else a for a in args]
        with np.errstate(all="ignore"):
            result = function(*own)
        results = result if isinstance(result, tuple) else (result,)
        found.append([to_numpy(a) for a in (*results, *own) if hasattr(a, "dtype") and a.dtype.kind != "b"])
    for ours, theirs in zip(*found, strict=True):
        if ours.shape != theirs.shape or ours.dtype != theirs.dtype:
            return float("nan")
        if ours.size:
            worst = np.maximum(worst, np.abs(ours - theirs).max() / max(np.abs(theirs).max(), 1e-30))  # NaN stays
    return float(worst)


def _times(kernel, args, device):
    """Least seconds of the kernel and of its reference, taking turns, and the bytes read and written."""
    written = [a.copy() if hasattr(a, "copy") else a for a in args]
    result = kernel(*written)
    results = result if isinstance(result, tuple) else (result,)
    changed = [a for a, b in zip(written, args, strict=True) if hasattr(a, "dtype") and (a != b).any()]
    arrays = [a for a in (*args, *results, *changed) if hasattr(a, "nbytes")]
    fast, slow = [], []
    for _ in range(REPEATS):
        fast.append(_seconds(kernel, written, device))
        with reference_kernels():
            slow.append(_seconds(kernel, written, device))
    return min(fast), min(slow), sum(a.nbytes for a in arrays)


def _seconds(function, args, device):
    with np.errstate(all="ignore"):
        start = time.perf_counter()
        function(*args)
        if device == "cuda":
            import cupy

            cupy.cuda.get_current_stream().synchronize()
        return time.perf_counter() - start
