"""Proofs that our networks compute the published functions, from folders of reference numbers."""
