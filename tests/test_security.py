"""What must never happen: code from data, secrets in files, sockets, tracebacks over hostile JSON."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from focusgen import cli, config
from tests.conftest import Rgbd

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parent.parent
OURS = [*sorted((ROOT / "focusgen").rglob("*.py")), *sorted((ROOT / "scripts").glob("*.py"))]

# --- the code itself

FORBIDDEN_CALLS = {
    "eval",
    "exec",
    "os.system",
    "os.popen",
    "pickle.load",
    "pickle.loads",
    "pickle.Unpickler",
    "marshal.loads",
    "shelve.open",
    "yaml.unsafe_load",
    "yaml.full_load",
    "yaml.load_all",
    "joblib.load",
    "tempfile.mktemp",
}
FORBIDDEN_ARGUMENTS = {
    ("shell", True),
    ("allow_pickle", True),
    ("trust_remote_code", True),
    ("weights_only", False),
}


def dotted(node: ast.expr) -> str:
    if isinstance(node, ast.Attribute):
        return f"{dotted(node.value)}.{node.attr}"
    return node.id if isinstance(node, ast.Name) else "?"


def offences(tree: ast.AST) -> Iterator[str]:
    """Yield what a module does that could run code which came as data."""
    for call in (node for node in ast.walk(tree) if isinstance(node, ast.Call)):
        name = dotted(call.func)
        given = {k.arg: k.value for k in call.keywords if k.arg}
        if name in FORBIDDEN_CALLS:
            yield f"line {call.lineno}: {name}"
        for key, value in given.items():
            if isinstance(value, ast.Constant) and (key, value.value) in FORBIDDEN_ARGUMENTS:
                yield f"line {call.lineno}: {key}={value.value}"
        if name == "torch.load" and not _is_true(given.get("weights_only")):
            yield f"line {call.lineno}: torch.load without weights_only"
        if name == "yaml.load" and not dotted(given.get("Loader", ast.Name("?"))).endswith("_Loader"):
            yield f"line {call.lineno}: yaml.load without our loader"


def _is_true(node: ast.expr | None) -> bool:
    return isinstance(node, ast.Constant) and node.value is True


def test_no_module_can_run_what_came_as_data():
    found = {path: list(offences(ast.parse(path.read_text(encoding="utf-8")))) for path in OURS}
    assert len(OURS) > 500 and {path: lines for path, lines in found.items() if lines} == {}


def test_the_search_finds_what_it_looks_for():
    text = (
        "import os, pickle, torch, yaml\n"
        "pickle.load(f)\nos.system(c)\neval(x)\nyaml.load(t, Loader=yaml.SafeLoader)\ntorch.load(p)\n"
        "run(c, shell=True)\nnp.load(p, allow_pickle=True)\ntorch.load(p, weights_only=False)\n"
    )
    assert len(list(offences(ast.parse(text)))) == 9


# --- secrets

SECRETS = {
    "HF_TOKEN": "hf_sentinel_0123456789",
    "HUGGING_FACE_HUB_TOKEN": "hf_sentinel_abcdef",
    "WANDB_API_KEY": "wandb_sentinel_0123456789",
    "AWS_SECRET_ACCESS_KEY": "aws_sentinel_0123456789",
    "AWS_SESSION_TOKEN": "aws_sentinel_session",
    "OPENAI_API_KEY": "openai_sentinel",
}


def test_no_secret_of_the_environment_reaches_a_file_or_the_screen(rgbd, monkeypatch, capsys):
    for name, value in SECRETS.items():
        monkeypatch.setenv(name, value)
    rgbd.add_scene("a", n_frames=2)
    rgbd.add_scene("b", n_frames=2, seed=1)
    rgbd.add_scene("c", n_frames=2, seed=2)
    (rgbd.raw_root / "c" / "frame_0001.png").write_bytes(b"damaged")
    (rgbd.depth_root / "b" / "depth_0001.npy").write_bytes(b"damaged")
    from focusgen.models import provided

    def bug(self, scene):
        raise RuntimeError("a bug with a traceback")

    assert rgbd.run() == 3
    monkeypatch.setattr(provided.ProvidedDepth, "estimate", bug)
    assert rgbd.run("--on_stale", "redo", "--depth.min_m", "0.02") == 3
    assert cli.main(["status", *rgbd.flags("out_root")]) == 0
    assert cli.main(["explain", "a", *rgbd.flags("out_root")]) in (0, 3)
    assert cli.main(["config"]) == 0
    said = capsys.readouterr()
    texts = {"screen": (said.out + said.err).encode(), "config": config.dump(rgbd.config()).encode()}
    texts |= {str(path): path.read_bytes() for path in rgbd.out_root.rglob("*") if path.is_file()}
    assert len(texts) > 20
    for where, data in texts.items():
        assert b"sentinel" not in data, where


# --- sockets

WATCHER = """
import os, sys
def watch(event, args):
    if event in ("socket.connect", "socket.bind", "socket.getaddrinfo", "socket.sendto", "urllib.Request"):
        with open(os.path.join(os.path.dirname(__file__), "met"), "a") as file:
            file.write(f"{event} {args[1:]!r}\\n")
