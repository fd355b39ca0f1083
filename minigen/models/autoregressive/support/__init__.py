"""What autoregressive models share.

- `autoregressive.py`: the base class, which checks what it is given and sampling around given values;
- `rows.py`, `pixels.py`: the base classes of models that read an example as one row, and of models of images;
- `sampling.py`: what a sampler is asked for, and its options;
- `tracing.py`, `dependence.py`: from a network's parallel pass to an incremental one;
- `condition_features.py`: from a condition to features at each pixel;
- `orders.py`, `penalty.py`: orders of the variables; the penalty on weights.
"""
