"""The data set on disk: paths, records, index, and everything that is read from or written into it."""
