"""Checks of an installed package that need nothing but the package: known vectors, derivatives, an exact likelihood."""

import numpy as np

from .. import models, ops
from ..arrays import Generator
from ..arrays.philox import philox_block
from ..autograd import GradientError, check_grads, grad, no_grad
from ..autograd.primitive import registry
from ..autograd.tensor import raw
from ..data import Batch
from ..protocols import DataSpec

# Random123, known-answer file of its release: key, counter, output of Philox4x32-10
PHILOX = (
    ((0,) * 2, (0,) * 4, (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8)),
    ((2**32 - 1,) * 2, (2**32 - 1,) * 4, (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD)),
    ((0xA4093822, 0x299F31D0), (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344),
     (0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1)),
)


def run_checks(rng=0):
    """Yield `(name, passed, detail)` for each check; `rng` is a seed for the points at which derivatives are taken."""
    yield _check_philox()
    yield _check_primitives(rng)
    yield _check_model_gradient(rng)
    yield from _check_bounds(rng)


def _check_philox():
    right = sum(tuple(philox_block(key, counter)) == output for key, counter, output in PHILOX)
    return "random numbers", right == len(PHILOX), f"{right} of {len(PHILOX)} published Philox vectors"


def _check_primitives(rng):
    examples, failures = _examples(np.random.default_rng(rng)), []
    names = sorted(name for name in registry if hasattr(ops, name))
    for name in names:
        needs = set(registry[name].static_names) - set(registry[name].defaults)
        if needs and name not in examples:
            failures.append(f"{name}: not checked, there is no example of its {', '.join(sorted(needs))}")
            continue
        function, args = examples.get(name) or (getattr(ops, name), examples[len(registry[name].inputs)])
        try:
            check_grads(function, args, order=2)
        except (GradientError, TypeError, ValueError) as error:
            failures.append(f"{name}: {error}")
    detail = f"{len(names) - len(failures)} of {len(names)} primitives, orders 1 and 2, relative tolerance 1e-5"
    return "gradients of the primitives", not failures, "; ".join([detail, *failures])


def _examples(random):
    """Functions with arguments for the primitives that need more than positive arrays; those under their number."""
    x, y, z = random.uniform(0.3, 0.9, (3, 3, 3))
    square, image = x + 2 * np.eye(3), random.standard_normal((2, 4, 4, 2))
    taps = ((0, 0), (0, -1), (-1, 1))
    kernel, mask = random.standard_normal((3, 2, 3)), random.random((3, 3)) < 0.5
    wide, rows = random.standard_normal((2, 4, 4, 3)), np.array([2, 0, 2])
    return {
        1: (x,), 2: (x, y), 3: (x, y, z),
        "where": (lambda a, b: ops.where(mask, a, b), (x, y)),
        "astype": (lambda a: ops.astype(a, np.float64), (x,)),
        "bernoulli_log_prob": (lambda logits: ops.bernoulli_log_prob(mask.astype(np.float64), logits), (x,)),
        "broadcast_to": (lambda a: ops.broadcast_to(a, (2, 3, 3)), (x,)),
        "categorical_log_prob": (lambda logits: ops.categorical_log_prob(logits, rows), (x,)),
        "cholesky": (lambda a: ops.cholesky(a @ a.transpose() + np.eye(3)), (x,)),
        "clip": (lambda a: ops.clip(a, 0.4, 0.8), (x,)),
        "concatenate": (lambda a, b: ops.concatenate([a, b], axis=1), (x, y)),
        "conv": (lambda a, w: ops.conv(a, w, taps), (image, kernel)),
        "conv_transpose": (lambda a, w: ops.conv_transpose(a, w, taps), (wide, kernel)),
        "conv_weight": (lambda a, b: ops.conv_weight(a, b, taps), (image, wide)),
        "cumsum": (lambda a: ops.cumsum(a, axis=0), (x,)),
        "glu": (ops.glu, (wide[..., :2],)),
        "getitem": (lambda a: a[rows, 1:], (x,)),
        "group_norm": (lambda a, w, b: ops.group_norm(a, w, b, 2), (wide[..., 1:], y[0, 1:], z[0, 1:])),
        "inverse": (ops.inverse, (square,)),
        "layer_norm": (ops.layer_norm, (x, y[0], z[0])),
        "logabsdet": (ops.logabsdet, (square,)),
        "masked_matmul": (lambda a, b: ops.masked_matmul(a, b, mask), (x, y)),
        "masked_weight": (lambda a, b: ops.masked_weight(a, b, mask), (x, y)),
        "nade_logits": (lambda t, c, v, b: ops.nade_logits(t, c, v, b, rows[:, None] % np.array([2, 2, 3]) % 2, 2),
                        (x[:, None], y[0], z[:, None], x[:, :1])),
        "pad": (lambda a: ops.pad(a, ((1, 0), (0, 2))), (x,)),
        "reshape": (lambda a: ops.reshape(a, (9,)), (x,)),
        "scatter": (lambda a: ops.scatter(a, rows, (4, 3)), (x,)),
        "solve": (ops.solve, (square, y)),
        "split": (lambda a: ops.split(a, 3), (x,)),
        "stack": (lambda a, b: ops.stack([a, b]), (x, y)),
        "tanh_gate": (ops.tanh_gate, (wide[..., :2],)),
        "triangular_solve": (ops.triangular_solve, (square, y)),
    }


