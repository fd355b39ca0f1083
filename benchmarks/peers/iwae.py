"""The importance-weighted autoencoder in PyTorch."""

import math

import torch
from torch.nn import functional as F

from .. import inputs
from .training import MLP, load, training

BATCH, K = 20, 50


class IWAE(torch.nn.Module):
    """Encoder to mean and log σ, decoder to logits."""

    def __init__(self):
        super().__init__()
        self.encoder = MLP((784, 200, 200, 100), torch.tanh)
        self.decoder = MLP((50, 200, 200, 784), torch.tanh)

    def loss(self, x, noise):
        """Minus the bound with k samples, averaged over the batch."""
        mean, log_scale = self.encoder(x).chunk(2, dim=-1)
        z = mean + log_scale.exp() * noise
        logits = self.decoder(z)
        # the same as binary_cross_entropy_with_logits without reduction, summed, and a tenth of the step faster
        likelihood = torch.linalg.vecdot(logits, x.expand_as(logits)) - F.softplus(logits).sum(-1)
        # log p(z) - log q(z | x): in q the standardised z is the noise itself, and the constants cancel
        prior = 0.5 * (noise.square() - z.square()).sum(-1) + log_scale.sum(-1)
        return math.log(K) - torch.logsumexp(likelihood + prior, dim=0).mean()


def build(variant="eager"):
    """A training step."""
    model, x = IWAE(), torch.from_numpy(inputs.binary(BATCH, 784))
    load(model, inputs.mlp("encoder.", (784, 200, 200, 100)) | inputs.mlp("decoder.", (50, 200, 200, 784)))
    return training(model, lambda noise: model.loss(x, noise), lambda: (torch.randn(K, BATCH, 50),), variant)
