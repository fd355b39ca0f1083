"""Logistic regression: the classes given the data, p(y | x), and no model of the data themselves.

    p(y | x) = softmax(f(x))_y        f(x) = W x + b

With two classes one logit is enough, f(x) = (0, w·x + b): p(1 | x) is the sigmoid of w·x + b. Fitting minimises

    -Σ_n log p(y_n | x_n) + ½ λ |W|²

which is convex, so that there is one minimum; biases are not penalised. It is the discriminative partner of naive
Bayes, whose p(y | x) has this form too: of normal columns with equal variances, and of categories in one-hot form.
With hidden layers f is a multilayer perceptron, and the minimum found depends on its first weights.

Bishop, "Pattern Recognition and Machine Learning", 2006, equations 4.87, 4.104 and 4.108, and section 5.2; Ng and
Jordan, "On Discriminative vs. Generative Classifiers", 2002.
"""

from dataclasses import dataclass

import numpy as np

from ... import ops
from ...arrays import as_generator
from ...arrays.categories import category_of_rows
from ...arrays.checks import boolean, integer, non_negative_number, one_of, positive_integer, sizes
from ...arrays.columns import constant_columns
from ...autograd import grad, no_grad, raw
from ...layers import MLP, Buffer
from ...layers.initializers import glorot_uniform, zeros
from ...optim.l_bfgs import l_bfgs
from ..activations import ACTIVATIONS
from ..takes import Takes
from .support.estimator import Estimator
from .support.example_rows import as_rows
from .support.labels import MISSING, check_labels, class_settings


@dataclass(frozen=True)
class Config:
    """Classes, penalty, hidden layers, how data become features, and when the optimiser stops.

    `penalty` is λ (scikit-learn's 1/C). `hidden` are the sizes of hidden layers, none by default, and `activation` what
    follows each. Features are the numbers of an example; with `one_hot` a discrete column gives one for each of its
    levels instead. With `standardize` they are shifted and scaled to mean 0 and variance 1 in the training examples
    (a constant one to 0), which the penalty then refers to. L-BFGS stops when no element of the gradient of the loss
    per example exceeds `tolerance`, or after `max_iterations`.
    """

    n_classes: int = 2
    penalty: float = 1.0
    hidden: tuple[int, ...] = ()
    activation: str = "tanh"
    one_hot: bool = False
    standardize: bool = True
    max_iterations: int = 1000
    tolerance: float = 1e-8

    def __post_init__(self):
        integer("n_classes", self.n_classes, 2)
        non_negative_number("penalty", self.penalty)
        object.__setattr__(self, "hidden", sizes("hidden", self.hidden))
        one_of("activation", self.activation, ACTIVATIONS)
        boolean("one_hot", self.one_hot)
        boolean("standardize", self.standardize)
        positive_integer("max_iterations", self.max_iterations)
        non_negative_number("tolerance", self.tolerance)


