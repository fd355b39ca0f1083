"""The head of real numbers with a mixture of distributions each."""

import numpy as np

from ... import ops
from ...arrays.checks import non_negative_number, one_of, positive_integer
from ...distributions import Independent, Laplace, Logistic, Mixture, Normal
from ...kernels.heads import LAPLACE_MIXTURE, LOGISTIC_MIXTURE, NORMAL_MIXTURE
from .head import Head

# The distribution of a component, and the compiled draw of a mixture of such.
FAMILIES = {
    "normal": (Normal, NORMAL_MIXTURE),
    "laplace": (Laplace, LAPLACE_MIXTURE),
    "logistic": (Logistic, LOGISTIC_MIXTURE),
}


class MixtureHead(Head):
    """Σ_k w_k p((x - μ_k)/s_k)/s_k, p the standard normal, Laplace or logistic density, named by `family`.

    The network's outputs are the logits of w, then all μ, then all log s; s is exp(·) + `floor`. Without a floor, a
    component that sits on a value which many examples share gains likelihood without end by narrowing. Raises
    ValueError for another family, or fewer than one component.
    """

    def __init__(self, components: int, family: str = "normal", floor: float = 0.0):
        self.components = positive_integer("components", components)
        self.family = one_of("family", family, FAMILIES)
        self.floor = non_negative_number("floor", floor)
        self.width = 3 * components

    @property
    def draw(self):
        """The compiled draw of the family."""
        return FAMILIES[self.family][1]

    def _distribution(self, parameters, event_ndim, temperature):
        logits, loc, log_scale = ops.split(parameters, 3, axis=-1)
        scale = ops.exp(log_scale) + self.floor
        if temperature != 1:
            logits = logits / temperature
            scale = scale * temperature
        component, _ = FAMILIES[self.family]
        mixture = Mixture(logits, component(loc, scale))
        return Independent(mixture, event_ndim) if event_ndim else mixture

    def noise(self, rng, shape, dtype):
        """A uniform number for the component, and one for the value within it, of normal components a normal one."""
        noise = np.empty((*shape, 2), dtype)
        noise[..., 0] = rng.random(shape, dtype)
        noise[..., 1] = rng.standard_normal(shape, dtype) if self.family == "normal" else rng.random(shape, dtype)
        return noise

    def settings(self, temperature):
        """Temperature and floor."""
        return [temperature, self.floor]
