"""The critic's step of a Wasserstein GAN with gradient penalty (Gulrajani et al., 2017), written with layers."""

from functools import partial

from minigen import grad, layers, no_grad, ops
from minigen.arrays import Generator
from minigen.autograd import Tensor
from minigen.models import Objective
from minigen.training import make_step

from .. import inputs
from ..rows import Work

CRITIC, GENERATOR = (784, 256, 256, 1), (64, 256, 256, 784)
BATCH, PENALTY = 64, 10.0


def noise(rng):
    """The generator's input, and where between data and samples the slope is taken."""
    return rng.standard_normal((BATCH, GENERATOR[0]), inputs.DTYPE), rng.random((BATCH, 1), inputs.DTYPE)


def build():
    """A training step of the critic."""
    critic = layers.MLP(CRITIC, partial(ops.leaky_relu, slope=0.2), rng=0)
    critic.to(dtype=inputs.DTYPE)
    critic.load_state_dict(inputs.mlp("", CRITIC))
    generator = layers.MLP(GENERATOR, ops.relu, rng=0)
    generator.to(dtype=inputs.DTYPE)
    generator.load_state_dict(inputs.mlp("", GENERATOR, seed=3))

    def loss(batch, rng, step):
        """E D(G(z)) - E D(x) + 10 E (‖∇D(x̂)‖ - 1)², x̂ uniform between x and G(z) (equation 3)."""
        (z, mix), real = noise(rng), batch.x
        with no_grad():
            fake = ops.sigmoid(generator(z)).data
        between = Tensor(fake + mix * (real - fake))
        slope = grad(critic(between).sum(), between, create_graph=True)
        penalty = ops.square(ops.norm(slope, axis=1) - 1).mean()
        fakes, reals = ops.split(critic(ops.concatenate([fake, real])), 2)
        return fakes.mean() - reals.mean() + PENALTY * penalty, {}

    critic.objectives = lambda: [Objective("critic", loss, critic.parameters())]
    step, batch, rng = make_step(critic), inputs.binary(BATCH, 784), Generator(2)
    return Work(step=lambda: step(batch, rng), values=critic.state_dict, update=lambda rng: step(batch, rng),
                noise=noise)
