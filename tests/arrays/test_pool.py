"""The pool of threads: every part of a loop once, errors raised, nested, from several threads, in a forked child."""

import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minigen.arrays import pool


@pytest.fixture
def three_threads():
    before = pool.thread_count()
    pool.set_thread_count(3)
    yield
    pool.set_thread_count(before)


def count(start, stop, counts):
    """A loop."""
    counts[start:stop] += 1


@given(st.integers(0, 50), st.integers(1, 20), st.integers(1, 5))
def test_every_index_once_and_no_piece_below_the_grain(n, grain, threads):
    before, pieces = pool.thread_count(), []
    pool.set_thread_count(threads)
    try:
        counts = np.zeros(n, int)
        pool.run(count, n, grain, counts)
        pool.run(lambda start, stop: pieces.append((start, stop)), n, grain)
    finally:
        pool.set_thread_count(before)
    assert (counts == 1).all()
    assert 1 <= len(pieces) <= threads
    assert len(pieces) == 1 or all(stop - start >= grain for start, stop in pieces)


def test_pieces_run_in_several_threads(three_threads):
    together = threading.Barrier(3, timeout=30)  # passes only when three threads are in it at once
    pool.run(lambda start, stop: together.wait(), 3, 1)


def test_the_caller_does_what_no_thread_has_begun(three_threads):
    """Threads that are all busy, here with loops that wait for loops of their own, keep nobody waiting."""
    def outer(start, stop, counts):
        for i in range(start, stop):
            pool.run(count, 100, 1, counts[i])

    counts = np.zeros((30, 100), int)
    pool.run(outer, 30, 1, counts)
    assert (counts == 1).all()


@pytest.mark.parametrize("place", [0, 1, 2])
def test_an_exception_is_raised_when_all_pieces_are_done(place, three_threads):
    done = []

    def loop(start, stop):
        if start == place:
            raise KeyError(place)
        time.sleep(0.01)
        done.append(start)

    with pytest.raises(KeyError, match=str(place)):
        pool.run(loop, 3, 1)
    assert sorted(done) == [i for i in range(3) if i != place]
    counts = np.zeros(9, int)
    pool.run(count, 9, 1, counts)  # the pool goes on
    assert (counts == 1).all()


def test_several_threads_at_once(three_threads):
    counts = np.zeros((200, 60), int)
    with ThreadPoolExecutor(8) as callers:
        list(callers.map(lambda i: pool.run(count, 60, 1, counts[i]), range(200)))
    assert (counts == 1).all()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the system has no fork")
def test_in_a_forked_child(three_threads):
    counts = np.zeros(90, int)
    pool.run(count, 90, 1, counts)
    child = os.fork()
    if child == 0:
        pool.run(count, 90, 1, counts)
        os._exit(0 if (counts == 2).all() else 1)
    assert os.waitpid(child, 0)[1] == 0
