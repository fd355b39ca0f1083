"""Shallow models with exact likelihoods, which fit themselves to all examples at once.

Read `gaussian.py` first: the likelihood, its maximum, and missing values, on which the others build. Then `gmm.py` and
`bernoulli_mixture.py`, mixtures by expectation-maximisation, and `ppca.py` and `hmm.py`, whose latent variables are
continuous and a Markov chain. `naive_bayes.py` and `logistic_regression.py` are the generative and the discriminative
classifier, and `kde.py` keeps the examples instead of parameters. What several of them share is in `support/`.
"""