def _small_vae(rng):
    spec = DataSpec((3,), "binary")
    model = models.create("vae", spec, rng=rng, hidden=(5,), latent_dim=1, activation="tanh").to(dtype="float64")
    examples = np.array([[n >> 2 & 1, n >> 1 & 1, n & 1] for n in range(8)], np.uint8)
    return model, examples


def _check_model_gradient(rng, step=1e-5, tolerance=1e-6):
    model, examples = _small_vae(rng)
    random, loss = np.random.default_rng(rng), model.objectives()[0].loss
    worst, parameters = 0.0, model.parameters()
    gradients = grad(loss(Batch(examples), Generator(rng), 0)[0], parameters)

    def value(parameter, at):
        parameter.assign(at)
        with no_grad():
            return float(raw(loss(Batch(examples), Generator(rng), 0)[0]))

    for parameter, gradient in zip(parameters, gradients, strict=True):
        here, direction = parameter.data.copy(), random.standard_normal(parameter.shape)
        ahead, behind = (value(parameter, here + sign * step * direction) for sign in (1, -1))
        parameter.assign(here)
        numeric, analytic = (ahead - behind) / (2 * step), float((gradient * direction).sum())
        worst = max(worst, abs(numeric - analytic) / max(abs(numeric), float(np.abs(gradient * direction).sum()), 1e-3))
    detail = f"{len(parameters)} arrays, largest relative difference {worst:.1e}, tolerance {tolerance:.0e}"
    return "gradient of a variational autoencoder", worst < tolerance, detail


def _check_bounds(rng, draws=400, k=64):
    """The bounds of a one-dimensional latent model against its likelihood by Gauss-Hermite quadrature."""
    model, examples = _small_vae(rng)
    nodes, weights = np.polynomial.hermite_e.hermegauss(80)
    with no_grad():
        conditional = np.stack([raw(model.decode(nodes[:, None]).log_prob(example)) for example in examples])
        exact = np.log((np.exp(conditional) * weights).sum(axis=1) / weights.sum())
        repeated, stream = np.repeat(examples, draws, axis=0), Generator(rng)
        elbo = raw(model.elbo(repeated, stream)).reshape(8, draws)
        bound = raw(model.iwae_bound(repeated, k, stream)).reshape(8, draws)
    total = float(np.exp(exact).sum())
    yield "probabilities add up to 1", abs(total - 1) < 1e-9, f"sum over all examples - 1 = {total - 1:.1e}"
    for name, values in (("elbo", elbo), (f"bound with {k} samples", bound)):
        excess = (values.mean(axis=1) - exact) / (values.std(axis=1, ddof=1) / draws**0.5)
        detail = f"largest excess over log p(x) is {excess.max():.1f} standard errors, tolerance 5"
        yield f"{name} below the likelihood", bool(excess.max() < 5), detail
    rise = (bound.mean(axis=1) - elbo.mean(axis=1)) / (elbo.std(axis=1, ddof=1) / draws**0.5)
    detail = f"smallest rise from one sample to {k} is {rise.min():.1f} standard errors, tolerance -5"
    yield "the bound rises with its samples", bool(rise.min() > -5), detail
