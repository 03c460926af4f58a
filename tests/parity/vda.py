"""Compare our Video Depth Anything with reference numbers.

Usage   python -m tests.parity.vda DIR [--case NAME] [--verbose]

DIR holds cases.json, shapes_<encoder>.json and one .safetensors per case; weights and inputs are drawn by the
`named_weights` module beside DIR, or in it, or else by our own copy. Prints one line per case,
`NAME max=... mean=... PASS|FAIL`, over all that is compared of it; exit status 1 if a case fails, 2 if DIR
cannot be used.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.numpy import load_file

from focusgen.base.errors import FocusgenError
from focusgen.models.vda.loading import build_network, find_variant
from focusgen.models.vda.network import VideoDepthNet
from focusgen.models.vda.stream import VideoStreamer
from focusgen.models.vda.variants import WINDOW_FRAMES

DEFAULT_TOLERANCE = {"max_abs": 5e-4, "mean_abs": 5e-5}
WINDOW_STRIDE = 8  # of debug/window_depth, which has the size that the network sees
VIDEO_STRIDE = (1, 4, 4)


@dataclass
class Differences:
    """What was compared in one case."""

    rows: list[tuple[str, float, float, float]] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    def compare(self, name: str, ours: np.ndarray, reference: np.ndarray, *, relative: bool = False) -> None:
        """Add |ours - reference|; `relative` to the largest reference value where that is above 1."""
        if ours.shape != reference.shape:
            self.problems.append(f"{name}: shape {ours.shape}, reference {reference.shape}")
            return
        unit = max(1.0, float(np.abs(reference).max(initial=0))) if relative else 1.0
        difference = np.abs(ours.astype(np.float64) - reference.astype(np.float64)) / unit
        if not np.isfinite(difference).all():
            self.problems.append(f"{name}: not finite")
            return
        self.rows.append((name, float(difference.max(initial=0)), float(difference.mean()), unit))

    @property
    def largest(self) -> float:
        """Over everything compared."""
        return max((row[1] for row in self.rows), default=float("nan"))

    @property
    def mean(self) -> float:
        """The largest of the means."""
        return max((row[2] for row in self.rows), default=float("nan"))

    def passes(self, tolerance: Mapping[str, float]) -> bool:
        """Tell whether everything was compared and lies within."""
        return (
            not self.problems
            and bool(self.rows)
            and self.largest <= tolerance["max_abs"]
            and self.mean <= tolerance["mean_abs"]
        )


class Clip:
    """An array of frames as a scene."""

    scene_id = "parity"
    fps = None

    def __init__(self, frames: np.ndarray) -> None:
        self._frames = frames
        self.height, self.width = frames.shape[1:3]

    def __len__(self) -> int:
        return len(self._frames)

    def read(self, start: int, stop: int) -> np.ndarray:
        return self._frames[start:stop]

    def provided_depth(self, index: int) -> None:
        return None


def load_generator(folder: Path) -> ModuleType:
    """Return the `named_weights` module that belongs to a folder of cases, else our own copy."""
    own = Path(__file__).resolve().parent.parent
    for place in (folder, folder.resolve().parent, own):
        path = place / "named_weights.py"
        if path.is_file():
            spec = importlib.util.spec_from_file_location("named_weights", path)
            assert spec is not None and spec.loader is not None
            module = importlib.util.module_from_spec(spec)
            spec.loader.exec_module(module)
            return module
    raise FileNotFoundError("named_weights.py")


class Checker:
    """Runs the cases of one folder; keeps the network of the last weights."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.document: dict[str, Any] = json.loads((folder / "cases.json").read_text(encoding="utf-8"))
        self.tolerance = {**DEFAULT_TOLERANCE, **self.document.get("tolerance", {})}
        self._draw = load_generator(folder)
        self._nets: dict[tuple[str, int], VideoDepthNet] = {}

    def cases(self, name: str | None) -> list[dict[str, Any]]:
        """Return all cases, or the one of a name (a file name's ending is forgiven)."""
        wanted = name.removesuffix(".safetensors") if name else None
        return [case for case in self.document["cases"] if wanted in (None, case["name"])]

    def run(self, case: Mapping[str, Any]) -> Differences:
        """Return what differs in one case."""
        found = Differences()
        reference = load_file(self.folder / case.get("file", f"{case['name']}.safetensors"))
        net = self._network(case, found)
        run = self._run_forward if case["kind"] == "forward" else self._run_video
        with torch.inference_mode():
            run(case, net, reference, found)
        return found

    def _network(self, case: Mapping[str, Any], found: Differences) -> VideoDepthNet:
        key = (case["encoder"], int(case.get("salt", 0)))
        if key not in self._nets:
            self._nets.clear()  # one at a time: vitl has 1.5 GB
            path = self.folder / f"shapes_{key[0]}.json"
            rules = [tuple(rule) for rule in self.document.get("model_rules", [])]
            arrays = self._draw.state_dict(json.loads(path.read_text()), rules=rules, salt=key[1])
            expected = case.get("weights_sha256")
            if expected and self._draw.fingerprint(arrays) != expected:
                found.problems.append("other weights: named_weights does not give weights_sha256")
            tensors = self._draw.to_torch(arrays)
            del arrays
            self._nets[key] = build_network(tensors, find_variant(tensors, path), path)
        return self._nets[key]

    def _input(self, case: Mapping[str, Any], found: Differences) -> np.ndarray:
        recipe = case["input"]
        if recipe["recipe"] == "normal":
            array = self._draw.normal(recipe["key"], recipe["shape"], salt=int(recipe.get("salt", 0)))
        else:
            sizes = (recipe[name] for name in ("frames", "height", "width"))
            array = self._draw.video(*sizes, recipe.get("seed", 0))
        if "sha256" in recipe and self._draw.sha256(array) != recipe["sha256"]:
            found.problems.append("other input: the recipe does not give its sha256")
        return np.asarray(array)

    def _run_forward(
        self, case: Mapping[str, Any], net: VideoDepthNet, reference: Mapping[str, Any], found: Differences
    ) -> None:
        clips = torch.from_numpy(self._input(case, found))
        names = [key.removeprefix("debug/") for key in reference if key.startswith("debug/")]
        modules = dict(net.named_modules())
        seen: dict[str, np.ndarray] = {}
        hooks = [
            modules[name].register_forward_hook(_recorder(seen, name, case.get("debug_shapes", {}).get(name)))
            for name in names
            if name in modules
        ]
        depth = net(clips).numpy()
        for hook in hooks:
            hook.remove()
        for name, values in seen.items():
            sample = reference[f"debug/{name}"]
            if values.shape == sample.shape:  # else that module is called on other slices of frames here
                found.compare(f"debug/{name}", values, sample, relative=True)
        stride = case.get("output", {}).get("stride", (1, 1, 1, 1))
        found.compare("depth", _strided(depth, stride), reference["depth"])

    def _run_video(
        self, case: Mapping[str, Any], net: VideoDepthNet, reference: Mapping[str, Any], found: Differences
    ) -> None:
        clip = Clip(self._input(case, found))
        size, align = case.get("input_size", 518), not case["metric"]
        frames = list(VideoStreamer(net, input_size=size, align=align).run(clip))
        if [index for index, _ in frames] != list(range(len(clip))):
            found.problems.append("frames are missing, repeated or out of order")
        depth = np.stack([frame for _, frame in frames])
        ours = {
            "depth": _strided(depth, case.get("output", {}).get("stride", VIDEO_STRIDE)),
            "frame_mean": depth.astype(np.float64).mean(axis=(1, 2)),
            "full_frames": depth[case.get("full_frame_indices", [])],
        }
        if "debug/window_depth" in reference:
            every_slot = VideoStreamer(net, input_size=size, align=align, every_slot=True)
            ours["debug/window_depth"] = _window_depth(every_slot, clip)
        for name, array in ours.items():
            if name in reference:
                found.compare(name, array, reference[name])


