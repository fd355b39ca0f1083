"""Primitives: a function on arrays, its vector-Jacobian product, and the decorator that joins the two.

    @primitive(residuals=("x", "output"))
    def cube_root(x, /):
        return numpy.cbrt(x)

    @cube_root.defvjp
    def _(g, residuals, needed):
        x, y = residuals
        return (g * y / (3 * x),)

Now `cube_root(array)` gives an array and `cube_root(tensor)` a Tensor that `grad` differentiates any number of times:
the rule is written with operators and ops, so when a gradient is itself to be differentiated the same rule runs on
Tensors and records itself. `check_grads(cube_root, (x,))` tells whether the rule is right.
"""

import functools
import inspect
import operator

import numpy as np

from ..kernels.machinery.examples import Examples
from .anomaly import TracedNode, check_forward
from .tensor import Node, Tensor, as_result, modes, raw, shape_of

registry: dict[str, "Primitive"] = {}
examples: dict[str, Examples] = {}


class Primitive:
    """A differentiable function with its rule.

    `forward(*inputs, **static)` works on arrays. `vjp(g, residuals, needed)` gets the output's cotangent (for several
    outputs a tuple, None for one that nobody used), the declared residuals in order, and for each input whether its
    cotangent is wanted; it gives one cotangent per input, None where not wanted. A cotangent may have the shape of the
    broadcast result: the sweep sums it down. `composite(*inputs, **static)` is the same function in elementary ops, for
    a rule that runs on by-products or fused kernels and so cannot itself be differentiated: the sweep replays it when
    the gradient is to be differentiated.
    """

    def __init__(self, name, forward, vjp=None, composite=None, *, residuals=(), byproducts=(), several=False):
        self.name, self.forward, self.vjp, self.composite = name, forward, vjp or self._missing_rule, composite
        self.several, self.byproducts = several, tuple(byproducts)
        parameters = inspect.signature(forward).parameters.values()
        self.variadic = any(p.kind is p.VAR_POSITIONAL for p in parameters)
        self.inputs = tuple(p.name for p in parameters if p.kind is p.POSITIONAL_ONLY)
        static = [p for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)]
        if self.variadic == bool(self.inputs):
            raise TypeError(f"primitive {name}: the array inputs are the parameters before `/` in its signature, "
                            "or one *parameter for any number of them")
        self.static_names = tuple(p.name for p in static)
        self.defaults = {p.name: p.default for p in static if p.default is not p.empty}
        self.residuals = tuple(self._locate(word) for word in residuals)

    def _missing_rule(self, g, residuals, needed):
        raise TypeError(f"primitive {self.name}: it has no rule to differentiate it by, defvjp gives it one")

    def _locate(self, word):
        """Where the residual called `word` comes from: (source, index or name)."""
        name, _, attribute = word.partition(".")
        if name in self.inputs and attribute in ("", "shape"):
            return "shape" if attribute else "input", self.inputs.index(name)
        if word in self.static_names:
            return "static", word
        if word in self.byproducts:
            return "byproduct", self.byproducts.index(word)
        if (word == "output" and not self.several) or (word == "shapes" and self.variadic):
            return word, 0
        raise TypeError(f"primitive {self.name}: residual {word!r} is not an input, an input's shape, a "
                        "static parameter, a by-product or the output of it")

    def collect(self, inputs, static, outputs, byproducts) -> tuple:
        """The residuals in the order in which they were declared; with a composite, a pair of these and the inputs."""
        sources = {"input": inputs, "static": static, "output": outputs, "byproduct": byproducts,
                   "shape": [shape_of(x) for x in inputs], "shapes": [tuple(shape_of(x) for x in inputs)]}
        residuals = tuple([sources[source][key] for source, key in self.residuals])
        return residuals if self.composite is None else (residuals, tuple(inputs))

    def restore(self, node) -> tuple:
        """The residuals as Tensors on their own nodes, so that a rule that runs on them is recorded."""
        if self.byproducts:
            raise TypeError(f"primitive {self.name}: by-products are not differentiable, so its gradient cannot be "
                            "differentiated before defcomposite has given it a composite")
        edges = {"input": node.edges, "output": [(node, 0, 0)]}
        return tuple([
            value if edges.get(source) is None or edges[source][key] is None else as_result(value, edges[source][key])
            for (source, key), value in zip(self.residuals, node.residuals, strict=True)
        ])

    def bind(self, args, keywords):
        """Split a call into array inputs and static parameters, defaults filled in."""
        arity = len(args) if self.variadic else len(self.inputs)
        inputs, positional = args[:arity], args[arity:]
        static = {**self.defaults, **dict(zip(self.static_names, positional, strict=False)), **keywords}
        if len(inputs) < arity or len(positional) > len(self.static_names) or len(static) != len(self.static_names):
            raise TypeError(f"{self.name}({', '.join(self.inputs + self.static_names)}): got {len(args)} positional "
                            f"arguments and the keywords {sorted(keywords)}")
        if any(isinstance(value, Tensor) for value in static.values()):
            raise TypeError(f"{self.name}: only {', '.join(self.inputs)} can be Tensors, the rest are static")
        return inputs, static

    def apply(self, *args, **keywords):
        """Run the function on arrays or Tensors, recording it when a Tensor takes part in differentiation."""
        inputs, static = self.bind(args, keywords)
        arrays = tuple([raw(x) for x in inputs])
        result = self.forward(*arrays, **static)
        outputs, byproducts = (result, ()) if self.several else ((result,), ())
        if self.byproducts:
            first = len(result) - len(self.byproducts)
            outputs, byproducts = result[:first], result[first:]
        if any(isinstance(x, Tensor) for x in inputs):
            if modes.anomaly:
                check_forward(self.name, arrays, outputs)
            edges = tuple([x.edge if isinstance(x, Tensor) else None for x in inputs])
            node = None
            if modes.recording and any(edge is not None for edge in edges):
                residuals = self.collect(arrays, static, outputs, byproducts)
                shapes = tuple([(y.shape, y.dtype) for y in outputs])
                node = (TracedNode if modes.anomaly else Node)(self, edges, residuals, static, shapes)
            outputs = tuple([as_result(y, node and (node, k, 0)) for k, y in enumerate(outputs)])
            if modes.observer is not None:
                modes.observer(self, inputs, static, outputs)
        return outputs if self.several else outputs[0]


