"""Pictures of mixtures: what is drawn where and in which colour, the film's frames, and refusals."""

import math
import sys

import numpy as np
import pytest
from matplotlib.colors import to_rgb
from matplotlib.patches import Ellipse
from PIL import Image

from minigen import DataSpec, models
from minigen.data import Dataset
from minigen.plotting import em_film, mixture_density, mixture_picture
from minigen.plotting.em_film import FRAMES, HELD, frame_numbers
from minigen.plotting.mixtures import COLOURS, MOST, mixed_colours

RNG = np.random.default_rng(0)
WEIGHTS = np.array([0.7, 0.3])
LOC = np.array([[0.0, 0.0], [4.0, 1.0]])
COVARIANCE = np.array([[[2.0, 1.0], [1.0, 1.0]], [[0.3, 0.0], [0.0, 0.6]]])
X = np.concatenate([RNG.multivariate_normal(LOC[k], COVARIANCE[k], n) for k, n in enumerate((70, 30))])
SHARES = np.repeat(np.eye(2), (70, 30), axis=0)


def states(count):
    """As many iterations in which the components move to where they belong."""
    steps = np.linspace(0, 1, count) if count > 1 else [1.0]
    return [{"responsibilities": SHARES, "weights": WEIGHTS, "loc": t * LOC, "covariance": COVARIANCE,
             "log_likelihood": -3 + t} for t in steps]


def test_ellipses_are_standard_deviations():
    figure = mixture_picture(X, SHARES, WEIGHTS, LOC, COVARIANCE, title="Two")
    axis = figure.axes[0]
    edges = [patch for patch in axis.patches if isinstance(patch, Ellipse) and patch.get_facecolor()[3] == 0]
    assert len(edges) == 4 and axis.get_title() == "Two"
    for i, edge in enumerate(edges):
        k, radius = i // 2, 1 + i % 2
        points = edge.get_patch_transform().transform(edge.get_path().vertices[:-1])
        on_curve = points[::3] - LOC[k]  # every third vertex of the Bézier curves is on the ellipse
        distances = np.einsum("ni,ij,nj->n", on_curve, np.linalg.inv(COVARIANCE[k]), on_curve)
        np.testing.assert_allclose(distances, radius**2, rtol=1e-6)
        np.testing.assert_allclose(edge.get_edgecolor()[:3], to_rgb(COLOURS[k]))
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["1:  π = 0.70", "2:  π = 0.30"]
    points = axis.collections[0]
    np.testing.assert_allclose(points.get_offsets(), X)
    np.testing.assert_allclose(points.get_facecolors()[[0, -1], :3], [to_rgb(COLOURS[0]), to_rgb(COLOURS[1])])


def test_colours_mix_by_responsibility():
    shares = np.array([[1.0, 0, 0], [0, 0, 1], [0.5, 0.5, 0], [1 / 3, 1 / 3, 1 / 3]])
    colours = mixed_colours(shares)
    np.testing.assert_allclose(colours[0], to_rgb(COLOURS[0]))
    np.testing.assert_allclose(colours[1], to_rgb(COLOURS[2]))
    low, high = np.sort([to_rgb(COLOURS[0]), to_rgb(COLOURS[1])], axis=0)
    assert ((colours[2] >= low) & (colours[2] <= high)).all() and np.ptp(colours[3]) < 0.35
    many = mixed_colours(np.eye(13))
    assert many.shape == (13, 3)
    np.testing.assert_allclose(many[11], many[1])


def test_files_are_pictures(tmp_path):
    mixture_picture(X, SHARES, WEIGHTS, LOC, COVARIANCE, tmp_path / "a.png")
    mixture_picture(X, SHARES, WEIGHTS, LOC, COVARIANCE, tmp_path / "b.png")
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
    seen = {tuple(pixel) for pixel in np.asarray(Image.open(tmp_path / "a.png").convert("RGB")).reshape(-1, 3)}
    assert (255, 255, 255) in seen and len(seen) > 100


def test_many_examples_and_components():
    n, k = 3 * MOST + 1, 30
    x, shares = RNG.standard_normal((n, 2)), np.full((n, k), 1 / k)
    figure = mixture_picture(x, shares, np.full(k, 1 / k), RNG.standard_normal((k, 2)), np.tile(np.eye(2), (k, 1, 1)))
    assert len(figure.axes[0].collections[0].get_offsets()) == MOST
    assert figure.legends[0].get_texts()[-1].get_text() == "and 18 more"


def test_degenerate_components_can_be_drawn(tmp_path):
    flat = np.array([[[1.0, 0], [0, 0]], [[1e-12, 0], [0, 1e-12]]])
    mixture_picture(np.ones((3, 2)), np.tile([0.5, 0.5], (3, 1)), [1.0, 0.0], LOC, flat, tmp_path / "a.png")
    assert (tmp_path / "a.png").exists()


def test_density_on_the_line(tmp_path):
    variance = np.array([1.0, 1e-4])
    figure = mixture_density(X[:, 0], WEIGHTS, LOC[:, 0], variance, tmp_path / "a.png")
    line = max(figure.axes[0].lines, key=lambda line: line.get_linewidth())
    grid, total = line.get_data()
    expected = sum(w * np.exp(-0.5 * (grid - m) ** 2 / v) / math.sqrt(2 * math.pi * v)
                   for w, m, v in zip(WEIGHTS, LOC[:, 0], variance, strict=True))
    np.testing.assert_allclose(total, expected, rtol=1e-9, atol=1e-12)
    assert total.max() == pytest.approx(0.3 / math.sqrt(2 * math.pi * 1e-4), rel=1e-3)  # the narrow peak is there
    with pytest.raises(ValueError, match="x: expected shape"):
        mixture_density(X, WEIGHTS, LOC[:, 0], variance)


