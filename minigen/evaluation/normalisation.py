"""Does a density add up to 1? By enumeration, by quadrature, or by importance sampling.

    Σ_x p(x)  over every example there is, if there are at most 2^16;
    ∫ p(x) dx by adaptive quadrature, for one or two continuous numbers;
    E_q[p(x) / q(x)] otherwise, with a proposal q that is fitted to samples of the model (importance.py).

Both the quadrature and the proposal cover the region of the samples. If no sample shows a mode of the density, the mass
of that mode is missing in the sum, and the check fails.

Davis and Rabinowitz, "Methods of Numerical Integration", 1984; Robert and Casella, "Monte Carlo Statistical Methods",
2004 (section 3.3).
"""

import math

import numpy as np

from .adaptive_quadrature import Chart, equal_cells, integrate
from .identity_checks import STATES, Check
from .importance import check_integral

NAME = "normalisation"
SLACK = 1e-3  # tolerance of a quadrature, for mass that lies between its points
ROUGH = 0.003  # a quadrature with a larger relative error has run out of points: the density is too rough for it


def check_normalisation(subject, pilot, x):
    """Whether p sums or integrates to 1: a Check. Regions and proposals follow samples `pilot`; x are other samples."""
    if not subject.has_density:
        return Check(NAME, None, subject.why_no_density)
    if subject.states <= STATES:
        return _by_enumeration(subject)
    if subject.spec.dimensions <= 2 and not any(subject.columns):
        check = _by_quadrature(subject, pilot)
        if check is not None:
            return check
    passed, detail = check_integral(subject, pilot, x)
    return Check(NAME, passed, detail)


def quadrature_cells(subject, x):
    """`(chart, boxes, masses)` for a model of one or two continuous numbers. Cells hold about equally many of x."""
    if subject.cells is None:
        rows = x.reshape(len(x), -1).astype(np.float64)
        chart, two = Chart(rows), rows.shape[1] == 2
        boxes = equal_cells(chart.from_space(rows), 6, 4 if two else 3)
        log_density = lambda points: subject.log_prob(points.astype(x.dtype))  # noqa: E731
        subject.cells = chart, boxes, integrate(log_density, chart, boxes, 1e-4 if two else 1e-6)
    return subject.cells


def _by_enumeration(subject):
    log_p = subject.log_prob(subject.enumerated())
    if np.isnan(log_p).any():
        return Check(NAME, False, f"log_prob is NaN for {np.isnan(log_p).sum()} of {len(log_p)} examples")
    excess, slack = float(np.exp(log_p).sum()) - 1, subject.rounding(log_p)
    return Check(NAME, bool(abs(excess) <= slack), f"by enumeration, the sum over {len(log_p)} examples - 1 = "
                                                   f"{excess:.1e}, tolerance {slack:.0e}")


def _by_quadrature(subject, x):
    _, _, masses = quadrature_cells(subject, x)
    excess = float(masses.values.sum()) - 1
    if not math.isfinite(excess):
        return Check(NAME, False, f"by quadrature, the integral is {excess + 1}")
    if masses.error > ROUGH * masses.values.sum():
        return None
    slack = 3 * masses.error + SLACK
    return Check(NAME, bool(abs(excess) <= slack), f"by quadrature with {masses.evaluations} points, the integral - 1 "
                                                   f"= {excess:.1e}, tolerance {slack:.0e}")
