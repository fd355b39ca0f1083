"""Ops that one kernel computes whole. Beside each stands the same function in elementary ops, its composite."""


from .. import kernels
from ..arrays import array_module
from ..arrays.constants import LOG_2PI
from ..autograd import raw
from ..autograd.primitive import primitive
from ..kernels.machinery.examples import Example
from .activations import softplus
from .elementwise import exp, expm1, sqrt, square
from .recordable import recordable
from .reductions import logsumexp


@primitive(residuals=("gain", "normalised", "scale"), byproducts=("normalised", "scale"))
def layer_norm(x, gain, bias, /, eps=1e-5):
    """(x - mean) / √(variance + eps)·gain + bias, mean and variance over the last axis (Ba et al., 2016)."""
    return kernels.layer_norm(x, gain, bias, eps)


@layer_norm.defvjp
def _(g, residuals, needed):
    gain, normalised, scale = residuals
    return (kernels.layer_norm_vjp(g, gain, normalised, scale) if needed[0] else None,
            g * normalised if needed[1] else None, g)


@layer_norm.defcomposite
def _(x, gain, bias, eps):
    centred = x - x.mean(axis=-1, keepdims=True)
    return centred / sqrt((centred * centred).mean(axis=-1, keepdims=True) + eps) * gain + bias


@layer_norm.example(scalars=False)
def _(make):
    """Values apart from each other: where the variance is next to 0 no difference of values has enough digits."""
    shape = (*make.shape(0, 2), make.integer(2, 5))
    gain, bias = (make.values(make.choice([shape[-1:], shape, (1,)])) for _ in range(2))
    return Example(make.distinct(shape), gain, bias, eps=make.choice([1e-5, 0.1]))


@primitive(residuals=("x", "logits"))
def bernoulli_log_prob(x, logits, /):
    """log p(x) in nats, with p(xᵢ = 1) = sigmoid(lᵢ): Σ x·l - log(1 + exp(l)) over the last axis."""
    return kernels.bernoulli_log_prob(x, logits)


@bernoulli_log_prob.defvjp
def _(g, residuals, needed):
    x, logits = residuals
    gx = None
    if needed[0]:
        gx = g[..., None] * logits
        if getattr(x, "ndim", 0) and gx.shape[-1] != x.shape[-1] != 1:  # one logit for a whole row of x
            gx = gx.repeat(x.shape[-1], axis=-1)
    return gx, kernels.bernoulli_log_prob_vjp(g, x, logits) if needed[1] else None


@bernoulli_log_prob.defcomposite
def _(x, logits):
    return (x * logits - softplus(logits)).sum(axis=-1)


@bernoulli_log_prob.example(scalars=False)
def _(make):
    shape = make.shape(1, 3)
    start = make.integer(0, len(shape) - 1)
    shapes = [shape, make.choice([shape, shape[start:], (1,) * len(shape), shape[:-1] + (1,)])]
    first, second = shapes if make.boolean() else shapes[::-1]
    return [make.values(first, 0.1, 0.9), make.values(second, -4.0, 4.0)]


@bernoulli_log_prob.example(scalars=False)
def _(make):
    """Bits, which are not differentiated."""
    shape = make.shape(1, 3)
    return [make.booleans(shape).astype(make.choice(["u1", "?"])), make.values(shape, -4.0, 4.0)]


@primitive(residuals=("logits", "index"))
def categorical_log_prob(logits, /, index):
    """logits[index] - logsumexp(logits) along the last axis, for integers `index`: minus the softmax cross-entropy.

    The other axes of `logits` broadcast with `index`. Raises TypeError if `index` holds no integers, and ValueError if
    one is not from 0 to levels - 1.
    """
    levels = logits.shape[-1] if logits.ndim else 0
    if getattr(getattr(index, "dtype", None), "kind", "") not in ("i", "u"):
        raise TypeError(f"categorical_log_prob index: expected an array of integers, got {index!r}")
    # On a device the values are not checked: the host would have to wait until all work before this is done.
    if array_module(index).__name__ == "numpy" and index.size and not (index.min() >= 0 and index.max() < levels):
        raise ValueError(f"categorical_log_prob index: expected integers from 0 to {levels - 1}, "
                         f"got {index.min()} to {index.max()}")
    return kernels.categorical_log_prob(logits, index)


@categorical_log_prob.defvjp
def _(g, residuals, needed):
    return (kernels.categorical_log_prob_vjp(g, *residuals),)


@categorical_log_prob.defcomposite
def _(logits, index):
    xp = array_module(raw(logits))
    chosen = (xp.arange(logits.shape[-1]) == index[..., None]).astype(logits.dtype)
    return (chosen * logits).sum(axis=-1) - logsumexp(logits, -1)


@categorical_log_prob.example(scalars=False)
def _(make):
    levels, (batch, leading) = make.integer(1, 4), make.broadcastable()
    index = make.integers(0, levels, batch)
    return Example(make.values((*leading, levels), -3.0, 3.0), index=index.astype(make.choice(["i8", "u1"])))


@primitive(residuals=("x", "loc", "log_scale"))
def normal_log_prob(x, loc, log_scale, /):
    """log N(x; loc, exp(log_scale)²) summed over the last axis: -Σ ½z² + log_scale + ½ log 2π."""
    return kernels.normal_log_prob(x, loc, log_scale)


@normal_log_prob.defvjp
def _(g, residuals, needed):
    return kernels.normal_log_prob_vjp(g, *residuals)


@normal_log_prob.defcomposite
def _(x, loc, log_scale):
    z = (x - loc) * exp(-log_scale)
    return -(0.5 * square(z) + (log_scale + 0.5 * LOG_2PI)).sum(axis=-1)


@normal_log_prob.example(scalars=False)
def _(make):
    x, loc, log_scale = make.broadcastable_rows(3)
    return [make.values(x), make.values(loc), make.values(log_scale, -0.8, 0.8)]


@primitive(residuals=("loc", "log_scale"))
def normal_kl(loc, log_scale, /):
    """KL(N(loc, exp(log_scale)²) ‖ N(0, 1)) summed over the last axis: Σ ½(scale² - 1 + loc²) - log_scale."""
    return kernels.normal_kl(loc, log_scale)


@normal_kl.defvjp
def _(g, residuals, needed):
    return kernels.normal_kl_vjp(g, *residuals)


@normal_kl.defcomposite
def _(loc, log_scale):
    return (0.5 * (expm1(2 * log_scale) + square(loc)) - log_scale).sum(axis=-1)


@normal_kl.example(scalars=False)
def _(make):
    loc, log_scale = make.broadcastable_rows(2)
    return [make.values(loc), make.values(log_scale, -1.0, 1.0)]


@primitive(residuals=("log_scale", "noise"))
def reparameterize(loc, log_scale, noise, /):
    """loc + exp(log_scale)·noise: a normal variable as a function of its parameters (Kingma and Welling, 2014)."""
    return kernels.reparameterize(loc, log_scale, noise)


_scale_vjp = recordable(kernels.reparameterize_vjp, lambda g, log_scale, noise: g * (exp(log_scale) * noise))


@reparameterize.defvjp
def _(g, residuals, needed):
    log_scale, noise = residuals
    return (g, _scale_vjp(g, log_scale, noise) if needed[1] else None, g * exp(log_scale) if needed[2] else None)


reparameterize.example(lambda make: make.arrays(3))
