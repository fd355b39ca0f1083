"""Image figures: their pixels are read back from the PNG and compared with the arrays that were given."""

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings
from PIL import Image
from scipy import ndimage

from minigen.plotting import image_grid, latent_traversal, reconstructions
from minigen.plotting.images import GAP, NO_PIXEL, rectangle


def read(path):
    """The picture's pixels, uint8 of shape (height, width, 3)."""
    return np.asarray(Image.open(path).convert("RGB"))


def cells(picture):
    """Rows of the cells of a picture, each uint8 (height, width, 3) and still magnified.

    They are the regions that the colour of the frames cuts off from the page, whatever the margins and sizes.
    """
    regions, _ = ndimage.label(~np.all(picture == GAP, axis=-1))
    rows = {}
    for number, (tall, wide) in enumerate(ndimage.find_objects(regions), 1):
        if number != regions[0, 0]:
            rows.setdefault(tall.start, []).append((wide.start, picture[tall, wide]))
    return [[cell for _, cell in sorted(rows[top], key=lambda pair: pair[0])] for top in sorted(rows)]


def shrink(cell, shape):
    """The cell at one pixel per image pixel; fails unless every block of the magnification has one colour."""
    factor = cell.shape[0] // shape[0]
    assert cell.shape == (shape[0] * factor, shape[1] * factor, 3)
    blocks = cell.reshape(shape[0], factor, shape[1], factor, 3)
    assert (blocks == blocks[:, :1, :, :1]).all()
    return blocks[:, 0, :, 0]


def expected(image):
    """8-bit RGB of a float image, (height, width) or (height, width, 1 or 3)."""
    image = np.asarray(image, float).reshape(*image.shape[:2], -1)
    return np.broadcast_to(np.floor(image * 255 + 0.5), (*image.shape[:2], 3)).astype(np.uint8)


