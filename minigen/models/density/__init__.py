"""Shallow density models: fitted in closed form or by expectation-maximisation, with exact likelihoods."""
