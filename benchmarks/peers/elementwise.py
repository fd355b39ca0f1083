"""The same functions as chains of PyTorch operations."""

import math

import torch
from torch.nn import functional as F

from .. import inputs
from ..rows import Work


def _normal(x, mean, log_scale):
    return (-0.5 * ((x - mean) * torch.exp(-log_scale)).square() - log_scale - 0.5 * math.log(2 * math.pi)).sum(-1)


def build(name, rows, features, variant="eager"):
    """The function `name`, or with the ending _vjp the gradients of all its arguments."""
    a, b, c = (torch.from_numpy(inputs.normal(rows, features, seed=seed)) for seed in (1, 2, 3))
    row, last, labels = c[0].contiguous(), {}, b.argmax(dim=-1)
    forward = {
        "gate": (lambda a, b: torch.tanh(a) * torch.sigmoid(b), (a, b)),
        "softplus": (F.softplus, (a,)),
        "gelu": (F.gelu, (a,)),
        "normal": (_normal, (a, b, c)),
        "normal_kl": (lambda m, s: (0.5 * (torch.expm1(2 * s) + m.square()) - s).sum(-1), (a, b)),
        "reparameterize": (lambda m, s: m + torch.exp(s) * c, (a, b)),
        "categorical": (lambda logits: -F.cross_entropy(logits, labels, reduction="none"), (a,)),
        "layer_norm": (lambda x, gain, bias: F.layer_norm(x, (features,), gain, bias), (a, row, row)),
        "log_softmax": (lambda x: F.log_softmax(x, dim=-1), (a,)),
        "logsumexp": (lambda x: torch.logsumexp(x, dim=-1), (a,)),
    }
    kind = name.removesuffix("_vjp")
    if kind == "bernoulli":
        x = torch.from_numpy(inputs.binary(rows, features))
        forward[kind] = (lambda logits: -F.binary_cross_entropy_with_logits(logits, x, reduction="none").sum(-1), (a,))
    function, arguments = forward[kind]
    if kind == name:
        @torch.inference_mode()
        def step():
            last["y"] = function(*arguments)

        return Work(step, values=lambda: {"y": last["y"].numpy()})

    leaves = [argument.requires_grad_() for argument in arguments]
    cotangent = function(*arguments).detach()

    def sweep(y):
        last.update(enumerate(torch.autograd.grad(y, leaves, cotangent)))

    return Work(sweep, prepare=lambda: function(*leaves), values=lambda: {k: g.numpy() for k, g in last.items()})
