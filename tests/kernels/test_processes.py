"""Compiled kernels in awkward processes: several threads, forks, no cache folder, edited sources, few threads."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import minigen

PACKAGE = Path(minigen.__file__).parent
LINUX = pytest.mark.skipif(not Path("/proc/self/maps").exists(), reason="needs Linux's /proc")
FORK = pytest.mark.skipif(not hasattr(os, "fork"), reason="the system has no fork")

TRAIN = """
import sys, numpy as np, minigen
from minigen import models, training
def train(seed, steps=3):
    model = models.create("vae", minigen.DataSpec((100,), "binary"), rng=seed, hidden=(200,), latent_dim=20)
    step, rng = training.make_step(model), minigen.Generator(seed)
    x = (np.random.default_rng(0).random((256, 100)) < 0.5).astype(np.float32)
    for _ in range(steps):
        step(x, rng)
    return np.concatenate([a.reshape(-1) for a in model.state_dict().values()])
"""


def run(code, home=PACKAGE.parent, **environment):
    """What a new Python prints; it must end well, within two minutes, and without a word on stderr."""
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, timeout=120,
                          cwd=home, env={**os.environ, "PYTHONPATH": str(home), **environment})
    assert done.returncode == 0 and done.stderr == "", done.stderr
    return done.stdout


def test_two_threads_train_at_once():
    """Also when both compile everything at the same time: the results are those of one after the other."""
    run(TRAIN + """
import threading
results = {}
workers = [threading.Thread(target=lambda s=s: results.update({s: train(s)})) for s in (1, 2)]
for worker in workers: worker.start()
for worker in workers: worker.join()
for s in (1, 2):
    np.testing.assert_array_equal(results[s], train(s))
""")


@FORK
@pytest.mark.slow
def test_a_forked_child_trains():
    """After the parent has, and while another of its threads compiles."""
    run(TRAIN + """
import os, threading, warnings
warnings.simplefilter("ignore")  # Python warns of forks beside threads, which is what this is about
from minigen.kernels.machinery.compiling import loop
expected = train(1)
other = loop(lambda x: np.sqrt(x) + np.sin(x))
worker = threading.Thread(target=lambda: [loop(lambda x, i=i: x + i)(1.0) for i in range(20)])
worker.start()
children = []
for _ in range(3):
    child = os.fork()
    if child == 0:
        right = np.array_equal(train(1), expected) and other(0.0) == 0
        os._exit(0 if right else 1)
    children.append(child)
assert all(os.waitpid(child, 0)[1] == 0 for child in children)
worker.join()
""", MINIGEN_CACHE="/dev/null/nowhere")


@pytest.mark.slow
def test_without_a_folder_to_write_to():
    """Kernels are compiled all the same, and nothing is said about it."""
    run(TRAIN + "train(1)\nfrom minigen.kernels.machinery import compiling\nassert compiling.cache_folder() is None",
        MINIGEN_CACHE="/dev/null/nowhere")


@pytest.mark.slow
def test_an_edited_helper_is_compiled_anew(tmp_path):
    """The cache folder is the same, but what was compiled from other sources is not used."""
    shutil.copytree(PACKAGE, tmp_path / "minigen", ignore=shutil.ignore_patterns("__pycache__"))
    helper = tmp_path / "minigen" / "kernels" / "helper.py"
    caller = tmp_path / "minigen" / "kernels" / "caller.py"
    caller.write_text("from .compiling import loop\nfrom .helper import value\n\n\n@loop\ndef call():\n"
                      "    return value()\n")
    code = "from minigen.kernels.caller import call\nprint(call())"
    for number in (1, 2):
        helper.write_text(f"from .compiling import loop\n\n\n@loop\ndef value():\n    return {number}\n")
        for _ in range(2):  # the second time from the cache
            assert run(code, tmp_path, MINIGEN_CACHE=str(tmp_path / "cache")).strip() == str(number)
    assert len(list((tmp_path / "cache").iterdir())) == 2


@LINUX
def test_no_more_threads_than_were_asked_for():
    """Beside the main one n - 1 of NumPy's BLAS, of SciPy's (which sleeps) and of the loops; no OpenMP: that spins."""
    out = run("""
from minigen.arrays import set_threads
set_threads(1)
""" + TRAIN + """
import threading
from pathlib import Path
train(1)
before = len(list(Path("/proc/self/task").iterdir()))
assert threading.active_count() == 1, threading.enumerate()
set_threads(2)
train(1)
from minigen import ops
ops.tanh(np.zeros(10**6, np.float32))
assert threading.active_count() <= 2, threading.enumerate()
tasks = len(list(Path("/proc/self/task").iterdir()))
maps = Path("/proc/self/maps").read_text()
print(before, tasks, "libgomp" in maps, "libomp" in maps, "tbb" in maps)
""", OPENBLAS_NUM_THREADS="1", OMP_NUM_THREADS="1")
    before, tasks, *layers = out.split()
    assert int(before) == 1 and int(tasks) <= 4
    assert layers == ["False", "False", "False"]


@pytest.mark.parametrize("setting", ["reference", ""])
def test_small_arrays_and_references_need_no_numba(setting):
    run("import sys, numpy as np, minigen\nfrom minigen import ops\n"
        "n = 10**6 if sys.argv[1:] or __import__('os').environ['MINIGEN_KERNELS'] else 100\n"
        "ops.sigmoid(np.zeros(n)), minigen.Generator(0).standard_normal(n), ops.softmax(np.zeros((n // 10, 10)))\n"
        "assert 'numba' not in sys.modules", MINIGEN_KERNELS=setting)
