"""What a hidden Markov model of categorical data shows in each state: p(x_t | z_t), channels independent.

Frames are integers `(n, T, D)`, with a mask `observed` of the same shape or None if nothing is missing. Fitted to
frames weighted by γ_t(s) = p(z_t = s | x), `(n, T, S)`, the probabilities are relative frequencies among the observed
values,

    p(x_td = k | s) = Σ_t γ_t(s) 1[x_td = k] / Σ_t γ_t(s)

Rabiner, "A Tutorial on Hidden Markov Models", 1989, equation 40c.
"""

import numpy as np

from .... import kernels
from ....arrays.categories import category_of_rows
from ....layers import Buffer, Module


class CategoricalEmission(Module):
    """Independent categorical channels: `probabilities` `(S, D, K)`, with `pseudo_count` added to every count."""

    def __init__(self, states, channels, levels, pseudo_count):
        self.pseudo_count = pseudo_count
        self.probabilities = Buffer(np.full((states, channels, levels), 1 / levels))

    def log_prob(self, x, observed):
        """log p(x_t | z_t = s), `(n, T, S)`."""
        with np.errstate(divide="ignore"):
            table = np.log(self.probabilities.data)  # (S, D, K)
        total = 0.0
        for d in range(table.shape[1]):
            terms = table[:, d].T[x[..., d]]  # (n, T, S)
            if observed is not None:
                terms = np.where(observed[..., d, None], terms, 0)
            total = total + terms
        return total

    def log_prior(self):
        """The logarithm of the Dirichlet prior that `pseudo_count` stands for, up to a constant."""
        return log_dirichlet(self.probabilities.data, self.pseudo_count)

    def moments(self, x, observed, weight):
        """Expected counts `(S, D, K)` of frames weighted by `weight` `(n, T, S)`."""
        states, channels, levels = self.probabilities.shape
        weight = weight.reshape(-1, states)
        counts = np.empty((states, channels, levels))
        for d in range(channels):
            bins = x[..., d]
            if observed is not None:
                bins = np.where(observed[..., d], bins, levels)  # one bin more, to throw away
            counts[:, d] = kernels.scatter(weight, bins.reshape(-1), (levels + 1, states))[:levels].T
        return (counts,)

    def maximise(self, counts):
        """Take the relative frequencies."""
        self.probabilities.assign(normalised(counts + self.pseudo_count, self.probabilities.data))

    def start(self, x, observed, rng):
        """Take the frequencies in the data, times a random number for each state and level."""
        shape = self.probabilities.shape
        (counts,) = self.moments(x, observed, np.ones((*x.shape[:2], shape[0])))
        noise = rng.exponential(shape, np.float64)
        self.probabilities.assign(normalised((counts + self.pseudo_count) * noise, self.probabilities.data))

    def sample(self, states, rng):
        """Frames `(n, T, D)` of states `(n, T)`; integers."""
        table = self.probabilities.data  # (S, D, K)
        channels = [category_of_rows(table[states.reshape(-1), d], rng) for d in range(table.shape[1])]
        return np.stack(channels, axis=-1).reshape(*states.shape, -1)

    def conditional_sample(self, x, observed, states, rng):
        """Frames with their missing values drawn given the states `(n, T)`."""
        return np.where(observed, x, self.sample(states, rng))

    def conditional_mean(self, x, observed, weight):
        """Frames with their missing values replaced by the most probable level when state s has weight[n, t, s]."""
        channels = [(weight @ table).argmax(axis=-1) for table in self.probabilities.data.swapaxes(0, 1)]
        return np.where(observed, x, np.stack(channels, axis=-1))

    @property
    def parameter_count(self):
        """The probabilities, less one for each distribution."""
        states, channels, levels = self.probabilities.shape
        return states * channels * (levels - 1)


def normalised(counts, previous):
    """Counts divided by their sum over the last axis; where there are none, what was there `previous`ly."""
    total = counts.sum(axis=-1, keepdims=True)
    return np.where(total > 0, counts / np.where(total > 0, total, 1), previous)


def log_dirichlet(probabilities, pseudo_count):
    """pseudo_count · Σ log p: the Dirichlet density of concentration pseudo_count + 1, up to a constant."""
    with np.errstate(divide="ignore"):
        return float(pseudo_count * np.log(probabilities).sum()) if pseudo_count else 0.0
