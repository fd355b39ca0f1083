"""What several density models share.

`estimator.py` is their base class, `mixture_model.py` that of the mixtures; `example_rows.py` and `labels.py` read
examples and labels. `column_moments.py`, `patterns.py` and `class_columns.py` are about tables and their missing
values. The rest serves one model each: `gmm_components.py`, `gmm_missing.py`, `gmm_pictures.py` and `k_means.py` the
mixture of normals, `categorical_emission.py` and `gaussian_emission.py` the hidden Markov model, `linear_gaussian.py`
probabilistic principal component analysis, `radial_kernels.py` the kernel density estimate.
"""
