"""What the graph costs and leaves: depth, memory, cycles, threads."""

import gc
import sys
import threading
import time
import tracemalloc
import weakref

import numpy as np
import pytest

from minigen import Tensor, grad, no_grad, ops


@pytest.fixture
def only_counting():
    """No collection by itself: memory goes when the last name goes, or the test sees what is left."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def chain(x, n):
    """n ops one after another."""
    y = x
    for _ in range(n // 2):
        y = y * 1.0
        y = y + 1e-6
    return y


@pytest.mark.slow
def test_a_million_ops():
    """Forward, sweep and deletion without recursion."""
    x = Tensor(np.array(1.0))
    started = time.process_time()
    y = chain(x, 1_000_000)
    assert grad(y, x) == 1.0
    del y
    y = chain(x, 20_000)  # an unswept one goes as quietly
    del y
    assert time.process_time() - started < 60


def test_a_deep_chain_differentiated_twice():
    x = Tensor(np.array(1.0))
    y = x
    for _ in range(5_000):
        y = y * x
        y = y / x
    first = grad(y * y, x, create_graph=True)
    np.testing.assert_allclose(grad(first, x), 2.0, rtol=1e-6)


def test_nothing_waits_for_the_collector(only_counting):
    def work():
        x, w = Tensor(np.ones((4, 4))), Tensor(np.full((4, 4), 0.5))
        h = ops.tanh(x @ w)
        parts = ops.split(h, 2)
        h = ops.concatenate([parts[0], parts[1] * 2])
        h = ops.layer_norm(h, w[0], x[0]) + ops.bernoulli_log_prob(np.ones((4, 4)), h)
        loss = (h * h).mean()
        first = grad(loss, [x, w], create_graph=True)
        second = grad((first[0] * first[1]).sum(), [x, w], create_graph=True)
        grad(second[0].sum(), w, retain_graph=True)
        second[1].sum().backward()
        with no_grad():
            ops.exp(x)
        return weakref.ref(loss.edge[0].primitive) and loss.data

    work()  # imports and caches
    gc.collect()
    before = len(gc.get_objects())
    for _ in range(5):
        work()
    assert gc.collect() == 0
    assert len(gc.get_objects()) <= before + 5


def test_errors_leave_no_cycles_either(only_counting):
    def work():
        x = Tensor(np.ones(3))
        loss = ops.exp(x).sum()
        grad(loss, x)
        try:
            grad(loss, x)
        except RuntimeError:
            pass

    work()
    gc.collect()
    work()
    assert gc.collect() == 0


def test_residuals_go_as_the_sweep_passes():
    """When an early op's rule runs, what later ops had saved is gone already."""
    from minigen.autograd import primitive

    alive = []

    @primitive(residuals=("x",), name="test_watch")
    def watch(x, /):
        return x * 1.0

    @watch.defvjp
    def _(g, residuals, needed):
        alive.append(sum(reference() is not None for reference in references))
        return (g,)

    references = []
    y = watch(Tensor(np.ones(3)))
    for _ in range(5):
        y = ops.tanh(y)
        references.append(weakref.ref(y.data))
    loss = y.sum()
    del y
    grad(loss, leaf := Tensor(np.ones(3)))  # leads nowhere: frees nothing
    assert sum(reference() is not None for reference in references) == 5
    leaf = Tensor(np.ones(3))
    y = watch(leaf)
    references.clear()
    for _ in range(5):
        y = ops.tanh(y)
        references.append(weakref.ref(y.data))
    loss = y.sum()
    del y
    grad(loss, leaf, retain_graph=True)
    grad(loss, leaf)
    assert alive == [5, 0]


def test_memory_of_a_sweep():
    """At most 1.2 times what the forward pass has taken."""
    n = 200_000
    x, w = Tensor(np.full(n, 0.5, np.float32)), Tensor(np.full(n, 0.1, np.float32))

    def forward_pass():
        y = x
        for _ in range(20):
            y = ops.tanh(y * w) + x
        return y.sum()

    grad(forward_pass(), (x, w))  # what is loaded or compiled at first use is not the graph's
    tracemalloc.start()
    try:
        start = tracemalloc.get_traced_memory()[0]
        loss = forward_pass()
        forward = tracemalloc.get_traced_memory()[0] - start
        tracemalloc.reset_peak()
        gradients = grad(loss, (x, w))
        peak = tracemalloc.get_traced_memory()[1] - start
        after = tracemalloc.get_traced_memory()[0] - start
    finally:
        tracemalloc.stop()
    assert peak <= 1.2 * forward, f"peak {peak / forward:.2f} times the forward pass"
    assert after <= sum(g.nbytes for g in gradients) + 2 * x.data.nbytes


def test_constants_keep_nothing():
    """Under no_grad, and where no input is differentiated, inputs go at once."""
    x = Tensor(np.ones(10))
    with no_grad():
        y = ops.exp(x * 2)
        middle = weakref.ref((z := x * 3).data)
        y = ops.exp(z)
        del z
    assert middle() is None and y.edge is None


def test_a_result_keeps_only_what_its_rule_needs():
    x = Tensor(np.ones(10))
    product = x * 2.0
    reference = weakref.ref(product.data)
    total = product + 1.0
    del product
    assert reference() is None and total.edge is not None
    product = x * 2.0
    reference = weakref.ref(product.data)
    total = product.sum()
    del product
    assert reference() is None and grad(total, x).tolist() == [2.0] * 10


def test_modes_belong_to_threads():
    """While one thread records nothing, another does."""
    inside, go, seen = threading.Event(), threading.Event(), {}
    x = Tensor(np.ones(3))

    def silent():
        with no_grad():
            inside.set()
            go.wait(10)
            seen["silent"] = (x * 2).edge
        seen["after"] = (x * 2).edge

    thread = threading.Thread(target=silent)
    thread.start()
    assert inside.wait(10)
    seen["loud"] = (x * 2).edge
    go.set()
    thread.join()
    assert seen["silent"] is None and seen["loud"] is not None and seen["after"] is not None


def test_threads_share_leaves():
    """Graphs of several threads on the same leaves do not disturb each other."""
    w, errors = Tensor(np.linspace(0.1, 1, 50)), []

    def work(k):
        try:
            for _ in range(50):
                y = w
                for _ in range(20):
                    y = ops.tanh(y * k)
                found = grad(y.sum(), w)
                if k == 0 and found.any():
                    errors.append(k)
        except Exception as error:  # noqa: BLE001
            errors.append(error)

    switch = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        threads = [threading.Thread(target=work, args=(k,)) for k in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(switch)
    assert errors == []
