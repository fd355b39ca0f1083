"""The reverse sweep: cotangents flow from an output to inputs, one node after another.

Nodes are visited by descending creation number, a topological order: no recursion, so a graph may have millions of
nodes. Each cotangent is computed once, and only where it leads to an input that was asked for.
"""

import contextlib
import operator

import numpy as np

from ..arrays import array_module
from .anomaly import AnomalyError, check_backward
from .primitive import primitive
from .tensor import Leaf, Tensor, as_result, modes, raw


class GraphError(RuntimeError):
    """A graph that cannot be swept: freed by an earlier sweep, or its parameters have changed since."""


@contextlib.contextmanager
def recording(on: bool):
    """Record ops, or do not, within this context and thread."""
    before = modes.recording, modes.anomaly, modes.observer
    modes.set(on, modes.anomaly, modes.observer)
    try:
        yield
    finally:
        modes.set(*before)


def no_grad():
    """A context (also a decorator) in which this thread records nothing: results are constants."""
    return recording(False)


@primitive()
def identity(x, /):
    """The same values on a node of their own: a derivative with respect to it passes by no other route."""
    return x


@identity.defvjp
def _(g, residuals, needed):
    return (g,)


@identity.example
def _(make):
    return [make.values(make.shape())]


def grad(output: Tensor, inputs, cotangent=None, create_graph: bool = False, retain_graph: bool | None = None):
    """Gradient of `output` with respect to `inputs`.

    `inputs` is a Tensor, or a list, tuple or dict of them (nested, if need be); the result has the same structure, with
    zeros for an input that `output` does not depend on. Each gradient is an array of its input's shape and dtype, or
    with `create_graph` a Tensor that can be differentiated further. `cotangent`, of `output`'s shape, is the vector of
    the vector-Jacobian product; it may be left out when `output` has one element. The graph's residuals are freed as
    the sweep passes unless `retain_graph` (by default: `create_graph`).

    Raises TypeError or ValueError for arguments of the wrong kind, GraphError for a graph that was freed or whose
    parameters were updated since.
    """
    flat, rebuild = flatten(inputs)
    for x in flat:
        if not isinstance(x, Tensor) or x.edge is None:
            what = "a Tensor that is a constant" if isinstance(x, Tensor) else type(x).__name__
            raise TypeError(f"grad inputs: expected Tensors that take part in differentiation, got {what}")
    g = _seed(output, cotangent, create_graph)
    retain = create_graph if retain_graph is None else retain_graph
    gradients = sweep(output.edge, g, [x.edge for x in flat], create_graph, retain)
    given, results = {id(raw(g))}, []
    for x, gradient in zip(flat, gradients, strict=True):
        array = array_module(x.data).zeros_like(x.data) if gradient is None else _own(raw(gradient), given)
        results.append(as_result(array, getattr(gradient, "edge", None)) if create_graph else array)
    return rebuild(results)


def backward(output: Tensor, cotangent=None, retain_graph: bool = False) -> None:
    """Add the gradient of this Tensor to `.grad` of every leaf that it depends on; arguments as in `grad`."""
    g = _seed(output, cotangent, False)
    if output.edge is None:
        raise TypeError("backward: this Tensor is a constant, it depends on no leaf")
    leaves = [node for node in _reachable(output.edge, 0) if isinstance(node, Leaf)]
    gradients = sweep(output.edge, g, [(leaf, 0, leaf.version) for leaf in leaves], False, retain_graph)
    given = {id(raw(g))}
    for leaf, gradient in zip(leaves, gradients, strict=True):
        if gradient is not None:
            leaf.grad = _own(gradient if leaf.grad is None else leaf.grad + gradient, given)


Tensor.backward = backward


def sweep(output_edge, cotangent, targets, create_graph: bool, retain_graph: bool) -> list:
    """Cotangents of the target edges, None where nothing arrives."""
    wanted = {node for node, _, _ in targets}
    plan, leading = _plan(output_edge, wanted)
    anomaly, cotangents = modes.anomaly, {}  # by node, or for a second and further output by (node, index)
    owned: set = set()  # where the cotangent is a sum made here, which may be added to in place: others may be shared
    if output_edge is not None and output_edge[0] in leading:
        cotangents[_place(output_edge)] = cotangent
    for node, asked in reversed(plan):
        prim = node.primitive
        g = cotangents.get(node) if node in wanted else cotangents.pop(node, None)
        if prim.several:
            g = (g, *[cotangents.get((node, k)) for k in range(1, len(node.outputs))])
            if all(part is None for part in g):
                continue
        elif g is None:
            continue
        try:
            if create_graph:
                parts = _replay(node, g, asked) if prim.composite else prim.vjp(g, prim.restore(node), asked)
            else:
                parts = prim.vjp(g, node.residuals[0] if prim.composite else node.residuals, asked)
        except AnomalyError as error:  # of an op within the rule
            raise AnomalyError(f"in the gradient of op {prim.name}, which was called at {node.line}: {error}",
                               prim.name, node.line, backward=True) from error
        if not retain_graph:
            node.residuals = None
        if anomaly:
            check_backward(node, parts)
        if len(parts) != len(node.edges):
            raise ValueError(f"the VJP of {prim.name} gave {len(parts)} cotangents for {len(node.edges)} inputs")
        g = None  # so that its memory goes before the next rule asks for some
        for part, edge in zip(parts, node.edges):  # noqa: B905  strict=True costs 0.1 µs here
            if part is None or edge is None or edge[0] not in leading:
                continue
            source, index, _ = edge
            shape, dtype = source.outputs[index]
            if part.shape != shape:
                part = sum_to(part, shape, prim.name)
            if part.dtype is not dtype and part.dtype != dtype:
                part = part.astype(dtype)
            place = (source, index) if index else source
            present = cotangents.get(place)
            if present is None:
                cotangents[place] = part
            elif place in owned:
                cotangents[place] += part
            else:
                cotangents[place] = present + part
                if not create_graph:
                    owned.add(place)
        parts = part = present = None
    return [cotangents.get(_place(edge)) for edge in targets]


