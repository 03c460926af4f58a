"""Focal stacks: from slices focused at different distances to an all-in-focus picture and metric depth."""
