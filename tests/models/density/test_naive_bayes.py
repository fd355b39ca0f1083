"""Naive Bayes against scikit-learn and Bayes' rule by enumeration; with missing labels what EM must keep and find."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from scipy.integrate import quad

from minigen import DataSpec, data
from minigen.models.density.naive_bayes import NaiveBayes
from models.density.naive_bayes_toys import BITS, MIXED, bit_rows, by_hand, holes, mixed_rows, nb


@pytest.mark.parametrize("alpha", [1.0, 0.3])
def test_equals_scikit_learn(alpha):
    peers = pytest.importorskip("sklearn.naive_bayes")
    x, y = bit_rows(200, k=3)
    other = bit_rows(50, seed=5)[0]
    ours, peer = nb(BITS, n_classes=3, smoothing=alpha).fit(x, labels=y), peers.BernoulliNB(alpha=alpha).fit(x, y)
    np.testing.assert_allclose(ours.joint_log_prob(other), peer.predict_joint_log_proba(other), rtol=1e-12)
    np.testing.assert_allclose(ours.predict_log_proba(other), peer.predict_log_proba(other), rtol=1e-10, atol=1e-12)
    np.testing.assert_array_equal(ours.predict(other), peer.predict(other))

    rng, levels = np.random.default_rng(2), (4, 2, 5)
    x, other = ([rng.integers(0, n, m) for n in levels] for m in (100, 40))
    x, other, y = np.stack(x, axis=1), np.stack(other, axis=1), rng.integers(0, 2, 100)
    ours = nb(DataSpec((3,), ("discrete",) * 3, levels), smoothing=alpha).fit(x.astype(float), labels=y)
    peer = peers.CategoricalNB(alpha=alpha, min_categories=levels).fit(x, y)
    np.testing.assert_allclose(ours.joint_log_prob(other), peer.predict_joint_log_proba(other), rtol=1e-12)

    x, other = rng.normal(3, 2, (100, 3)) + y[:, None], rng.normal(3, 2, (40, 3))
    ours, peer = nb(DataSpec((3,), "continuous")).fit(x, labels=y), peers.GaussianNB(var_smoothing=0).fit(x, y)
    np.testing.assert_allclose(ours.joint_log_prob(other), peer.predict_joint_log_proba(other), rtol=1e-10)
    np.testing.assert_allclose(ours.normal.variance.data, peer.var_, rtol=1e-12)


def test_tables_of_all_kinds_by_bayes_rule():
    x, y = mixed_rows(300)
    model = nb(MIXED, n_classes=3).fit(x, labels=y)
    for k in range(3):
        rows = x[y == k]
        assert math.exp(model.class_log_prior.data[k]) == pytest.approx(len(rows) / 300)
        counts = [(rows[:, 0] == v).sum() + 1 for v in (0, 1)] + [(rows[:, 2] == v).sum() + 1 for v in (0, 1, 2)]
        table = np.array(counts) / ([len(rows) + 2] * 2 + [len(rows) + 3] * 3)
        np.testing.assert_allclose(np.exp(model.categorical.log_probability.data[k]), table, rtol=1e-12)
        np.testing.assert_allclose(model.normal.loc.data[k], rows[:, [1, 3]].mean(axis=0), rtol=1e-12)
        np.testing.assert_allclose(model.normal.variance.data[k], rows[:, [1, 3]].var(axis=0), rtol=1e-12)
    joint = np.array([by_hand(model, row) for row in x])
    np.testing.assert_allclose(model.joint_log_prob(x), joint, rtol=1e-12)
    p = np.exp(joint)
    np.testing.assert_allclose(model.log_prob(x), np.log(p.sum(axis=1)), rtol=1e-12)
    np.testing.assert_allclose(model.predict_proba(x), p / p.sum(axis=1, keepdims=True), rtol=1e-10)
    np.testing.assert_array_equal(model.predict(x), p.argmax(axis=1))
    given = (joint - model.class_log_prior.data)[np.arange(300), y]
    np.testing.assert_allclose(model.log_prob(x, condition=y), given, rtol=1e-10)
    assert (model.predict(x) == y).mean() > 0.7
    assert model.history == [{"iteration": 0, "log_likelihood": pytest.approx(joint[np.arange(300), y].mean()),
                              "converged": True}]
    assert model.parameter_count == 2 + 3 * (1 + 2 + 4)


def test_missing_values_by_enumeration_and_quadrature():
    x, y = mixed_rows(100)
    model = nb(MIXED, n_classes=3).fit(x, labels=y)
    row = x[:1]

    def score(observed):
        return model.joint_log_prob(row, np.array([observed]))[0]

    for seen in itertools.product([True, False], repeat=4):
        np.testing.assert_allclose(score(list(seen)), by_hand(model, row[0], seen), rtol=1e-12)
    # by enumeration of the binary and the discrete column
    total = sum(np.exp(model.joint_log_prob(np.array([[a, row[0, 1], b, row[0, 3]]]))[0])
                for a in (0, 1) for b in (0, 1, 2))
    np.testing.assert_allclose(np.exp(score([False, True, False, True])), total, rtol=1e-12)
    # by quadrature over a continuous one
    total = quad(lambda t: math.exp(model.log_prob(np.array([[row[0, 0], t, row[0, 2], row[0, 3]]]))[0]), -30, 30,
                 points=(-2, 0, 3), limit=200)[0]
    assert math.exp(model.log_prob(row, observed=np.array([[True, False, True, True]]))[0]) == pytest.approx(total)
    nothing = np.zeros((1, 4), bool)
    assert model.log_prob(row, observed=nothing) == pytest.approx(0)
    np.testing.assert_allclose(model.predict_log_proba(row, nothing)[0], model.class_log_prior.data, rtol=1e-12)


def test_fit_to_missing_values_counts_what_is_observed():
    x, y = mixed_rows(200)
    values, observed = holes(x)
    model = nb(MIXED, n_classes=3).fit(np.where(observed, x, np.nan), labels=y, observed=observed)
    for k in range(3):
        first = values[(y == k) & observed[:, 0], 0]
        expected = (first.sum() + 1) / (len(first) + 2)
        assert np.exp(model.categorical.log_probability.data[k, 1]) == pytest.approx(expected)
        numbers = values[(y == k) & observed[:, 3], 3]
        assert model.normal.loc.data[k, 1] == pytest.approx(numbers.mean(), rel=1e-10)
        assert model.normal.variance.data[k, 1] == pytest.approx(numbers.var(), rel=1e-10)
    assert len(model.history) == 1


def test_samples():
    spec = DataSpec((3,), ("binary", "discrete", "binary"), (None, 3, None))
    rng = np.random.default_rng(0)
    y = rng.integers(0, 2, 60)
    x = np.stack([rng.integers(0, 2, 60) * y, rng.integers(0, 3, 60), 1 - y], axis=1).astype(np.float64)
    model = nb(spec).fit(x, labels=y)
    states = np.array(list(itertools.product((0, 1), (0, 1, 2), (0, 1))))
    p = np.exp(model.log_prob(states))
    assert p.sum() == pytest.approx(1)
    drawn = model.sample(20_000, 4)
    assert drawn.dtype == np.uint8 and drawn.shape == (20_000, 3)
    counts = np.bincount(drawn @ np.array([6, 2, 1]), minlength=12)
    assert stats.chisquare(counts, 20_000 * p).pvalue > 1e-4
    drawn, classes = model.sample_joint(20_000, 5)
    p = np.exp(model.joint_log_prob(states)).T.ravel()
    counts = np.bincount(12 * classes + drawn @ np.array([6, 2, 1]), minlength=24)
    assert stats.chisquare(counts, 20_000 * p).pvalue > 1e-4
    counts = np.bincount(model.sample(20_000, 6, condition=1) @ np.array([6, 2, 1]), minlength=12)
    assert stats.chisquare(counts, 20_000 * np.exp(model.log_prob(states, condition=1))).pvalue > 1e-4
    chosen = model.sample(4, 6, condition=np.array([0, 1, 0, 1]))
    assert chosen.shape == (4, 3)


def test_samples_of_numbers():
    x, y = mixed_rows(200)
    model = nb(MIXED, n_classes=3).fit(x, labels=y)
    drawn = model.sample(10_000, 1)
    assert drawn.dtype == np.float64 and set(np.unique(drawn[:, 2])) == {0, 1, 2}
    weights, scale = np.exp(model.class_log_prior.data), np.sqrt(model.normal.variance.data)
    for column, place in ((1, 0), (3, 1)):
        cdf = lambda t, place=place: stats.norm.cdf(  # noqa: E731
            t[:, None], model.normal.loc.data[:, place], scale[:, place]) @ weights
        assert stats.kstest(drawn[:, column], cdf).pvalue > 1e-4


def test_imputation():
    x, y = mixed_rows(200)
    model = nb(MIXED, n_classes=3).fit(x, labels=y)
    seen = np.array([True, False, False, True])
    observed = np.tile(seen, (20_000, 1))
    row = np.where(seen, x[3], np.nan)
    p = np.exp(by_hand(model, x[3], seen))
    p /= p.sum()
    filled = model.impute(row[None], seen[None])[0]
    assert filled[0] == x[3, 0] and filled[3] == x[3, 3] and filled[1] == pytest.approx(p @ model.normal.loc.data[:, 0])
    table = p @ np.exp(model.categorical.log_probability.data[:, 2:])
    assert filled[2] == table.argmax()
    drawn = model.impute(np.tile(row, (20_000, 1)), observed, 0)
    assert (drawn[:, [0, 3]] == x[3, [0, 3]]).all()
    assert stats.chisquare(np.bincount(drawn[:, 2].astype(int), minlength=3), 20_000 * table).pvalue > 1e-4
    cdf = lambda t: stats.norm.cdf(  # noqa: E731
        t[:, None], model.normal.loc.data[:, 0], np.sqrt(model.normal.variance.data[:, 0])) @ p
    assert stats.kstest(drawn[:, 1], cdf).pvalue > 1e-4
    # class and category are drawn together: given the category the number has another distribution
    joint = p[:, None] * np.exp(model.categorical.log_probability.data[:, 2:])
    means = (joint * model.normal.loc.data[:, :1]).sum(axis=0) / joint.sum(axis=0)
    for v in range(3):
        own = drawn[drawn[:, 2] == v, 1]
        assert abs(own.mean() - means[v]) < 4.5 * own.std() / math.sqrt(len(own))
    np.testing.assert_array_equal(model.sample(5, 0, given=(row, seen))[:, 0], x[3, 0])
    bits, y = bit_rows(50)
    model = nb(BITS).fit(bits, labels=y)
    assert model.impute(bits, np.ones(bits.shape, bool)).dtype == np.uint8
    assert model.impute(bits, holes(bits)[1], 1).dtype == np.uint8


def test_classes_without_examples_and_constant_columns():
    x, y = mixed_rows(100)
    x[:, 3] = 2.5
    model = nb(MIXED, n_classes=5).fit(x, labels=y)
    assert model.class_log_prior.data[4] == -np.inf and (model.predict(x) < 3).all()
    np.testing.assert_array_equal(model.normal.variance.data[:, 1], 1e-6)
    np.testing.assert_allclose(model.normal.loc.data[4], x[:, [1, 3]].mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(model.normal.variance.data[4, 0], x[:, 1].var(), rtol=1e-12)
    assert np.isfinite(model.log_prob(x)).all() and np.isfinite(model.sample(100, 0)).all()
    unsmoothed = nb(MIXED, n_classes=5, smoothing=0.0).fit(x, labels=y)
    assert np.exp(unsmoothed.categorical.log_probability.data[4, 1]) == pytest.approx(x[:, 0].mean())
    assert np.isfinite(model.log_prob(x, condition=4)).all()
    smoothed = nb(MIXED, n_classes=5, class_smoothing=1.0).fit(x, labels=y)
    np.testing.assert_allclose(np.exp(smoothed.class_log_prior.data[3:]), 1 / 105)
    np.testing.assert_allclose(np.exp(smoothed.categorical.log_probability.data[4]), [1 / 2] * 2 + [1 / 3] * 3)
    fresh = nb(MIXED, n_classes=3, floor=0)
    state = fresh.state_dict()
    with pytest.raises(ValueError, match=r"column 3 \(from 0\) is constant"):
        fresh.fit(x, labels=y)
    assert all((array == state[name]).all() for name, array in fresh.state_dict().items())


def test_moments_of_narrow_classes_and_from_any_start():
    rng = np.random.default_rng(0)
    y = rng.integers(0, 2, 500)
    x = rng.normal(1e6 * y, 1.0)[:, None]
    model = nb(DataSpec((1,), "continuous")).fit(x, labels=y)
    np.testing.assert_allclose(model.normal.variance.data[:, 0], [x[y == k].var() for k in (0, 1)], rtol=1e-9)
    model.normal.loc.assign([[3.0], [1e6 - 2]])
    model.m_step(model.e_step((x, None, y))[0])
    np.testing.assert_allclose(model.normal.loc.data[:, 0], [x[y == k].mean() for k in (0, 1)], rtol=1e-12)
    np.testing.assert_allclose(model.normal.variance.data[:, 0], [x[y == k].var() for k in (0, 1)], rtol=1e-9)


def test_unknown_categories():
    spec = DataSpec((2,), "discrete", 4)
    x, y = np.array([[0, 1], [1, 1], [2, 0], [0, 0]]), np.array([0, 0, 1, 1])
    smoothed, raw = nb(spec).fit(x, labels=y), nb(spec, smoothing=0.0).fit(x, labels=y)
    never = np.array([[3, 1]])
    assert np.exp(smoothed.joint_log_prob(never)) == pytest.approx(np.array([[1 / 2 * 1 / 6 * 3 / 6, 1 / 2 / 6 / 6]]))
    assert raw.log_prob(never) == -np.inf
    np.testing.assert_array_equal(raw.predict_proba(np.array([[1, 1]])), [[1, 0]])
    with pytest.raises(ValueError, match=r"row 0 \(from 0\) has probability 0 in every class"):
        raw.predict(never)
    assert not (raw.sample(1000, 0) == 3).any()
    for model in (smoothed, raw):
        with pytest.raises(ValueError, match="expected integers 0 to 3"):
            model.predict(np.array([[4, 1]]))


def test_shapes_settings_and_state():
    spec = DataSpec((2, 2, 1), "binary")
    x, y = bit_rows(30, d=4)
    x = x.reshape(30, 2, 2, 1)
    dataset = data.from_arrays("x", {"train": x, "validation": x, "test": x},
                               labels={"train": y, "validation": y + 1, "test": y})
    chosen = NaiveBayes.data_settings(dataset)
    assert chosen == {"n_classes": 3}
    assert NaiveBayes.data_settings(data.from_arrays("x", {"x": x})) == {}
    model = nb(spec, **chosen).fit(x, labels=y)
    assert model.sample(3, 0).shape == (3, 2, 2, 1) and model.impute(x, x > 0).shape == x.shape
    other = nb(spec, **chosen)
    np.testing.assert_allclose(other.log_prob(x), -4 * math.log(2))  # before the fit
    other.load_state_dict(model.state_dict())
    np.testing.assert_array_equal(other.joint_log_prob(x), model.joint_log_prob(x))
    big = nb(DataSpec((1,), "discrete", 300)).fit(np.array([[299]]), labels=np.array([0]))
    assert big.sample(2, 0).dtype == np.int64
    assert other.predict_log_proba(x[:0]).shape == (0, 3)


def test_blocks_change_nothing(monkeypatch):
    x, y = mixed_rows(97)
    values, observed = holes(x)
    whole = nb(MIXED, n_classes=3).fit(values, observed=observed, labels=y)
    monkeypatch.setattr("minigen.models.density.naive_bayes.BLOCK", 40)
    parts = nb(MIXED, n_classes=3).fit(values, observed=observed, labels=y)
    np.testing.assert_allclose(parts.joint_log_prob(x), whole.joint_log_prob(x), rtol=1e-12)


@pytest.mark.parametrize(("config", "words"), [
    ({"n_classes": 0}, "n_classes: expected"),
    ({"smoothing": -1}, "smoothing: expected a number of at least 0"),
    ({"class_smoothing": math.inf}, "class_smoothing: expected"),
    ({"floor": "low"}, "floor: expected"),
    ({"restarts": 1.5}, "restarts: expected"),
])
def test_wrong_settings(config, words):
    with pytest.raises((TypeError, ValueError), match=words):
        nb(BITS, **config)


def test_wrong_data():
    x, y = bit_rows(10)
    model = nb(BITS)
    for labels, words, error in [
        (y[:5], "expected 10 rows", ValueError),
        (y + 1, r"expected 0 to 1, or -1 for a missing one, got 2 in row", ValueError),
        (y - 2, r"got -2 in row", ValueError),
        (y * 1.0, "labels: expected integers, got float64", TypeError),
    ]:
        with pytest.raises(error, match=words):
            model.fit(x, labels=labels)
    with pytest.raises(ValueError, match="at least one example"):
        model.fit(x[:0])
    with pytest.raises(ValueError, match="as many examples as classes, 2, got 1"):
        model.fit(x[:1])
    with pytest.raises(ValueError, match=r"column 1 \(from 0\) is observed in no example"):
        rows, classes = mixed_rows(5)
        nb(MIXED, n_classes=3).fit(rows, labels=classes, observed=np.array([[True, False, True, True]] * 5))
    with pytest.raises(ValueError, match="too large"):
        nb(DataSpec((1,), "continuous")).fit(np.array([[1e200], [-1e200]]), labels=np.array([0, 1]))
    with pytest.raises(ValueError, match="it takes no condition"):
        nb(DataSpec((2,), "binary", condition=BITS))
    for condition in (2, -1, np.zeros(3, int)):
        with pytest.raises(ValueError, match="labels|condition"):
            model.sample(2, 0, condition=condition)
    with pytest.raises(ValueError, match="given: expected None"):
        model.sample(1, 0, condition=1, given=(x[0], np.ones(6, bool)))


@given(st.integers(0, 2**32 - 1), st.sampled_from([0.0, 0.5, 2.0]), st.sampled_from([0.0, 1.0]), st.booleans())
@settings(max_examples=25)
def test_em_never_falls_and_states_its_objective(seed, smoothing, class_smoothing, some_labels):
    x, y = mixed_rows(60, seed)
    values, observed = holes(x, seed)
    labels = np.where(np.random.default_rng(seed).random(60) < 0.2, y, -1) if some_labels else None
    model = nb(MIXED, n_classes=3, smoothing=smoothing, class_smoothing=class_smoothing, restarts=2, max_iterations=30)
    model.fit(values, seed, observed=observed, labels=labels)
    rows, last = model.history, model.history[-1]
    for restart in {row["restart"] for row in rows}:
        own = [row["log_likelihood"] + row["log_prior"] for row in rows
               if row["restart"] == restart and not row.get("kept")]
        assert np.diff(own).min(initial=0) > -1e-9
    joint = np.array([by_hand(model, *pair) for pair in zip(values, observed, strict=True)])
    terms = np.logaddexp.reduce(joint, axis=1)
    if labels is not None:
        terms = np.where(labels >= 0, joint[np.arange(60), labels], terms)
    assert last["log_likelihood"] == pytest.approx(terms.mean(), rel=1e-9)
    prior = 0.0
    if smoothing:
        prior += smoothing * model.categorical.log_probability.data.sum()
    if class_smoothing:
        prior += class_smoothing * model.class_log_prior.data.sum()
    assert last["log_prior"] == pytest.approx(prior / 60)


def test_no_other_parameters_near_by_are_better():
    x, _ = mixed_rows(150)
    values, observed = holes(x)
    model = nb(MIXED, n_classes=2, tolerance=1e-12, max_iterations=5000).fit(values, 3, observed=observed)
    rng, state = np.random.default_rng(0), model.state_dict()

    def objective():
        prior = model.categorical.log_probability.data.sum() / 150
        return model.log_prob(values, observed=observed).mean() + prior

    best = objective()
    for scale in np.repeat([1e-2, 1e-1], 30):
        model.load_state_dict(state)
        for name, array in state.items():
            moved = array + scale * rng.standard_normal(array.shape) * (rng.random() < 0.5)
            if name == "class_log_prior":
                moved -= np.logaddexp.reduce(moved)
            elif name == "categorical.log_probability":
                moved[:, :2] -= np.logaddexp.reduce(moved[:, :2], axis=1, keepdims=True)
                moved[:, 2:] -= np.logaddexp.reduce(moved[:, 2:], axis=1, keepdims=True)
            elif name == "normal.variance":
                moved = array * np.exp(moved - array)
            dict(model.named_buffers())[name].assign(moved)
        assert objective() < best + 1e-9


def test_latent_classes_are_found():
    x, y = bit_rows(2000, d=12, k=2, seed=3)
    model = nb(DataSpec((12,), "binary")).fit(x, 1)
    right = (model.predict(x) == y).mean()
    supervised = nb(DataSpec((12,), "binary")).fit(x, labels=y)
    assert max(right, 1 - right) > (supervised.predict(x) == y).mean() - 0.02
    assert model.history[-1]["kept"] and {row["restart"] for row in model.history} == set(range(5))
    again = nb(DataSpec((12,), "binary")).fit(x, 1)
    np.testing.assert_array_equal(again.log_prob(x), model.log_prob(x))


def test_a_few_labels_name_the_classes():
    x, y = bit_rows(1000, d=12, k=2, seed=3)
    labels = np.full(1000, -1)
    labels[:10] = y[:10]
    few = nb(DataSpec((12,), "binary")).fit(x[:10], labels=y[:10])
    semi = nb(DataSpec((12,), "binary")).fit(x, labels=labels)
    assert {row["restart"] for row in semi.history} == {0}
    assert (semi.predict(x) == y).mean() > (few.predict(x) == y).mean()


def test_a_labelled_example_is_certain():
    x, y = bit_rows(40)
    labels = np.where(np.arange(40) < 39, y, -1)
    model = nb(BITS, max_iterations=1).fit(x, labels=labels)
    (counts, _), _, _ = model.e_step((x, None, labels))
    r = model.predict_proba(x[39:])[0]
    np.testing.assert_allclose(counts, np.bincount(y[:39], minlength=2) + r, rtol=1e-12)
