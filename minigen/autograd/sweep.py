"""The reverse sweep: cotangents flow from outputs to inputs, one node after another.

Nodes are visited by descending creation number, which is a topological order, so no recursion is needed and a
graph may have millions of nodes. Each cotangent is computed once, and only where it leads to an input that was
asked for.
"""

from __future__ import annotations

import contextlib

import numpy as np

from ..arrays import array_module
from .anomaly import check_backward
from .primitive import primitive
from .tensor import Leaf, Tensor, as_result, modes, raw


class GraphError(RuntimeError):
    """A graph that cannot be swept: freed by an earlier sweep, or its parameters have changed since."""


@contextlib.contextmanager
def recording(on: bool):
    """Record ops, or do not, within this context and thread."""
    before = modes.recording, modes.anomaly
    modes.set(on, modes.anomaly)
    try:
        yield
    finally:
        modes.set(*before)


def no_grad():
    """A context (also a decorator) in which this thread records nothing: results are constants."""
    return recording(False)


def grad(output: Tensor, inputs, cotangent=None, create_graph: bool = False, retain_graph: bool | None = None):
    """Gradient of `output` with respect to `inputs`.

    `inputs` is a Tensor, or a list, tuple or dict of Tensors; the result has the same structure, with zeros for an
    input that `output` does not depend on. Each gradient is an array with its input's shape and dtype, or with
    `create_graph=True` a Tensor that can be differentiated further. `cotangent`, of `output`'s shape, is the
    vector of the vector-Jacobian product; it may be left out when `output` has one element. The graph's residuals
    are freed unless `retain_graph` (by default: `create_graph`).

    Raises TypeError or ValueError for arguments of the wrong kind, GraphError for a graph that was freed or whose
    parameters were updated since.
    """
    flat, rebuild = flatten(inputs)
    for x in flat:
        if not isinstance(x, Tensor) or x.edge is None:
            what = "a Tensor that is a constant" if isinstance(x, Tensor) else type(x).__name__
            raise TypeError(f"grad inputs: expected Tensors that take part in differentiation, got {what}")
    g = _seed(output, cotangent, create_graph)
    if output.edge is None:
        gradients = [None] * len(flat)
    else:
        retain = create_graph if retain_graph is None else retain_graph
        gradients = sweep(output.edge, g, [x.edge for x in flat], create_graph, retain)
    results, given = [], {id(raw(g))}
    for x, gradient in zip(flat, gradients, strict=True):
        array = array_module(x.data).zeros_like(x.data) if gradient is None else _own(raw(gradient), given)
        results.append(as_result(array, getattr(gradient, "edge", None)) if create_graph else array)
    return rebuild(results)


def accumulate_leaves(output: Tensor, cotangent, retain_graph: bool) -> None:
    """What `Tensor.backward` does: sweep to every leaf and add to its `grad`."""
    g = _seed(output, cotangent, False)
    if output.edge is None:
        raise TypeError("backward: this Tensor is a constant, it depends on no leaf")
    leaves = [node for node in _reachable(output.edge[0], 0) if isinstance(node, Leaf)]
    gradients = sweep(output.edge, g, [(leaf, 0, leaf.version) for leaf in leaves], False, retain_graph)
    given = {id(raw(g))}
    for leaf, gradient in zip(leaves, gradients, strict=True):
        leaf.grad = _own(gradient, given) if leaf.grad is None else leaf.grad + gradient


def sweep(output_edge, cotangent, targets, create_graph: bool, retain_graph: bool) -> list:
    """Cotangents of the target edges, None where nothing arrives."""
    wanted = {node for node, _, _ in targets}
    order = _reachable(output_edge[0], min(node.number for node in wanted)) if wanted else []
    order.sort(key=_number)
    needed = set(wanted)
    for node in order:  # ascending: inputs come before what was made of them
        for edge in node.edges:
            if edge is not None and edge[0] in needed:
                needed.add(node)
                break
    found: dict = {}
    cotangents: dict = {}
    owned: set = set()  # nodes whose cotangent is a sum made here, which may be added to in place
    if output_edge[0] in needed:
        _add(cotangents, owned, output_edge, cotangent, create_graph)
    while order:
        node = order.pop()
        g = cotangents.pop(node, None)
        if node in wanted:
            found[node] = g
        if g is None or node not in needed or node.primitive is None:
            continue
        prim, edges = node.primitive, node.edges
        asked = tuple([edge is not None and edge[0] in needed for edge in edges])
        if not any(asked):  # a target that leads to no other
            continue
        if node.residuals is None:
            raise GraphError(f"this graph was freed: an earlier sweep has passed its op {prim.name}. "
                             "Give retain_graph=True to that sweep, or compute the output again")
        for edge in edges:
            if edge is not None and edge[0].version != edge[2]:
                raise GraphError(f"a parameter of shape {edge[0].outputs[0][0]} was updated after op {prim.name} had "
                                 "used it: compute the output again after the update, then differentiate")
        if prim.several:
            g = tuple(g)
        if not create_graph:
            parts = prim.vjp(g, node.residuals, asked)
        elif prim.composite is None:
            parts = prim.vjp(g, prim.restore(node), asked)
        else:
            parts = _replay(node, g, asked)
        if not retain_graph:
            node.residuals = None
        if modes.anomaly:
            check_backward(node, parts)
        if len(parts) != len(edges):
            raise ValueError(f"the VJP of {prim.name} gave {len(parts)} cotangents for {len(edges)} inputs")
        del g
        for i in range(len(edges)):
            if asked[i] and parts[i] is not None:
                edge = edges[i]
                shape, dtype = edge[0].outputs[edge[1]]
                part = parts[i]
                if part.shape != shape:
                    part = sum_to(part, shape, prim.name)
                if part.dtype != dtype:
                    part = part.astype(dtype)
                _add(cotangents, owned, edge, part, create_graph)
                del part
        del parts
    return [_pick(found.get(node), node, index) for node, index, _ in targets]


