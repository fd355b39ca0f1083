"""Parameterised functions: modules, and the layers that models are made of."""

from .dropout import Dropout
from .embedding import Embedding
from .initializers import glorot_normal, glorot_uniform, he_normal, he_uniform, orthogonal, zeros
from .layer_norm import LayerNorm
from .linear import Linear
from .mlp import MLP
from .module import Buffer, Module

__all__ = [
    "MLP", "Buffer", "Dropout", "Embedding", "LayerNorm", "Linear", "Module", "glorot_normal", "glorot_uniform",
    "he_normal", "he_uniform", "orthogonal", "zeros",
]
