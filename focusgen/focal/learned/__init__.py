"""Depth from focus that learns: data, network, training, and the small weights that ship."""
