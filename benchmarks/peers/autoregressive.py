"""The autoregressive models in PyTorch: training steps, and sampling."""

from . import made, nade, pixels, sampling


def build(name, batch, variant="eager", sampling=False, **arguments):
    """The peer of the workload of this name."""
    if sampling:
        return draw(name, batch, variant=variant, **arguments)
    if name == "made":
        return _registered(made.build(variant))
    if name == "nade":
        return nade.build(batch, variant=variant)
    return pixels.build(name, batch, variant=variant, **arguments)


def _registered(work):
    """MADE's parameters by the names that the registered model has."""
    values = work.values
    names = {"weight": "weights", "bias": "biases"}

    def renamed():
        return {f"{names[key.split('.')[2]]}.{key.split('.')[1]}": array for key, array in values().items()}

    work.values = renamed
    return work


draw = sampling.build