class LogisticRegression(Estimator):
    """A classifier p(y | x) for data of any kind, taken as rows of numbers.

    `network` maps standardised features `(n, F)` to logits; `loc` and `scale` `(F,)` standardise. Before it is fitted
    all classes are equally probable, or nearly so with hidden layers. Raises ValueError for conditional data.
    """

    Config = Config
    takes = Takes(labels="required", mixed=True)

    def __init__(self, spec, config=None, *, rng=0):
        super().__init__(spec, config)
        levels = spec.levels if isinstance(spec.levels, tuple) else (spec.levels,) * spec.dimensions
        # how many features each column has
        self.levels = [1 if level is None or not self.config.one_hot else level for level in levels]
        self.network = self._network(as_generator(rng))
        self.loc = Buffer(np.zeros(sum(self.levels)))
        self.scale = Buffer(np.ones(sum(self.levels)))

    @classmethod
    def data_settings(cls, dataset):
        """The number of classes among the labels."""
        return class_settings(dataset)

    def logits(self, x):
        """f(x) of examples `(n, *spec.shape)`, a float64 Tensor `(n, K)`; of two classes the first has logit 0."""
        features = self._features(as_rows(x, self.spec)[0])  # (n, F)
        return self._logits((features - self.loc.data) / self.scale.data)

    def predict_log_proba(self, x, observed=None):
        """log p(y | x) in nats, float64 `(n, K)`."""
        if observed is not None and not np.all(observed):
            raise ValueError("x: values are missing, and logistic regression does not take missing values")
        with no_grad():
            return raw(ops.log_softmax(self.logits(x), axis=1))

    def predict_proba(self, x, observed=None):
        """p(y | x), float64 `(n, K)`: rows sum to 1."""
        return np.exp(self.predict_log_proba(x, observed))

    def predict(self, x, observed=None):
        """The most probable class of each example, int64 `(n,)`; the first of those that are equally probable."""
        return self.predict_log_proba(x, observed).argmax(axis=1)

    def fit_steps(self, batch, rng=0, state=None):
        """Fit to all examples of `batch` and their labels; examples with label -1 are left out.

        Yields after each iteration of L-BFGS the `loss`, `class_log_prob` (the mean of log p(y_n | x_n)), both in nats
        per example, the largest element of the loss's `gradient`, and whether that has `converged`. `rng` draws the
        first weights of hidden layers; without these they are 0. A class without examples ends with a probability
        near 0; classes that a plane separates have, without a penalty, weights that grow until the gradient is small
        enough. Raises ValueError if there are no labels or all are missing, and for missing values.
        """
        rows, _ = self.training_rows(batch)
        labels = check_labels(batch.labels, len(rows), self.config.n_classes)
        if not (labels != MISSING).any():
            raise ValueError("labels: expected at least one that is not missing (-1)")
        features = self._features(rows[labels != MISSING])  # (n, F)
        labels = labels[labels != MISSING]
        if not state:
            self._begin(features, as_generator(rng))
        features = (features - self.loc.data) / self.scale.data
        weights = [layer.weight for layer in self.network.layers]

        def objective(point):
            self._assign(point)
            log_likelihood = ops.categorical_log_prob(self._logits(features), labels).mean()
            penalty = 0.5 * self.config.penalty / len(labels) * sum(ops.square(w).sum() for w in weights)
            loss = penalty - log_likelihood
            gradients = grad(loss, self._parameters)
            return float(loss.data), np.concatenate([gradient.reshape(-1) for gradient in gradients])

        start = np.concatenate([parameter.data.reshape(-1) for parameter in self._parameters])
        steps = l_bfgs(objective, start, self.config.max_iterations, self.config.tolerance, state=state)
        for iteration, point, loss, gradient, converged in steps:
            self._assign(point)
            penalty = 0.5 * self.config.penalty / len(labels) * sum(float((w.data**2).sum()) for w in weights)
            yield {"iteration": iteration, "loss": loss, "class_log_prob": penalty - loss, "gradient": gradient,
                   "converged": converged}

    def sample(self, n, rng, condition=None, given=None):
        """Draw labels, int64 `(n,)`, for the examples `condition`, `(n, *spec.shape)` or one.

        Raises NotImplementedError without a condition: there is no p(x) to draw examples from.
        """
        if condition is None:
            raise NotImplementedError("logistic regression draws labels given examples (condition=x), not examples")
        if given is not None:
            raise ValueError("given: expected None, logistic regression draws labels")
        positive_integer("n", n)
        condition = np.asarray(raw(condition))
        if condition.shape == self.spec.shape:
            condition = np.broadcast_to(condition, (n, *self.spec.shape))
        if len(condition) != n:
            raise ValueError(f"condition: expected one example or {n}, got {len(condition)}")
        return category_of_rows(self.predict_proba(condition), as_generator(rng))

    @property
    def parameter_count(self):
        """The weights and biases, of the last layer those of K - 1 logits: one number added to all changes nothing."""
        *hidden, last = self.network.layers
        of_hidden = sum(parameter.data.size for layer in hidden for parameter in layer.parameters())
        return of_hidden + (self.config.n_classes - 1) * (last.inputs + 1)

    @property
    def _parameters(self):
        return self.network.parameters()

    def _network(self, rng):
        """A new network; without hidden layers its weights are 0."""
        config = self.config
        outputs = 1 if config.n_classes == 2 else config.n_classes
        start = glorot_uniform if config.hidden else lambda shape, rng, dtype: zeros(shape, dtype=dtype)
        widths = (sum(self.levels), *config.hidden, outputs)
        return MLP(widths, ACTIVATIONS[config.activation], rng=rng, init=start, dtype="float64")

    def _logits(self, features):
        """f of standardised features, `(n, K)`."""
        logits = self.network(features)
        if self.config.n_classes > 2:
            return logits
        return ops.concatenate([np.zeros((len(features), 1)), logits], axis=1)

    def _features(self, rows):
        """Features `(n, F)` of rows `(n, D)`: the numbers, or one for each level of a column in one-hot form."""
        if rows.shape[1] == len(self.loc.data):
            return rows.astype(np.float64)
        columns = [rows[:, [d]] if levels == 1 else rows[:, [d]] == np.arange(levels)
                   for d, levels in enumerate(self.levels)]
        return np.concatenate(columns, axis=1).astype(np.float64)

    def _begin(self, features, rng):
        """Take the features' mean and deviation, and fresh weights."""
        if self.config.standardize:
            loc, scale = _moments(features)
            self.loc.assign(loc)
            self.scale.assign(scale)
        else:
            self.loc.assign(np.zeros(self.loc.shape))
            self.scale.assign(np.ones(self.scale.shape))
        for parameter, fresh in zip(self._parameters, self._network(rng).parameters(), strict=True):
            parameter.assign(fresh.data)

    def _assign(self, point):
        """Take the parameters from one vector."""
        start = 0
        for parameter in self._parameters:
            stop = start + parameter.data.size
            parameter.assign(point[start:stop].reshape(parameter.shape))
            start = stop


def _moments(features):
    """Mean and standard deviation of each column, 1 for a constant one."""
    with np.errstate(over="ignore", invalid="ignore"):
        loc = features.mean(axis=0)
        scale = features.std(axis=0)
    if not np.isfinite(scale).all():
        raise ValueError("x: the numbers are too large to have a variance in float64")
    constant = constant_columns(loc, scale, len(features))
    return np.where(constant, features[0], loc), np.where(constant, 1.0, scale)
