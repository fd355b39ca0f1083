"""Differentiable operations on Tensors; on plain arrays they give plain arrays."""

from . import methods as methods
from .activations import concat_elu, elu, gate, gelu, leaky_relu, log_sigmoid, relu, sigmoid, silu, softplus, tanh
from .arithmetic import add, divide, multiply, negative, power, subtract
from .convolution import conv, conv_transpose, conv_weight
from .elementwise import abs, astype, cos, exp, expm1, log, log1p, sin, sqrt, square
from .fused import (
    bernoulli_log_prob,
    categorical_log_prob,
    layer_norm,
    normal_kl,
    normal_log_prob,
    reparameterize,
)
from .gates import glu, tanh_gate
from .group_norm import group_norm
from .incomplete import beta_cdf, beta_quantile, gamma_cdf, gamma_quantile, lbeta
from .indexing import getitem, scatter, take, take_along_axis
from .linalg import cholesky, inverse, logabsdet, matmul, solve, triangular_solve
from .masked import masked_matmul, masked_weight
from .nade import nade_logits
from .normal_tails import ndtr, ndtri
from .reductions import cumsum, log_softmax, logsumexp, max, mean, min, norm, softmax, sum, var
from .selection import clip, maximum, minimum, where
from .shape import broadcast_to, concatenate, flip, pad, reshape, split, stack, transpose
from .special import digamma, erf, lgamma, polygamma

__all__ = [
    "abs", "add", "astype", "bernoulli_log_prob", "beta_cdf", "beta_quantile", "broadcast_to",
    "categorical_log_prob", "cholesky", "clip", "concat_elu", "concatenate", "conv", "conv_transpose",
    "conv_weight", "cos", "cumsum", "digamma", "divide", "elu", "erf", "exp", "expm1", "flip", "gamma_cdf",
    "gamma_quantile", "gate", "gelu", "getitem", "glu", "group_norm", "inverse", "layer_norm", "lbeta",
    "leaky_relu", "lgamma", "log", "log1p", "log_sigmoid", "log_softmax", "logabsdet", "logsumexp", "masked_matmul",
    "masked_weight", "matmul", "max", "maximum", "mean", "min", "minimum", "multiply", "nade_logits", "ndtr",
    "ndtri", "negative", "norm", "normal_kl", "normal_log_prob", "pad", "polygamma", "power", "relu",
    "reparameterize", "reshape", "scatter", "sigmoid", "silu", "sin", "softmax", "softplus", "solve", "split",
    "sqrt", "square", "stack", "subtract", "sum", "take", "take_along_axis", "tanh", "tanh_gate", "transpose",
    "triangular_solve", "var", "where",
]
