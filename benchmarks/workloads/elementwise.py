"""Functions of large arrays that take one pass over memory here and several when written with array operations."""


from minigen import ops
from minigen.autograd import grad
from minigen.autograd.tensor import Tensor
from minigen.distributions import Categorical, Normal

from .. import inputs
from ..rows import Work


def build(name, rows, features):
    """The function `name`, or with the ending _vjp the gradients of all its arguments."""
    a, b, c = (inputs.normal(rows, features, seed=seed) for seed in (1, 2, 3))
    row, last, labels = c[0], {}, b.argmax(axis=-1)
    forward = {
        "gate": (ops.gate, (a, b)),
        "softplus": (ops.softplus, (a,)),
        "gelu": (ops.gelu, (a,)),
        "normal": (lambda x, m, s: Normal(m, log_scale=s, event_ndim=1).log_prob(x), (a, b, c)),
        "normal_kl": (ops.normal_kl, (a, b)),
        "reparameterize": (lambda m, s: ops.reparameterize(m, s, c), (a, b)),
        "categorical": (lambda logits: Categorical(logits).log_prob(labels), (a,)),
        "layer_norm": (ops.layer_norm, (a, row, row)),
        "log_softmax": (ops.log_softmax, (a,)),
        "logsumexp": (lambda x: ops.logsumexp(x, axis=-1), (a,)),
    }
    kind = name.removesuffix("_vjp")
    if kind == "bernoulli":
        x = inputs.binary(rows, features)
        forward[kind] = (lambda logits: ops.bernoulli_log_prob(x, logits), (a,))
    function, arguments = forward[kind]
    if kind == name:
        def step():
            last["y"] = function(*arguments)

        return Work(step, values=lambda: last)

    tensors = [Tensor(argument) for argument in arguments]
    cotangent = function(*arguments)

    def sweep(y):
        last.update(enumerate(grad(y, tensors, cotangent)))

    return Work(sweep, prepare=lambda: function(*tensors), values=lambda: last)
