"""Autoregressive models: exact likelihoods as products of conditionals, and exact samplers.

    p(x) = Π_d p(x_d | x_1 … x_{d-1})

Read `fvsbn.py` first, the shortest; then `made.py` and `nade.py` (rows of numbers), `rnade.py` (real numbers), and the
image models `pixel_cnn.py`, `gated_pixel_cnn.py`, `pixel_cnn_pp.py` and `multiscale_pixel_cnn.py`, each of which mends
something of the one before. `support/` is what they share; the output distributions are in `models/heads`.
"""
