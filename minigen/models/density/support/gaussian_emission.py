"""What a hidden Markov model of continuous data shows in each state: a normal p(x_t | z_t).

Frames are `(n, T, D)`, with a mask `observed` of the same shape or None if nothing is missing. Fitted to frames
weighted by γ_t(s) = p(z_t = s | x), `(n, T, S)`, its moments are weighted ones,

    μ_s = Σ_t γ_t(s) x_t / Σ_t γ_t(s)        Σ_s = Σ_t γ_t(s) (x_t - μ_s)(x_t - μ_s)ᵀ / Σ_t γ_t(s)

where a full Σ_s takes E[x_t | x_o] and E[x_t x_tᵀ | x_o] of frames of which only x_o is observed, and a diagonal one
the observed values alone. A state without weight stays as it is.

Rabiner, "A Tutorial on Hidden Markov Models", 1989, equations 53 and 54; Little and Rubin, "Statistical Analysis with
Missing Data", 2002, section 11.2.
"""

import numpy as np

from ....arrays.constants import LOG_2PI
from ....layers import Buffer, Module
from .column_moments import column_moments
from .k_means import k_means
from .patterns import patterns


class GaussianEmission(Module):
    """Normal frames: `loc` `(S, D)`, and `covariance` `(S, D, D)` if full, else variances `(S, D)`.

    In the columns' units (`units`, standard deviations of the data) no covariance has an eigenvalue below `floor`: the
    most likely such one is the weighted one with these raised to it.
    """

    def __init__(self, states, channels, full, floor):
        self.full = full
        self.floor = floor
        self.loc = Buffer(np.zeros((states, channels)))
        self.units = Buffer(np.ones(channels))
        self.covariance = Buffer(np.tile(np.eye(channels), (states, 1, 1)) if full else np.ones((states, channels)))

    def log_prob(self, x, observed):
        """log p(x_t | z_t = s), `(n, T, S)`, by Σ_s = L Lᵀ: |L⁻¹ (x - μ_s)|² and log det Σ_s = 2 Σ log L_ii."""
        loc = self.loc.data
        covariance = self.covariance.data
        result = np.zeros((*x.shape[:2], len(loc)))  # (n, T, S)
        if not self.full:
            for s in range(len(loc)):
                terms = (x - loc[s]) ** 2 / covariance[s] + (np.log(covariance[s]) + LOG_2PI)
                if observed is not None:
                    terms = terms * observed
                result[..., s] = -0.5 * terms.sum(axis=-1)
            return result
        flat = result.reshape(-1, len(loc))
        for chosen, o, frames in _frames_by_pattern(x, observed):
            for s in range(len(loc)):
                factor = np.linalg.inv(np.linalg.cholesky(covariance[s][np.ix_(o, o)]))  # L⁻¹
                squares = (((frames - loc[s, o]) @ factor.T) ** 2).sum(axis=1)
                constant = 0.5 * o.sum() * LOG_2PI - np.log(np.diag(factor)).sum()
                flat[chosen, s] = -0.5 * squares - constant
        return result

    def log_prior(self):
        """0: there is no prior."""
        return 0.0

    def moments(self, x, observed, weight):
        """Sums of γ, γ E[a] and γ E[a aᵀ], a = x - μ_s (diagonal: γ, γ a and γ a² of observed values); S is first."""
        loc = self.loc.data
        covariance = self.covariance.data
        states, channels = loc.shape
        flat = weight.reshape(-1, states)
        first = np.zeros(loc.shape)
        second = np.zeros(covariance.shape)
        if not self.full:
            present = np.ones(x.shape) if observed is None else observed.astype(np.float64)
            present = present.reshape(-1, channels)
            frames = x.reshape(-1, channels)
            for s in range(states):
                a = (frames - loc[s]) * present
                first[s] = flat[:, s] @ a
                second[s] = flat[:, s] @ (a * a)
            return flat.T @ present, first, second
        total = np.zeros(states)
        for chosen, o, frames in _frames_by_pattern(x, observed):
            for s in range(states):
                gain, rest = _regression(covariance[s], o)
                a = (frames - loc[s, o]) @ gain.T
                weighted = a * flat[chosen, s, None]
                first[s] += weighted.sum(axis=0)
                second[s] += weighted.T @ a + flat[chosen, s].sum() * rest
            total += flat[chosen].sum(axis=0)
        return np.tile(total[:, None], (1, channels)), first, second

    def maximise(self, total, first, second):
        """Take the weighted means and covariances."""
        weighted = total > 0  # (S, D)
        total = np.where(weighted, total, 1)
        shift = first / total
        if self.full:
            covariance = second / total[..., None] - shift[:, :, None] * shift[:, None, :]
            weighted = weighted.all(axis=1)[:, None, None]
        else:
            covariance = second / total - shift**2
        self.loc.assign(self.loc.data + shift)
        self.covariance.assign(np.where(weighted, self._floored(covariance), self.covariance.data))

    def start(self, x, observed, rng):
        """Take means by k-means of the frames (missing values: the column's mean), and the columns' variances.

        A column that is constant counts as one of variance 1.
        """
        frames = x.reshape(-1, x.shape[-1])
        observed = None if observed is None else observed.reshape(frames.shape)
        loc, deviation = column_moments(frames, observed)
        units = np.where(deviation > 0, deviation, 1.0)
        if observed is not None:
            frames = np.where(observed, frames, loc)[observed.any(axis=1)]
        centres = k_means((frames - loc) / units, len(self.loc.data), rng)[1]
        variance = np.tile(deviation**2, (len(centres), 1))
        if self.full:
            variance = variance[:, :, None] * np.eye(len(loc))
        self.units.assign(units)
        self.loc.assign(loc + centres * units)
        self.covariance.assign(self._floored(variance))

    def sample(self, states, rng):
        """Frames `(n, T, D)` of states `(n, T)`; float64."""
        noise = rng.standard_normal((*states.shape, self.loc.shape[1]), np.float64)
        covariance = self.covariance.data
        factor = np.linalg.cholesky(covariance) if self.full else np.sqrt(covariance)
        for s in range(len(factor)):
            here = states == s
            noise[here] = noise[here] @ factor[s].T if self.full else noise[here] * factor[s]
        return self.loc.data[states] + noise

    def conditional_sample(self, x, observed, states, rng):
        """Frames with their missing values drawn given the observed ones of the frame and the states `(n, T)`."""
        # For any y ~ N(μ, Σ), y_m + B (x_o - y_o) has the conditional distribution of x_m.
        return self._filled(x, observed, states, self.sample(states, rng))

    def conditional_mean(self, x, observed, weight):
        """Frames with their missing values replaced by the mean given the observed ones, over states of this weight."""
        result = np.zeros(x.shape)
        states = np.empty(x.shape[:2], np.int64)
        for s in range(weight.shape[-1]):
            states[:] = s
            filled = self._filled(x, observed, states, self.loc.data[states])
            result += weight[..., s, None] * filled
        return np.where(observed, x, result)

    @property
    def parameter_count(self):
        """D for each mean, and D (D + 1) / 2 or D for each covariance."""
        states, d = self.loc.shape
        return states * (d + (d * (d + 1) // 2 if self.full else d))

    def _filled(self, x, observed, states, centre):
        """Frames with c_m + B (x_o - c_o) in place of the missing values, B that of the frame's state."""
        result = np.where(observed, x, centre)
        if not self.full:
            return result
        flat = result.reshape(-1, x.shape[-1])
        states = np.asarray(states).reshape(-1)
        deviations = np.where(observed, x - centre, 0).reshape(flat.shape)
        for chosen, o, _ in _frames_by_pattern(x, observed):
            if o.all():
                continue
            for s in np.unique(states[chosen]):
                here = chosen[states[chosen] == s]
                gain, _ = _regression(self.covariance.data[s], o)
                flat[np.ix_(here, ~o)] += (deviations[here][:, o] @ gain.T)[:, ~o]
        return result

    def _floored(self, covariance):
        """The covariances with their eigenvalues, in the columns' units, raised to the floor."""
        units = self.units.data
        if not self.full:
            return np.maximum(covariance, self.floor * units**2)
        scale = units[:, None] * units
        values, vectors = np.linalg.eigh(covariance / scale)
        raised = (vectors * np.maximum(values, self.floor)[:, None, :]) @ vectors.swapaxes(1, 2)
        return np.where(values.min(axis=1)[:, None, None] < self.floor, raised * scale, covariance)


def _frames_by_pattern(x, observed):
    """Frames with values, by which ones are observed: their numbers among all frames, booleans `(D,)`, the values."""
    frames = x.reshape(-1, x.shape[-1])
    if observed is None:
        return [(slice(None), np.ones(frames.shape[1], bool), frames)]
    groups = patterns(observed.reshape(frames.shape))
    return [(chosen, o, frames[chosen][:, o]) for chosen, o in groups if o.any()]


def _regression(covariance, o):
    """E[a | a_o] = G a_o with G `(D, observed)`, and the covariance of a given a_o `(D, D)`, 0 where observed."""
    gain = np.eye(len(o))[:, o]
    rest = np.zeros(covariance.shape)
    if not o.all():
        between = covariance[np.ix_(~o, o)]
        gain[~o] = np.linalg.solve(covariance[np.ix_(o, o)], between.T).T
        rest[np.ix_(~o, ~o)] = covariance[np.ix_(~o, ~o)] - gain[~o] @ between.T
    return gain, rest
