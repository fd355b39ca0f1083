"""What a hidden Markov model of categorical data shows in each state: p(x_t | z_t), channels independent.

Frames are integers `(n, T, D)`, with a mask of the same shape or None if nothing is missing. Fitted to frames weighted
by γ_t(s) = p(z_t = s | x), `(n, T, S)`, the probabilities are relative frequencies among the observed values,

    p(x_td = k | s) = Σ_t γ_t(s) 1[x_td = k] / Σ_t γ_t(s)

Rabiner, "A Tutorial on Hidden Markov Models", 1989, equation 40c.
"""

import numpy as np

from .... import kernels
from ....layers import Buffer, Module
from .mixture_model import draw_components


class CategoricalEmission(Module):
    """Independent categorical channels: `probabilities` `(S, D, K)`, with `pseudo_count` added to every count."""

    def __init__(self, states, channels, levels, pseudo_count):
        self.pseudo_count = pseudo_count
        self.probabilities = Buffer(np.full((states, channels, levels), 1 / levels))

    def log_prob(self, x, mask):
        """log p(x_t | z_t = s), `(n, T, S)`."""
        with np.errstate(divide="ignore"):
            table = np.log(self.probabilities.data)
        total = 0.0
        for d in range(table.shape[1]):
            part = table[:, d].T[x[..., d]]
            total = total + (part if mask is None else np.where(mask[..., d, None], part, 0))
        return total

    def log_prior(self):
        """The logarithm of the Dirichlet prior that `pseudo_count` stands for, up to a constant."""
        return log_dirichlet(self.probabilities.data, self.pseudo_count)

    def moments(self, x, mask, weight):
        """Expected counts `(S, D, K)`."""
        states, channels, levels = self.probabilities.shape
        weight, counts = weight.reshape(-1, states), np.empty((states, channels, levels))
        for d in range(channels):
            index = x[..., d] if mask is None else np.where(mask[..., d], x[..., d], levels)  # a bin to throw away
            counts[:, d] = kernels.scatter(weight, index.reshape(-1), (levels + 1, states))[:levels].T
        return (counts,)

    def maximise(self, counts):
        """Relative frequencies."""
        self.probabilities.assign(normalised(counts + self.pseudo_count, self.probabilities.data))

    def start(self, x, mask, rng):
        """The frequencies in the data, times a random number for each state and level."""
        states, channels, levels = self.probabilities.shape
        (counts,) = self.moments(x, mask, np.ones((*x.shape[:2], states)))
        noise = rng.exponential((states, channels, levels), np.float64)
        self.probabilities.assign(normalised((counts + self.pseudo_count) * noise, self.probabilities.data))

    def sample(self, states, rng):
        """Frames `(n, T, D)` of states `(n, T)`; integers."""
        table = self.probabilities.data
        drawn = [draw_components(table[states.reshape(-1), d], rng) for d in range(table.shape[1])]
        return np.stack(drawn, axis=-1).reshape(*states.shape, -1)

    def conditional_sample(self, x, mask, states, rng):
        """Frames with missing values drawn."""
        return np.where(mask, x, self.sample(states, rng))

    def conditional_mean(self, x, mask, weight):
        """Frames with missing values replaced by their most probable level."""
        likely = np.stack([(weight @ table).argmax(axis=-1) for table in self.probabilities.data.swapaxes(0, 1)], -1)
        return np.where(mask, x, likely)

    @property
    def parameter_count(self):
        """Probabilities, less one for each distribution."""
        states, channels, levels = self.probabilities.shape
        return states * channels * (levels - 1)


def normalised(counts, previous):
    """Counts divided by their sum over the last axis; what was there `previous`ly where there are none."""
    total = counts.sum(axis=-1, keepdims=True)
    return np.where(total > 0, counts / np.where(total > 0, total, 1), previous)


def log_dirichlet(probabilities, pseudo_count):
    """pseudo_count · Σ log p: the Dirichlet density of concentration pseudo_count + 1, up to a constant."""
    with np.errstate(divide="ignore"):
        return float(pseudo_count * np.log(probabilities).sum()) if pseudo_count else 0.0
