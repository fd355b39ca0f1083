"""Latent-variable models: p(x) = ∫ p(x | z) p(z) dz with an approximate posterior q(z | x)."""
