"""SLURM, and nothing else of focusgen knows that it exists.

packing    scenes into workers by predicted cost
plans      which scenes belong to which array index, written once
task       what runs on a node, drains and requeues
slurm      the scheduler's own programs, asked by job id
resources  what a worker asks for: GPUs only where its backend needs them
sbatch     the text of a job and its way to sbatch
submit     a plan into linked jobs; resubmit, causes: what did not end well
attempts   what each task says of itself
"""
