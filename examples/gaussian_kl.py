"""The Kullback-Leibler divergence is not symmetric: what each direction punishes, and what it makes of two modes.

    KL(p‖q) = E_p[log p(x) - log q(x)]

Between normal distributions it is log σ_q/σ_p + (σ_p² + (μ_p - μ_q)²)/(2σ_q²) - ½. Where p has mass and q has little
it is large, whatever q does elsewhere; KL(q‖p) asks the opposite. So the q nearest to a p with two modes depends on the
direction. Among normal distributions q the minimum of KL(p‖q) has p's mean and variance and covers both modes (Bishop,
2006, equation 10.187 and section 10.1.2); KL(q‖p) has a minimum at each mode.

    python examples/gaussian_kl.py [--out FOLDER]
"""

import argparse
import math
from pathlib import Path

import numpy as np
from scipy import optimize

from minigen import Tensor, grad
from minigen.distributions import Mixture, Normal, divergence, kl_divergence
from minigen.plotting.canvas import DPI, INK, QUIET_INK, save
from minigen.plotting.mixtures import style

NARROW, WIDE = Normal(0.0, 1.0), Normal(1.0, 1.8)
TARGET = Mixture(np.log([0.6, 0.4]), Normal(np.array([-2.2, 2.4]), np.array([0.7, 1.0])))
BLUE, ORANGE, GREEN = "#2563a8", "#c2410c", "#2f855a"


def main(out, quick=False):
    """Compute, print, save gaussian_kl.png into the folder `out`; returns what is printed."""
    there, back = float(kl_divergence(NARROW, WIDE)), float(kl_divergence(WIDE, NARROW))
    covering = Normal(float(TARGET.mean), float(TARGET.stddev))
    seeking = [mode_seeking(start) for start in (-2.0, 2.0)]
    print(f"p = N(0, 1), q = N(1, 1.8²): KL(p‖q) = {there:.4f}, KL(q‖p) = {back:.4f} nats")
    results = {"there": there, "back": back, "fits": []}
    for name, q in (("KL(p‖q) at its minimum, mean and variance of p", covering), ("KL(q‖p) at its left minimum",
                    seeking[0]), ("KL(q‖p) at its right minimum", seeking[1])):
        forward, reverse = (divergence(kind, TARGET, q).value for kind in ("kl", "reverse_kl"))
        print(f"{name}: q = N({q.loc:.3f}, {q.scale:.3f}²), KL(p‖q) = {forward:.4f}, KL(q‖p) = {reverse:.4f}")
        results["fits"].append((q.loc, q.scale, forward, reverse))
    save_picture(there, back, covering, seeking, Path(out) / "gaussian_kl.png")
    return results


def mode_seeking(start, points=64):
    """The normal q near `start` with the smallest KL(q‖p), by BFGS on gradients from automatic differentiation.

    E_q is a sum over Gauss and Hermite's nodes e, moved to x = μ + σ e as the reparameterisation trick moves noise.
    """
    nodes, weights = np.polynomial.hermite_e.hermegauss(points)
    weights = weights / weights.sum()

    def loss(parameters):
        loc, log_scale = (Tensor(np.array(value)) for value in parameters)
        q = Normal(loc, log_scale=log_scale)
        x = loc + q.scale * nodes
        value = (weights * (q.log_prob(x) - TARGET.log_prob(x))).sum()
        return float(value.data), np.array(grad(value, [loc, log_scale]))

    loc, log_scale = optimize.minimize(loss, [start, -0.3], jac=True, method="BFGS").x
    return Normal(float(loc), math.exp(log_scale))


