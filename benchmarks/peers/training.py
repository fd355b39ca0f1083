"""What the training steps share."""

import torch

from .. import inputs
from ..rows import Work


def load(module, start):
    """Copy parameters with minigen's names and layout into a module; weights are (outputs, inputs) in PyTorch."""
    module.to(getattr(torch, inputs.DTYPE))
    with torch.no_grad():
        for name, parameter in module.named_parameters():
            parameter.copy_(torch.from_numpy(start[name]).T if parameter.ndim == 2 else torch.from_numpy(start[name]))


def values(module):
    """The parameters in minigen's layout, as NumPy arrays."""
    return {name: p.detach().numpy().T.copy() for name, p in module.named_parameters()}


class MLP(torch.nn.Module):
    """Linear layers with an activation after each but the last."""

    def __init__(self, sizes, activation):
        super().__init__()
        self.layers = torch.nn.ModuleList([torch.nn.Linear(n, m) for n, m in zip(sizes, sizes[1:], strict=False)])
        self.activation = activation

    def forward(self, x):
        """The output of the last layer."""
        for layer in self.layers[:-1]:
            x = self.activation(layer(x))
        return self.layers[-1](x)


def training(module, loss, draw, variant):
    """The step: draw the noise, `loss(*noise)`, gradients, Adam."""
    optimizer = torch.optim.Adam(module.parameters(), lr=1e-3, fused=True if variant != "default" else None)
    if variant == "compile":
        loss = torch.compile(loss)

    def update(*noise):
        optimizer.zero_grad()
        loss(*noise).backward()
        optimizer.step()

    return Work(step=lambda: update(*draw()), values=lambda: values(module),
                update=lambda *noise: update(*map(torch.from_numpy, noise)))
