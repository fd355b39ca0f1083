"""What the ops run on: functions of plain arrays, NumPy's or CuPy's, one kernel a file."""

from .activations import sigmoid, softplus
from .bernoulli import bernoulli_log_prob, bernoulli_log_prob_vjp
from .convolution import conv, conv_transpose, conv_vjp, conv_weight
from .layer_norm import layer_norm, layer_norm_vjp
from .reductions import log_softmax, logsumexp, softmax
from .scatter import scatter
from .special import erf, lgamma, polygamma
from .updates import adam_update, average_update, global_norm, rmsprop_update, sgd_update

__all__ = [
    "adam_update", "average_update", "bernoulli_log_prob", "bernoulli_log_prob_vjp", "conv", "conv_transpose", "conv_vjp",
    "conv_weight", "erf", "global_norm", "layer_norm", "layer_norm_vjp", "lgamma", "log_softmax", "logsumexp",
    "polygamma", "rmsprop_update", "scatter", "sgd_update", "sigmoid", "softmax", "softplus",
]
