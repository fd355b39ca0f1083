"""What the ops run on: functions of plain arrays, NumPy's or CuPy's, one kernel a file."""

from . import philox as philox
from .activations import gate, gate_vjp, sigmoid, sigmoid_vjp, softplus, softplus_vjp, tanh, tanh_vjp
from .bernoulli import bernoulli_log_prob, bernoulli_log_prob_vjp
from .bernoulli_mixture import bernoulli_mixture_moments
from .categorical import categorical_log_prob, categorical_log_prob_vjp
from .convolution import conv, conv_transpose, conv_vjp, conv_weight
from .gates import glu, glu_vjp, tanh_gate, tanh_gate_vjp
from .gelu import gelu, gelu_vjp, silu, silu_vjp
from .group_norm import group_norm, group_norm_sums, group_norm_vjp
from .hidden_markov import hmm_draw, hmm_filter, hmm_smooth, hmm_viterbi
from .kernel_density import kernel_log_sum
from .layer_norm import layer_norm, layer_norm_vjp
from .masked import masked_matmul, masked_weight
from .nade import nade_draw, nade_logits, nade_logits_vjp
from .normal import (
    normal_kl,
    normal_kl_vjp,
    normal_log_prob,
    normal_log_prob_vjp,
    reparameterize,
    reparameterize_vjp,
)
from .normal_mixture import normal_mixture_log_joint, normal_mixture_moments
from .quadrature import beta_score, cosine_tail, gamma_score, normal_piece, score_polynomial
from .quantiles import beta_cdf, beta_quantile, gamma_cdf, gamma_quantile, truncated_normal_quantile
from .rectifiers import concat_elu, concat_elu_vjp, elu, elu_vjp, leaky_relu, leaky_relu_vjp, relu, relu_vjp
from .reductions import log_softmax, log_softmax_vjp, logsumexp, softmax, softmax_vjp
from .rnade import rnade_draw
from .scatter import scatter
from .special import erf, lbeta, lgamma, ndtr, ndtri, polygamma
from .sum_rows import sum_rows
from .updates import adam_update, average_update, global_norm, rmsprop_update, sgd_update

__all__ = [
    "adam_update", "average_update", "bernoulli_log_prob", "bernoulli_log_prob_vjp", "bernoulli_mixture_moments",
    "beta_cdf", "beta_quantile", "beta_score", "categorical_log_prob", "categorical_log_prob_vjp", "concat_elu",
    "concat_elu_vjp", "conv", "conv_transpose", "conv_vjp", "conv_weight", "cosine_tail", "elu", "elu_vjp", "erf",
    "gamma_cdf", "gamma_quantile", "gamma_score", "gate", "gate_vjp", "gelu", "gelu_vjp", "global_norm", "glu",
    "glu_vjp", "group_norm", "group_norm_sums", "group_norm_vjp", "hmm_draw", "hmm_filter", "hmm_smooth",
    "hmm_viterbi", "kernel_log_sum", "layer_norm", "layer_norm_vjp", "lbeta", "leaky_relu", "leaky_relu_vjp",
    "lgamma", "log_softmax", "log_softmax_vjp", "logsumexp", "masked_matmul", "masked_weight", "nade_draw",
    "nade_logits", "nade_logits_vjp", "ndtr", "ndtri", "normal_kl", "normal_kl_vjp", "normal_log_prob",
    "normal_log_prob_vjp", "normal_mixture_log_joint", "normal_mixture_moments", "normal_piece", "polygamma",
    "relu", "relu_vjp", "reparameterize", "reparameterize_vjp", "rmsprop_update", "rnade_draw", "scatter",
    "score_polynomial", "sgd_update", "sigmoid", "sigmoid_vjp", "silu", "silu_vjp", "softmax", "softmax_vjp",
    "softplus", "softplus_vjp", "sum_rows", "tanh", "tanh_gate", "tanh_gate_vjp", "tanh_vjp",
    "truncated_normal_quantile",
]
