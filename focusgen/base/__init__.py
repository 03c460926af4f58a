"""What every room stands on: errors, names, seeds, locks, and the one way to put a file in place."""
