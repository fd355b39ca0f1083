"""Frames written as a GIF."""

import numpy as np
import pytest
from PIL import Image

from minigen.plotting.film import write_film

FRAMES = [np.full((20, 30, 3), colour, np.uint8) for colour in ((255, 255, 255), (200, 30, 40), (0, 0, 0))]


def test_frames_come_back_in_order(tmp_path):
    write_film(iter(FRAMES), tmp_path / "a.gif", shown=70, held=900)
    with Image.open(tmp_path / "a.gif") as film:
        assert film.n_frames == 3 and film.size == (30, 20) and film.info["loop"] == 0
        for number, frame in enumerate(FRAMES):
            film.seek(number)
            assert film.info["duration"] == (900 if number == 2 else 70)
            assert np.abs(np.asarray(film.convert("RGB")).astype(int) - frame).max() <= 8
    assert [path.name for path in tmp_path.iterdir()] == ["a.gif"]


@pytest.mark.parametrize("frames", [
    [], [FRAMES[0], FRAMES[1][:10]], [FRAMES[0].astype(float)], [FRAMES[0][..., 0]], [np.zeros((4, 4, 4), np.uint8)],
])
def test_what_are_no_frames(frames, tmp_path):
    with pytest.raises(ValueError, match="frames: expected uint8 arrays"):
        write_film(frames, tmp_path / "a.gif")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("path, error", [(None, TypeError), ("a.png", ValueError), ("none/a.gif", FileNotFoundError)])
def test_paths(path, error, tmp_path):
    with pytest.raises(error, match="path"):
        write_film(FRAMES, None if path is None else tmp_path / path)
