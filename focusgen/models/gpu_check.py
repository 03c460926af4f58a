"""Use the GPU once and compare with the CPU: what scripts/00_setup_env.sh ends with.

Usage   python -m focusgen.models.gpu_check [--device cuda|cpu]
Exit    0 if the device multiplies bf16 matrices correctly, 2 with the reason if not
"""

from __future__ import annotations

import argparse
import subprocess
import sys

import torch

SIDE = 1024
MAX_RELATIVE_ERROR = 0.01
"""bf16 has 8 bits of significand: rounding the result alone costs 0.17 % of its norm."""


def relative_error_of_bf16_matmul(device: str) -> float:
    """Return the error of one bf16 product on a device against float64 on the CPU, relative to its norm."""
    generator = torch.Generator().manual_seed(0)
    a, b = (torch.randn(SIDE, SIDE, generator=generator).to(torch.bfloat16) for _ in range(2))
    wanted = a.double() @ b.double()
    got = (a.to(device) @ b.to(device)).double().cpu()
    return float(torch.linalg.norm(got - wanted) / torch.linalg.norm(wanted))


def describe_gpu() -> list[str]:
    """Return lines that name the GPU, its capability and its driver."""
    properties = torch.cuda.get_device_properties(0)
    return [
        f"{properties.name}, capability {properties.major}.{properties.minor}, "
        f"{properties.total_memory / 2**30:.0f} GiB, driver {_driver_version()}",
        f"torch {torch.__version__}, CUDA {torch.version.cuda}",
    ]


def _driver_version() -> str:
    command = ["nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=True)
    except (OSError, subprocess.SubprocessError):
        return "unknown"
    return (done.stdout.strip().splitlines() or ["unknown"])[0]


def problem_with(device: str) -> str | None:
    """Say why a device cannot be used, or None."""
    if device == "cpu" or torch.cuda.is_available():
        return None
    if torch.version.cuda is None and torch.version.hip is None:
        return f"torch {torch.__version__} was built for the CPU only; install a CUDA build"
    return f"torch {torch.__version__} (CUDA {torch.version.cuda}) finds no usable GPU or driver"


def main(argv: list[str] | None = None) -> int:
    """Check one device."""
    parser = argparse.ArgumentParser(description="Use the GPU once and compare with the CPU.")
    parser.add_argument("--device", choices=["cuda", "cpu"], default="cuda")
    device = parser.parse_args(argv).device
    problem = problem_with(device)
    if problem:
        print(problem, file=sys.stderr)
        return 2
    for line in describe_gpu() if device == "cuda" else [f"cpu, torch {torch.__version__}"]:
        print(line)
    error = relative_error_of_bf16_matmul(device)
    if not error < MAX_RELATIVE_ERROR:
        print(f"a bf16 product is wrong: relative error {error:.3g}", file=sys.stderr)
        return 2
    print(f"bf16 product agrees with float64 on the CPU: relative error {error:.2g}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
