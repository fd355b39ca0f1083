"""The variational autoencoder in PyTorch."""

import torch
from torch.nn import functional as F

from .. import inputs
from .training import MLP, load, training

BATCH = 128


class VAE(torch.nn.Module):
    """Encoder to mean and log σ, decoder to logits."""

    def __init__(self):
        super().__init__()
        self.encoder = MLP((784, 400, 40), F.relu)
        self.decoder = MLP((20, 400, 784), F.relu)

    def loss(self, x, noise):
        """Minus the bound, averaged over the batch."""
        mean, log_scale = self.encoder(x).chunk(2, dim=-1)
        scale = log_scale.exp()
        logits = self.decoder(mean + scale * noise)
        reconstruction = F.binary_cross_entropy_with_logits(logits, x, reduction="sum")
        kl = 0.5 * (mean.square() + scale.square() - 2 * log_scale - 1).sum()
        return (reconstruction + kl) / len(x)


def build(variant="eager"):
    """A training step."""
    model, x = VAE(), torch.from_numpy(inputs.binary(BATCH, 784))
    load(model, inputs.mlp("encoder.", (784, 400, 40)) | inputs.mlp("decoder.", (20, 400, 784)))
    return training(model, lambda noise: model.loss(x, noise), lambda: (torch.randn(BATCH, 20),), variant)
