"""What every source promises, whatever it is."""

import functools

import numpy as np
import pytest

from minigen import data, known, random
from minigen.known.audio import Audio, AutoRegression
from minigen.known.bayes_net import BayesNet
from minigen.known.ising import Ising
from minigen.known.linear_factors import LinearFactors

NAMES = known.available()
source = functools.cache(known.create)
LABELLED = [name for name in NAMES if source(name).n_labels]


def test_the_names_are_those_documented():
    assert {
        "audio", "bayes_net", "checkerboard", "eight_gaussians", "ising", "linear_factors", "markov2", "moons",
        "pinwheel", "rings", "sentences", "spirals", "stroke_digits", "twenty_five_gaussians", "warped_gaussian",
    } <= set(NAMES)
    assert NAMES == sorted(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_entropy_is_the_mean_surprise_of_samples(name):
    s, n = source(name), 20_000
    log_p = s.log_prob(s.sample(n, 3))
    assert log_p.shape == (n,) and log_p.dtype == np.float64 and np.isfinite(log_p).all()
    error = log_p.std(ddof=1) / np.sqrt(n)
    assert abs(-log_p.mean() - s.entropy()) <= 4.5 * error + 1e-12


@pytest.mark.parametrize("name", NAMES)
def test_samples_are_as_the_spec_says_and_repeatable(name):
    s = source(name)
    x = s.sample(7, 5)
    assert s.name == name and x.shape == (7, *s.spec.shape)
    assert x.dtype == (np.float64 if s.spec.kind == "continuous" else np.uint8)
    np.testing.assert_array_equal(x, s.sample(7, random.Generator(5)))
    assert not np.array_equal(x, s.sample(7, 6))
    assert s.sample(0, 1).shape == (0, *s.spec.shape) and s.log_prob(s.sample(0, 1)).shape == (0,)
    if s.codec is not None:
        assert s.codec.levels == s.spec.levels
        np.testing.assert_array_equal(s.codec.encode(s.codec.decode(x[0])), x[0, :, 0])


@pytest.mark.parametrize("name", NAMES)
def test_strange_values(name):
    s = source(name)
    x = s.sample(4, 1).astype(np.float64)
    good = s.log_prob(x)
    np.testing.assert_allclose(s.log_prob(x.astype(np.float32)), good, rtol=1e-3, atol=1e-3)
    flat = x.reshape(4, -1)
    flat[1, 0], flat[2, -1] = np.nan, np.inf
    flat[3, 0] = -np.inf if s.spec.kind == "continuous" else 0.5
    got = s.log_prob(x)
    assert got[0] == good[0] and np.isnan(got[1]) and got[2] == got[3] == -np.inf
    if s.spec.kind != "continuous":
        flat[1:, :] = flat[0]
        flat[1, 0], flat[2, 0], flat[3, 0] = -1, 2 if s.spec.kind == "binary" else s.spec.levels, 1e300
        np.testing.assert_array_equal(s.log_prob(x)[1:], [-np.inf] * 3)
    with pytest.raises(ValueError, match="log_prob x: expected shape"):
        s.log_prob(x[0])
    with pytest.raises(ValueError, match="log_prob x: expected shape"):
        s.log_prob(x[:, :-1])
    with pytest.raises(TypeError, match="real numbers"):
        s.log_prob(x.astype(complex))


@pytest.mark.parametrize("name", NAMES)
def test_wrong_draws_are_refused(name):
    for n, error in ((-1, ValueError), (2.0, TypeError), (True, TypeError)):
        with pytest.raises(error, match="n: expected"):
            source(name).sample(n, 0)
    with pytest.raises(TypeError, match="rng"):
        source(name).sample(2, None)


@pytest.mark.parametrize("name", LABELLED)
def test_labels_follow_their_law_given_the_example(name):
    s, n = source(name), 4000
    x, labels = s.sample_labelled(n, 2)
    np.testing.assert_array_equal(x, s.sample(n, 2))
    assert labels.dtype == np.int64 and labels.min() >= 0 and labels.max() < s.n_labels
    log_p = s.label_log_prob(x)
    p = np.exp(log_p)
    np.testing.assert_allclose(p.sum(axis=1), 1, rtol=1e-12)
    # Given x a label is k with probability p_k: so the counts have these means and variances.
    counts, spread = np.bincount(labels, minlength=s.n_labels), np.sqrt((p * (1 - p)).sum(axis=0))
    assert (np.abs(counts - p.sum(axis=0)) <= 4.5 * spread + 1e-6).all()
    surprise = -log_p[np.arange(n), labels]
    expected = -(p * np.where(p > 0, log_p, 0)).sum(axis=1)
    assert abs((surprise - expected).mean()) <= 4.5 * (surprise - expected).std() / np.sqrt(n) + 1e-9


@pytest.mark.parametrize("name", sorted(set(NAMES) - set(LABELLED)))
def test_sources_without_labels_say_so(name):
    for call in (lambda s: s.sample_labelled(2, 0), lambda s: s.label_log_prob(s.sample(2, 0))):
        with pytest.raises(ValueError, match=f"'{name}' has no labels"):
            call(source(name))


@pytest.mark.parametrize("name", NAMES)
def test_load(name):
    d, s = known.load(name, seed=1, n_train=30, n_validation=20, n_test=10), source(name)
    assert isinstance(d, data.Dataset) and d.name == f"known:{name}" and d.spec == s.spec
    assert [len(d.train), len(d.validation), len(d.test)] == [30, 20, 10]
    assert d.train.dtype == (np.float32 if s.spec.kind == "continuous" else np.uint8)
    assert np.isfinite(s.log_prob(d.test)).all()
    assert (d.labels is None) == (s.n_labels is None) and (d.codec is None) == (s.codec is None)
    if d.labels:
        assert {split: len(y) for split, y in d.labels.items()} == {"train": 30, "validation": 20, "test": 10}
    assert not np.array_equal(d.train[:10], d.test) and not np.array_equal(d.validation[:10], d.test)
    other = known.load(name, seed=1, n_train=3, n_validation=5, n_test=10)
    np.testing.assert_array_equal(other.test, d.test)
    assert not np.array_equal(known.load(name, 2, 30, 1, 1).train, d.train)


def test_default_sizes():
    d = known.load("bayes_net")
    assert [len(d.train), len(d.validation), len(d.test)] == [10_000, 1_000, 10_000]


def test_wrong_sizes_are_refused():
    for wrong in ({"n_train": 0}, {"n_test": -3}, {"n_validation": 0}, {"seed": -1}):
        with pytest.raises(ValueError, match=next(iter(wrong))):
            known.load("moons", **wrong)


def test_unknown_names_are_refused():
    for call in (known.create, known.load, known.source_class):
        with pytest.raises(ValueError, match="did you mean 'spirals'"):
            call("spiral")
        with pytest.raises(ValueError, match="bayes_net.*eight_gaussians"):
            call("zzzzzzzzz")


def test_parameters_go_to_the_class():
    assert known.create("moons", noise=0.3).noise == 0.3
    assert known.create("ising_free", beta=0.1).periodic is False
    with pytest.raises(TypeError, match="nose"):
        known.create("moons", nose=0.3)


@pytest.mark.parametrize(("name", "parameters", "words"), [
    ("moons", {"noise": 0.0}, "noise"), ("moons", {"noise": "much"}, "noise"), ("moons", {"noise": np.nan}, "noise"),
    ("spirals", {"halves": 0}, "halves"), ("spirals", {"spacing": -1.0}, "spacing"),
    ("rings", {"radii": (1.0, -1.0)}, "radii"), ("rings", {"radii": ()}, "radii"), ("rings", {"noise": True}, "noise"),
    ("eight_gaussians", {"radius": 0}, "radius"), ("eight_gaussians", {"scale": np.inf}, "scale"),
    ("twenty_five_gaussians", {"spacing": -2}, "spacing"), ("checkerboard", {"cells": 0}, "cells"),
    ("checkerboard", {"side": 0.0}, "side"), ("pinwheel", {"arms": 0}, "arms"), ("pinwheel", {"radial": 0}, "radial"),
    ("pinwheel", {"twist": np.inf}, "twist"), ("warped_gaussian", {"scale": -1}, "scale"),
    ("funnel", {"scale": 0}, "scale"),
    ("ising", {"rows": 9}, "rows"), ("ising", {"columns": 2}, "columns"), ("ising", {"beta": 11}, "beta"),
    ("ising", {"field": np.nan}, "field"), ("ising", {"periodic": 1}, "periodic"),
    ("ising_free", {"rows": 0}, "rows"),
    ("markov2", {"order": 0}, "order"), ("markov2", {"order": 5}, "order"),
    ("markov2", {"smoothing": 0.0}, "smoothing"),
    ("markov2", {"length": 0}, "length"), ("sentences", {"length": 0}, "length"),
    ("sentences", {"start": "X"}, "start"),
    ("stroke_digits", {"size": 4}, "size"), ("stroke_digits", {"thicknesses": (0.0,)}, "thicknesses"),
    ("stroke_digits", {"blur": 0.0}, "blur"), ("stroke_digits", {"slants": "x"}, "slants"),
    ("audio", {"length": 0}, "length"), ("audio", {"sample_rate": 1000.0}, "resonances"),
    ("audio", {"resonances": ((100.0, 0.0),)}, "resonances"), ("audio", {"resonances": ((100.0,),)}, "resonances"),
    ("linear_factors", {"weight": np.ones((3, 1))}, "weight"),
    ("linear_factors", {"weight": np.ones((3, 1)), "mean": np.ones(3), "noise": np.zeros(3)}, "noise"),
    ("linear_factors", {"weight": np.ones((3, 1)), "mean": np.ones(2), "noise": np.ones(3)}, "mean"),
    ("bayes_net", {"variables": ()}, "variables"),
    ("bayes_net", {"variables": (("a", ("b",), [0.1, 0.2]), ("b", (), [0.5]))}, "a"),
    ("bayes_net", {"variables": (("a", (), [0.1, 0.2]),)}, "a"), ("bayes_net", {"variables": (("a", (), [1.1]),)}, "a"),
])
def test_wrong_parameters_are_refused(name, parameters, words):
    with pytest.raises((TypeError, ValueError), match=words):
        known.create(name, **parameters)


def test_classes_take_parameters():
    assert BayesNet((("a", (), [0.5]), ("b", ("a",), [0.1, 1.0]))).spec.shape == (2,)
    assert Ising(2, 3, periodic=False).spec.shape == (2, 3, 1)
    assert Audio(length=5).spec.shape == AutoRegression([0.5], length=5).spec.shape == (5, 1)
    assert LinearFactors(np.ones((2, 1)), [0, 1], [1, 1]).spec.shape == (2,)


def test_importing_is_light(fresh_python):
    code = (
        "import sys, minigen.known as k; k.available(); "
        "print('loaded', *[m for m in sys.modules if m in ('scipy', 'matplotlib', 'numba') or m.startswith("
        "'minigen.known.') and m.split('.')[2] not in ('registry', 'source', 'common')])"
    )
    assert fresh_python(code).split() == ["loaded"]


def test_every_source_says_in_one_sentence_what_it_is():
    words = {name: known.describe(name) for name in known.available()}
    assert len(set(words.values())) == len(words)  # the Markov chains of three orders too
    for name, sentence in words.items():
        assert sentence[0].isupper() and not sentence.endswith(".") and 25 <= len(sentence) <= 130, name
        assert not set("`_=₁") & set(sentence), f"{name}: a name or a formula that the reader has not seen: {sentence}"
    with pytest.raises(ValueError, match="unknown source 'moon'.*moons"):
        known.describe("moon")