def test_the_film_has_each_iteration(tmp_path):
    shown = em_film(X, states(5), tmp_path / "em.gif", title="EM", reference=(-1.9, "the best"))
    assert shown == [0, 1, 2, 3, 4] and [path.name for path in tmp_path.iterdir()] == ["em.gif"]
    film = Image.open(tmp_path / "em.gif")
    assert film.n_frames == 5 and film.info["loop"] == 0
    frames = []
    for i in range(5):
        film.seek(i)
        frames.append(np.asarray(film.convert("RGB")).astype(int))
    assert film.info["duration"] == HELD
    assert (frames[0][2, 2] == 255).all()
    changed = np.abs(frames[0] - frames[-1]).sum(axis=2) > 0
    assert changed.any(axis=0)[: changed.shape[1] // 2].any() and changed.any(axis=0)[changed.shape[1] // 2 :].any()
    assert not changed[:15].any()  # the title stays where it is


def test_long_films_show_the_beginning():
    assert frame_numbers(1) == [0] and frame_numbers(FRAMES) == list(range(FRAMES))
    numbers = frame_numbers(1000)
    assert len(numbers) <= FRAMES and numbers[: FRAMES // 2] == list(range(FRAMES // 2)) and numbers[-1] == 999
    assert (np.diff(numbers) > 0).all()


@pytest.mark.parametrize("change, words", [
    ({"x": np.zeros((100, 3))}, "x: expected shape"), ({"responsibilities": SHARES[:50]}, "responsibilities: expected"),
    ({"responsibilities": SHARES * 2}, "rows of probabilities"), ({"loc": LOC.T[:1]}, "loc: expected shape"),
    ({"covariance": COVARIANCE[:, 0]}, "covariance: expected shape"), ({"weights": [math.nan, 1]}, "weights: .*finite"),
])
def test_arrays_that_do_not_fit_together(change, words, tmp_path):
    arguments = {"x": X, "responsibilities": SHARES, "weights": WEIGHTS, "loc": LOC, "covariance": COVARIANCE, **change}
    with pytest.raises(ValueError, match=words):
        mixture_picture(**arguments)
    x = arguments.pop("x")
    with pytest.raises(ValueError, match=words):
        em_film(x, [{**arguments, "log_likelihood": 0.0}], tmp_path / "a.gif")
    assert not list(tmp_path.iterdir())


def test_paths_that_do_not_fit(tmp_path):
    with pytest.raises(ValueError, match="ending in .gif"):
        em_film(X, states(2), tmp_path / "a.png")
    with pytest.raises(TypeError, match="ending in .gif"):
        em_film(X, states(2), None)
    with pytest.raises(FileNotFoundError):
        em_film(X, states(2), tmp_path / "none" / "a.gif")
    with pytest.raises(ValueError, match="states: expected at least one"):
        em_film(X, [], tmp_path / "a.gif")
    with pytest.raises(ValueError, match="ending in .png"):
        mixture_picture(X, SHARES, WEIGHTS, LOC, COVARIANCE, tmp_path / "a.gif")


def dataset(x, observed=None):
    splits = {"train": observed, "validation": observed[:2], "test": observed[:2]} if observed is not None else None
    return Dataset("d", DataSpec(x.shape[1:], "continuous"), x, x[:2], x[:2], observed=splits)


def names_in(folder):
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("columns, method", [(1, "em"), (2, "em"), (2, "gradient"), (4, "em")])
def test_a_model_draws_itself_and_em(columns, method, tmp_path, monkeypatch):
    monkeypatch.setattr(sys.modules["minigen.plotting.em_film"], "FRAMES", 4)
    x = np.concatenate([X, X[:, ::-1] * [0.3, -1]], axis=1)[:, :columns]
    model = models.create("gmm", DataSpec((columns,), "continuous"), n_components=2, method=method)
    model.initialise(x, 0)
    before = model.state_dict()
    model.report_pictures(dataset(x), tmp_path)
    assert names_in(tmp_path) == (["components.png"] if columns == 1 else ["components.png", "em.gif"])
    assert all((model.state_dict()[name] == value).all() for name, value in before.items())


def test_missing_values_are_imputed_in_pictures(tmp_path, monkeypatch):
    monkeypatch.setattr(sys.modules["minigen.plotting.em_film"], "FRAMES", 4)
    observed = np.random.default_rng(0).random(X.shape) > 0.2
    x = np.where(observed, X, 0.0)
    model = models.create("gmm", DataSpec((2,), "continuous"), n_components=2).fit(x, 0, observed=observed)
    model.report_pictures(dataset(x, observed), tmp_path)
    assert names_in(tmp_path) == ["components.png", "em.gif"]


def test_means_of_bernoullis_are_images(tmp_path):
    x = (np.random.default_rng(0).random((30, 64)) < 0.3).astype(np.uint8)
    model = models.create("bernoulli_mixture", DataSpec((64,), "binary"), n_components=3).fit(x)
    data = Dataset("d", DataSpec((64,), "binary"), x, x[:2], x[:2])
    model.report_pictures(data, tmp_path)
    assert names_in(tmp_path) == ["components.png"]
    (tmp_path / "components.png").unlink()
    flat = models.create("bernoulli_mixture", DataSpec((5,), "binary"), n_components=3)
    flat.report_pictures(data, tmp_path)  # five numbers are not an image
    assert names_in(tmp_path) == []
