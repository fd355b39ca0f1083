"""Frames as an animated picture."""

import numpy as np

from ..arrays.files import replacing
from .canvas import check_path


def write_film(frames, path, shown=180, held=3000):
    """Write frames, uint8 RGB arrays `(height, width, 3)` of one size, as a GIF that starts over at its end.

    `shown` and `held` are the milliseconds that a frame, and the last one, stay. `path` is the .gif file to write
    (atomically). Raises ValueError for no frames or frames of different sizes, TypeError or ValueError for a path that
    does not name a .gif file, and FileNotFoundError if the path's folder does not exist.
    """
    path = check_path(path, ".gif")
    if path is None:
        raise TypeError("path: expected a file name ending in .gif, got None")
    frames = [np.asarray(frame) for frame in frames]
    shapes = {frame.shape for frame in frames}
    if len(shapes) != 1 or any(frame.dtype != np.uint8 or frame.shape[2:] != (3,) for frame in frames):
        raise ValueError(f"frames: expected uint8 arrays (height, width, 3) of one size, got {len(frames)} of shapes "
                         f"{', '.join(map(str, sorted(shapes)))}")
    from PIL import Image

    # One palette for all frames, from the first, the middle and the last one, so that colours do not flicker.
    together = Image.fromarray(np.concatenate([frames[0], frames[len(frames) // 2], frames[-1]]))
    palette = together.quantize(256)
    colours = np.array(palette.getpalette()).reshape(-1, 3)
    colours[colours.min(axis=1) >= 248] = 255  # the page: light tints near white have become one colour with it
    palette.putpalette(colours.ravel().tolist())
    images = [Image.fromarray(frame).quantize(palette=palette, dither=Image.Dither.NONE) for frame in frames]
    times = [shown] * (len(images) - 1) + [held]
    with replacing(path) as file:
        images[0].save(file, format="GIF", save_all=True, append_images=images[1:], duration=times, loop=0)
