"""NADE in PyTorch: the loop over variables, and all variables at once by a running sum."""

import torch
from torch.nn import functional as F

from .. import inputs, networks
from .training import training


class NADE(torch.nn.Module):
    """Parameters with minigen's names and layout."""

    def __init__(self):
        super().__init__()
        for name, array in networks.nade().items():
            setattr(self, name, torch.nn.Parameter(torch.from_numpy(array)))

    def loop(self, x):
        """Logits (batch, variables), one variable after the other."""
        a, logits = self.c.expand(len(x), -1), []
        for row, v, given in zip(self.table[:, 0].unbind(), self.v[:, 0].unbind(), x.unbind(1), strict=True):
            logits.append(torch.mv(torch.sigmoid(a), v))
            a = torch.addr(a, given, row)
        return torch.stack(logits, 1) + self.b[:, 0]

    def at_once(self, x):
        """The same with an array (batch, variables, hidden units) of all pre-activations."""
        added = x[:, :-1, None] * self.table[:-1, 0]
        a = torch.cat([self.c.expand(len(x), 1, -1), added], 1).cumsum(1)
        return torch.linalg.vecdot(torch.sigmoid(a), self.v[:, 0]) + self.b[:, 0]


def build(batch, way="loop", variant="eager"):
    """A training step; the loop is the faster of the two ways, by a factor of two."""
    net, data = NADE(), torch.from_numpy(inputs.examples((784,), batch))

    def loss():
        x = data.to(net.c.dtype)
        return F.binary_cross_entropy_with_logits(getattr(net, way)(x), x, reduction="sum") / batch

    work = training(net, loss, lambda: (), variant)
    work.values = lambda: {name: parameter.detach().numpy().copy() for name, parameter in net.named_parameters()}
    return work
