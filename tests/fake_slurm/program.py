"""One fake program of Slurm; the little program on PATH tells which one by setting NAME."""

import json
import os
import re
import sys
from pathlib import Path

FOLDER = Path(os.environ["FAKE_SLURM"])
NAME: str = globals()["NAME"]
ARGV = sys.argv[1:]


def refuse(text: str) -> None:
    print(f"{NAME}: error: {text}", file=sys.stderr)
    sys.exit(1)


def record(script: str = "") -> None:
    call = {"program": NAME, "argv": ARGV, "environment": dict(os.environ), "script": script}
    with (FOLDER / "calls.jsonl").open("a") as file:
        file.write(json.dumps(call) + "\n")


def next_fault() -> str:
    path = FOLDER / "faults.json"
    faults = json.loads(path.read_text()) if path.exists() else {}
    mine = faults.get(NAME, [])
    if not mine:
        return ""
    faults[NAME] = mine[1:]
    path.write_text(json.dumps(faults))
    return mine[0]


def jobs() -> dict[str, str]:
    """Return job name -> id of everything accepted."""
    path = FOLDER / "jobs.json"
    return json.loads(path.read_text()) if path.exists() else {}


def sbatch() -> None:
    if len(ARGV) != 1 or not Path(ARGV[0]).is_file():
        refuse(f"unknown arguments {ARGV}")
    script = Path(ARGV[0]).read_text()
    record(script)
    fault = next_fault()
    if fault == "refuse":
        refuse("Batch job submission failed: Invalid account or account/partition combination specified")
    if fault.startswith("say "):
        refuse(fault.removeprefix("say "))
    known = jobs()
    name = re.search(r"^#SBATCH --job-name=(\S+)$", script, re.MULTILINE)
    if name is None or "\n#SBATCH --output=" not in script:
        refuse("no job name or no output")
    if fault == "lost":  # the request never arrived
        refuse("Batch job submission failed: Unable to contact slurm controller")
    job_id = str(100 + len(known))
    (FOLDER / "jobs.json").write_text(json.dumps({**known, name.group(1): job_id}))
    if fault != "silent":  # accepted, and the answer was lost
        print(f"Submitted batch job {job_id}")


def squeue() -> None:
    record()
    wanted = [word for word in ARGV if word.startswith("--name=")]
    if not wanted or "-h" not in ARGV or ARGV[ARGV.index("-o") + 1] != "%A":
        refuse("a listing of everything is not asked for")
    job_id = jobs().get(wanted[0].removeprefix("--name="))
    if job_id:
        print(job_id)


def sacct() -> None:
    record()
    if "-j" not in ARGV or "-X" not in ARGV:
        refuse("always ask by id")
    if next_fault() == "down":
        refuse("Problem talking to the database")
    path = FOLDER / "sacct.txt"
    print(path.read_text() if path.exists() else "", end="")


def scancel() -> None:
    record()
    if len(ARGV) != 2 or not ARGV[0].startswith("--name=") or not re.fullmatch(r"[0-9_]+", ARGV[1]):
        refuse(f"only one job, by id and name: {ARGV}")
    if next_fault() == "refuse":
        refuse("Unable to contact slurm controller")


def scontrol() -> None:
    record()
    if ARGV == ["show", "config"]:
        path = FOLDER / "config.txt"
        print(path.read_text() if path.exists() else "MaxArraySize            = 1001\nMaxJobCount = 20000")
    elif ARGV[:3] == ["show", "job", "-o"]:
        path = FOLDER / "state.txt"
        print(f"JobId={ARGV[3]} JobState={path.read_text() if path.exists() else 'RUNNING'} Reason=None")
    elif ARGV[:1] == ["requeue"] and len(ARGV) == 2:
        if next_fault() == "refuse":
            refuse("Requested operation is presently disabled")
    else:
        refuse(f"unknown arguments {ARGV}")


def sacctmgr() -> None:
    record()
    if ARGV[:3] == ["-nP", "show", "user"] and ARGV[4:] == ["format=DefaultAccount"]:
        path = FOLDER / "default_account.txt"
        print(path.read_text() if path.exists() else "")
        return
    if ARGV[:3] != ["-nP", "show", "assoc"]:
        refuse(f"unknown arguments {ARGV}")
    path = FOLDER / "assoc.txt"
    print(path.read_text() if path.exists() else "||||")


{
    "sbatch": sbatch,
    "squeue": squeue,
    "sacct": sacct,
    "scancel": scancel,
    "scontrol": scontrol,
    "sacctmgr": sacctmgr,
}[NAME]()
