"""What a hidden Markov model of continuous data shows in each state: a normal p(x_t | z_t).

Frames are `(n, T, D)`, with a mask of the same shape or None if nothing is missing. Fitted to frames weighted by
γ_t(s) = p(z_t = s | x), `(n, T, S)`, its moments are weighted ones,

    μ_s = Σ_t γ_t(s) x_t / Σ_t γ_t(s)        Σ_s = Σ_t γ_t(s) (x_t - μ_s)(x_t - μ_s)ᵀ / Σ_t γ_t(s)

where a full Σ_s takes E[x_t | x_o] and E[x_t x_tᵀ | x_o] of frames of which a part x_o is observed, and a diagonal one
the observed values alone. A state of no weight stays as it is.

Rabiner, "A Tutorial on Hidden Markov Models", 1989, equations 53 and 54; Little and Rubin, "Statistical Analysis with
Missing Data", 2002, section 11.2.
"""


import numpy as np

from ....arrays.constants import LOG_2PI
from ....layers import Buffer, Module
from .columns import column_moments
from .k_means import k_means
from .patterns import patterns


class GaussianEmission(Module):
    """Normal frames: `loc` `(S, D)`, and `covariance` `(S, D, D)` if full, else variances `(S, D)`.

    In the columns' units (`units`, standard deviations of the data) no covariance has an eigenvalue below `floor`: the
    most likely such one is the weighted one with these raised to it.
    """

    def __init__(self, states, channels, full, floor):
        self.full, self.floor = full, floor
        self.loc = Buffer(np.zeros((states, channels)))
        self.units = Buffer(np.ones(channels))
        self.covariance = Buffer(np.tile(np.eye(channels), (states, 1, 1)) if full else np.ones((states, channels)))

    def log_prob(self, x, mask):
        """log p(x_t | z_t = s), `(n, T, S)`, by Σ_s = L Lᵀ: |L⁻¹ (x - μ_s)|² and log det Σ_s = 2 Σ log L_ii."""
        loc, covariance = self.loc.data, self.covariance.data
        result = np.zeros((*x.shape[:2], len(loc)))
        if not self.full:
            for s in range(len(loc)):
                terms = (x - loc[s]) ** 2 / covariance[s] + (np.log(covariance[s]) + LOG_2PI)
                result[..., s] = -0.5 * (terms if mask is None else terms * mask).sum(axis=-1)
            return result
        flat = result.reshape(-1, len(loc))
        for chosen, seen, frames in _kinds(x, mask):
            for s in range(len(loc)):
                factor = np.linalg.inv(np.linalg.cholesky(covariance[s][np.ix_(seen, seen)]))
                squares = (((frames - loc[s, seen]) @ factor.T) ** 2).sum(axis=1)
                constant = 0.5 * seen.sum() * LOG_2PI - np.log(np.diag(factor)).sum()
                flat[chosen, s] = -0.5 * squares - constant
        return result

    def log_prior(self):
        """0: there is none."""
        return 0.0

    def moments(self, x, mask, weight):
        """Sums of γ, γ E[a] and γ E[a aᵀ], a = x - μ_s (diagonal: γ, γ a and γ a² of observed values); S first."""
        loc, covariance = self.loc.data, self.covariance.data
        states, channels = loc.shape
        flat = weight.reshape(-1, states)
        if not self.full:
            seen = np.ones(x.shape) if mask is None else mask.astype(np.float64)
            seen, frames = seen.reshape(-1, channels), x.reshape(-1, channels)
            sums = [np.empty(loc.shape) for _ in range(2)]
            for s in range(states):
                a = (frames - loc[s]) * seen
                sums[0][s], sums[1][s] = flat[:, s] @ a, flat[:, s] @ (a * a)
            return flat.T @ seen, *sums
        total, first, second = np.zeros(states), np.zeros(loc.shape), np.zeros(covariance.shape)
        for chosen, seen, frames in _kinds(x, mask):
            for s in range(states):
                gain, rest = _regression(covariance[s], seen)
                a = (frames - loc[s, seen]) @ gain.T
                weighted = a * flat[chosen, s, None]
                first[s] += weighted.sum(axis=0)
                second[s] += weighted.T @ a + flat[chosen, s].sum() * rest
            total += flat[chosen].sum(axis=0)
        return np.tile(total[:, None], (1, channels)), first, second

    def maximise(self, total, first, second):
        """Weighted means and covariances."""
        some = total > 0
        total = np.where(some, total, 1)
        shift = first / total
        if self.full:
            covariance = second / total[..., None] - shift[:, :, None] * shift[:, None, :]
            some_state = some.all(axis=1)[:, None, None]
        else:
            covariance, some_state = second / total - shift**2, some
        self.loc.assign(self.loc.data + shift)
        self.covariance.assign(np.where(some_state, self._floored(covariance), self.covariance.data))

    def start(self, x, mask, rng):
        """Means by k-means of the frames (missing values: the column's mean) and everywhere the columns' variances.

        A column that is constant counts as one of variance 1.
        """
        frames, seen = x.reshape(-1, x.shape[-1]), None if mask is None else mask.reshape(-1, x.shape[-1])
        loc, deviation = column_moments(frames, seen)
        units = np.where(deviation > 0, deviation, 1.0)
        if seen is not None:
            frames = np.where(seen, frames, loc)[seen.any(axis=1)]
        centres = k_means((frames - loc) / units, len(self.loc.data), rng)[1]
        self.units.assign(units)
        self.loc.assign(loc + centres * units)
        variance = np.tile(deviation**2, (len(centres), 1))
        self.covariance.assign(self._floored(variance[:, :, None] * np.eye(len(loc)) if self.full else variance))

    def sample(self, states, rng):
        """Frames `(n, T, D)` of states `(n, T)`; float64."""
        noise = rng.standard_normal((*states.shape, self.loc.shape[1]), np.float64)
        factor = np.linalg.cholesky(self.covariance.data) if self.full else np.sqrt(self.covariance.data)
        for s in range(len(factor)):
            here = states == s
            noise[here] = noise[here] @ factor[s].T if self.full else noise[here] * factor[s]
        return self.loc.data[states] + noise

    def conditional_sample(self, x, mask, states, rng):
        """Frames with missing values drawn given the observed ones of their frame and the states `(n, T)`."""
        # For any y ~ N(μ, Σ), y_m + B (x_o - y_o) has the conditional distribution of x_m.
        return self._filled(x, mask, states, self.sample(states, rng))

    def conditional_mean(self, x, mask, weight):
        """Frames with missing values replaced by their mean given the observed ones of their frame, over the states."""
        result, states = np.zeros(x.shape), np.empty(x.shape[:2], np.int64)
        for s in range(weight.shape[-1]):
            states[:] = s
            filled = self._filled(x, mask, states, self.loc.data[states])
            result += weight[..., s, None] * filled
        return np.where(mask, x, result)

    @property
    def parameter_count(self):
        """D for each mean, and D (D + 1) / 2 or D for each covariance."""
        states, d = self.loc.shape
        return states * (d + (d * (d + 1) // 2 if self.full else d))

    def _filled(self, x, mask, states, centre):
        """c_m + B (x_o - c_o) in place of what is missing, B of the frame's state."""
        result = np.where(mask, x, centre)
        if not self.full:
            return result
        flat, places = result.reshape(-1, x.shape[-1]), np.asarray(states).reshape(-1)
        gaps = np.where(mask, x - centre, 0).reshape(flat.shape)
        for chosen, seen, _ in _kinds(x, mask):
            if seen.all():
                continue
            for s in np.unique(places[chosen]):
                here, (gain, _) = chosen[places[chosen] == s], _regression(self.covariance.data[s], seen)
                flat[np.ix_(here, ~seen)] += (gaps[here][:, seen] @ gain.T)[:, ~seen]
        return result

    def _floored(self, covariance):
        units = self.units.data
        if not self.full:
            return np.maximum(covariance, self.floor * units**2)
        scale = units[:, None] * units
        values, vectors = np.linalg.eigh(covariance / scale)
        raised = (vectors * np.maximum(values, self.floor)[:, None, :]) @ vectors.swapaxes(1, 2)
        return np.where(values.min(axis=1)[:, None, None] < self.floor, raised * scale, covariance)


def _kinds(x, mask):
    """Frames with values by which these are: their places among all frames, the columns, and the values."""
    frames = x.reshape(-1, x.shape[-1])
    if mask is None:
        return [(slice(None), np.ones(frames.shape[1], bool), frames)]
    kinds = patterns(mask.reshape(frames.shape))
    return [(chosen, seen, frames[chosen][:, seen]) for chosen, seen in kinds if seen.any()]


def _regression(covariance, seen):
    """E[a | a_o] = G a_o with G `(D, observed)`, and the covariance of a given a_o `(D, D)`, 0 where observed."""
    gain, rest = np.eye(len(seen))[:, seen], np.zeros(covariance.shape)
    if not seen.all():
        between = covariance[np.ix_(~seen, seen)]
        gain[~seen] = np.linalg.solve(covariance[np.ix_(seen, seen)], between.T).T
        rest[np.ix_(~seen, ~seen)] = covariance[np.ix_(~seen, ~seen)] - gain[~seen] @ between.T
    return gain, rest