sys.addaudithook(watch)
"""


def test_a_default_run_opens_no_socket_in_any_of_its_processes(rgbd, tmp_path):
    rgbd.add_scene("a", n_frames=2)
    (tmp_path / "watch").mkdir()
    (tmp_path / "watch" / "sitecustomize.py").write_text(WATCHER)
    path = os.pathsep.join((str(tmp_path / "watch"), str(ROOT)))
    environment = {**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1"}
    probe = "import socket\ntry: socket.create_connection(('127.0.0.1', 9), 0.01)\nexcept OSError: pass"
    subprocess.run([sys.executable, "-c", probe], env=environment, check=True)
    met = tmp_path / "watch" / "met"
    assert "socket.connect" in met.read_text(), "the watcher watches"
    met.unlink()
    flags = rgbd.flags("raw_root", "out_root", "depth_root", "max_coc")
    small = ["--min_frames", "2", "--n_sets", "1", "--workers", "2"]
    command = [sys.executable, "-m", "focusgen.cli", "run", "--no_pictures", *flags, *small]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert not met.exists(), met.read_text()


# --- links


def test_links_neither_lead_out_of_the_raw_root_nor_stop_the_scenes_beside_them(rgbd, tmp_path):
    rgbd.add_scene("good", n_frames=2)
    outside = tmp_path / "outside"
    outside.mkdir()
    for name in ("0.png", "1.png"):
        (outside / name).write_bytes((rgbd.raw_root / "good" / "frame_0000.png").read_bytes())
    raw = rgbd.raw_root
    (raw / "to_outside").symlink_to(outside)
    (raw / "up").symlink_to("..")
    (raw / "itself").symlink_to("itself")
    (raw / "to_nothing.mp4").symlink_to("nothing")
    (raw / "passwd.mp4").symlink_to("/etc/passwd")
    (raw / "device.mp4").symlink_to("/dev/zero")
    os.mkfifo(raw / "pipe.mp4")
    (raw / "one_link").mkdir()
    for name in ("0.png", "1.png"):
        (raw / "one_link" / name).symlink_to(outside / name)
    assert cli.phase_main("index", "", [*rgbd.flags("raw_root", "out_root"), "--min_frames", "2"]) == 0
    assert list(json.loads((rgbd.out_root / "scene_index.json").read_text())) == ["good"]
    rejected = json.loads((rgbd.out_root / "logs" / "rejected_scenes.json").read_text())
    refused = {"to_outside", "up", "to_nothing", "passwd", "device", "pipe", "one_link"}
    assert refused <= {name.removesuffix(".mp4") for name in rejected}
    assert not [path for path in rgbd.out_root.rglob("*") if path.is_symlink()]


# --- hostile JSON and command lines

BOMBS = {
    "deep": b"[" * 200_000,
    "a number": b"7",
    "a list": b"[]",
    "not UTF-8": b'{"a": "\xff\xfe"}',
}


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    rgbd = Rgbd(tmp_path_factory.mktemp("finished"))
    rgbd.add_scene("a", n_frames=2)
    assert rgbd.run() == 0
    return rgbd


def json_files(out_root: Path) -> list[Path]:
    return sorted([*out_root.rglob("*.json"), *(out_root / "a").rglob(".done")])


@pytest.mark.parametrize("bomb", BOMBS)
def test_json_that_is_none_of_ours_never_ends_in_a_traceback(finished, capsys, bomb):
    flags, victims = finished.flags("out_root"), json_files(finished.out_root)
    assert len(victims) >= 10
    for victim in victims:
        whole = victim.read_bytes()
        victim.write_bytes(BOMBS[bomb])
        for words in (["status"], ["explain", "a"]):
            assert cli.main([*words, *flags]) in (0, 2, 3, 4), victim
        assert cli.phase_main("validate", "", [*flags, "--run.workers", "1"]) in (0, 2, 3), victim
        victim.write_bytes(whole)
    capsys.readouterr()
    assert cli.phase_main("validate", "", [*flags, "--run.workers", "1"]) == 0


@pytest.mark.parametrize(
    "value", ["[", "&a [*a]", "!!python/object/apply:os.system [id]", "{a: b: c}", "\x00"]
)
def test_a_value_that_is_no_yaml_is_a_usage_error(rgbd, capsys, value):
    assert (
        cli.main(["run", "--no_pictures", *rgbd.flags("raw_root", "out_root"), "--depth.model_id", value])
        == 2
    )
    assert "depth.model_id" in capsys.readouterr().err
