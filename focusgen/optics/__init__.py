"""The thin lens in numbers: circle of confusion, lenses, statistics, sizes, windows; numpy only."""
