"""What moves between frames: optical flow, fusion along it, and measures of flicker and smear."""
