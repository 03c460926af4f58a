"""The cluster half of focusgen on a real Slurm of one machine (local-slurm)."""
