"""All commands: what each does in a line, and the module that does it, imported only when asked for."""

from __future__ import annotations

COMMANDS: dict[str, tuple[str, str]] = {
    "run": ("focusgen.commands.run", "all phases on this machine, stopping where a person has to approve"),
    "demo": ("focusgen.commands.demo", "procedural scenes through all phases, with previews"),
    "synth": ("focusgen.commands.synth", "write procedural RGB-D scenes with exact depth"),
    "status": ("focusgen.commands.status", "scene x phase: complete, partial, stale, failed and why"),
    "repair": ("focusgen.commands.repair", "redo exactly what is missing or damaged, keep the rest"),
    "explain": ("focusgen.commands.explain", "all about one scene: records, differences, failures, advice"),
    "adopt": ("focusgen.commands.adopt", "take over a data set that the reference pipeline made"),
    "approve": ("focusgen.commands.approve", "approve the calibration, so that phase 5 may start"),
    "preview": ("focusgen.commands.preview", "contact sheet and video of a scene"),
    "report": ("focusgen.commands.report", "one HTML page: verdict, scenes, label coverage, calibration"),
    "view": ("focusgen.commands.view", "a scene for Rerun's viewer: depth in 3D, labels, focus over time"),
    "card": (
        "focusgen.commands.card",
        "README, split indices and Croissant: loaders then find the splits",
    ),
    "export": ("focusgen.commands.export", "shards to pass on: WebDataset tars, or Parquet"),
    "pack": ("focusgen.commands.pack", "one tar for each scene that phase 6 has passed, read in place"),
    "unpack": ("focusgen.commands.unpack", "give the files of packed scenes back, byte for byte"),
    "push": ("focusgen.commands.push", "upload an export with its card to the Hugging Face hub"),
    "plan": ("focusgen.commands.plan", "what a run will take: bytes, files, CPU and GPU hours, tasks"),
    "submit": ("focusgen.commands.submit", "phases as SLURM jobs: packed, linked, drained in time"),
    "resubmit": ("focusgen.commands.resubmit", "submit again just what failed, is missing or stale"),
    "cancel": ("focusgen.commands.cancel", "end the jobs of a submission"),
    "task": ("focusgen.commands.task", "run one array index of a plan (what jobs call)"),
    "render": ("focusgen.commands.render", "lens blur for one picture with depth, or a folder of them"),
    "focal": ("focusgen.commands.focal", "depth and an all-in-focus picture from focal stacks"),
    "ablate": ("focusgen.commands.ablate", "what a choice of phases 2 and 5 buys and costs, measured"),
    "weights": ("focusgen.commands.weights", "fetch and check published weights, store prompt embeddings"),
    "doctor": ("focusgen.commands.doctor", "what is wrong with this machine, and how to mend it"),
    "completion": ("focusgen.commands.completion", "what makes TAB complete commands, flags and names"),
    "cite": ("focusgen.commands.cite", "whom to cite, as BibTeX"),
    "config": ("focusgen.commands.config", "print the resolved settings, or explain each"),
}
