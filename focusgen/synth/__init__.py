"""Procedural scenes with exact truth: pictures, depth, movement, and ray-traced lens blur."""
