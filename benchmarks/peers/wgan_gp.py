"""The critic's step of a Wasserstein GAN with gradient penalty in PyTorch."""

import torch
from torch.nn import functional as F

from .. import inputs
from .training import MLP, load, training

CRITIC, GENERATOR = (784, 256, 256, 1), (64, 256, 256, 784)
BATCH, PENALTY = 64, 10.0


def build(variant="eager"):
    """A training step of the critic."""
    critic, generator = MLP(CRITIC, lambda x: F.leaky_relu(x, 0.2)), MLP(GENERATOR, F.relu)
    load(critic, inputs.mlp("", CRITIC))
    load(generator, inputs.mlp("", GENERATOR, seed=3))
    real = torch.from_numpy(inputs.binary(BATCH, 784))

    def loss(z, mix):
        with torch.no_grad():
            fake = torch.sigmoid(generator(z))
            between = torch.lerp(fake, real, mix)
        between.requires_grad_()
        (slope,) = torch.autograd.grad(critic(between).sum(), between, create_graph=True)
        penalty = (slope.norm(dim=1) - 1).square().mean()
        made, given = critic(torch.cat([fake, real])).chunk(2)
        return made.mean() - given.mean() + PENALTY * penalty

    return training(critic, loss, lambda: (torch.randn(BATCH, GENERATOR[0]), torch.rand(BATCH, 1)), variant)
