"""Baselines with a closed form: the cheapest honest translators, which all others must beat."""
