"""The hidden Markov model: a Markov chain of states, of which each time step shows something.

    p(x, z) = π(z_1) p(x_1 | z_1) Π_t A(z_t-1, z_t) p(x_t | z_t)        p(x) = Σ_z p(x, z)

The sum over all S^T paths is taken step by step, p(z_t, x_1 … x_t) = p(x_t | z_t) Σ_s A(s, z_t) p(z_t-1 = s, x_1 …
x_t-1), the forward recursion; with its mirror image, the backward recursion, it gives the posterior of every state and
every transition. These are the E-step of Baum and Welch's algorithm, which is expectation-maximisation; its M-step
takes expected counts for counts:

    A(s, s') = Σ_t p(z_t-1 = s, z_t = s' | x) / Σ_t p(z_t-1 = s | x)        π(s) = p(z_1 = s | x)

A value that is missing drops out of p(x_t | z_t); a sequence that is shorter than others is one that ends in steps
without values.

Rabiner, "A Tutorial on Hidden Markov Models and Selected Applications in Speech Recognition", 1989, equations 19 to 40.
"""

import math
from dataclasses import dataclass

import numpy as np

from ... import kernels
from ...arrays import as_generator
from ...inference import em_restarts
from ...layers import Buffer
from ..settings import check_not_negative, check_positive, check_size
from ..takes import Takes
from .support.categorical_emission import CategoricalEmission, log_dirichlet, normalised
from .support.columns import column_moments
from .support.estimator import Estimator
from .support.example_rows import as_rows
from .support.gaussian_emission import GaussianEmission
from .support.mixture_model import draw_components

COVARIANCES = ("full", "diagonal")
BLOCK = 2**21  # numbers T·S of sequences that are worked on at a time

IMPOSSIBLE = "x: a sequence has probability 0, its states and missing values have no distribution"


@dataclass(frozen=True)
class Config:
    """States, the form of normal emissions' covariances and their smallest variance, a prior, and how EM runs.

    With channels in units of their standard deviations (1 where one is constant), no covariance has an eigenvalue
    below `floor`: that is what constant channels get, and states that keep to one frame. `pseudo_count` is added to
    every expected count of first states, transitions and categorical emissions (a Dirichlet prior), so that nothing is
    impossible that merely was not seen; 0 is maximum likelihood. EM runs from `restarts` random starts, each for
    `max_iterations` or until the log-likelihood (with its prior) rises by less than `tolerance` nats per sequence.
    """

    n_components: int = 4
    covariance: str = "full"
    floor: float = 1e-6
    pseudo_count: float = 0.01
    restarts: int = 4
    max_iterations: int = 200
    tolerance: float = 1e-5

    def __post_init__(self):
        for name in ("n_components", "restarts", "max_iterations"):
            check_size(name, getattr(self, name))
        if self.covariance not in COVARIANCES:
            raise ValueError(f"covariance: expected one of {', '.join(COVARIANCES)}, got {self.covariance!r}")
        check_positive("floor", self.floor)
        check_not_negative("pseudo_count", self.pseudo_count)
        check_not_negative("tolerance", self.tolerance)


