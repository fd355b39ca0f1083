"""Parameterised functions: modules, and the layers that models are made of."""

from . import taps
from .batch_norm import BatchNorm
from .colours import ColourConv, MaskedConv2d
from .conv import CausalConv1d, Conv, Conv1d, Conv2d
from .conv_transpose import ConvTranspose, ConvTranspose1d, ConvTranspose2d
from .dropout import Dropout
from .embedding import Embedding
from .group_norm import GroupNorm, InstanceNorm
from .initializers import glorot_normal, glorot_uniform, he_normal, he_uniform, orthogonal, zeros
from .layer_norm import LayerNorm
from .linear import Linear
from .masked_linear import MaskedLinear, degree_mask
from .mlp import MLP
from .module import Buffer, Module

__all__ = [
    "MLP", "BatchNorm", "Buffer", "CausalConv1d", "ColourConv", "Conv", "Conv1d", "Conv2d", "ConvTranspose",
    "ConvTranspose1d", "ConvTranspose2d", "Dropout", "Embedding", "GroupNorm", "InstanceNorm", "LayerNorm", "Linear",
    "MaskedConv2d", "MaskedLinear", "Module", "degree_mask", "glorot_normal", "glorot_uniform", "he_normal",
    "he_uniform", "orthogonal", "taps", "zeros",
]