def primitive(residuals=(), byproducts=(), several=False, name=None):
    """Make a differentiable op of a function on arrays; see the example at the top of this file.

    The function's parameters before `/` (or its *parameter) are arrays, the others static. `residuals` names what the
    rule needs later: an input (`"x"`), an input's shape (`"x.shape"`; `"shapes"` of a *parameter), a static parameter,
    or `"output"`. With `byproducts` the function returns its outputs followed by these further values, which are
    residuals too; such an op needs a composite. With `several=True` it returns a tuple of outputs.

    The op has three decorators: `defvjp` takes the rule, `(g, residuals, needed) -> cotangents`, `defcomposite` the
    same function written in other ops, and `example` a function that makes arguments (see `example`).
    """

    def decorate(forward):
        prim = registry[name or forward.__name__] = Primitive(
            name or forward.__name__, forward, residuals=residuals, byproducts=byproducts, several=several)
        op = functools.update_wrapper(_fast_op(prim), forward)
        op.primitive = prim

        def setter(attribute):
            def define(function):
                setattr(prim, attribute, function)
                return function
            return define

        op.defvjp, op.defcomposite = setter("vjp"), setter("composite")
        op.example = example(op, prim.name)
        return op

    return decorate


def example(op, name=None):
    """A decorator for a function that makes arguments of `op`, a primitive or a function of them.

        @example(digamma)
        def _(make):
            return [make.values(make.shape(), 0.4, 4.0)]

    Tests, `minigen check` and the exercises run the op on these arguments; see `kernels.machinery.examples`.
    """
    return functools.partial(examples.setdefault(name or op.__name__, Examples(op)).add, call=op)


def _fast_op(prim):
    """The op as a function. One or two inputs and nothing else: `prim.apply` written out, at a third of its cost."""
    forward, apply, arity, new, generic = prim.forward, prim.apply, len(prim.inputs), object.__new__, np.generic
    if prim.static_names or prim.byproducts or prim.several or arity not in (1, 2) or any(
            source not in ("input", "output") for source, _ in prim.residuals):
        return lambda *args, **keywords: apply(*args, **keywords)
    positions = [key if source == "input" else arity for source, key in prim.residuals]
    # picks the residuals out of (*inputs, output); a slice, unlike one index, gives a tuple
    pick = operator.itemgetter(*positions) if len(positions) > 1 else operator.itemgetter(
        slice(positions[0], positions[0] + 1) if positions else slice(0))

    def unary(x):
        if not isinstance(x, Tensor):
            return forward(x)
        edge = x.edge
        if edge is None or not modes.plain or prim.composite is not None:
            return apply(x)
        x = x.data
        output = forward(x)
        tensor = new(Tensor)
        tensor.data = np.asarray(output) if isinstance(output, generic) else output
        tensor.edge = (Node(prim, (edge,), pick((x, output)), None, ((output.shape, output.dtype),)), 0, 0)
        return tensor

    def binary(x, y):
        edge_x = edge_y = None
        a, b = x, y
        if isinstance(x, Tensor):
            edge_x, a = x.edge, x.data
            if isinstance(y, Tensor):
                edge_y, b = y.edge, y.data
        elif isinstance(y, Tensor):
            edge_y, b = y.edge, y.data
        else:
            return forward(x, y)
        if (edge_x is None and edge_y is None) or not modes.plain or prim.composite is not None:
            return apply(x, y)
        output = forward(a, b)
        tensor = new(Tensor)
        tensor.data = np.asarray(output) if isinstance(output, generic) else output
        tensor.edge = (Node(prim, (edge_x, edge_y), pick((a, b, output)), None, ((output.shape, output.dtype),)), 0, 0)
        return tensor

    return unary if arity == 1 else binary
