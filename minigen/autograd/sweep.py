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
from .structure import flatten
from .tensor import Leaf, Tensor, as_result, modes, raw


class GraphError(RuntimeError):
    """A graph that cannot be swept: an earlier sweep has freed it, or its parameters have changed since."""


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
    """A context, also a decorator, in which this thread records no op: results are constants."""
    return recording(False)


@primitive()
def identity(x, /):
    """The same values on a new node: a derivative with respect to it follows this one path."""
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
    shared, results = {id(raw(g))}, []  # the ids of arrays that someone else has
    for x, gradient in zip(flat, gradients, strict=True):
        array = array_module(x.data).zeros_like(x.data) if gradient is None else _writable(raw(gradient), shared)
        results.append(as_result(array, getattr(gradient, "edge", None)) if create_graph else array)
    return rebuild(results)


def backward(output: Tensor, cotangent=None, retain_graph: bool = False) -> None:
    """Add the gradient of this Tensor to `.grad` of every leaf that it depends on; arguments as in `grad`."""
    g = _seed(output, cotangent, False)
    if output.edge is None:
        raise TypeError("backward: this Tensor is a constant, it depends on no leaf")
    leaves = [node for node in _reachable(output.edge, 0) if isinstance(node, Leaf)]
    gradients = sweep(output.edge, g, [(leaf, 0, leaf.version) for leaf in leaves], False, retain_graph)
    shared = {id(raw(g))}
    for leaf, gradient in zip(leaves, gradients, strict=True):
        if gradient is not None:
            leaf.grad = _writable(gradient if leaf.grad is None else leaf.grad + gradient, shared)


Tensor.backward = backward


def sweep(output_edge, cotangent, targets, create_graph: bool, retain_graph: bool) -> list:
    """Cotangents of the target edges, None where nothing arrives.

    `cotangents` holds what has arrived so far. A node's first output is looked up by the node alone, since most nodes
    have no other, and output k > 0 by the pair (node, k). Each node is visited after all that use its outputs, so by
    then its cotangents are complete: its rule turns them into cotangents of its inputs, which are added to theirs.
    """
    wanted = {node for node, _, _ in targets}
    plan, leading = _plan(output_edge, wanted)
    anomaly, cotangents = modes.anomaly, {}
    summed: set = set()  # the keys of cotangents that are sums made here: no one else has them, so they may be added to
    if output_edge is not None and output_edge[0] in leading:
        cotangents[_key(output_edge)] = cotangent
    for node, asked in reversed(plan):
        prim = node.primitive
        g = cotangents.get(node) if node in wanted else cotangents.pop(node, None)
        if prim.several:
            g = (g, *[cotangents.get((node, k)) for k in range(1, len(node.outputs))])
            if all(one is None for one in g):
                continue
        elif g is None:
            continue
        try:
            if create_graph:
                results = _replay(node, g, asked) if prim.composite else prim.vjp(g, prim.restore(node), asked)
            else:
                results = prim.vjp(g, node.residuals[0] if prim.composite else node.residuals, asked)
        except AnomalyError as error:  # of an op within the rule
            raise AnomalyError(f"in the gradient of op {prim.name}, which was called at {node.line}: {error}",
                               prim.name, node.line, backward=True) from error
        if not retain_graph:
            node.residuals = None
        if anomaly:
            check_backward(node, results)
        if len(results) != len(node.edges):
            raise ValueError(f"the VJP of {prim.name} gave {len(results)} cotangents for {len(node.edges)} inputs")
        g = None  # frees its memory before the next rule asks for some
        for result, edge in zip(results, node.edges):  # noqa: B905  strict=True costs 0.1 µs here
            if result is None or edge is None or edge[0] not in leading:
                continue
            source, index, _ = edge
            shape, dtype = source.outputs[index]
            if result.shape != shape:
                result = sum_to(result, shape, prim.name)
            if result.dtype is not dtype and result.dtype != dtype:
                result = result.astype(dtype)
            key = (source, index) if index else source
            present = cotangents.get(key)
            if present is None:
                cotangents[key] = result
            elif key in summed:
                cotangents[key] += result
            else:
                cotangents[key] = present + result
                if not create_graph:
                    summed.add(key)
        results = result = present = None
    return [cotangents.get(_key(edge)) for edge in targets]


def _key(edge):
    """The key under which `sweep` keeps the cotangent of an edge."""
    return (edge[0], edge[1]) if edge[1] else edge[0]


def _plan(output_edge, wanted):
    """The nodes to visit, by ascending number, and the set of all nodes through which a wanted one is reached.

    With each node to visit comes one boolean for each of its inputs: whether a cotangent for it is needed.
    """
    plan, leading = [], set(wanted)
    for node in _reachable(output_edge, min((node.number for node in wanted), default=0)):
        edges = node.edges
        if len(edges) == 2:  # the usual lengths are written out: this loop takes a third of the engine's time
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
    """The nodes that the output was computed from, by ascending number, without those older than `oldest`."""
    if output_edge is None:
        return []
    met, stack, nodes = {output_edge[0]}, [output_edge[0]], []
    while stack:
        node = stack.pop()
        nodes.append(node)
        for edge in node.edges:
            if edge is not None:
                source, _, version = edge
                if source.version != version:  # an error even where no one asks: a residual may be a parameter's view
                    raise GraphError(f"a parameter of shape {source.outputs[0][0]} was updated after op "
                                     f"{node.primitive.name} had used it: compute the output again after the update")
                if source not in met and source.number >= oldest:
                    met.add(source)
                    stack.append(source)
    nodes.sort(key=operator.attrgetter("number"))  # fast, since the walk meets them nearly in order
    return nodes


def _replay(node, g, asked):
    """Cotangents of a fused op, recorded: its composite is run again and swept in place of the op."""
    prim, arrays = node.primitive, node.residuals[1]
    with recording(True):
        pairs = zip(arrays, node.edges, strict=True)
        inputs = [x if edge is None else identity(as_result(x, edge)) for x, edge in pairs]
        outputs = prim.composite(*inputs, **(node.static or {}))
        pairs = zip(outputs, g, strict=True) if prim.several else ((outputs, g),)
        total = sum((y * v).sum() for y, v in pairs if v is not None)
        targets = [x.edge for x, needed in zip(inputs, asked, strict=True) if needed]
        results = iter(sweep(total.edge, array_module(total.data).ones_like(total.data), targets, True, True))
    return [next(results) if needed else None for needed in asked]


def sum_to(g, shape, name="op"):
    """Sum `g` over the axes along which an input of this shape was broadcast: the transpose of broadcasting."""
    extra = g.ndim - len(shape)
    if extra < 0 or any(n not in (1, m) for n, m in zip(shape, g.shape[extra:], strict=True)):
        raise ValueError(f"the VJP of {name} gave a cotangent of shape {g.shape} for an input of shape {shape}")
    axes = tuple(range(extra)) + tuple(extra + i for i, n in enumerate(shape) if n == 1 != g.shape[extra + i])
    return g.sum(axis=axes).reshape(shape)


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


def _writable(gradient, shared):
    """`gradient` as an array that its receiver may write to: a copy if it is a view or someone else has it too."""
    gradient = np.asarray(gradient) if isinstance(gradient, np.generic) else gradient
    if gradient.base is not None or id(gradient) in shared:
        return gradient.copy()
    shared.add(id(gradient))
    return gradient