@primitive()
def identity(x, /):
    """The same values on a node of their own: a derivative with respect to it passes by no other route."""
    return x


@identity.defvjp
def _(g, residuals, needed):
    return (g,)


def _number(node):
    return node.number


def _reachable(root, oldest):
    """The nodes that `root` leads to, those left out that are older than `oldest` and so cannot lead there."""
    seen, stack, found = {root}, [root], []
    while stack:
        node = stack.pop()
        found.append(node)
        for edge in node.edges:
            if edge is not None and edge[0] not in seen and edge[0].number >= oldest:
                seen.add(edge[0])
                stack.append(edge[0])
    return found


def _add(cotangents, owned, edge, part, create_graph):
    """Add `part` to the cotangent of `edge`, in place only into sums made here: any other array may be shared."""
    node, index, _ = edge
    if len(node.outputs) > 1:
        slots = cotangents.setdefault(node, [None] * len(node.outputs))
        slots[index] = part if slots[index] is None else slots[index] + part
        return
    present = cotangents.get(node)
    if present is None:
        cotangents[node] = part
    elif node in owned and not create_graph:
        present += part
        cotangents[node] = present
    else:
        cotangents[node] = present + part
        owned.add(node)


def _pick(cotangent, node, index):
    return cotangent[index] if cotangent is not None and len(node.outputs) > 1 else cotangent


def _replay(node, g, asked):
    """Cotangents of a fused op by way of its composite, recorded."""
    prim = node.primitive
    arrays = node.residuals[len(prim.residuals):]
    with recording(True):
        inputs = [x if edge is None else identity(as_result(x, edge))
                  for x, edge in zip(arrays, node.edges, strict=True)]
        output = prim.composite(*inputs, **node.static)
        targets = [x.edge for x, wanted in zip(inputs, asked, strict=True) if wanted]
        parts = iter(sweep(output.edge, g, targets, True, True))
    return [next(parts) if wanted else None for wanted in asked]


def sum_to(g, shape, name="op"):
    """Sum `g` over the axes along which `shape` was broadcast to its shape: the transpose of broadcasting."""
    extra = g.ndim - len(shape)
    matches = extra >= 0 and all(n in (1, m) for n, m in zip(shape, g.shape[max(extra, 0):], strict=True))
    if not matches:
        raise ValueError(f"the VJP of {name} gave a cotangent of shape {g.shape} for an input of shape {shape}")
    axes = tuple(range(extra)) + tuple(extra + i for i, n in enumerate(shape) if n == 1 != g.shape[extra + i])
    return g.sum(axis=axes).reshape(shape)


def flatten(structure):
    """A list of the leaves of a Tensor, list, tuple or dict, and the function that rebuilds the structure."""
    if isinstance(structure, dict):
        return list(structure.values()), lambda values: dict(zip(structure, values, strict=True))
    if isinstance(structure, list | tuple):
        return list(structure), type(structure)
    return [structure], lambda values: values[0]


def _seed(output, cotangent, create_graph):
    """The cotangent that the sweep starts from."""
    if not isinstance(output, Tensor):
        raise TypeError(f"grad output: expected a Tensor, got {type(output).__name__}")
    if cotangent is None:
        if output.size != 1:
            raise ValueError(f"grad output: an output of shape {output.shape} needs a cotangent of that shape; "
                             "only a single element has 1 for it")
        return array_module(output.data).ones_like(output.data)
    array = raw(cotangent)
    if not hasattr(array, "dtype"):
        array = np.asarray(array)
    if array.shape != output.shape:
        raise ValueError(f"grad cotangent: expected shape {output.shape}, got {array.shape}")
    if create_graph and isinstance(cotangent, Tensor):
        return cotangent
    return array.astype(output.dtype, copy=False)


def _own(gradient, given):
    """`gradient` as an array that its receiver may write to: a copy if it is a view or was given to another."""
    if isinstance(gradient, np.generic):
        return np.asarray(gradient)
    if gradient.base is not None or id(gradient) in given:
        return gradient.copy()
    given.add(id(gradient))
    return gradient
