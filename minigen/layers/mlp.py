"""The multilayer perceptron."""

from .. import ops
from ..arrays import as_generator
from .dropout import Dropout
from .initializers import glorot_uniform
from .linear import Linear
from .module import Module


class MLP(Module):
    """Linear layers with an activation after each but the last: (..., sizes[0]) to (..., sizes[-1]).

    `activation` is a function of a Tensor (or a Module, shared by all layers). In a training call (`train=True`)
    dropout at rate `dropout` follows each activation and draws from `rng`. `init` makes the weights, as in Linear.
    Raises ValueError for a training call with dropout and without `rng`.
    """

    def __init__(self, sizes, activation=ops.relu, *, rng, dropout: float = 0.0, init=glorot_uniform,
                 bias: bool = True, dtype="float32"):
        sizes = tuple(sizes)
        if len(sizes) < 2:
            raise ValueError(f"MLP sizes: expected at least two, inputs and outputs, got {sizes}")
        if not callable(activation):
            raise TypeError(f"MLP activation: expected a function such as ops.relu, got {activation!r}")
        rng = as_generator(rng)
        self.layers = [Linear(n, m, rng, bias, init, dtype) for n, m in zip(sizes, sizes[1:], strict=False)]
        self.activation = activation
        self.dropout = Dropout(dropout)

    def __call__(self, x, *, train=False, rng=None):
        rng = None if rng is None else as_generator(rng)  # one stream for all layers, also for an integer seed
        of_activation = {"train": train, "rng": rng} if isinstance(self.activation, Module) else {}
        *hidden, last = self.layers
        for layer in hidden:
            x = self.activation(layer(x), **of_activation)
            if train:
                x = self.dropout(x, train=True, rng=rng)
        return last(x)
