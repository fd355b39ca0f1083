"""Autoregressive models: exact likelihoods as products of conditionals, and exact samplers."""
