"""The Ising model on small lattices, solved by transfer matrix.

    p(s) = exp(β Σ_{neighbours i,j} s_i s_j + h Σ_i s_i) / Z,    s_i = 2 x_i - 1 = ±1

The rows of the lattice are the states of a chain. Let D be the weights of a row by itself and V those of the bonds from
a row to the next. T = V D has a row and a column for each of the 2^columns states. Z is 1ᵀ D T^(rows-1) 1, up to the
order of factors, on a lattice with free edges, and the trace of T^rows on a torus. Samples are drawn row by row from
the chain's conditionals. The entropy is log Z - E[β Σ s s + h Σ s], and this expectation is d log Z(λβ, λh) / dλ at
λ = 1, so every matrix is computed with its derivative by λ.

Source: Kramers and Wannier, "Statistics of the two-dimensional ferromagnet" (1941).
"""

import math

import numpy as np

from ..arrays.categories import categories, category_of_rows
from ..arrays.checks import integer, number_between
from ..protocols import DataSpec
from .source import Source

MAX_SIDE = 8


class Ising(Source):
    """Black-and-white images from the Ising model, in which neighbours tend to agree.

    A lattice of `rows` × `columns` spins is a binary image, with x = 1 for an upward spin. `beta` is the coupling of
    neighbours over the temperature (if it is negative they tend to differ), and `field` the field over the temperature;
    both are between -10 and 10. A `periodic` lattice is a torus, another has free edges. Sides are at most 8, and at
    least 3 if periodic, so that two neighbours share one bond only. Raises TypeError or ValueError otherwise.
    """

    name = "ising"

    def __init__(self, rows: int = 8, columns: int = 8, beta: float = 0.4, field: float = 0.0, periodic: bool = True):
        if not isinstance(periodic, bool):
            raise TypeError(f"periodic: expected True or False, got {periodic!r}")
        self.rows = integer("rows", rows, 3 if periodic else 1, MAX_SIDE)
        self.columns = integer("columns", columns, 3 if periodic else 1, MAX_SIDE)
        self.beta, self.field = number_between("beta", beta, -10, 10), number_between("field", field, -10, 10)
        self.periodic = periodic
        self.spec = DataSpec((self.rows, self.columns, 1), "binary")
        self._solve()

    def log_partition(self) -> float:
        """log Z."""
        return self._log_z

    def mean_exponent(self) -> float:
        """E[β Σ s s + h Σ s], the mean of the exponent (minus the energy over the temperature)."""
        return self._mean_exponent

    def exponent(self, x) -> np.ndarray:
        """β Σ s_i s_j + h Σ s_i of lattices `(n, rows, columns, 1)`, shape `(n,)`."""
        s = 2.0 * np.asarray(x)[..., 0] - 1
        if self.periodic:
            bonds = s * (np.roll(s, 1, axis=1) + np.roll(s, 1, axis=2))
            return (self.beta * bonds + self.field * s).sum(axis=(1, 2))
        bonds = (s[:, 1:] * s[:, :-1]).sum(axis=(1, 2)) + (s[:, :, 1:] * s[:, :, :-1]).sum(axis=(1, 2))
        return self.beta * bonds + self.field * s.sum(axis=(1, 2))

    def _solve(self):
        states = np.arange(2**self.columns)
        spins = 2.0 * (states[:, None] >> np.arange(self.columns) & 1) - 1  # bit j is column j
        along = spins * np.roll(spins, -1, axis=1)
        along = along.sum(axis=1) if self.periodic else along[:, :-1].sum(axis=1)
        row = self.beta * along + self.field * spins.sum(axis=1)
        step = self.beta * spins @ spins.T + row  # from a row's state to the next one's
        # Shifts keep exponents at most 0; what they take from log Z and its derivative is added again at the end.
        row_shift, step_shift = row.max(), step.max()
        self._row, self._step = np.exp(row - row_shift), np.exp(step - step_shift)
        d_row, d_step = (row - row_shift) * self._row, (step - step_shift) * self._step
        # The weight of all that can follow, r steps before the last row: a vector, or T^r on a torus, where the
        # last row meets the first.
        ahead = np.eye(len(states)) if self.periodic else np.ones(len(states))
        d_ahead = np.zeros_like(ahead)
        self._ahead, log_scale, steps = [ahead], 0.0, self.rows if self.periodic else self.rows - 1
        for _ in range(steps):
            d_ahead = self._step @ d_ahead + d_step @ ahead
            ahead = self._step @ ahead
            scale = ahead.max()
            ahead, d_ahead, log_scale = ahead / scale, d_ahead / scale, log_scale + math.log(scale)
            self._ahead.append(ahead)
        if self.periodic:
            z, d_z, shift = np.trace(ahead), np.trace(d_ahead), steps * step_shift
        else:
            z, d_z = self._row @ ahead, d_row @ ahead + self._row @ d_ahead
            shift = row_shift + steps * step_shift
        self._log_z, self._mean_exponent = float(math.log(z) + log_scale + shift), float(d_z / z + shift)

    def _log_prob(self, x):
        return self.exponent(x) - self._log_z

    def _entropy(self):
        return self._log_z - self._mean_exponent

    def _sample(self, n, rng):
        steps = len(self._ahead) - 1
        first = np.diag(self._ahead[steps]) if self.periodic else self._row * self._ahead[steps]
        state = categories(first, n, rng)
        start, states = state, [state]
        for r in range(1, self.rows):
            ahead = self._ahead[steps - r]
            weights = self._step[state] * (ahead[:, start].T if self.periodic else ahead)
            state = category_of_rows(weights, rng)
            states.append(state)
        bits = np.stack(states, axis=1)[:, :, None] >> np.arange(self.columns) & 1
        return bits.astype(np.uint8)[..., None], None
