"""Naive Bayes: columns that are independent given a class.

    p(x, y) = p(y) Π_d p(x_d | y)        p(y | x) = p(x, y) / Σ_y' p(x, y')

A column is Bernoulli if it is binary, categorical if discrete, normal if continuous; a table may have all three. A
column that is missing drops out of the product, which is exactly what summing or integrating over it gives.

Labelled examples have a closed form: class frequencies, category frequencies and moments, class by class. Where labels
are missing the class is a latent variable and EM fits it: r_nk is 1 for the class of a labelled example and p(k | x_n)
for another, and the frequencies and moments are weighted by r. Without any label that is latent class analysis.

The objective is Σ log p(x_n, y_n) over labelled and Σ log p(x_n) over other examples, plus the log-prior that the
smoothing stands for.

Murphy, "Machine Learning: A Probabilistic Perspective", 2012, section 3.5; Lazarsfeld and Henry, "Latent Structure
Analysis", 1968; Nigam, McCallum, Thrun and Mitchell, "Text Classification from Labeled and Unlabeled Documents using
EM", 2000.
"""

import math
from dataclasses import dataclass

import numpy as np

from ... import kernels
from ...arrays import as_generator
from ...arrays.categories import categories, category_of_rows
from ...arrays.checks import non_negative_number, positive_integer
from ...data.batch import as_batch
from ...inference import em_restarts
from ...layers import Buffer
from ..takes import Takes
from .support.class_columns import CategoricalColumns, NormalColumns
from .support.estimator import Estimator
from .support.example_rows import as_rows
from .support.labels import MISSING, check_labels, class_settings

BLOCK = 1 << 21  # numbers of the examples that are worked on at once


@dataclass(frozen=True)
class Config:
    """How many classes there are, how their parameters are smoothed, and how EM for missing labels runs.

    `smoothing` is added to the count of every category in every class, `class_smoothing` to the number of examples of
    every class. With `smoothing=0` a category that a class never had has probability 0 in it. `floor` is the smallest
    variance of a continuous column in a class; 0 refuses columns that are constant in one. A class without examples
    has probability 0 unless class_smoothing is positive; its numbers have the moments of all examples, its categories
    equal probabilities (unsmoothed: the frequencies in all examples). EM runs from `restarts` starting points (one if
    every class has labels), each time until the objective rises by less than `tolerance` nats per example, or for
    `max_iterations`.
    """

    n_classes: int = 2
    smoothing: float = 1.0
    class_smoothing: float = 0.0
    floor: float = 1e-6
    restarts: int = 5
    max_iterations: int = 500
    tolerance: float = 1e-7

    def __post_init__(self):
        for name in ("n_classes", "restarts", "max_iterations"):
            positive_integer(name, getattr(self, name))
        for name in ("smoothing", "class_smoothing", "floor", "tolerance"):
            non_negative_number(name, getattr(self, name))


