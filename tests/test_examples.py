"""Every script in examples/ runs, draws, and prints what is known another way.

A script has `main(out, quick=False)`: it saves its picture into the folder `out`, prints its figures and returns them;
`quick` makes it small. One that reads a data set takes the file's path first instead, and is only imported here.
"""

import contextlib
import functools
import importlib.util
import inspect
import io
import math
import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy import integrate, optimize, special, stats

from minigen import data, models

SLOW = {"multiscale"}  # even in their quick form
SCRIPTS = {path.stem: path for path in sorted((Path(__file__).resolve().parents[1] / "examples").glob("*.py"))}


def load(path):
    """The script as a module."""
    spec = importlib.util.spec_from_file_location(f"example_{path.stem}", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A function that runs an example by name in its quick form, once: (what it returned, its folder, its output)."""

    @functools.cache
    def once(name):
        folder, output = tmp_path_factory.mktemp(name), io.StringIO()
        with contextlib.redirect_stdout(output):
            results = load(SCRIPTS[name]).main(folder, quick=True)
        return results, folder, output.getvalue()

    return once


@pytest.mark.parametrize("name", [
    pytest.param(name, marks=pytest.mark.slow) if name in SLOW else name for name in SCRIPTS])
def test_runs_and_draws(name, run):
    module = load(SCRIPTS[name])
    assert f"python examples/{name}.py" in module.__doc__
    arguments = list(inspect.signature(module.main).parameters)
    assert "quick" in arguments
    if arguments[0] != "out":
        return
    _, folder, output = run(name)
    assert output.strip()
    pictures = list(folder.iterdir())
    assert pictures and all(picture.suffix in (".png", ".gif") for picture in pictures)
    for picture in pictures:
        if picture.suffix == ".png":
            assert min(struct.unpack(">II", picture.read_bytes()[16:24])) > 300


def test_is_run_as_a_script(tmp_path):
    command = [sys.executable, SCRIPTS["gaussian_kl"], "--out", "."]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0 and "KL(p‖q) = 0.3964" in done.stdout, done.stderr
    assert (tmp_path / "gaussian_kl.png").is_file()


def test_gaussian_mle(run):
    for results in run("gaussian_mle")[0].values():
        assert results["score"] < 1e-12
        # the entropy of the fitted normal distribution is its average negative log-likelihood
        assert -results["average"] == pytest.approx(stats.norm(results["loc"], results["scale"]).entropy(), rel=1e-12)


def test_scale_mixture(run):
    results = run("scale_mixture")[0]
    n = results["n"]
    assert results["gap"] < 1e-7
    assert results["distance"] < 1.95 / math.sqrt(n)  # 999 of 1000 samples
    assert abs(results["variance"] - 1 / 3) < 4.5 * math.sqrt((3 / 5 - 1 / 9) / n)  # E x⁴ = 3 E z⁴
    module = load(SCRIPTS["scale_mixture"])
    for x in (0.2, 1.0, -0.7):  # the distribution function has the density for its derivative
        area = integrate.quad(module.formula, 0.0, x)[0]
        assert module.distribution(np.array(x)) == pytest.approx(0.5 + area, abs=1e-7)


def test_gaussian_kl(run):
    results = run("gaussian_kl")[0]
    assert results["there"] == pytest.approx(math.log(1.8) + 2 / (2 * 1.8**2) - 0.5)
    assert results["back"] == pytest.approx(-math.log(1.8) + (1.8**2 + 1) / 2 - 0.5)

    def p(x):
        return 0.6 * stats.norm.pdf(x, -2.2, 0.7) + 0.4 * stats.norm.pdf(x, 2.4, 1.0)

    def reverse(parameters):
        x = parameters[0] + parameters[1] * np.linspace(-8, 8, 2001)
        q = stats.norm.pdf(x, *parameters)
        return integrate.simpson(q * (stats.norm.logpdf(x, *parameters) - np.log(p(x))), x)

    covering, *seeking = results["fits"]
    mean = 0.6 * -2.2 + 0.4 * 2.4
    assert covering[:2] == pytest.approx((mean, math.sqrt(0.6 * (0.49 + 2.2**2) + 0.4 * (1 + 2.4**2) - mean**2)))
    for fit, start in zip(seeking, (-2, 2), strict=True):
        best = optimize.minimize(reverse, [start, 0.8], method="Nelder-Mead", options={"xatol": 1e-6, "fatol": 1e-12})
        assert fit[:2] == pytest.approx(best.x, abs=2e-3)
        assert fit[3] == pytest.approx(reverse(fit[:2]), rel=1e-6)
        assert covering[2] < fit[2] and fit[3] < 1.1 * covering[3]


def test_monte_carlo_error(run):
    results = run("monte_carlo_error")[0]
    assert results["truth"] == pytest.approx(0.5 * math.log(math.pi) - 0.5)
    assert abs(results["estimate"] - results["truth"]) < 4.5 * results["error"]
    assert results["slope"] == pytest.approx(-0.5, abs=0.15)
    assert results["sigma"] == pytest.approx(0.5, rel=0.1)
    assert abs(results["covered"] - 0.95) < 4.5 * math.sqrt(0.95 * 0.05 / results["runs"])


def test_discriminative_generative(run):
    results = run("discriminative_generative")[0]
    independent, dependent = results.values()
    assert independent["limits"]["naive"] == pytest.approx(independent["limits"]["Bayes"], abs=1e-12)
    assert dependent["limits"]["naive"] > dependent["limits"]["Bayes"] + 0.01
    for problem in (independent, dependent):
        for rates in problem["rates"].values():
            assert (rates >= problem["limits"]["Bayes"] - 1e-12).all()  # which nothing beats
    naive, logistic = (rates.mean(axis=1) for rates in dependent["rates"].values())
    assert logistic[-1] < naive[-1]  # behind with many examples
    naive, logistic = (rates.mean(axis=1) for rates in independent["rates"].values())
    assert naive[1] < logistic[1] and naive[-1] == pytest.approx(independent["limits"]["Bayes"], abs=0.01)


def standard_error(scores):
    return scores.std(ddof=1) / math.sqrt(len(scores))


def test_autoregressive_digits(run):
    results, _, output = run("autoregressive_digits")
    test = data.load("digits").test
    ones = (1 + data.load("digits").train.sum(axis=0)) / (2 + len(data.load("digits").train))
    independent = np.where(test == 1, np.log(ones), np.log1p(-ones)).sum(axis=(1, 2, 3))
    assert results["simple"]["independent pixels"].mean() == pytest.approx(independent.mean(), abs=0.1)
    assert results["simple"]["mixture of 20 such"].mean() > independent.mean() + 3
    for title, model in results["models"].items():
        assert len(model["scores"]) == len(test) and len(model["samples"]) == 49 and model["epoch"] == 2
        epoch, mean, error, trained = model["curve"][-1]
        assert mean == pytest.approx(model["scores"].mean(), abs=1e-3)
        assert error == pytest.approx(standard_error(model["scores"]), rel=1e-3)
        assert f"{mean:7.2f} ± {error:.2f}   epoch 2" in output, title


def test_completing_digits(run):
    results, _, _ = run("completing_digits")
    module, test = load(SCRIPTS["completing_digits"]), data.load("digits").test[:40]
    assert len(results["NADE"]) == len(results["PixelCNN"]) == 359
    assert 0.2 < results["right"].mean() < 0.95  # after four epochs; a guess is right for a tenth
    spec = data.prepare(data.load("digits"), conditional=True).spec
    model = models.create("gated_pixel_cnn", spec, rng=0, channels=4, layers=1, first_size=3, skip_channels=4)
    posterior, lower = module.class_posterior(model, test)
    # what pixels say adds up to log p(x | y), and p(upper) p(lower | upper) to the mean over classes of p(x | y)
    whole = np.stack([model.score_samples(test, np.full(40, label)) for label in range(10)], axis=1).astype(np.float64)
    scores = np.stack([module.pixel_scores(model, test, np.full(40, label)) for label in range(10)], axis=1)
    np.testing.assert_allclose(scores.sum(axis=(2, 3)), whole, rtol=1e-5)
    upper = scores[:, :, :4].sum(axis=(2, 3))
    np.testing.assert_allclose(posterior, special.softmax(upper, axis=1), rtol=1e-6)
    log_mean = functools.partial(special.logsumexp, axis=1, b=0.1)
    np.testing.assert_allclose(log_mean(upper) + lower, log_mean(whole), rtol=1e-5)


def test_watch_a_digit(run):
    results, folder, output = run("watch_a_digit")
    image, steps, t = results["x"][..., 0], results["steps"], 36
    assert results["surprise"].shape == (64,) and (results["surprise"] > 0).all()
    np.testing.assert_allclose(results["posterior"].sum(axis=1), 1)
    np.testing.assert_allclose(results["posterior"][0], 0.1)
    expected = results["expected"][steps.index(t)].reshape(-1)
    np.testing.assert_array_equal(expected[:t], image.reshape(-1)[:t])
    # the pixel that is drawn next: its probability is known exactly, as is its surprise
    of_what_came = expected[t] if image.reshape(-1)[t] else 1 - expected[t]
    assert -math.log(of_what_came) == pytest.approx(results["surprise"][t], rel=1e-6)
    np.testing.assert_array_equal(results["expected"][-1], image)
    assert f"{results['surprise'].sum():.2f} nats in all" in output
    with Image.open(folder / "watch_a_digit.gif") as film:
        assert film.n_frames == len(steps) == 3


def test_blind_spot(run):
    results = run("blind_spot")[0]
    module = load(SCRIPTS["blind_spot"])
    row, column = np.indices((module.SIZE, module.SIZE))
    up, right = module.ROW - row, column - module.COLUMN
    for depth in (2, 5):
        square, stacks = (fields[depth] > 0 for fields in results.values())
        # a step goes one up and at most one to either side, or to the left; so many steps, the first not in place
        reach = (up >= 0) & (up <= depth) & (right >= -depth) & ((up > 0) | (right < 0))
        np.testing.assert_array_equal(square, reach & (right <= up))
        np.testing.assert_array_equal(stacks, reach & (right <= depth))


@pytest.mark.slow
def test_multiscale(run):
    results, _, output = run("multiscale")
    module = load(SCRIPTS["multiscale"])
    # networks that have hardly learned say nothing of a bit yet, or of one of 256 levels
    assert abs(results["digits"]["pixel by pixel"]["bits"] - 1) < 0.1
    assert abs(results["shapes"]["pixel by pixel"]["bits"] - 8) < 0.1
    for by_order in results.values():
        one, other = by_order["pixel by pixel"], by_order["scale by scale"]
        assert f"{one['seconds'] / other['seconds']:.1f} times as fast" in output
    rows = np.random.default_rng(0).integers(0, 2, (20, 784)).astype(np.uint8)
    image = module.framed(data.from_arrays("rows", {"x": rows})).train[0, :, :, 0]
    assert image.shape == (32, 32) and not image[:2].any() and not image[:, 30:].any()
    assert any((image[2:30, 2:30].reshape(-1) == row).all() for row in rows)


def test_red_wine(data_folder, tmp_path, capsys):
    module, path = load(SCRIPTS["red_wine"]), data_folder / "red_wine.npz"
    results = module.main(path, tmp_path, quick=True)
    assert (tmp_path / "red_wine.png").is_file() and "2 folds" in capsys.readouterr().out
    file = np.load(path)
    x, test = file["x"].astype(float), file["fold"] == 0
    scale = x[~test].std(axis=0)
    x = (x - x[~test].mean(axis=0)) / scale
    gaussian = stats.multivariate_normal(x[~test].mean(axis=0), np.cov(x[~test].T, bias=True))
    assert results["as it is"][0, 1] == pytest.approx(gaussian.logpdf(x[test]).mean(), abs=1e-2)
    np.testing.assert_allclose(module.resolution(np.array([[0.1, 5], [0.3, 7], [0.4, 5]])), [0.1, 2])
