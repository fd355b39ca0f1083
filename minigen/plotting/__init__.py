"""Figures from plain arrays, each drawn without global state and saved atomically as a PNG.

`image_grid`, `reconstructions` and `latent_traversal` draw images pixel for pixel, `learning_curves` metrics, `scatter`
points in the plane.
Matplotlib is imported when the first figure is drawn.
"""

from .curves import learning_curves
from .grid import image_grid
from .pairs import reconstructions
from .scatter import scatter
from .traversal import latent_traversal

__all__ = ["image_grid", "latent_traversal", "learning_curves", "reconstructions", "scatter"]
