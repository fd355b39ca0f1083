"""The activation functions that a model's settings name."""

from .. import ops

ACTIVATIONS = {name: getattr(ops, name) for name in ("elu", "gelu", "leaky_relu", "relu", "silu", "softplus", "tanh")}