def _window_depth(streamer: VideoStreamer, clip: Clip) -> np.ndarray:
    """Return (windows, 32, h, w): a sample of all that the network gives, before anything is joined."""
    drawn: list[np.ndarray] = []
    hook = streamer.net.head.scratch.output_conv2.register_forward_hook(
        lambda _module, _inputs, output: drawn.append(output[:, 0, ::WINDOW_STRIDE, ::WINDOW_STRIDE].numpy())
    )
    for _ in streamer.run(clip):
        pass
    hook.remove()
    slots = np.concatenate(drawn)
    return slots.reshape(-1, WINDOW_FRAMES, *slots.shape[1:])


def _strided(array: np.ndarray, stride: Iterable[int]) -> np.ndarray:
    return array[tuple(slice(None, None, step) for step in stride)]


def _recorder(seen: dict[str, np.ndarray], name: str, shape: list[int] | None) -> Any:
    """Return a hook that keeps the reference's sample of a module's output."""

    def record(_module: Any, _inputs: Any, output: torch.Tensor) -> None:
        if shape is not None and len(shape) == 5 and output.ndim == 4:
            # Ours are (B*T, C, h, w); the reference's motion modules give (B, C, T, h, w).
            output = output.reshape(shape[0], shape[2], *output.shape[1:]).transpose(1, 2)
        flat = output.reshape(-1)
        seen[name] = flat[:: max(1, flat.numel() // 512)][:512].numpy().copy()

    return record


def main(argv: list[str] | None = None) -> int:
    """Run the cases; 0 only if every one passes."""
    parser = argparse.ArgumentParser(prog="python -m tests.parity.vda", description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, metavar="DIR", help="cases.json and what it names")
    parser.add_argument("--case", help="only this one")
    parser.add_argument("--verbose", action="store_true", help="a line for each tensor compared")
    args = parser.parse_args(argv)
    if not (args.folder / "cases.json").is_file():
        print(f"{args.folder}: holds no cases.json", file=sys.stderr)
        return 2
    checker = Checker(args.folder)
    cases = checker.cases(args.case)
    if not cases:
        names = ", ".join(case["name"] for case in checker.cases(None))
        print(f"no case {args.case!r} in {args.folder}; it has {names}", file=sys.stderr)
        return 2
    return 0 if all([_report(checker, case, args.verbose) for case in cases]) else 1


def _report(checker: Checker, case: Mapping[str, Any], is_verbose: bool) -> bool:
    try:
        found = checker.run(case)
    except (OSError, KeyError, ValueError, SafetensorError, FocusgenError) as error:
        found = Differences(problems=[f"{type(error).__name__}: {error}"])
    is_good = found.passes(checker.tolerance)
    verdict = "PASS" if is_good else "FAIL"
    print(f"{case['name']} max={found.largest:.3e} mean={found.mean:.3e} {verdict}", flush=True)
    for problem in found.problems:
        print(f"    {problem}")
    if is_verbose or not is_good:
        for name, largest, mean, unit in found.rows:
            print(f"    {name}: max={largest:.3e} mean={mean:.3e} (unit {unit:.3g})")
    return is_good


if __name__ == "__main__":
    sys.exit(main())
