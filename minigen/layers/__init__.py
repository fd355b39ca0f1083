"""Parameterised functions: modules, and the layers that models are made of.

Read `module.py` first, then `linear.py` and `mlp.py`. Every layer is called as `layer(x, train=False, rng=None)`.

    module, parameter_table               Module, which finds its parameters and buffers; how it is printed
    linear, masked_linear                 affine maps of the last axis
    mlp, dropout                          the multilayer perceptron, and noise in training calls
    embedding                             a vector for each integer
    taps, conv, colours, conv_transpose   convolutions: the inputs of an output, then the layers
    batch_norm, group_norm, layer_norm    normalisation
    initializers, arguments               starting values of weights; the check of a layer's input
"""

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