@settings(max_examples=settings().max_examples // 7)
@given(
    n=st.integers(1, 13),
    size=st.tuples(st.integers(1, 30), st.integers(1, 30)),
    channels=st.sampled_from([(), (1,), (3,)]),
    columns=st.none() | st.integers(1, 15),
    title=st.sampled_from([None, "A title", "$ 2^"]),
    seed=st.integers(0, 99),
)
def test_grid_shows_every_pixel_in_order(tmp_path_factory, n, size, channels, columns, title, seed):
    images = np.random.default_rng(seed).random((n, *size, *channels))
    path = tmp_path_factory.mktemp("grid") / "grid.png"
    image_grid(images, path, title=title, columns=columns)
    rows = cells(read(path))
    shown = [cell for row in rows for cell in row]
    if columns is not None:
        assert len(rows) == -(-n // min(columns, n))
    assert len(shown) == n
    for cell, image in zip(shown, images, strict=True):
        np.testing.assert_array_equal(shrink(cell, size), expected(image))


@pytest.mark.parametrize("dtype", [bool, np.uint8, np.int64, np.float32, np.float64])
def test_grid_takes_any_real_dtype(tmp_path, dtype):
    images = np.eye(6).astype(dtype)[None].repeat(4, axis=0)
    image_grid(images, tmp_path / "a.png")
    shown = cells(read(tmp_path / "a.png"))
    np.testing.assert_array_equal(shrink(shown[1][1], (6, 6)), expected(np.eye(6)))


def test_square_vectors_are_square_images(tmp_path):
    vectors = np.random.default_rng(0).random((4, 784))
    image_grid(vectors, tmp_path / "flat.png")
    image_grid(vectors.reshape(4, 28, 28), tmp_path / "square.png")
    assert (tmp_path / "flat.png").read_bytes() == (tmp_path / "square.png").read_bytes()


def test_vectors_without_a_rectangle_show_every_value_then_empty_cells(tmp_path):
    vectors = np.random.default_rng(0).random((4, 163))
    image_grid(vectors, tmp_path / "a.png")
    first = shrink(cells(read(tmp_path / "a.png"))[0][0], (13, 13)).reshape(-1, 3)
    np.testing.assert_array_equal(first[:163], expected(vectors[:1].T)[:, 0])
    np.testing.assert_array_equal(first[163:], np.tile(NO_PIXEL, (6, 1)))


@pytest.mark.parametrize(
    ("pixels", "shape"), [(1, (1, 1)), (2, (1, 2)), (12, (3, 4)), (16, (4, 4)), (69, (8, 9)), (784, (28, 28)),
                          (7, (3, 3)), (180, (12, 15)), (112, (8, 14)), (163, (13, 13))]
)
def test_rectangle(pixels, shape):
    assert rectangle(pixels) == shape


@given(st.integers(1, 5000))
def test_rectangle_has_room_and_no_empty_row(pixels):
    height, width = rectangle(pixels)
    assert (height - 1) * width < pixels <= height * width
    assert height <= width <= 4 * height


def test_reconstructions_stand_below_their_originals(tmp_path):
    rng = np.random.default_rng(1)
    originals, remade = rng.random((2, 30, 9, 7, 1))
    reconstructions(originals, remade, tmp_path / "a.png", title="Pairs")
    picture = read(tmp_path / "a.png")
    rows = cells(picture)
    assert [len(row) for row in rows] == [10] * 6
    above = [cell for row in rows[::2] for cell in row]
    below = [cell for row in rows[1::2] for cell in row]
    for cells_, images in ((above, originals), (below, remade)):
        for cell, image in zip(cells_, images, strict=True):
            np.testing.assert_array_equal(shrink(cell, (9, 7)), expected(image))


def texts(figure):
    return [text.get_text() for text in figure.texts]


def test_reconstructions_are_labelled():
    figure = reconstructions(np.zeros((2, 4, 4)), np.ones((2, 4, 4)))
    assert texts(figure) == ["original", "reconstruction"]


def test_traversal_has_a_row_for_each_dimension(tmp_path):
    images = np.random.default_rng(2).random((5, 7, 8, 8, 1))
    figure = latent_traversal(images, tmp_path / "a.png", values=np.linspace(-3, 3, 7), title="t")
    rows = cells(read(tmp_path / "a.png"))
    assert [len(row) for row in rows] == [7] * 5
    for row, line in zip(rows, images, strict=True):
        for cell, image in zip(row, line, strict=True):
            np.testing.assert_array_equal(shrink(cell, (8, 8)), expected(image))
    said = texts(figure)
    for label in ["z1", "z5", "−3", "0", "2", "value of the latent variable", "t"]:
        assert label in said


def test_traversal_labels_never_overlap_and_keep_the_middle():
    figure = latent_traversal(np.zeros((2, 41, 8, 8)), values=np.linspace(-1, 1, 41) + 1e-17)
    numbers = [text for text in figure.texts if text.get_text().lstrip("−").replace(".", "").isdigit()]
    assert "0" in [text.get_text() for text in numbers]
    boxes = sorted((text.get_window_extent() for text in numbers), key=lambda box: box.x0)
    assert all(left.x1 < right.x0 for left, right in zip(boxes[:-1], boxes[1:], strict=True))


@pytest.mark.parametrize("draw", [
    lambda title: image_grid(np.zeros((3, 2, 2)), title=title),
    lambda title: reconstructions(np.zeros((3, 20, 20)), np.zeros((3, 20, 20)), title=title),
    lambda title: latent_traversal(np.zeros((2, 3, 20, 20)), values=[-1.25, 0, 1.25], title=title),
])
def test_all_text_is_inside_the_page(draw):
    figure = draw("A title that is a good deal wider than the few small images below it are together")
    width, height = figure.get_size_inches() * figure.dpi
    for text in figure.texts:
        box = text.get_window_extent()
        assert box.x0 >= 0 and box.y0 >= 0 and box.x1 <= width and box.y1 <= height, text.get_text()


@pytest.mark.parametrize(("images", "message"), [
    (np.zeros((2, 3, 3, 2)), r"images: .*\(2, 3, 3, 2\)"),
    (np.zeros(5), r"images: .*\(5,\)"),
    (np.zeros((1, 2, 3, 3, 3)), r"images: .*\(1, 2, 3, 3, 3\)"),
    (np.zeros((0, 3, 3)), r"images: .*\(0, 3, 3\)"),
    (np.zeros((3, 0)), r"images: .*\(3, 0\)"),
    (np.full((1, 2, 2), 1.5), r"images: .*\[0, 1\].*1.5"),
    (np.full((1, 2, 2), -0.5), r"images: .*\[0, 1\].*-0.5"),
    (np.full((1, 2, 2), 16, np.uint8), r"images: .*16.*levels"),
    (np.full((1, 2, 2), np.nan), "images: .*NaN"),
    (np.full((1, 2, 2), np.inf), "images: .*infinite"),
    (np.zeros((1, 30_000, 2)), r"images: too .*20000"),
])
def test_bad_images_are_refused(tmp_path, images, message):
    with pytest.raises(ValueError, match=message):
        image_grid(images, tmp_path / "a.png")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("images", [np.zeros((1, 2, 2), complex), np.full((1, 2, 2), "a"), [[None]]])
def test_no_numbers_are_refused(images):
    with pytest.raises(TypeError, match="images: expected an array of numbers"):
        image_grid(images)


@pytest.mark.parametrize(("columns", "error"),
                         [(0, ValueError), (-1, ValueError), (2.0, TypeError), (True, TypeError), ("3", TypeError)])
def test_bad_columns_are_refused(columns, error):
    with pytest.raises(error, match="columns: expected an integer"):
        image_grid(np.zeros((1, 2, 2)), columns=columns)


def test_pairs_must_match():
    with pytest.raises(ValueError, match=r"\(2, 3, 3\).*\(3, 3, 3\)"):
        reconstructions(np.zeros((2, 3, 3)), np.zeros((3, 3, 3)))


def test_bad_traversals_are_refused():
    with pytest.raises(ValueError, match=r"images: .*\(2, 3\)"):
        latent_traversal(np.zeros((2, 3)))
    with pytest.raises(ValueError, match=r"images: .*\(0, 3, 4, 4\)"):
        latent_traversal(np.zeros((0, 3, 4, 4)))
    with pytest.raises(ValueError, match="values: expected 3, .*got 2"):
        latent_traversal(np.zeros((2, 3, 4, 4)), values=[0, 1])
    with pytest.raises(ValueError, match="dimensions: expected 2, .*got 1"):
        latent_traversal(np.zeros((2, 3, 4, 4)), dimensions=["a"])
    with pytest.raises(TypeError, match="values: expected numbers or texts"):
        latent_traversal(np.zeros((2, 3, 4, 4)), values=[[0], [1], [2]])
