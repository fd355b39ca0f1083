"""Checks of an installed package that need nothing but the package: known vectors, derivatives, an exact likelihood."""

import importlib
import pkgutil

import numpy as np

from .. import models, ops
from ..arrays import Generator
from ..arrays.philox import philox_block
from ..autograd import GradientError, Tensor, check_grads, grad, no_grad, raw
from ..autograd.primitive import examples, registry
from ..data import Batch
from ..kernels.machinery.examples import ExampleMaker
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


def _telling_example(name, rng, tries=30):
    """An example on which the rule of a primitive gives a gradient that is not 0; the last of `tries` without one.

    Where a convolution's taps all lie outside the image, or an array is empty, any rule would pass.
    """
    for seed in range(rng, rng + tries):
        example = examples[name].make(ExampleMaker.seeded(seed, empty=False))
        random, tensors = np.random.default_rng(seed), [Tensor(array) for array in example.arrays]
        outputs = example.run(example.call, tensors)
        outputs = outputs if isinstance(outputs, (tuple, list)) else [outputs]
        total = sum((output * random.standard_normal(output.shape)).sum() for output in outputs)
        if any(np.any(gradient) for gradient in grad(total, tensors)):
            return example
    return example


def _check_primitives(rng):
    """The rule of each primitive on one of its examples, against differences."""
    for module in pkgutil.iter_modules(ops.__path__, f"{ops.__name__}."):
        importlib.import_module(module.name)  # primitives are registered when they are imported
    names = sorted(name for name, p in registry.items() if p.forward.__module__.startswith(f"{ops.__name__}."))
    failures = []
    for name in names:
        if not examples.get(name):
            failures.append(f"{name}: not checked, it has no example")
            continue
        example = _telling_example(name, rng)
        try:
            check_grads(lambda *arrays, example=example: example.run(example.call, arrays), example.arrays, order=2)
        except (GradientError, TypeError, ValueError) as error:
            failures.append(f"{name}: {error}")
    detail = f"{len(names) - len(failures)} of {len(names)} primitives, orders 1 and 2, relative tolerance 1e-5"
    return "gradients of the primitives", not failures, "; ".join([detail, *failures])


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
