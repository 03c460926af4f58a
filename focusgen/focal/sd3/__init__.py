"""Depth and sharp pictures from focal stacks with Stable Diffusion 3.5: model, training, and the backend."""
