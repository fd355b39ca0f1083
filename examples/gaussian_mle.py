"""Maximum likelihood of a normal distribution, and how much the data say about it.

For n independent examples the average log-likelihood is

    ℓ(μ, σ)/n = -log σ - ½ log 2π - ½ ((m - μ)² + s²)/σ²,      m = Σ x/n,  s² = Σ (x - m)²/n

with its maximum at μ = m, σ = s. Near it n (ℓ(m, s) - ℓ(μ, σ))/n is nearly ½ of a χ² variable with two degrees of
freedom at the true parameters (Wilks, 1938), so that the contours where the log-likelihood has fallen by log 2 and by
log 20 nats are regions that hold the truth in 50 and in 95 of 100 repetitions. The standard errors are those of the
Fisher information, σ/√n and σ/√(2n).

    python examples/gaussian_mle.py [--out FOLDER]
"""

import argparse
import math
from pathlib import Path

import numpy as np

from minigen import DataSpec, Tensor, grad, models
from minigen.distributions import Normal
from minigen.plotting.canvas import DPI, INK, QUIET_INK, save
from minigen.plotting.mixtures import style

TRUTH = Normal(1.5, 0.8)
SIZES = (10, 100)
ORANGE = "#c2410c"


def main(out, quick=False):
    """Fit two samples, print the estimates, save gaussian_mle.png into the folder `out`; returns what is printed."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 7.2), dpi=DPI, facecolor="white", layout="constrained")
    axes = figure.subplots(2, 2, width_ratios=(1.15, 1))
    results = {}
    for row, n in zip(axes, SIZES, strict=True):
        x = TRUTH.sample(n, 7)
        model = models.create("gaussian", DataSpec((1,), "continuous")).fit(x[:, None])
        loc, scale = float(x.mean()), float(x.std())
        score = max(abs(float(g)) for g in slopes(x, loc, scale))
        average = model.score(x[:, None])
        print(f"n = {n:3d}: μ = {loc:.4f} ± {scale / math.sqrt(n):.4f}, σ = {scale:.4f} ± "
              f"{scale / math.sqrt(2 * n):.4f}, {average:.4f} nats an example, largest slope there {score:.1e}")
        results[n] = {"loc": loc, "scale": scale, "average": average, "score": score}
        plot_surface(row[0], x, loc, scale, 60 if quick else 300)
        plot_fit(row[1], x, Normal(loc, scale))
    figure.suptitle("The likelihood of a normal distribution: ten times the data, a third of the doubt", fontsize=13,
                    color=INK)
    save(figure, Path(out) / "gaussian_mle.png")
    return results


def slopes(x, loc, scale):
    """The gradient of the average log-likelihood, by automatic differentiation."""
    parameters = [Tensor(np.array(loc)), Tensor(np.array(scale))]
    return grad(Normal(*parameters).log_prob(x).mean(), parameters)


def plot_surface(axis, x, loc, scale, points):
    """Plot the fall of the log-likelihood from its maximum, over μ and σ."""
    mu, sigma = np.linspace(0.55, 2.45, points), np.linspace(0.38, 1.42, points)
    grid = Normal(mu, sigma[:, None]).log_prob(x[:, None, None]).sum(axis=0)
    fall = Normal(loc, scale).log_prob(x).sum() - grid
    levels = [0, 0.1, 0.3, 1, 3, 10, 30, 100, 300, 1000, 3000]
    axis.contourf(mu, sigma, fall, levels, cmap="Blues_r", norm="symlog", extend="max")
    axis.contour(mu, sigma, fall, [math.log(2), math.log(20)], colors=["white", INK], linewidths=1.8)
    axis.plot([], [], color=INK, linewidth=1.8, label="95 % region")
    axis.plot([], [], color="white", linewidth=1.8, label="50 % region")
    axis.plot(loc, scale, "o", color=ORANGE, markersize=8, markeredgecolor="white", label="maximum")
    axis.plot(TRUTH.loc, TRUTH.scale, "*", color="#f5c518", markersize=15, markeredgecolor=INK, label="truth")
    axis.set_xlabel("μ", color=INK)
    axis.set_ylabel("σ", color=INK)
    axis.set_title(f"log-likelihood of {len(x)} examples", fontsize=11, color=INK)
    axis.legend(loc="lower left", facecolor="#b9cde2", framealpha=0.95, edgecolor="none", fontsize=9)
    style(axis)


def plot_fit(axis, x, fitted):
    """Plot the sample, the fitted density and the true one."""
    grid = np.linspace(-1.6, 4.6, 400)
    axis.hist(x, bins=np.linspace(-1.6, 4.6, 11 if len(x) < 50 else 25), density=True, color="#dde2e9")
    axis.plot(x, np.full(len(x), -0.04), "|", color=QUIET_INK, markersize=8, alpha=0.7)
    axis.plot(grid, np.exp(TRUTH.log_prob(grid)), color=INK, linewidth=1.4, linestyle=(0, (4, 3)), label="truth")
    axis.plot(grid, np.exp(fitted.log_prob(grid)), color=ORANGE, linewidth=2, label="maximum likelihood")
    axis.set(xlim=(-1.6, 4.6), ylim=(-0.08, 0.85))
    axis.set_xlabel("x", color=INK)
    axis.set_ylabel("density", color=INK)
    axis.set_title(f"{len(x)} examples and the fitted density", fontsize=11, color=INK)
    axis.legend(loc="upper right", framealpha=0.9, edgecolor="none")
    style(axis)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", default=".", help="the folder for the picture")
    main(parser.parse_args().out)
