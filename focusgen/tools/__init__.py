"""What people do with a data set beside running phases: look, explain, repair, adopt, compare."""