class HiddenMarkovModel(Estimator):
    """A hidden Markov model of sequences `(time, channels)`; axes after the first are channels of a frame, or none.

    Binary and discrete channels are categorical, independent given the state; continuous ones are jointly normal.
    `initial` is π `(S,)`, `transition` A `(S, S)` with rows that sum to 1, and `emission` has the densities of frames.
    Before it is fitted its probabilities are equal. Missing values are marginalised exactly. Raises ValueError for
    data whose columns have kinds of their own, and conditional data.
    """

    Config = Config
    takes = Takes(rank=(1, 2, 3), missing=True)
    conditions_on_any = True

    def __init__(self, spec, config=None, *, rng=0):
        super().__init__(spec, config)
        config, states = self.config, self.config.n_components
        self.frames = (spec.shape[0], math.prod(spec.shape[1:]))
        self.initial = Buffer(np.full(states, 1 / states))
        self.transition = Buffer(np.full((states, states), 1 / states))
        if spec.kind == "continuous":
            self.emission = GaussianEmission(states, self.frames[1], config.covariance == "full", config.floor)
        else:
            levels = 2 if spec.kind == "binary" else spec.levels
            self.emission = CategoricalEmission(states, self.frames[1], levels, config.pseudo_count)

    def log_prob(self, x, condition=None, observed=None):
        """log p(x) in nats, float64 `(n,)`, of the observed values alone."""
        self.check_condition(condition, len(x))
        parts = [conditional.sum(axis=1) for *_, conditional in self._filtered(*self._sequences(x, observed))]
        return np.concatenate(parts) if parts else np.zeros(0)

    def state_posteriors(self, x, observed=None):
        """p(z_t | x), given all observed values of the sequence: float64 `(n, time, S)`; NaN if x is impossible."""
        found, log_transition = [], _log(self.transition.data)
        with np.errstate(invalid="ignore"):
            for _, _, emission, filtered, _ in self._filtered(*self._sequences(x, observed)):
                found.append(kernels.hmm_smooth(emission, filtered, log_transition)[0])
        return np.concatenate(found) if found else np.zeros((0, self.frames[0], self.config.n_components))

    def viterbi(self, x, observed=None):
        """The most probable path of states given x, int64 `(n, time)`, and log p(x, path) in nats, float64 `(n,)`."""
        paths, values = [np.zeros((0, self.frames[0]), np.int64)], [np.zeros(0)]
        for part, seen in self._blocks(*self._sequences(x, observed)):
            path, value = kernels.hmm_viterbi(self.emission.log_prob(part, seen), *self._chain())
            paths.append(path)
            values.append(value)
        return np.concatenate(paths), np.concatenate(values)

    def sample_states(self, x, rng, observed=None):
        """A path of states drawn from p(z | x), given the observed values: int64 `(n, time)`.

        Forward filtering, backward sampling: z_T by p(z_T | x), then each z_t by p(z_t | x_1 … x_t) A(z_t, z_t+1).
        Raises ValueError if x is impossible.
        """
        return self._sample_states(*self._sequences(x, observed), as_generator(rng))

    def fit_steps(self, batch, rng=0, state=None):
        """Fit to all examples of `batch` by Baum and Welch's algorithm; yields the metrics of `em_restarts`.

        Raises ValueError for fewer frames with values than states, and what `column_moments` refuses.
        """
        x, mask = self._frames(*self.training_rows(batch))
        count = len(x) * self.frames[0] if mask is None else int(mask.any(axis=-1).sum())
        if count < self.config.n_components:
            raise ValueError(f"x: expected at least as many time steps with values as n_components="
                             f"{self.config.n_components}, got {count}")
        column_moments(*(a if a is None else a.reshape(-1, a.shape[2]) for a in (x, mask)))  # refuses what has none
        yield from em_restarts(self, (x, mask), lambda rng: self._start(x, mask, rng), as_generator(rng),
                               self.config.restarts, max_iterations=self.config.max_iterations,
                               tolerance=self.config.tolerance, state=state)

    def e_step(self, data):
        """Expected counts of first states and transitions, the emission's moments; log-likelihood and log-prior."""
        initial, transitions, moments, total = 0.0, 0.0, None, 0.0
        x, mask = data
        log_transition = _log(self.transition.data)
        for part, seen, emission, filtered, conditional in self._filtered(x, mask):
            posterior, pairs = kernels.hmm_smooth(emission, filtered, log_transition)
            if seen is not None:
                pairs -= self._after_the_end(seen, posterior)
            initial, transitions = initial + posterior[:, 0].sum(axis=0), transitions + pairs
            found = self.emission.moments(part, seen, posterior)
            moments = found if moments is None else [a + b for a, b in zip(moments, found, strict=True)]
            total += float(conditional.sum())
        prior, a = self.emission.log_prior(), self.config.pseudo_count
        prior += log_dirichlet(self.initial.data, a) + log_dirichlet(self.transition.data, a)
        return (initial, transitions, moments), total / len(x), prior / len(x)

    def m_step(self, statistics):
        """Relative frequencies, and the emission's own."""
        initial, transitions, moments = statistics
        self.initial.assign(normalised(initial + self.config.pseudo_count, self.initial.data))
        self.transition.assign(normalised(np.maximum(transitions, 0) + self.config.pseudo_count, self.transition.data))
        self.emission.maximise(*moments)

    def impute(self, x, observed, rng=None):
        """`x` with missing values replaced by their mean given all observed ones of the sequence, or by a draw (`rng`).

        Where values are categorical the mean is replaced by the most probable level. Of the dtype of `x`, or float64
        for continuous data in integers. Raises ValueError if x is impossible.
        """
        rows, mask = self._sequences(x, observed)
        if mask is None:
            filled = rows
        elif rng is None:
            posteriors = self.state_posteriors(x, observed)
            if np.isnan(posteriors).any():
                raise ValueError(IMPOSSIBLE)
            filled = self.emission.conditional_mean(rows, mask, posteriors)
        else:
            rng = as_generator(rng)
            filled = self.emission.conditional_sample(rows, mask, self._sample_states(rows, mask, rng), rng)
        dtype = np.asarray(x).dtype
        kept = dtype if self.spec.kind != "continuous" or dtype.kind == "f" else np.float64
        return filled.astype(kept).reshape(np.shape(x))

    @property
    def parameter_count(self):
        """S - 1 for π, S (S - 1) for A, and the emission's."""
        states = self.config.n_components
        return states * states - 1 + self.emission.parameter_count

    def _sample(self, n, rng):
        states = np.empty((n, self.frames[0]), np.int64)
        for t in range(self.frames[0]):
            table = np.tile(self.initial.data, (n, 1)) if t == 0 else self.transition.data[states[:, t - 1]]
            states[:, t] = draw_components(table, rng)
        x = self.emission.sample(states, rng).reshape(n, *self.spec.shape)
        if self.spec.kind == "continuous":
            return x
        return x.astype(np.uint8 if (self.spec.levels or 2) <= 256 else np.int64)

    def _sample_states(self, x, mask, rng):
        paths, log_transition = [np.zeros((0, self.frames[0]), np.int64)], _log(self.transition.data)
        for *_, filtered, conditional in self._filtered(x, mask):
            if not np.isfinite(conditional).all():
                raise ValueError(IMPOSSIBLE)
            paths.append(kernels.hmm_draw(filtered, log_transition, rng.random(conditional.shape)))
        return np.concatenate(paths)

    def _start(self, x, mask, rng):
        """Equal first states, random rows of transitions, and the emission's own start."""
        states = self.config.n_components
        self.initial.assign(np.full(states, 1 / states))
        weights = rng.exponential((states, states), np.float64)
        self.transition.assign(weights / weights.sum(axis=1, keepdims=True))
        self.emission.start(x, mask, rng)

    def _after_the_end(self, mask, posterior):
        """Expected transitions after the last value of each sequence, from which there is nothing to learn."""
        more = np.flip(np.logical_or.accumulate(np.flip(mask.any(axis=-1), 1), axis=1), 1)[:, 1:]
        return posterior[:, :-1][~more].sum(axis=0)[:, None] * self.transition.data

    def _chain(self):
        return _log(self.initial.data), _log(self.transition.data)

    def _filtered(self, x, mask):
        """For one block of sequences after another: x, mask, log p(x_t | z_t), and what `hmm_filter` makes of it."""
        for part, seen in self._blocks(x, mask):
            emission = self.emission.log_prob(part, seen)
            yield part, seen, emission, *kernels.hmm_filter(emission, *self._chain())

    def _blocks(self, x, mask):
        step = max(1, BLOCK // (self.frames[0] * self.config.n_components))
        for start in range(0, len(x), step):
            part = slice(start, start + step)
            yield x[part], None if mask is None else mask[part]

    def _sequences(self, x, observed):
        """Frames `(n, time, channels)`, float64 or integers, and their mask or None."""
        return self._frames(*as_rows(x, self.spec, observed))

    def _frames(self, rows, mask):
        """Rows as frames, and their mask likewise."""
        rows = rows.astype(np.float64 if self.spec.kind == "continuous" else np.int64)
        return rows.reshape(-1, *self.frames), None if mask is None else mask.reshape(-1, *self.frames)


def _log(probabilities):
    with np.errstate(divide="ignore"):
        return np.log(probabilities)
