"""Monte Carlo: the mean of N draws is wrong by σ/√N, whatever is averaged.

The example is the divergence of a Laplace distribution p = Laplace(0, 1) from the normal distribution q of the same
mean and variance, an average over p of r(x) = log p(x) - log q(x) = x²/4 - |x| + ½ log π:

    KL(p‖q) = E_p[r(x)] = ½ log π - ½ = 0.0724 nats,        Var r = ¼

both from the moments E|x|^k = k! of p. So the standard error of N draws is 1/(2√N): four times the draws halve it, and
one more digit takes a hundred times as many. The central limit theorem makes the error normal, so that 95 of 100 runs
end within ±1.96 standard errors.

    python examples/monte_carlo_error.py [--out FOLDER]
"""

import argparse
import math
from pathlib import Path

import numpy as np
from numpy.polynomial.polynomial import polypow

from minigen.arrays import as_generator
from minigen.distributions import Laplace, Normal, kl_divergence, kl_monte_carlo
from minigen.plotting.canvas import DPI, INK, save
from minigen.plotting.mixtures import style

P, Q = Laplace(0.0, 1.0), Normal(0.0, math.sqrt(2))
SIGMA = 0.5
# of r, from the fourth power of x²/4 - x + ½ and the moments k!
KURTOSIS = sum(c * math.factorial(k) for k, c in enumerate(polypow([0.5, -1, 0.25], 4))) / SIGMA**4 - 3
BLUE, ORANGE = "#2563a8", "#c2410c"


def main(out, quick=False):
    """Repeat, compare with the law, save monte_carlo_error.png into the folder `out`; returns what is printed."""
    truth = float(kl_divergence(P, Q))
    rng, runs, most = as_generator(5), 100 if quick else 1000, 2**10 if quick else 2**13
    x = P.sample((runs, most), rng)
    ratios = P.log_prob(x) - Q.log_prob(x)
    sizes = 2 ** np.arange(2, int(math.log2(most)) + 1)
    sums = np.cumsum(ratios, axis=1)
    means = sums[:, sizes - 1] / sizes
    rmse = np.sqrt(((means - truth) ** 2).mean(axis=0))
    slope = np.polyfit(np.log(sizes), np.log(rmse), 1)[0]
    covered = (np.abs(means[:, -1] - truth) < 1.96 * ratios.std(axis=1, ddof=1) / math.sqrt(most)).mean()
    estimate, error = (float(value) for value in kl_monte_carlo(P, Q, rng, 20 * most))
    print(f"KL in closed form {truth:.6f} nats; from {20 * most} draws {estimate:.6f} ± {error:.6f}")
    print(f"root-mean-square error falls as N^{slope:.3f} (-0.5), σ = {ratios.std():.4f} (0.5)")
    print(f"{covered:.1%} of {runs} intervals of ±1.96 standard errors hold the truth (95 %)")
    save_picture(truth, sums, sizes, rmse, runs, Path(out) / "monte_carlo_error.png")
    return {"truth": truth, "estimate": estimate, "error": error, "slope": slope, "sigma": ratios.std(),
            "covered": covered, "runs": runs}


def save_picture(truth, sums, sizes, rmse, runs, path):
    """Plot running means in their band, the law on logarithmic axes, and the shape of the error."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(12.5, 4.6), dpi=DPI, facecolor="white", layout="constrained")
    running, law, shape = figure.subplots(1, 3, width_ratios=(1.15, 1, 0.9))
    most = sums.shape[1]
    n = np.unique(np.geomspace(4, most, 500).astype(int))
    band = 1.96 * SIGMA / np.sqrt(n)
    running.fill_between(n, truth - band, truth + band, color="#dde2e9", linewidth=0, label="± 1.96 σ/√N")
    for k in range(12):
        running.plot(n, sums[k, n - 1] / n, color=BLUE, linewidth=0.8, alpha=0.35)
    running.plot(n, sums[12, n - 1] / n, color=ORANGE, linewidth=1.8, label="one run")
    running.axhline(truth, color=INK, linewidth=1.2, linestyle=(0, (4, 3)), label="KL(p‖q), closed form")
    running.set(xscale="log", xlim=(4, most), ylim=(truth - 0.6, truth + 0.6))
    running.set_xlabel("draws N", color=INK)
    running.set_ylabel("running mean of log p − log q (nats)", color=INK)
    running.set_title("Thirteen runs", fontsize=11, color=INK)
    # the mean of `runs` squares of errors, each of excess kurtosis κ/N, itself has a standard error
    spread = 1.96 * np.sqrt((2 + KURTOSIS / sizes) / runs)
    ends = (SIGMA * np.sqrt(np.maximum(1 + sign * spread, 0) / sizes) for sign in (-1, 1))
    law.fill_between(sizes, *ends, color="#dde2e9", linewidth=0, label=f"95 % band of {runs} runs")
    law.plot(sizes, SIGMA / np.sqrt(sizes), color=INK, linewidth=1.3, label="σ/√N")
    law.plot(sizes, rmse, "o", color=ORANGE, markersize=5, label=f"over {runs} runs")
    law.set(xscale="log", yscale="log")
    law.set_xlabel("draws N", color=INK)
    law.set_ylabel("root-mean-square error (nats)", color=INK)
    law.set_title("Four times the draws, half the error", fontsize=11, color=INK)
    z = np.linspace(-4, 4, 300)
    for size, colour in ((4, BLUE), (most, ORANGE)):
        errors = np.sort((sums[:, size - 1] / size - truth) * math.sqrt(size) / SIGMA)
        shape.plot(errors, (np.arange(runs) + 0.5) / runs, drawstyle="steps-mid", color=colour, linewidth=1.6,
                   label=f"N = {size:,}")
    shape.plot(z, Normal(0.0, 1.0).cdf(z), color=INK, linewidth=1.3, linestyle=(0, (4, 3)), label="Φ, normal")
    shape.set(xlim=(-3.5, 3.5), ylim=(0, 1))
    shape.set_xlabel("error in units of σ/√N", color=INK)
    shape.set_ylabel("share of runs below", color=INK)
    shape.set_title("The error becomes normal", fontsize=11, color=INK)
    for axis, corner in ((running, "upper right"), (law, "upper right"), (shape, "upper left")):
        axis.legend(loc=corner, framealpha=0.9, edgecolor="none", fontsize=9)
        axis.tick_params(which="minor", color="#a8b0bd")
        style(axis)
    save(figure, path)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", default=".", help="the folder for the picture")
    main(parser.parse_args().out)
