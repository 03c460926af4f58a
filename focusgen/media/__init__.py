"""Raw files to arrays and back: containers, frames, depth, pictures, and published codecs."""