def _place(edge):
    """Where `sweep` keeps the cotangent of an edge."""
    return (edge[0], edge[1]) if edge[1] else edge[0]


def _plan(output_edge, wanted):
    """The nodes to visit, ascending, each with which inputs to follow; and all nodes that lead to a wanted one."""
    plan, leading = [], set(wanted)
    for node in _reachable(output_edge, min((node.number for node in wanted), default=0)):
        edges = node.edges
        if len(edges) == 2:  # the usual lengths written out: this loop is a third of the engine's time
            a, b = edges
            asked = (a is not None and a[0] in leading, b is not None and b[0] in leading)
        elif len(edges) == 1:
            asked = (edges[0][0] in leading,)
        else:
            asked = tuple([edge is not None and edge[0] in leading for edge in edges])
        if True not in asked:
            continue
        leading.add(node)
        plan.append((node, asked))
        if node.residuals is None:
            raise GraphError(f"this graph was freed: an earlier sweep has passed its op {node.primitive.name}. "
                             "Give retain_graph=True to that sweep, or compute the output again")
    return plan, leading


def _reachable(output_edge, oldest) -> list:
    """The nodes that the output leads to by ascending number, without those older than `oldest`."""
    if output_edge is None:
        return []
    seen, stack, found = {output_edge[0]}, [output_edge[0]], []
    while stack:
        node = stack.pop()
        found.append(node)
        for edge in node.edges:
            if edge is not None:
                source, _, version = edge
                if source.version != version:  # whether asked for or not: a residual may be a view of a parameter
                    raise GraphError(f"a parameter of shape {source.outputs[0][0]} was updated after op "
                                     f"{node.primitive.name} had used it: compute the output again after the update")
                if source not in seen and source.number >= oldest:
                    seen.add(source)
                    stack.append(source)
    found.sort(key=operator.attrgetter("number"))  # quick, since the walk meets them nearly in order
    return found


def _replay(node, g, asked):
    """Cotangents of a fused op by way of its composite, recorded."""
    prim, arrays = node.primitive, node.residuals[1]
    with recording(True):
        pairs = zip(arrays, node.edges, strict=True)
        inputs = [x if edge is None else identity(as_result(x, edge)) for x, edge in pairs]
        outputs = prim.composite(*inputs, **(node.static or {}))
        pairs = zip(outputs, g, strict=True) if prim.several else ((outputs, g),)
        total = sum((y * v).sum() for y, v in pairs if v is not None)
        targets = [x.edge for x, ask in zip(inputs, asked, strict=True) if ask]
        parts = iter(sweep(total.edge, array_module(total.data).ones_like(total.data), targets, True, True))
    return [next(parts) if ask else None for ask in asked]


def sum_to(g, shape, name="op"):
    """Sum `g` over the axes along which `shape` was broadcast to its shape: the transpose of broadcasting."""
    extra = g.ndim - len(shape)
    if extra < 0 or any(n not in (1, m) for n, m in zip(shape, g.shape[extra:], strict=True)):
        raise ValueError(f"the VJP of {name} gave a cotangent of shape {g.shape} for an input of shape {shape}")
    axes = tuple(range(extra)) + tuple(extra + i for i, n in enumerate(shape) if n == 1 != g.shape[extra + i])
    return g.sum(axis=axes).reshape(shape)


def flatten(structure):
    """The leaves of nested lists, tuples and dicts (or one alone), and the function that rebuilds the structure."""
    if not isinstance(structure, list | tuple | dict):
        return [structure], lambda values: values[0]
    parts = [flatten(member) for member in (structure.values() if isinstance(structure, dict) else structure)]

    def rebuild(values):
        values = iter(values)
        members = [build([next(values) for _ in leaves]) for leaves, build in parts]
        if isinstance(structure, dict):
            return dict(zip(structure, members, strict=True))
        return type(structure)(*members) if hasattr(structure, "_fields") else type(structure)(members)

    return [leaf for leaves, _ in parts for leaf in leaves], rebuild


def _seed(output, cotangent, create_graph):
    """The cotangent that the sweep starts from."""
    if not isinstance(output, Tensor):
        raise TypeError(f"grad output: expected a Tensor, got {type(output).__name__}")
    if cotangent is None:
        if output.size != 1:
            raise ValueError(f"grad output: an output of shape {output.shape} needs a cotangent of that shape")
        return array_module(output.data).ones_like(output.data)
    array = raw(cotangent) if hasattr(raw(cotangent), "dtype") else np.asarray(cotangent)
    if array.shape != output.shape:
        raise ValueError(f"grad cotangent: expected shape {output.shape}, got {array.shape}")
    return cotangent if create_graph and isinstance(cotangent, Tensor) else array.astype(output.dtype, copy=False)


def _own(gradient, given):
    """`gradient` as an array that its receiver may write to: a copy if it is a view or was given to another."""
    gradient = np.asarray(gradient) if isinstance(gradient, np.generic) else gradient
    if gradient.base is not None or id(gradient) in given:
        return gradient.copy()
    given.add(id(gradient))
    return gradient
