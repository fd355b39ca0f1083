"""Primitives: a function on arrays, its vector-Jacobian product, and the decorator that joins the two.

    @primitive(residuals=("x", "output"))
    def cube_root(x, /):
        return numpy.cbrt(x)

    @cube_root.defvjp
    def _(g, residuals, needed):
        x, y = residuals
        return (g * y / (3 * x),)

Now `cube_root(array)` gives an array, `cube_root(tensor)` a Tensor that `grad` differentiates any number of times:
the rule is written with operators and ops, so when a gradient is itself to be differentiated, the same rule runs
on Tensors and records itself. `check_grads(cube_root, (x,))` tells whether the rule is right.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Sequence

import numpy as np

from .anomaly import TracedNode, check_forward
from .tensor import Node, Tensor, as_result, modes, raw

registry: dict[str, Primitive] = {}


class Primitive:
    """A differentiable function with its rule.

    `forward(*inputs, **static)` works on arrays. `vjp(g, residuals, needed)` gets the output's cotangent (for
    several outputs a tuple, None for one that nobody used), the declared residuals in order, and for each input
    whether its cotangent is wanted; it gives one cotangent per input, None where it is not wanted. A cotangent may
    have the shape of the broadcast result: the sweep sums it down. `composite(*inputs, **static)` is the same
    function in elementary ops, for a rule that runs on by-products or fused kernels and so cannot be
    differentiated itself: differentiation beyond the first order replays it.
    """

    def __init__(self, name: str, forward: Callable, vjp: Callable | None = None, composite: Callable | None = None, *,
                 residuals: Sequence[str] = (), byproducts: Sequence[str] = (), several: bool = False):
        self.name, self.forward, self.vjp, self.composite = name, forward, vjp, composite
        self.several, self.byproducts = several, len(byproducts)
        parameters = inspect.signature(forward).parameters.values()
        self.variadic = any(p.kind is p.VAR_POSITIONAL for p in parameters)
        inputs = [p.name for p in parameters if p.kind is p.POSITIONAL_ONLY]
        statics = [p for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)]
        if self.variadic == bool(inputs):
            raise TypeError(f"primitive {name}: the array inputs are the parameters before `/` in its signature, "
                            "or one *parameter for any number of them")
        self.arity = len(inputs)
        self.static_names = tuple(p.name for p in statics)
        self.defaults = {p.name: p.default for p in statics if p.default is not p.empty}
        self.residuals = tuple(self._locate(word, inputs, tuple(byproducts)) for word in residuals)

    def _locate(self, word, inputs, byproducts):
        """Where the residual called `word` is found: (source, index or name)."""
        name, _, attribute = word.partition(".")
        if name in inputs and attribute in ("", "shape"):
            return ("shape" if attribute else "input", inputs.index(name))
        if word == "shapes" and self.variadic:
            return ("shapes", None)
        if word in self.static_names:
            return ("static", word)
        if word in byproducts:
            return ("byproduct", byproducts.index(word))
        if word == "output" and not self.several:
            return ("output", 0)
        raise TypeError(f"primitive {self.name}: residual {word!r} is no input, input shape, static parameter, "
                        "by-product or output of it")

    def collect(self, inputs, static, outputs, byproducts) -> tuple:
        """The residuals, in the order in which they were declared."""
        sources = {"input": inputs, "static": static, "output": outputs, "byproduct": byproducts}
        return tuple(
            np.shape(inputs[key]) if source == "shape"
            else tuple(np.shape(x) for x in inputs) if source == "shapes"
            else sources[source][key]
            for source, key in self.residuals
        )

    def restore(self, node: Node) -> tuple:
        """The residuals as Tensors on their own nodes, so that a rule that runs on them is recorded."""
        restored = []
        for (source, key), value in zip(self.residuals, node.residuals, strict=True):
            if source == "input" and node.edges[key] is not None:
                value = as_result(value, node.edges[key])
            elif source == "output":
                value = as_result(value, (node, key, 0))
            restored.append(value)
        return tuple(restored)

    def bind(self, args, keywords):
        """Split a call into array inputs and the dict of static parameters, defaults filled in."""
        if self.variadic:
            return args, {**self.defaults, **keywords}
        inputs, positional = args[: self.arity], args[self.arity :]
        if len(inputs) < self.arity or len(positional) > len(self.static_names):
            raise TypeError(f"{self.name}: expected {self.arity} array inputs"
                            f"{' and ' + ', '.join(self.static_names) if self.static_names else ''}, "
                            f"got {len(args)} positional arguments")
        return inputs, {**self.defaults, **dict(zip(self.static_names, positional, strict=False)), **keywords}

    def apply(self, *args, **keywords):
        """Run the function on arrays or Tensors, recording it when a Tensor takes part in differentiation."""
        inputs, static = self.bind(args, keywords)
        tensors = any(isinstance(x, Tensor) for x in inputs)
        edges = tuple(x.edge if isinstance(x, Tensor) else None for x in inputs)
        arrays = tuple(raw(x) for x in inputs) if tensors else inputs
        result = self.forward(*arrays, **static)
        outputs, byproducts = (result[:1], result[1:]) if self.byproducts else (result, ()) if self.several \
            else ((result,), ())
        if not tensors:
            return outputs if self.several else outputs[0]
        if modes.anomaly:
            check_forward(self.name, arrays, outputs)
        if modes.recording and any(edge is not None for edge in edges):
            shapes = tuple((y.shape, y.dtype) for y in outputs)
            residuals = self.collect(arrays, static, outputs, byproducts)
            if self.composite is not None:
                residuals += arrays  # the replay starts from them
            node = (TracedNode if modes.anomaly else Node)(self, edges, residuals, static, shapes)
            results = tuple(as_result(y, (node, k, 0)) for k, y in enumerate(outputs))
        else:
            results = tuple(as_result(y, None) for y in outputs)
        return results if self.several else results[0]


def primitive(residuals: Sequence[str] = (), byproducts: Sequence[str] = (), several: bool = False,
              name: str | None = None):
    """Make a differentiable op of a function on arrays; see the example at the top of this file.

    The function's parameters before `/` (or its *parameter) are arrays, the others static. `residuals` names what
    the rule needs later: an input (`"x"`), an input's shape (`"x.shape"`; `"shapes"` of a *parameter), a static
    parameter, or `"output"`. With `byproducts` the function returns its output followed by these further values,
    which are residuals too; such an op needs a composite. With `several=True` it returns a tuple of outputs.

    The op that comes back has two decorators: `defvjp`, for the rule `(g, residuals, needed) -> cotangents`, and
    `defcomposite`, for the same function written in other ops.
    """

    def decorate(forward):
        prim = Primitive(name or forward.__name__, forward, residuals=residuals, byproducts=byproducts, several=several)
        registry[prim.name] = prim
        op = _fast_op(prim) if _is_simple(prim) else lambda *args, **keywords: prim.apply(*args, **keywords)
        functools.update_wrapper(op, forward)
        op.primitive = prim

        def set_rule(attribute):
            def define(function):
                setattr(prim, attribute, function)
                return function
            return define

        op.defvjp, op.defcomposite = set_rule("vjp"), set_rule("composite")
        return op

    return decorate


def _is_simple(prim) -> bool:
    return not (prim.static_names or prim.byproducts or prim.several or prim.variadic) and prim.arity <= 2


def _fast_op(prim: Primitive):
    """`prim.apply` written out for one or two inputs and no static parameters: a third of its overhead."""
    forward, apply = prim.forward, prim.apply
    places = tuple(key if source == "input" else prim.arity for source, key in prim.residuals)
    if any(source not in ("input", "output") for source, _ in prim.residuals):
        return lambda *args: apply(*args)

    def unary(x):
        if not isinstance(x, Tensor):
            return forward(x)
        edge = x.edge
        if edge is None or not modes.plain or prim.composite is not None:
            return apply(x)
        x = x.data
        values = (x, forward(x))
        output = values[1]
        node = Node(prim, (edge,), tuple([values[i] for i in places]), None, ((output.shape, output.dtype),))
        return as_result(output, (node, 0, 0))

    def binary(x, y):
        edge_x = edge_y = None
        if isinstance(x, Tensor):
            edge_x, x_data = x.edge, x.data
            if isinstance(y, Tensor):
                edge_y, y_data = y.edge, y.data
            else:
                y_data = y
        elif isinstance(y, Tensor):
            edge_y, y_data, x_data = y.edge, y.data, x
        else:
            return forward(x, y)
        if (edge_x is None and edge_y is None) or not modes.plain or prim.composite is not None:
            return apply(x, y)
        output = forward(x_data, y_data)
        values = (x_data, y_data, output)
        residuals = tuple([values[i] for i in places])
        node = Node(prim, (edge_x, edge_y), residuals, None, ((output.shape, output.dtype),))
        return as_result(output, (node, 0, 0))

    return unary if prim.arity == 1 else binary
