"""The hidden Markov model: a Markov chain of states, of which each time step shows something.

    p(x, z) = π(z_1) p(x_1 | z_1) Π_t A(z_t-1, z_t) p(x_t | z_t)        p(x) = Σ_z p(x, z)

The sum over all S^T paths is taken step by step, p(z_t, x_1 … x_t) = p(x_t | z_t) Σ_s A(s, z_t) p(z_t-1 = s, x_1 …
x_t-1), the forward recursion; with its mirror image, the backward recursion, it gives the posterior of every state and
every transition. These are the E-step of Baum and Welch's algorithm, which is expectation-maximisation; its M-step
takes expected counts for counts:

    A(s, s') = Σ_t p(z_t-1 = s, z_t = s' | x) / Σ_t p(z_t-1 = s | x)        π(s) = p(z_1 = s | x)

A value that is missing drops out of p(x_t | z_t); a sequence that is shorter than others (`length`) is one that ends in
steps without values.

Rabiner, "A Tutorial on Hidden Markov Models and Selected Applications in Speech Recognition", 1989, equations 19 to 40.
"""

import math
from dataclasses import dataclass

import numpy as np

from ... import kernels
from ...arrays import as_generator
from ...arrays.categories import categories, category_of_rows
from ...arrays.checks import non_negative_number, one_of, positive_integer, positive_number
from ...data.batch import as_batch
from ...inference import em_restarts
from ...layers import Buffer
from ..takes import Takes
from .support.categorical_emission import CategoricalEmission, log_dirichlet, normalised
from .support.column_moments import column_moments
from .support.estimator import Estimator
from .support.example_rows import as_rows
from .support.gaussian_emission import GaussianEmission

COVARIANCES = ("full", "diagonal")
BLOCK = 2**21  # numbers T·S of sequences that are worked on at a time

IMPOSSIBLE = "x: a sequence has probability 0, its states and missing values have no distribution"


