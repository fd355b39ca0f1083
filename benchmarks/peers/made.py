"""MADE in PyTorch: weights times masks, as everyone writes it."""

import torch
from torch.nn import functional as F

from .. import inputs
from .training import MLP, load, training

SIZES = (784, 500, 500, 784)
BATCH = 128


class Masked(torch.nn.Linear):
    """A linear layer whose weight is multiplied by a mask (inputs, outputs)."""

    def __init__(self, mask):
        super().__init__(*mask.shape)
        self.register_buffer("mask", torch.from_numpy(mask).T.contiguous())

    def forward(self, x):
        """x @ (weight * mask) + bias."""
        return F.linear(x, self.weight * self.mask, self.bias)


def build(variant="eager"):
    """A training step."""
    model, x = MLP(SIZES, F.relu), torch.from_numpy(inputs.binary(BATCH, 784))
    model.layers = torch.nn.ModuleList([Masked(mask) for mask in inputs.made_masks(SIZES)])
    load(model, inputs.mlp("", SIZES))

    def loss():
        return F.binary_cross_entropy_with_logits(model(x), x, reduction="sum") / len(x)

    return training(model, loss, lambda: (), variant)
