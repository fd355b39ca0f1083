"""A continuous mixture of scales: z uniform on (0, 1), x given z normal with standard deviation z.

The marginal is a mixture of infinitely many normal distributions. Substituting t = x²/(2z²) in its integral,

    p(x) = ∫₀¹ N(x; 0, z²) dz = E₁(x²/2)/(2 √(2π)),      E₁(u) = ∫ᵤ^∞ exp(-t)/t dt

which is infinite at 0, where the narrow components are, and yet has the variance E z² = 1/3 and the kurtosis
3 E z⁴/(E z²)² = 5.4 (3 for a normal distribution). Three ways to it must agree: sampling, numerical integration over z,
and the formula.

    python examples/scale_mixture.py [--out FOLDER]
"""

import argparse
import math
from pathlib import Path

import numpy as np
from scipy import integrate, special

from minigen.arrays import as_generator
from minigen.distributions import Normal, Uniform
from minigen.plotting.canvas import DPI, INK, QUIET_INK, save
from minigen.plotting.mixtures import style

PRIOR = Uniform(0.0, 1.0)
BLUE, ORANGE = "#2563a8", "#c2410c"


def main(out, quick=False):
    """Sample, integrate, compare, save scale_mixture.png into the folder `out`; returns what is printed."""
    rng, n = as_generator(11), 20_000 if quick else 400_000
    z = PRIOR.sample(n, rng)
    x = Normal(0.0, z).sample((), rng)
    grid = np.concatenate([np.geomspace(1e-4, 0.05, 30), np.linspace(0.06, 4, 40 if quick else 120)])
    by_quadrature = np.array([marginal(value) for value in grid])
    gap = np.abs(by_quadrature / formula(grid) - 1).max()
    distance = np.abs(np.arange(1, n + 1) / n - np.array(distribution(np.sort(x)))).max()
    variance, kurtosis = x.var(), (x**4).mean() / x.var() ** 2
    print(f"quadrature and formula differ by {gap:.1e} of p(x) at most")
    print(f"{n} draws: variance {variance:.4f} (1/3), kurtosis {kurtosis:.3f} (5.4), Kolmogorov's distance "
          f"{distance:.2e} (below {1.63 / math.sqrt(n):.2e} in 99 of 100 samples)")
    save_picture(z, x, grid, by_quadrature, Path(out) / "scale_mixture.png")
    return {"gap": gap, "variance": variance, "kurtosis": kurtosis, "distance": distance, "n": n}


def marginal(x):
    """∫ p(z) p(x | z) dz by adaptive quadrature; the integrand has its peak at z = |x|."""
    cut = min(x, 0.999)
    joint = [integrate.quad(lambda z: math.exp(PRIOR.log_prob(z) + Normal(0.0, z).log_prob(x)), low, high)[0]
             for low, high in ((1e-9, cut), (cut, 1))]
    return sum(joint)


def formula(x):
    """E₁(x²/2)/(2 √(2π))."""
    return special.exp1(0.5 * np.square(x)) / (2 * math.sqrt(2 * math.pi))


def distribution(x):
    """P(X ≤ x), the average of Φ(x/z) over z in closed form: Φ(x) + x p(x)."""
    near = np.where(x == 0, 1, x)
    return special.ndtr(x) + np.where(x == 0, 0, x * formula(near))


def save_picture(z, x, grid, by_quadrature, path):
    """Plot the joint density beside its marginal, and the marginal's tails."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(12.5, 4.6), dpi=DPI, facecolor="white", layout="constrained")
    joint, density, tails = figure.subplots(1, 3)
    joint.plot(z[:4000], x[:4000], ".", color=BLUE, markersize=2.5, alpha=0.45)
    for k, line in ((1, "-"), (2, (0, (4, 3)))):
        joint.plot([0, 1, np.nan, 0, 1], [0, k, np.nan, 0, -k], color=ORANGE, linewidth=1.4, linestyle=line,
                   label=f"± {k if k > 1 else ''}z")
    joint.set(xlim=(0, 1), ylim=(-3.2, 3.2))
    joint.set_xlabel("z, uniform", color=INK)
    joint.set_ylabel("x, normal with standard deviation z", color=INK)
    joint.set_title("4,000 draws from the joint distribution", fontsize=11, color=INK)
    joint.legend(loc="upper left", framealpha=0.9, edgecolor="none")
    both = np.concatenate([-grid[::-1], grid])
    curve = np.concatenate([by_quadrature[::-1], by_quadrature])
    fine = np.geomspace(1e-4, 5, 500)
    matched = Normal(0.0, math.sqrt(1 / 3))
    density.hist(x, bins=np.linspace(-3, 3, 121), density=True, color="#dde2e9", label=f"{len(x):,} draws")
    line = np.linspace(-3, 3, 301)
    density.plot(line, np.exp(matched.log_prob(line)), color=QUIET_INK, linewidth=1.4, linestyle=(0, (4, 3)),
                 label="normal, same variance")
    density.plot(both, curve, color=ORANGE, linewidth=2, label="by quadrature over z")
    density.set(xlim=(-3, 3), ylim=(0, 2.1))
    density.set_xlabel("x", color=INK)
    density.set_ylabel("density", color=INK)
    density.set_title("The marginal: infinite at 0", fontsize=11, color=INK)
    density.legend(loc="upper right", frameon=False, fontsize=8, handlelength=1.1, borderaxespad=0.1)
    edges = np.linspace(0, 4, 41)
    counts = np.histogram(np.abs(x), edges)[0]
    middle, height = 0.5 * (edges[1:] + edges[:-1]), counts / (2 * len(x) * 0.1)
    filled = counts > 0
    tails.errorbar(middle[filled], height[filled], height[filled] / np.sqrt(counts[filled]), fmt="o", color=BLUE,
                   markersize=3.5, elinewidth=1, label="draws, ± one standard error")
    tails.plot(fine, formula(fine), color=ORANGE, linewidth=2, label="E₁(x²/2)/(2√(2π))")
    tails.plot(fine, np.exp(matched.log_prob(fine)), color=QUIET_INK, linewidth=1.4, linestyle=(0, (4, 3)),
               label="normal of equal variance")
    tails.set(xlim=(0, 4), ylim=(1e-6, 5), yscale="log")
    tails.set_xlabel("|x|", color=INK)
    tails.set_ylabel("density", color=INK)
    tails.set_title("Its tails are heavier than the normal ones", fontsize=11, color=INK)
    tails.legend(loc="upper right", framealpha=0.9, edgecolor="none", fontsize=9)
    for axis in (joint, density, tails):
        style(axis)
    save(figure, path)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", default=".", help="the folder for the picture")
    main(parser.parse_args().out)
