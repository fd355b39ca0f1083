"""Sampling MADE and NADE in PyTorch."""

import torch
from torch.nn import functional as F

from .. import inputs, networks

SIZES = (784, 500, 500, 784)


class Vectors:
    """What both share: binary variables, and the plain loop."""

    shape = (784, 1)  # steps, and uniform numbers for each

    def data(self, n):
        """Examples whose values may be given."""
        return inputs.examples(self.shape[:1], n)

    def plain(self, u, given, steps):
        """The logits of all variables for each variable that is drawn."""
        x, logits = torch.zeros(u.shape[:2]), torch.zeros(u.shape[:2])
        for d in range(steps):
            logits[:, d] = self.logits(x)[:, d]
            x[:, d] = pick(u[:, d, 0], logits[:, d], None if given is None else given[:, d, 0])
        return x, logits


class MADE(Vectors):
    """Hidden units are computed once, when their degree is reached."""

    def __init__(self, extent, settings):
        start = networks.made(SIZES)
        self.weights = [torch.from_numpy(start[f"weights.{i}"] * mask)
                        for i, mask in enumerate(inputs.made_masks(SIZES))]
        self.biases = [torch.from_numpy(start[f"biases.{i}"]) for i in range(3)]
        self.outgoing = self.weights[2].T.contiguous()
        # how many units of a hidden layer can be computed from the first d variables
        degrees = torch.from_numpy(inputs.degrees(784, 500))
        self.computed = [int((degrees <= d).sum()) for d in range(785)]

    def logits(self, x):
        """Of all variables."""
        for w, b in zip(self.weights[:2], self.biases[:2], strict=True):
            x = F.relu(torch.addmm(b, x, w))
        return torch.addmm(self.biases[2], x, self.weights[2])

    def cached(self, u, given):
        """Units are in the order of their degrees: new ones see all that is computed of the layer below."""
        (w0, w1, _), (b0, b1, b2), n = self.weights, self.biases, len(u)
        x, logits, h0, h1 = torch.zeros(n, 784), torch.zeros(784, n), torch.zeros(n, 500), torch.zeros(n, 500)
        numbers = u[:, :, 0].T.contiguous()
        for d in range(784):
            old, new = self.computed[d - 1] if d else 0, self.computed[d]
            if new > old:
                h0[:, old:new] = torch.addmm(b0[old:new], x[:, :d], w0[:d, old:new]).relu_()
                h1[:, old:new] = torch.addmm(b1[old:new], h0[:, :new], w1[:new, old:new]).relu_()
            torch.add(torch.mv(h1[:, :new], self.outgoing[d, :new]), b2[d], out=logits[d])
            x[:, d] = pick(numbers[d], logits[d], None if given is None else given[:, d, 0])
        return x, logits.T


class NADE(Vectors):
    """The running pre-activation of its paper."""

    def __init__(self, extent, settings):
        start = {name: torch.from_numpy(array) for name, array in networks.nade(**settings).items()}
        self.table, self.v, self.b, self.c = start["table"][:, 0], start["v"][:, 0], start["b"][:, 0], start["c"]
        self.shape = (len(self.b), 1)

    def logits(self, x):
        """Of all variables, by the pass that training makes."""
        a, logits = self.c.expand(len(x), -1), []
        for row, v, value in zip(self.table.unbind(), self.v.unbind(), x.unbind(1), strict=True):
            logits.append(torch.mv(torch.sigmoid(a), v))
            a = torch.addr(a, value, row)
        return torch.stack(logits, 1) + self.b

    def cached(self, u, given):
        """One variable after the other."""
        a, h = self.c.repeat(len(u), 1), torch.empty(len(u), len(self.c))
        x, logits = torch.empty(len(self.b), len(u)), torch.empty(len(self.b), len(u))
        numbers = u[:, :, 0].T.contiguous()
        rows = zip(self.table.unbind(), self.v.unbind(), self.b.unbind(), x.unbind(), logits.unbind(),
                   numbers.unbind(), strict=True)
        for d, (row, v, b, value, logit, number) in enumerate(rows):
            torch.addmv(b, torch.sigmoid(a, out=h), v, out=logit)
            value.copy_(pick(number, logit, None if given is None else given[:, d, 0]))
            a.addr_(value, row)
        return x.T, logits.T


def pick(u, logits, given):
    """1 with the probability that the logits say, unless it is given."""
    return u < torch.sigmoid(logits) if given is None else given
