import os
import threading
import time
from pathlib import Path

import numpy as np
import psutil
import pytest
from PIL import Image

from focusgen.base.errors import ConfigError, CorruptInputError
from focusgen.media import decode
from focusgen.media.decode import DecodePool
from focusgen.media.rawcheck import CheckOptions, check_raw
from focusgen.media.scenes import RawScene, discover
from tests.clips import moving_texture, write_images, write_video

pytestmark = pytest.mark.usefixtures("fresh_decoders")

OPTIONS = CheckOptions(min_frames=2, max_frames=None, shot_cut_threshold=0.35)


STRANGERS = set()


@pytest.fixture(autouse=True)
def _know_the_children_of_other_tests():
    STRANGERS.clear()
    STRANGERS.update(child.pid for child in psutil.Process().children(recursive=True))


def children():
    return [child for child in psutil.Process().children(recursive=True) if child.pid not in STRANGERS]


def fifo_scene(path):
    """A scene on which any reader waits for ever."""
    os.mkfifo(path)
    return RawScene(path.stem, "video", path, (path.name,))


def check_in_child(raw, **limits):
    with DecodePool(1, **limits) as pool:
        ((_, outcome),) = pool.check([raw], OPTIONS)
    return outcome


def test_a_child_says_exactly_what_check_raw_says(tmp_path):
    write_images(tmp_path / "bear", moving_texture(3))
    write_video(tmp_path / "clip.mp4", moving_texture(5))
    scenes = discover(tmp_path).scenes
    assert len(scenes) == 2
    for raw in scenes:
        here = check_raw(raw, CheckOptions(2, None, 0.35))
        assert check_in_child(raw) == here
    assert children() == []


def test_a_refusal_keeps_its_file_reason_and_advice_across_the_process_border(tmp_path):
    paths = write_images(tmp_path, moving_texture(3))
    paths[1].rename(tmp_path / "frame\\0001.png")
    (tmp_path / "frame\\0001.png").write_bytes(b"junk")
    (raw,) = discover(tmp_path).scenes
    with pytest.raises(CorruptInputError) as here:
        check_raw(raw, CheckOptions(2, None, 0.35))
    there = check_in_child(raw)
    assert (
        isinstance(there, CorruptInputError)
        and str(there) == str(here.value)
        and str(here.value).startswith(r"frame\\0001.png: ")
    )


def test_a_pool_checks_many_scenes_with_few_processes_and_refuses_only_the_bad(tmp_path):
    for index in range(60):
        write_images(tmp_path / f"s{index}", moving_texture(2, 16, 16))
    (tmp_path / "s7" / "frame_0001.png").write_bytes(b"")
    seen = set()
    with DecodePool(2) as pool:
        outcomes = {}
        for raw, outcome in pool.check(discover(tmp_path).scenes, OPTIONS):
            outcomes[raw.scene_id] = outcome
            seen.update(child.pid for child in children())
    assert len(outcomes) == 60 and len(seen) == 2
    assert [name for name, outcome in outcomes.items() if isinstance(outcome, CorruptInputError)] == ["s7"]
    assert str(outcomes["s7"]).startswith("frame_0001.png: is empty")
    assert children() == []


@pytest.mark.slow
def test_a_child_that_hangs_is_killed_and_the_others_go_on(tmp_path):
    scenes = [fifo_scene(tmp_path / "hang.mp4")]
    for name in ("a", "b", "c"):
        write_images(tmp_path / name, moving_texture(2))
        scenes += discover(tmp_path / name).scenes
    with DecodePool(1, timeout_s=1.5) as pool:
        outcomes = {raw.scene_id: outcome for raw, outcome in pool.check(scenes, OPTIONS)}
    assert "hang.mp4: decoding was stopped: no progress within 1.5 s" in str(outcomes.pop("hang"))
    assert all(outcome.n_decoded == 2 for outcome in outcomes.values()) and len(outcomes) == 3


@pytest.mark.slow
def test_a_child_that_dies_is_replaced_and_its_scene_refused(tmp_path):
    write_images(tmp_path / "a", moving_texture(2))
    scenes = [fifo_scene(tmp_path / "crash.mp4"), *discover(tmp_path / "a").scenes]

    def kill_the_child():
        while not children():
            time.sleep(0.01)
        time.sleep(1.5)  # long enough to be at work, waiting for the pipe
        children()[0].kill()

    killer = threading.Thread(target=kill_the_child)
    killer.start()
    with DecodePool(1) as pool:
        outcomes = {raw.scene_id: outcome for raw, outcome in pool.check(scenes, OPTIONS)}
    killer.join()
    assert "crash.mp4: the decoder process ended (signal SIGKILL)" in str(outcomes["crash"])
    assert "ffmpeg -i INPUT" in outcomes["crash"].advice
    assert outcomes["a"].n_decoded == 2


@pytest.mark.slow
def test_memory_is_limited(tmp_path):
    Image.fromarray(np.zeros((7000, 7000, 3), np.uint8)).save(tmp_path / "1.png", compress_level=1)
    Image.fromarray(np.zeros((7000, 7000, 3), np.uint8)).save(tmp_path / "2.png", compress_level=1)
    (raw,) = discover(tmp_path).scenes
    assert "memory" in str(check_in_child(raw, memory_bytes=200 << 20))


def test_a_child_gets_no_secrets_and_runs_no_module_of_the_working_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "sentinel-token")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "sentinel-key")
    (tmp_path / "av.py").write_text("raise SystemExit('executed from the data')")
    write_images(tmp_path / "a", moving_texture(2))
    monkeypatch.chdir(tmp_path)
    with DecodePool(1) as pool:
        ((_, outcome),) = pool.check(discover(Path("a")).scenes, OPTIONS)
        assert outcome.n_decoded == 2
        (child,) = children()
        assert "sentinel" not in str(child.environ())


def test_progress_is_told_while_a_scene_is_decoded(tmp_path):
    write_video(tmp_path / "long.mkv", moving_texture(20))
    told = []
    with DecodePool(1) as pool:
        scenes = discover(tmp_path).scenes
        ((_, outcome),) = pool.check(scenes, OPTIONS, lambda raw, n: told.append((raw.scene_id, n)))
    assert outcome.n_decoded == 20
    assert told[0] == ("long", 1)


def test_an_abandoned_check_ends_its_children(tmp_path):
    write_images(tmp_path / "a", moving_texture(2))
    with DecodePool(2) as pool:
        scenes = [*discover(tmp_path).scenes, fifo_scene(tmp_path / "hang.mp4")]
        outcomes = pool.check(scenes, OPTIONS)
        next(outcomes)
        outcomes.close()
        assert len(children()) <= 1
    assert children() == []


def test_a_child_that_cannot_start_is_not_blamed_on_the_scene(tmp_path, monkeypatch):
    write_images(tmp_path / "a", moving_texture(2))
    monkeypatch.setattr(decode, "_IMPORT_ROOT", tmp_path)
    monkeypatch.setattr(decode, "CHILD_MODULE", "focusgen.no_such_module")
    with DecodePool(1) as pool, pytest.raises(ConfigError, match="does not start .*No module"):
        list(pool.check(discover(tmp_path).scenes, OPTIONS))


@pytest.mark.slow
def test_a_scene_that_takes_too_long_as_a_whole_is_stopped(tmp_path):
    with DecodePool(1, scene_timeout_s=1.0) as pool:
        ((_, outcome),) = pool.check([fifo_scene(tmp_path / "slow.mp4")], OPTIONS)
    assert "slow.mp4: decoding was stopped: the whole scene took longer" in str(outcome)
