"""Folders of known data sets: how each is recognised, which scenes it has, and what comes with them."""
