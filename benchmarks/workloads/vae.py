"""The registered variational autoencoder and the training step that the loop repeats."""

from minigen import DataSpec, models
from minigen.arrays import Generator
from minigen.training import make_step

from .. import inputs
from ..rows import Work

SIZES = {"encoder.": (784, 400, 40), "decoder.": (20, 400, 784)}
BATCH = 128


def build():
    """A training step."""
    model = models.create("vae", DataSpec((784,), "binary"), hidden=(400,), latent_dim=20)
    model.to(dtype=inputs.DTYPE)
    model.load_state_dict({name: a for prefix, sizes in SIZES.items() for name, a in inputs.mlp(prefix, sizes).items()})
    step, batch, rng = make_step(model), inputs.binary(BATCH, 784), Generator(2)
    return Work(step=lambda: step(batch, rng), values=model.state_dict, update=lambda rng: step(batch, rng),
                noise=lambda rng: [rng.standard_normal((BATCH, 20), inputs.DTYPE)])
