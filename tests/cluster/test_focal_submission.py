"""`focusgen submit --focal`: the text that sbatch is given, and the same command on this machine."""

from __future__ import annotations

from pathlib import Path

import pytest

from focusgen.base.errors import ConfigError
from focusgen.cli import main
from focusgen.cluster import focal_submission, sbatch, slurm

CONFIG = str(Path(__file__).parents[2] / "configs/focal/sd3_tiny.yaml")


def test_a_dry_run_prints_the_exact_script_and_writes_nothing(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    words = ["--nodes", "2", "--gpus", "8", "--time-h", "1.5", "--after", "12", "--override", "train.batch=1"]
    assert main(["submit", "--focal", "--config", CONFIG, *words, "--output-dir", "a b", "--dry-run"]) == 0
    said = capsys.readouterr().out
    for line in ("nodes=2", "gres=gpu:8", "time=90", "signal=B:USR1@180", "requeue", "ntasks-per-node=1"):
        assert f"#SBATCH --{line}\n" in said
    assert "#SBATCH --dependency=afterok:12\n" in said
    command = said.strip().splitlines()[-1]
    assert command.startswith("exec ") and "focal launch --config" in command
    assert f"--output_dir '{tmp_path}/a b'" in command and "--override train.batch=1" in command
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("flag", ["-o", "--output", "--output_dir", "--output-dir"])
def test_the_output_is_named_as_for_training_itself(tmp_path, capsys, flag):
    assert main(["submit", "--focal", "--config", CONFIG, flag, str(tmp_path / "o"), "--dry-run"]) == 0
    assert f"--output_dir {tmp_path}/o " in capsys.readouterr().out


def test_it_is_handed_to_sbatch_or_run_here(tmp_path, monkeypatch, capsys):
    asked: list[object] = []
    monkeypatch.setattr(slurm, "require_slurm", lambda: None)
    monkeypatch.setattr(sbatch, "hand_over", lambda cfg, job, folder: asked.append(job) or "41")
    words = ["submit", "--focal", "--config", CONFIG, "--gpus", "0", "--output-dir", str(tmp_path / "o")]
    assert main(words) == 0
    assert "41  focal train" in capsys.readouterr().out
    monkeypatch.setattr(focal_submission, "call_focusgen", lambda words: asked.append(words) or 3)
    assert main([*words, "--cluster", "debug"]) == 3
    job, here = asked
    assert here[:2] == ["focal", "launch"] and here[here.index("--device") + 1] == "cpu"
    assert list(job.command[-len(here) :]) == here


def test_what_is_not_there_is_said_before_anything_is_submitted(tmp_path):
    with pytest.raises(ConfigError, match="gone.jsonl: no such file"):
        from focusgen.commands.submit_focal import main as submit

        submit(["--config", CONFIG, "--train-filelist", str(tmp_path / "gone.jsonl")])


def test_a_short_limit_leaves_time_to_make_progress_before_the_warning(tmp_path, capsys):
    words = ["submit", "--focal", "--config", "sd3_tiny", "--output-dir", str(tmp_path), "--dry-run"]
    for hours, signal in (("0.0167", "B:USR1@20"), ("0.1", "B:USR1@120"), ("24", "B:USR1@180")):
        assert main([*words, "--time-h", hours]) == 0
        assert f"#SBATCH --signal={signal}\n" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--nodes", "0"], "--nodes must be at least 1"),
        (["--gpus", "-1"], "--gpus must be at least 0"),
        (["--time-h", "0"], "--time_h must be > 0"),
        (["--override", "train.steps"], "give key=value"),
        (["--config", "sd3_tinny"], "sd3_tinny"),
        (["--config", "small"], "one process on a CPU"),
        (
            ["--config", "small", "--gpus", "0", "--val-filelist", __file__],
            "--val_filelist: the small network",
        ),
        (["--override", "train.step=2"], "train.step: unknown key; did you mean train.steps"),
        (["--max-steps", "0"], "train.steps, given on the command line"),
    ],
)
def test_what_could_not_start_is_refused_before_it_waits_in_a_queue(words, message):
    with pytest.raises(ConfigError, match=message):
        from focusgen.commands.submit_focal import main as submit

        config = [] if "--config" in words else ["--config", CONFIG]
        submit([*config, *words, "--dry-run"])


def test_lists_are_read_before_the_job_waits(tmp_path):
    from focusgen.commands.submit_focal import main as submit

    for name, scene in (("train", "bear"), ("test", "bear"), ("val", "")):
        line = f'{{"focal_stack": "s", "scene": "{scene}"}}\n' if scene else "{broken"
        (tmp_path / name).write_text(line)
    words = ["--config", CONFIG, "--dry-run", "--train-filelist", str(tmp_path / "train")]
    for split, said in (("test", "leakage: scene bear lies in"), ("val", "val:1: no JSON")):
        with pytest.raises(ConfigError, match=said):
            submit([*words, f"--{split}-filelist", str(tmp_path / split)])


def test_lists_of_an_override_are_read_too_and_none_at_all_is_said(tmp_path, capsys):
    from focusgen.commands.submit_focal import main as submit

    (tmp_path / "train").write_text('{"focal_stack": "s", "scene": "bear"}\n')
    words = ["--config", CONFIG, "--dry-run"]
    lists = [f"data.{split}_list={tmp_path / 'train'}" for split in ("train", "val")]
    with pytest.raises(ConfigError, match="leakage: scene bear lies in"):
        submit([*words, "--override", *lists])
    capsys.readouterr()
    assert submit([*words, "--override", lists[0]]) == 0
    assert "nothing to train on" not in capsys.readouterr().err
    assert submit(words) == 0
    assert "note: nothing to train on yet: Give --train-filelist" in capsys.readouterr().err


def test_without_slurm_the_way_without_it_is_said_and_nothing_is_written(tmp_path, monkeypatch):
    from focusgen.commands.submit_focal import main as submit

    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ConfigError) as caught:
        submit(["--config", CONFIG, "--output-dir", str(tmp_path / "o")])
    assert "sbatch" in str(caught.value) and "--cluster local" in caught.value.advice
    assert not (tmp_path / "o").exists()