@dataclass(frozen=True)
class Config:
    """States, the form of normal emissions' covariances and their smallest variance, a prior, and how EM runs.

    With channels in units of their standard deviations (1 where one is constant), no covariance has an eigenvalue
    below `floor`, which constant channels would have, and states that keep to one frame. `pseudo_count` is added to
    every expected count of first states, transitions and categorical emissions (a Dirichlet prior), so that what did
    not occur in the data is not impossible; 0 is maximum likelihood. EM runs from `restarts` random starts, each for
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
            positive_integer(name, getattr(self, name))
        one_of("covariance", self.covariance, COVARIANCES)
        positive_number("floor", self.floor)
        non_negative_number("pseudo_count", self.pseudo_count)
        non_negative_number("tolerance", self.tolerance)


class HiddenMarkovModel(Estimator):
    """A hidden Markov model of sequences `(time, channels)`; axes after the first are channels of a frame, or none.

    Binary and discrete channels are categorical, independent given the state; continuous ones are jointly normal.
    `initial` is π `(S,)`, `transition` A `(S, S)` with rows that sum to 1, and `emission` has the densities of frames.
    Before it is fitted its probabilities are equal. Missing values are marginalised exactly. Raises ValueError for
    tables with a kind for each column, and for conditional data.
    """

    Config = Config
    takes = Takes(rank=(1, 2, 3), missing=True, length=True)
    conditions_on_any = True

    def __init__(self, spec, config=None, *, rng=0):
        super().__init__(spec, config)
        config = self.config
        states = config.n_components
        self.frames = (spec.shape[0], math.prod(spec.shape[1:]))  # time steps, channels
        self.initial = Buffer(np.full(states, 1 / states))
        self.transition = Buffer(np.full((states, states), 1 / states))
        if spec.kind == "continuous":
            self.emission = GaussianEmission(states, self.frames[1], config.covariance == "full", config.floor)
        else:
            levels = 2 if spec.kind == "binary" else spec.levels
            self.emission = CategoricalEmission(states, self.frames[1], levels, config.pseudo_count)

    def log_prob(self, x, condition=None, observed=None, length=None):
        """log p(x) in nats, float64 `(n,)`, of the observed values alone; with `length` `(n,)`, of so many steps."""
        self.check_condition(condition, len(x))
        blocks = self._filtered(*self._sequences(x, self._before_the_end(np.shape(x), observed, length)))
        log_probs = [conditional.sum(axis=1) for *_, conditional in blocks]  # Σ_t log p(x_t | x_1 … x_t-1)
        return np.concatenate(log_probs) if log_probs else np.zeros(0)

    def state_posteriors(self, x, observed=None):
        """p(z_t | x), given all observed values of the sequence: float64 `(n, time, S)`; NaN if x is impossible."""
        posteriors = [np.zeros((0, self.frames[0], self.config.n_components))]
        log_transition = _log(self.transition.data)
        with np.errstate(invalid="ignore"):
            for _, _, emission, filtered, _ in self._filtered(*self._sequences(x, observed)):
                posteriors.append(kernels.hmm_smooth(emission, filtered, log_transition)[0])
        return np.concatenate(posteriors)

    def viterbi(self, x, observed=None):
        """The most probable path of states given x, int64 `(n, time)`, and log p(x, path) in nats, float64 `(n,)`."""
        paths = [np.zeros((0, self.frames[0]), np.int64)]
        log_probs = [np.zeros(0)]
        for block, mask in self._blocks(*self._sequences(x, observed)):
            path, log_prob = kernels.hmm_viterbi(self.emission.log_prob(block, mask), *self._chain())
            paths.append(path)
            log_probs.append(log_prob)
        return np.concatenate(paths), np.concatenate(log_probs)

    def sample_states(self, x, rng, observed=None):
        """A path of states drawn from p(z | x), given the observed values: int64 `(n, time)`.

        Forward filtering, backward sampling: z_T by p(z_T | x), then each z_t by p(z_t | x_1 … x_t) A(z_t, z_t+1).
        Raises ValueError if x is impossible.
        """
        return self._sample_states(*self._sequences(x, observed), as_generator(rng))

    def fit_steps(self, batch, rng=0, state=None):
        """Fit to all examples of `batch` by Baum and Welch's algorithm; yields the metrics of `em_restarts`.

        Raises ValueError for fewer frames with values than states, and for what `column_moments` refuses.
        """
        batch = as_batch(batch)
        batch = batch.replace(observed=self._before_the_end(np.shape(batch.x), batch.observed, batch.length))
        x, observed = self._frames(*self.training_rows(batch))
        count = len(x) * self.frames[0] if observed is None else int(observed.any(axis=-1).sum())
        if count < self.config.n_components:
            raise ValueError(f"x: expected at least as many time steps with values as n_components="
                             f"{self.config.n_components}, got {count}")
        channels = self.frames[1]
        column_moments(x.reshape(-1, channels), None if observed is None else observed.reshape(-1, channels))
        yield from em_restarts(self, (x, observed), lambda rng: self._start(x, observed, rng), as_generator(rng),
                               self.config.restarts, max_iterations=self.config.max_iterations,
                               tolerance=self.config.tolerance, state=state)

    def e_step(self, data):
        """Expected counts of first states and transitions, the emission's moments; log-likelihood and log-prior."""
        x, observed = data
        log_transition = _log(self.transition.data)
        initial = 0.0
        transitions = 0.0
        moments = None
        total = 0.0
        for block, mask, emission, filtered, conditional in self._filtered(x, observed):
            posterior, pairs = kernels.hmm_smooth(emission, filtered, log_transition)  # (n, T, S), (S, S)
            if mask is not None:
                pairs -= self._after_the_end(mask, posterior)
            initial = initial + posterior[:, 0].sum(axis=0)
            transitions = transitions + pairs
            of_block = self.emission.moments(block, mask, posterior)
            moments = of_block if moments is None else [a + b for a, b in zip(moments, of_block, strict=True)]
            total += float(conditional.sum())
        a = self.config.pseudo_count
        prior = self.emission.log_prior() + log_dirichlet(self.initial.data, a)
        prior += log_dirichlet(self.transition.data, a)
        return (initial, transitions, moments), total / len(x), prior / len(x)

    def m_step(self, statistics):
        """Take the relative frequencies, and the emission's most likely parameters."""
        initial, transitions, moments = statistics
        a = self.config.pseudo_count
        self.initial.assign(normalised(initial + a, self.initial.data))
        self.transition.assign(normalised(np.maximum(transitions, 0) + a, self.transition.data))
        self.emission.maximise(*moments)

    def impute(self, x, observed, rng=None):
        """`x` with missing values replaced by their mean given all observed ones of the sequence, or by a draw (`rng`).

        Where values are categorical the most probable level stands for the mean. Of the dtype of `x`, or float64
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
        if self.spec.kind == "continuous" and dtype.kind != "f":
            dtype = np.float64
        return filled.astype(dtype).reshape(np.shape(x))

    @property
    def parameter_count(self):
        """S - 1 for π, S (S - 1) for A, and the emission's."""
        states = self.config.n_components
        return states * states - 1 + self.emission.parameter_count

    def _sample(self, n, rng):
        states = np.empty((n, self.frames[0]), np.int64)
        states[:, 0] = categories(self.initial.data, n, rng)
        for t in range(1, self.frames[0]):
            states[:, t] = category_of_rows(self.transition.data[states[:, t - 1]], rng)
        x = self.emission.sample(states, rng).reshape(n, *self.spec.shape)
        if self.spec.kind == "continuous":
            return x
        return x.astype(np.uint8 if (self.spec.levels or 2) <= 256 else np.int64)

    def _sample_states(self, x, observed, rng):
        paths = [np.zeros((0, self.frames[0]), np.int64)]
        log_transition = _log(self.transition.data)
        for *_, filtered, conditional in self._filtered(x, observed):
            if not np.isfinite(conditional).all():
                raise ValueError(IMPOSSIBLE)
            paths.append(kernels.hmm_draw(filtered, log_transition, rng.random(conditional.shape)))
        return np.concatenate(paths)

    def _start(self, x, observed, rng):
        """Take equal first states, random rows of transitions, and the emission's start."""
        states = self.config.n_components
        weights = rng.exponential((states, states), np.float64)
        self.initial.assign(np.full(states, 1 / states))
        self.transition.assign(weights / weights.sum(axis=1, keepdims=True))
        self.emission.start(x, observed, rng)

    def _after_the_end(self, observed, posterior):
        """Expected transitions after the last value of each sequence, from which there is nothing to learn."""
        frames = np.flip(observed.any(axis=-1), 1)
        values_follow = np.flip(np.logical_or.accumulate(frames, axis=1), 1)[:, 1:]  # (n, T - 1)
        return posterior[:, :-1][~values_follow].sum(axis=0)[:, None] * self.transition.data

    def _chain(self):
        return _log(self.initial.data), _log(self.transition.data)

    def _filtered(self, x, observed):
        """For one block of sequences after another: x, mask, log p(x_t | z_t), and what `hmm_filter` makes of it."""
        for block, mask in self._blocks(x, observed):
            emission = self.emission.log_prob(block, mask)  # (n, T, S)
            yield block, mask, emission, *kernels.hmm_filter(emission, *self._chain())

    def _blocks(self, x, observed):
        step = max(1, BLOCK // (self.frames[0] * self.config.n_components))
        for start in range(0, len(x), step):
            rows = slice(start, start + step)
            yield x[rows], None if observed is None else observed[rows]

    def _before_the_end(self, shape, observed, length):
        """The mask `observed` or None, without what comes after the first `length` steps of each sequence."""
        if length is None:
            return observed
        length = np.asarray(length)
        steps = self.frames[0]
        if length.dtype.kind not in "iu" or length.shape != shape[:1]:
            raise ValueError(f"length: expected {shape[0]} integers, got {length.dtype} of shape {length.shape}")
        if len(length) and not (length.min() >= 0 and length.max() <= steps):
            raise ValueError(f"length: expected 0 to {steps}, got {length.min()} to {length.max()}")
        counts = np.arange(steps) < length[:, None]  # (n, T)
        counts = np.broadcast_to(counts.reshape(*counts.shape, *[1] * (len(shape) - 2)), shape)
        return counts if observed is None else counts & observed

    def _sequences(self, x, observed):
        """Frames `(n, time, channels)`, float64 or integers, and their mask or None."""
        return self._frames(*as_rows(x, self.spec, observed))

    def _frames(self, rows, observed):
        """Rows as frames, and their mask likewise."""
        rows = rows.astype(np.float64 if self.spec.kind == "continuous" else np.int64)
        return rows.reshape(-1, *self.frames), None if observed is None else observed.reshape(-1, *self.frames)


def _log(probabilities):
    with np.errstate(divide="ignore"):
        return np.log(probabilities)
