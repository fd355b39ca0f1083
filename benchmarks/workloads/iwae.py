"""The importance-weighted autoencoder of Burda et al. (2016), one stochastic layer: minus the bound with k samples."""

from minigen import DataSpec, models
from minigen.arrays import Generator
from minigen.models import Objective
from minigen.training import make_step

from .. import inputs
from ..rows import Work

SIZES = {"encoder.": (784, 200, 200, 100), "decoder.": (50, 200, 200, 784)}
BATCH, K = 20, 50


def build():
    """A training step."""
    model = models.create("vae", DataSpec((784,), "binary"), hidden=(200, 200), latent_dim=50, activation="tanh")
    model.to(dtype=inputs.DTYPE)
    model.load_state_dict({name: a for prefix, sizes in SIZES.items() for name, a in inputs.mlp(prefix, sizes).items()})

    def loss(batch, rng, step):
        return -model.iwae_bound(batch.x, K, rng).mean(), {}

    model.objectives = lambda: [Objective("iwae", loss, model.parameters())]
    step, batch, rng = make_step(model), inputs.binary(BATCH, 784), Generator(2)
    return Work(step=lambda: step(batch, rng), values=model.state_dict, update=lambda rng: step(batch, rng),
                noise=lambda rng: [rng.standard_normal((K, BATCH, 50), inputs.DTYPE)])