def save_picture(there, back, covering, seeking, path):
    """Plot the integrands of both directions, their growth as scales differ, and the fits to two modes."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(12.5, 7.4), dpi=DPI, facecolor="white", layout="constrained")
    grid = figure.add_gridspec(2, 12, height_ratios=(1, 1.05))
    x = np.linspace(-7, 8, 900)
    for columns, (p, q, names, value) in zip((slice(0, 4), slice(4, 8)), (
            (NARROW, WIDE, "pq", there), (WIDE, NARROW, "qp", back)), strict=True):
        integrand(figure.add_subplot(grid[0, columns]), x, p, q, names, value)
    ratios(figure.add_subplot(grid[0, 8:]))
    density = np.exp(TARGET.log_prob(x))
    panels = ((covering, ORANGE, "min KL(p‖q): covers the mass"), (seeking[0], GREEN, "min KL(q‖p): seeks a mode …"),
              (seeking[1], GREEN, "… which one, the start decides"))
    for k, (q, colour, title) in enumerate(panels):
        axis = figure.add_subplot(grid[1, 4 * k : 4 * k + 4])
        axis.fill_between(x, density, color="#dde2e9", linewidth=0)
        axis.plot(x, density, color=INK, linewidth=1.3, label="p, two modes")
        label = f"q = N({q.loc:.2f}, {q.scale:.2f}²)".replace("-", "−")
        axis.plot(x, np.exp(q.log_prob(x)), color=colour, linewidth=2.2, label=label)
        forward, reverse = (divergence(name, TARGET, q).value for name in ("kl", "reverse_kl"))
        axis.text(0.03, 0.95, f"KL(p‖q) = {forward:.2f}\nKL(q‖p) = {reverse:.2f}", transform=axis.transAxes, va="top",
                  color=QUIET_INK, fontsize=9.5)
        axis.set(xlim=(-6, 6.5), ylim=(0, 0.75))
        axis.set_title(title, fontsize=11, color=INK)
        axis.set_xlabel("x", color=INK)
        axis.legend(loc="upper right", framealpha=0.9, edgecolor="none", fontsize=9)
        style(axis)
    figure.axes[0].set_ylabel("density", color=INK)
    figure.axes[3].set_ylabel("density", color=INK)
    save(figure, path)


def integrand(axis, x, p, q, names, value):
    """Plot two densities, and the integrand of the divergence from the first to the second."""
    log_p, log_q = p.log_prob(x), q.log_prob(x)
    terms = np.exp(log_p) * (log_p - log_q)
    for log_density, name in zip((log_p, log_q), names, strict=True):
        axis.plot(x, np.exp(log_density), color=BLUE if name == "p" else ORANGE, linewidth=1.8, label=name)
    axis.fill_between(x, terms, where=terms > 0, color=QUIET_INK, alpha=0.35, linewidth=0,
                      label=f"{names[0]} log {names[0]}/{names[1]}")
    axis.fill_between(x, terms, where=terms < 0, color=QUIET_INK, alpha=0.15, linewidth=0)
    axis.set(xlim=(-6, 7), ylim=(-0.2, 0.62))
    axis.set_title(f"KL({names[0]}‖{names[1]}) = {value:.2f} nats", fontsize=11, color=INK)
    axis.set_xlabel("x", color=INK)
    axis.legend(loc="upper left", framealpha=0.9, edgecolor="none", fontsize=9)
    style(axis)


def ratios(axis):
    """Plot both directions between normal distributions of one mean, against the ratio of their scales."""
    scale = np.geomspace(0.2, 5, 200)
    p, q = Normal(0.0, 1.0), Normal(0.0, scale)
    axis.plot(scale, kl_divergence(p, q), color=BLUE, linewidth=2, label="KL(p‖q)")
    axis.plot(scale, kl_divergence(q, p), color=ORANGE, linewidth=2, label="KL(q‖p)")
    axis.set(xscale="log", xlim=(0.2, 5), ylim=(0, 4))
    axis.set_xticks([0.2, 0.5, 1, 2, 5], ["0.2", "0.5", "1", "2", "5"])
    axis.set_xticks([], minor=True)
    axis.set_xlabel(r"$\sigma_q/\sigma_p$, equal means", color=INK)
    axis.set_ylabel("nats", color=INK)
    axis.set_title("Too narrow costs KL(p‖q), too wide KL(q‖p)", fontsize=11, color=INK)
    axis.legend(loc="upper center", framealpha=0.9, edgecolor="none", fontsize=9)
    style(axis)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", default=".", help="the folder for the picture")
    main(parser.parse_args().out)
