"""The iteration of scikit-learn's GaussianMixture, called as its `fit` calls it."""

import numpy as np
from sklearn.mixture import GaussianMixture

from .. import inputs
from ..rows import Work


def build(rows, columns, components, variant="eager"):
    """The E-step and the M-step, without what `fit` does before and after them."""
    x = inputs.clusters(rows, columns, components)
    precision = np.broadcast_to(np.diag(1 / x.var(axis=0)), (components, columns, columns))
    model = GaussianMixture(components, weights_init=np.full(components, 1 / components), means_init=x[:components],
                            precisions_init=precision, reg_covar=0, init_params="random_from_data", random_state=0)
    model._initialize_parameters(x, np.random.RandomState(0))

    def step():
        _, log_responsibilities = model._e_step(x)
        model._m_step(x, log_responsibilities)

    return Work(step, lambda: {"weights": model.weights_, "means": model.means_, "covariances": model.covariances_})