class NaiveBayes(Estimator):
    """Naive Bayes for data of any kind, with missing values marginalised exactly and missing labels by EM.

    `class_log_prior` is log p(y), `(K,)`; the columns' parameters are in `categorical` and `normal`. Before it is
    fitted classes and categories are equally probable and numbers standard normal. Categories outside a column's
    levels are refused everywhere. Raises ValueError for conditional data.
    """

    Config = Config
    takes = Takes(missing=True, labels="optional", mixed=True)
    conditions_on_any = True

    def __init__(self, spec, config=None, *, rng=0):
        super().__init__(spec, config)
        k = self.config.n_classes
        table = isinstance(spec.kind, tuple)
        kinds = np.array(spec.kind if table else (spec.kind,) * spec.dimensions)
        levels = np.array([level or 2 for level in (spec.levels if table else (spec.levels,) * spec.dimensions)])
        discrete = np.flatnonzero(kinds != "continuous")
        continuous = np.flatnonzero(kinds == "continuous")
        self.class_log_prior = Buffer(np.full(k, -math.log(k)))
        self.categorical = None
        self.normal = None
        if len(discrete):
            self.categorical = CategoricalColumns(discrete, levels[discrete], k, self.config.smoothing)
        if len(continuous):
            self.normal = NormalColumns(continuous, k, self.config.floor)
        self.groups = [group for group in (self.categorical, self.normal) if group is not None]
        self.sample_dtype = np.float64 if len(continuous) else np.uint8 if levels.max() <= 256 else np.int64

    @classmethod
    def data_settings(cls, dataset):
        """The number of classes among the labels, where there are any."""
        return class_settings(dataset)

    def joint_log_prob(self, x, observed=None):
        """log p(x, y) in nats for every class, float64 `(n, K)`, of the observed values alone."""
        return self.class_log_prior.data + self._given_class(*as_rows(x, self.spec, observed))

    def log_prob(self, x, condition=None, observed=None):
        """log p(x) = log Σ_y p(x, y) in nats, float64 `(n,)`; with `condition`, classes y `(n,)` or one, log p(x | y).

        -inf for a category that no class has ever had, if nothing is smoothed.
        """
        if condition is None:
            return kernels.logsumexp(self.joint_log_prob(x, observed), axis=1)
        given_class = self._given_class(*as_rows(x, self.spec, observed))  # (n, K)
        return given_class[np.arange(len(given_class)), self._classes(condition, len(given_class))]

    def predict_log_proba(self, x, observed=None):
        """log p(y | x) in nats, float64 `(n, K)`, given the observed values alone.

        Raises ValueError for an example that has probability 0 in every class (a category never seen, if nothing is
        smoothed).
        """
        joint = self.joint_log_prob(x, observed)
        nowhere = joint.max(axis=1) == -math.inf
        if nowhere.any():
            raise ValueError(f"x: row {int(np.argmax(nowhere))} (from 0) has probability 0 in every class; a smoothing "
                             "above 0 gives every category some probability")
        return kernels.log_softmax(joint, axis=1)

    def predict_proba(self, x, observed=None):
        """p(y | x), float64 `(n, K)`: rows sum to 1."""
        return np.exp(self.predict_log_proba(x, observed))

    def predict(self, x, observed=None):
        """The most probable class of each example, int64 `(n,)`; the first of those that are equally probable."""
        return self.predict_log_proba(x, observed).argmax(axis=1)

    def fit_steps(self, batch, rng=0, state=None):
        """Fit to all examples of `batch` and their labels, -1 or None where missing; by EM if any label is missing.

        Yields metrics with `log_likelihood`, of (x, y) for labelled examples and of x for others, in nats per example.
        Raises ValueError for no examples, for fewer examples than classes if there are no labels, for a continuous
        column that is observed nowhere, and with `floor=0` for one that is constant in a class.
        """
        batch = as_batch(batch)
        rows, observed = self.training_rows(batch)
        n = len(rows)
        k = self.config.n_classes
        labels = check_labels(np.full(n, MISSING) if batch.labels is None else batch.labels, n, k)
        if not n:
            raise ValueError("x: expected at least one example, got none")
        if (labels == MISSING).all() and n < k:
            raise ValueError(f"x: expected at least as many examples as classes, {k}, got {n}")
        if observed is not None and self.normal is not None:
            counts = observed[:, self.normal.columns].sum(axis=0)
            if not counts.all():
                column = self.normal.columns[np.argmin(counts)]
                raise ValueError(f"x: column {column} (from 0) is observed in no example")
        before = self.state_dict()
        try:
            yield from self._fit(rows, observed, labels, as_generator(rng), {} if state is None else state)
        except ValueError:
            self.load_state_dict(before)
            raise

    def _fit(self, rows, observed, labels, rng, state):
        n = len(rows)
        k = self.config.n_classes
        labelled = labels != MISSING
        if state.get("fitted"):
            return
        if not state:
            self._take_moments(rows, observed, np.full((n, k), 1 / k))  # what a class without examples keeps
            pooled = self.state_dict()
            if labelled.all():
                self._take_moments(rows, observed, one_hot(labels, k))
                state["fitted"] = True
                yield {"iteration": 0, "log_likelihood": self.e_step((rows, observed, labels))[1], "converged": True}
                return
            state.update({f"pooled/{name}": array for name, array in pooled.items()})
        pooled = {name.removeprefix("pooled/"): array for name, array in state.items() if name.startswith("pooled/")}

        def start(rng):
            self.load_state_dict(pooled)
            self.m_step(self._statistics(rows, observed, _starting_weights(labels, k, rng)))

        every_class_has_labels = len(np.unique(labels[labelled])) == k
        restarts = 1 if every_class_has_labels else self.config.restarts
        yield from em_restarts(self, (rows, observed, labels), start, rng, restarts, state=state,
                               max_iterations=self.config.max_iterations, tolerance=self.config.tolerance)

    def e_step(self, data):
        """The statistics under r, the log-likelihood and the log-prior, both in nats per example."""
        rows, observed, labels = data
        labelled = labels != MISSING
        joint = self.class_log_prior.data + self._given_class(rows, observed)  # (n, K)
        posterior = np.exp(kernels.log_softmax(joint, axis=1))
        r = np.where(labelled[:, None], one_hot(labels, joint.shape[1]), posterior)
        log_probs = np.where(labelled, joint[np.arange(len(labels)), labels], kernels.logsumexp(joint, axis=1))
        prior = sum(group.log_prior() for group in self.groups)
        if self.config.class_smoothing:
            prior += self.config.class_smoothing * float(self.class_log_prior.data.sum())
        return self._statistics(rows, observed, r), float(log_probs.mean()), prior / len(rows)

    def m_step(self, statistics):
        """Take the smoothed class frequencies, and of each group of columns the most likely parameters."""
        counts, *of_groups = statistics
        counts = counts + self.config.class_smoothing
        with np.errstate(divide="ignore"):
            self.class_log_prior.assign(np.log(counts / counts.sum()))
        for group, group_statistics in zip(self.groups, of_groups, strict=True):
            group.maximise(*group_statistics)

    def sample(self, n, rng, condition=None, given=None):
        """Draw `n` examples `(n, *spec.shape)`; with `condition`, a class or `(n,)` of them, from these classes.

        `given` is as in `Estimator.sample`, and not for both at once.
        """
        if condition is None:
            return super().sample(n, rng, given=given)
        if given is not None:
            raise ValueError("given: expected None together with a condition")
        return self._sample_of(self._classes(condition, positive_integer("n", n)), as_generator(rng))

    def sample_joint(self, n, rng):
        """Draw `n` examples with their classes: `(x, y)`, y int64 `(n,)`."""
        rng = as_generator(rng)
        classes = categories(np.exp(self.class_log_prior.data), positive_integer("n", n), rng)
        return self._sample_of(classes, rng), classes

    def impute(self, x, observed, rng=None):
        """`x` with missing values replaced, of the dtype of samples.

        By default by the mean given the observed ones, or the most probable category; with `rng` by a joint draw.
        """
        rows, mask = as_rows(x, self.spec, observed)
        rows = rows.astype(self.sample_dtype)
        if mask is None:
            return rows.reshape(np.shape(x))
        r = self.predict_proba(x, observed)  # (n, K)
        if rng is None:
            filled = self._assemble([group.centre(r) for group in self.groups], len(rows))
        else:
            rng = as_generator(rng)
            filled = self._sample_of(category_of_rows(r, rng), rng)
        return np.where(mask, rows, filled.reshape(rows.shape)).reshape(np.shape(x))

    @property
    def parameter_count(self):
        """K - 1 for the classes, and those of all columns."""
        return self.config.n_classes - 1 + sum(group.parameter_count for group in self.groups)

    def _given_class(self, rows, observed):
        """log p(x | y), `(n, K)`."""
        log_probs = np.zeros((len(rows), self.config.n_classes))
        for block, block_rows, block_observed in self._blocks(rows, observed):
            for group in self.groups:
                log_probs[block] += group.log_prob(block_rows, block_observed)
        return log_probs

    def _statistics(self, rows, observed, r):
        """The weights of the classes, and the statistics of each group of columns."""
        totals = None
        for block, block_rows, block_observed in self._blocks(rows, observed):
            of_block = [group.statistics(block_rows, block_observed, r[block]) for group in self.groups]
            totals = of_block if totals is None else [
                tuple(a + b for a, b in zip(*pair, strict=True)) for pair in zip(totals, of_block, strict=True)]
        return r.sum(axis=0), *totals

    def _take_moments(self, rows, observed, r):
        """Take the most likely parameters of examples with these weights."""
        for _ in range(2):  # the second time with deviations from the classes' own means
            self.m_step(self._statistics(rows, observed, r))

    def _sample(self, n, rng):
        return self.sample_joint(n, rng)[0]

    def _sample_of(self, classes, rng):
        """An example of each of these classes."""
        return self._assemble([group.sample(classes, rng) for group in self.groups], len(classes))

    def _assemble(self, columns, n):
        """Examples from the columns of each group."""
        rows = np.empty((n, self.spec.dimensions), self.sample_dtype)
        for group, values in zip(self.groups, columns, strict=True):
            rows[:, group.columns] = values
        return rows.reshape(n, *self.spec.shape)

    def _classes(self, condition, n):
        """A condition as classes `(n,)`, each of which is known."""
        classes = check_labels(np.broadcast_to(condition, n) if np.ndim(condition) == 0 else condition, n,
                               self.config.n_classes)
        if (classes == MISSING).any():
            raise ValueError("condition: expected classes, got -1, a missing label")
        return classes

    def _blocks(self, rows, observed):
        """Slices of the rows, each with its rows and their mask."""
        step = max(1, BLOCK // rows.shape[1])
        for start in range(0, len(rows), step):
            block = slice(start, start + step)
            yield block, rows[block], None if observed is None else observed[block]


def _starting_weights(labels, k, rng):
    """Weights `(n, K)` to start EM from.

    The weight of a class is spread evenly, one half over all examples, the other over those that have its label, or if
    there are none over one unlabelled example drawn at random.
    """
    n = len(labels)
    weights = np.full((n, k), 1 / k)
    unlabelled = np.flatnonzero(labels == MISSING)
    drawn = unlabelled[rng.permutation(len(unlabelled))]
    for c in range(k):
        seeds = np.flatnonzero(labels == c)
        if not len(seeds):
            seeds = drawn[[c % len(drawn)]]
        weights[seeds, c] += n / k / len(seeds)
    return weights


def one_hot(labels, n_classes):
    """Rows with a 1 at the label, all 0 for a missing one."""
    return (labels[:, None] == np.arange(n_classes)).astype(np.float64)
