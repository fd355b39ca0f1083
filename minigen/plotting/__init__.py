"""Figures from plain arrays, drawn without global state and saved atomically.

`image_grid`, `reconstructions` and `latent_traversal` draw images pixel for pixel, `learning_curves` metrics, `scatter`
points in the plane, `receptive_field_picture` what a pixel depends on, `mixture_picture` and `mixture_density`
mixtures of normals; `em_film` shows as a GIF how one is fitted. `images.py` and `canvas.py` are the tools of all.
Matplotlib is imported when the first figure is drawn.
"""

from .curves import learning_curves
from .em_film import em_film
from .grid import image_grid
from .mixtures import mixture_density, mixture_picture
from .pairs import reconstructions
from .point_clouds import scatter
from .receptive_field import receptive_field_picture
from .traversal import latent_traversal

__all__ = [
    "em_film", "image_grid", "latent_traversal", "learning_curves", "mixture_density", "mixture_picture",
    "receptive_field_picture", "reconstructions", "scatter",
]
