"""Prepares arrays of images for a picture: checks them, makes them 8-bit RGB, and lays them out as one mosaic."""

import math

import numpy as np

from ..arrays.checks import positive_integer

# Colours of a mosaic's page and lines, RGB in 0..255.
PAGE = (255, 255, 255)
GAP = (148, 158, 172)
# Cells that pad a vector to a rectangle: a tint that no grey image contains.
NO_PIXEL = (206, 220, 240)
# Values may leave [0, 1] by rounding; they are clipped, not refused.
ROUNDING = 1e-4

# Agg paints nothing wider or taller than 2^16 pixels, and few viewers show that much.
LARGEST = 20_000
LAYOUTS = "(n, height, width), (n, height, width, 1), (n, height, width, 3) or (n, pixels)"


def check_values(values, name):
    """The array `values` as real numbers in [0, 1], same shape.

    Raises TypeError unless they are booleans, integers or real numbers, and ValueError if one is NaN, infinite or
    outside [0, 1] by more than rounding. `name` is the argument's name in these messages.
    """
    values = np.asarray(values)
    if values.dtype.kind not in "buif":
        raise TypeError(f"{name}: expected an array of numbers in [0, 1], got dtype {values.dtype}")
    if values.size:
        low, high = values.min(), values.max()
        if not (math.isfinite(low) and math.isfinite(high)):
            raise ValueError(f"{name}: expected numbers in [0, 1], got NaN or infinite ones")
        if low < -ROUNDING or high > 1 + ROUNDING:
            raise ValueError(
                f"{name}: expected numbers in [0, 1], got {low:.4g} to {high:.4g}"
                " (divide discrete data by levels - 1 first)"
            )
    return values


def check_size(width, height):
    """Raise ValueError when a picture of `width` by `height` pixels is larger than can be drawn."""
    if max(width, height) > LARGEST:
        raise ValueError(
            f"images: too many or too large for one picture, which would have {width} x {height} pixels"
            f" (at most {LARGEST} a side)"
        )


def column_count(columns, n, default):
    """`columns`, a positive integer, or `default` for None; at most `n`."""
    return min(default if columns is None else positive_integer("columns", columns), n)


def rectangle(pixels):
    """(height, width) of the rectangle in which a flat vector of `pixels` values is shown, height ≤ width.

    The most nearly equal factors of `pixels` if one is at most four times the other. Otherwise the smallest nearly
    square rectangle that has room, whose last cells stay empty.
    """
    height = next(h for h in range(math.isqrt(pixels), 0, -1) if pixels % h == 0)
    if pixels <= 4 * height * height:
        return height, pixels // height
    width = math.isqrt(pixels - 1) + 1
    return -(-pixels // width), width


def to_rgb(images, name):
    """Images as uint8 RGB, shape (n, height, width, 3).

    `images` has shape (n, height, width) or (n, height, width, 1), grey from 0 = black to 1 = white, or (n,
    height, width, 3), RGB, or (n, pixels), grey vectors laid out by `rectangle`; its values lie in [0, 1].
    Raises ValueError or TypeError, which names the argument `name`, for other shapes and values.
    """
    images = check_values(images, name)
    if images.ndim not in (2, 3, 4) or images.ndim == 4 and images.shape[3] not in (1, 3):
        raise ValueError(f"{name}: expected shape {LAYOUTS}, got {images.shape}")
    if 0 in images.shape:
        raise ValueError(f"{name}: expected at least one image and one pixel, got shape {images.shape}")
    levels = np.rint(np.clip(images.astype(np.float64), 0, 1) * 255).astype(np.uint8)
    if levels.ndim == 2:
        n, pixels = levels.shape
        height, width = rectangle(pixels)
        rgb = np.full((n, height * width, 3), NO_PIXEL, np.uint8)
        rgb[:, :pixels] = levels[:, :, None]
        return rgb.reshape(n, height, width, 3)
    if levels.ndim == 3:
        levels = levels[..., None]
    return np.broadcast_to(levels, (*levels.shape[:3], 3))


def magnification(height, width, columns):
    """Screen pixels per image pixel, an integer, that makes `columns` images a row easy to see."""
    cell = min(max(1100 / columns, 32), 96)
    return max(1, round(cell / max(height, width)))


def mosaic(rgb, columns, factor, gap=2):
    """One uint8 RGB picture with the images (n, height, width, 3) in rows of `columns`, `gap` pixels apart.

    Each image pixel becomes a square of `factor` by `factor`. A frame of the gap's colour surrounds
    everything; cells without an image have the page's colour.
    """
    n, height, width, _ = rgb.shape
    rows = -(-n // columns)
    tall, wide = height * factor + gap, width * factor + gap
    check_size(columns * wide + gap, rows * tall + gap)
    picture = np.empty((rows * tall + gap, columns * wide + gap, 3), np.uint8)
    picture[:] = PAGE
    for i, image in enumerate(rgb):
        top, left = i // columns * tall, i % columns * wide
        picture[top : top + tall + gap, left : left + wide + gap] = GAP
        cell = image.repeat(factor, axis=0).repeat(factor, axis=1)
        picture[top + gap : top + tall, left + gap : left + wide] = cell
    return picture
