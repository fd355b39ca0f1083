"""How figures reach the disk: whole or not at all, the same bytes each time, without global state."""

import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image

from minigen.plotting import image_grid, latent_traversal, learning_curves, reconstructions

IMAGES = np.random.default_rng(0).random((4, 5, 5))
DRAWINGS = {
    "grid": lambda path: image_grid(IMAGES, path, title="Grid"),
    "pairs": lambda path: reconstructions(IMAGES, IMAGES, path, title="Pairs"),
    "traversal": lambda path: latent_traversal(IMAGES[None], path, values=[-1, 0, 1, 2], title="Traversal"),
    "curves": lambda path: learning_curves({"train": ([1, 2], [-3.0, -2.0])}, path, title="Curves"),
}


@pytest.mark.parametrize("draw", DRAWINGS.values(), ids=DRAWINGS)
def test_same_bytes_each_time_and_no_origin_inside(tmp_path, draw):
    figure = draw(tmp_path / "a.png")
    assert isinstance(figure, Figure)
    draw(str(tmp_path / "b.PNG"))
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.PNG").read_bytes()
    assert set(Image.open(tmp_path / "a.png").info) <= {"dpi"}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.png", "b.PNG"]


@pytest.mark.parametrize("draw", DRAWINGS.values(), ids=DRAWINGS)
def test_failed_writing_keeps_the_old_picture(tmp_path, draw, monkeypatch):
    path = tmp_path / "a.png"
    path.write_bytes(b"old")

    def half_written(self, file, **settings):
        file.write(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Figure, "savefig", half_written)
    with pytest.raises(OSError, match="No space left"):
        draw(path)
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("draw", DRAWINGS.values(), ids=DRAWINGS)
def test_bad_paths_are_refused(tmp_path, draw):
    with pytest.raises(ValueError, match=r"path: expected a file name ending in \.png"):
        draw(tmp_path / "a.jpg")
    with pytest.raises(TypeError, match="path: .*int"):
        draw(3)
    with pytest.raises(FileNotFoundError, match="path: the folder .*nowhere"):
        draw(tmp_path / "nowhere" / "a.png")


def test_no_pyplot_and_matplotlib_only_when_drawing(fresh_python):
    fresh_python(
        "import sys, numpy as np, minigen.plotting as p\n"
        "assert 'matplotlib' not in sys.modules\n"
        "p.image_grid(np.zeros((2, 3, 3)))\n"
        "p.learning_curves({'train': ([1], [2.0])})\n"
        "assert 'matplotlib' in sys.modules and 'matplotlib.pyplot' not in sys.modules\n"
    )
