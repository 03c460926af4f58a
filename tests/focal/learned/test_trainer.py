"""Training: stopped and resumed it ends with the same bits, and a signal loses nothing."""

import os
import shutil
import signal
from pathlib import Path

import pytest
import torch

from focusgen.base.errors import ConfigError, CorruptInputError
from focusgen.focal.learned.batches import Batch, Batches
from focusgen.focal.learned.settings import SmallSettings
from focusgen.focal.learned.shards import StackSet
from focusgen.focal.learned.trainer import CHECKPOINT, LOG, Run, Stopped, rate_at, read_checkpoint, train
from focusgen.focal.learned.weights import save_weights
from tests.focal.learned.small import small_settings
from tests.focal.test_train_job import is_held


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def whole(stacks: StackSet, tmp_path_factory: pytest.TempPathFactory) -> tuple[SmallSettings, Run]:
    settings = small_settings(stacks.folder, tmp_path_factory.mktemp("whole"))
    return settings, train(settings)


def log_of(folder: Path) -> list[str]:
    """Return the lines of a log without the time that they took."""
    return [line.rpartition(",")[0] for line in (folder / LOG).read_text().splitlines()]


def same_weights(first: Run, second: Run) -> bool:
    pairs = zip(first.net.state_dict().values(), second.net.state_dict().values(), strict=True)
    averages = zip(first.average.values(), second.average.values(), strict=True)
    return all(torch.equal(a, b) for a, b in (*pairs, *averages))


def test_no_other_training_gets_into_its_folder(stacks: StackSet, tmp_path: Path):
    settings = small_settings(stacks.folder, tmp_path, steps=2)
    held: list[bool] = []
    train(settings, tell=lambda step, means: held.append(is_held(tmp_path)))
    assert held == [True] and not is_held(tmp_path)


@pytest.mark.slow
def test_a_run_that_was_stopped_by_a_signal_ends_with_the_same_bits(
    stacks: StackSet, whole: tuple[SmallSettings, Run], tmp_path: Path
):
    settings = small_settings(stacks.folder, tmp_path)
    before = signal.getsignal(signal.SIGTERM)

    def stop_at_two(step: int, means: dict[str, float]) -> None:
        if step == 2:
            os.kill(os.getpid(), signal.SIGTERM)

    with pytest.raises(Stopped) as stopped:
        train(settings, tell=stop_at_two)
    assert stopped.value.step < settings.train.steps
    assert signal.getsignal(signal.SIGTERM) is before
    told: list[int] = []
    resumed = train(settings, tell=lambda step, means: told.append(step))
    assert told == [4, 6] and same_weights(whole[1], resumed)
    assert log_of(tmp_path) == log_of(whole[0].output_dir)


def test_a_folder_given_to_resume_is_gone_on_from(
    stacks: StackSet, whole: tuple[SmallSettings, Run], tmp_path: Path
):
    settings = small_settings(stacks.folder, tmp_path)
    no_step = lambda step, means: pytest.fail("it had done all of them")  # noqa: E731
    resumed = train(settings, str(whole[0].output_dir), no_step)
    assert resumed.step == whole[1].step and same_weights(whole[1], resumed)
    with pytest.raises(ConfigError, match="no checkpoint of this kind"):
        train(settings, str(stacks.folder))


def test_a_resumed_run_decays_its_weights_as_its_settings_say_now(
    stacks: StackSet, whole: tuple[SmallSettings, Run], tmp_path: Path
):
    settings = small_settings(stacks.folder, tmp_path)
    changed = settings.model_copy(update={"train": settings.train.model_copy(update={"weight_decay": 0.3})})
    resumed = train(changed, str(whole[0].output_dir))
    assert [group["weight_decay"] for group in resumed.optimizer.param_groups] == [0.3]


def test_the_average_follows_the_weights_and_the_log_has_every_line(whole: tuple[SmallSettings, Run]):
    settings, run = whole
    lines = log_of(settings.output_dir)
    assert [line.split(",")[0] for line in lines] == ["step", "2", "4", "6"]
    assert any(not torch.equal(run.average[k], v) for k, v in run.net.state_dict().items())


def test_the_rate_rises_stays_and_falls(stacks: StackSet, tmp_path: Path):
    settings = small_settings(stacks.folder, tmp_path, steps=20)
    rates = [rate_at(step, settings) for step in range(20)]
    assert rates[0] < rates[2] < rates[3] == rates[5] > rates[12] > rates[19] > 0


def test_a_checkpoint_of_another_network_is_refused(stacks: StackSet, whole: tuple[SmallSettings, Run]):
    settings = whole[0]
    other = settings.model_copy(update={"model": settings.model.model_copy(update={"mix": 5})})
    with pytest.raises(ConfigError, match=r"model\.mix 4, not 5"):
        train(other)


def test_stacks_that_were_made_anew_are_another_training(
    stacks: StackSet, whole: tuple[SmallSettings, Run], tmp_path: Path
):
    settings, _ = whole
    shutil.copytree(stacks.folder, tmp_path / "anew")
    about = tmp_path / "anew" / "about.json"
    about.write_text(about.read_text().replace('"seed": 5', '"seed": 6'))
    data = settings.data.model_copy(update={"folder": tmp_path / "anew"})
    with pytest.raises(ConfigError, match=r"learned from other stacks than .*anew"):
        train(settings.model_copy(update={"data": data}))


def test_a_stack_that_is_gone_costs_no_step_that_was_done(
    stacks: StackSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    settings, made = small_settings(stacks.folder, tmp_path), Batches.batch

    def batch(self: Batches, step: int) -> Batch:
        if step == 3:
            raise CorruptInputError("gone")
        return made(self, step)

    monkeypatch.setattr(Batches, "batch", batch)
    with pytest.raises(CorruptInputError):
        train(settings)
    assert read_checkpoint(tmp_path / CHECKPOINT)["step"] == 3
    (tmp_path / LOG).write_text("step,split,name,value\n")
    with pytest.raises(ConfigError, match="another kind"):
        train(settings)


def test_a_damaged_checkpoint_is_named(stacks: StackSet, tmp_path: Path):
    (tmp_path / CHECKPOINT).write_bytes(b"no checkpoint")
    with pytest.raises(CorruptInputError, match=CHECKPOINT):
        train(small_settings(stacks.folder, tmp_path))


def weights_of(run: Run, path: Path, **notes: str) -> Path:
    save_weights(path, run.average, run.net.shape, notes)
    return path


def test_training_begins_with_the_weights_that_it_is_given(
    stacks: StackSet, whole: tuple[SmallSettings, Run], tmp_path: Path
):
    given = weights_of(whole[1], tmp_path / "given.safetensors", steps="6", stacks="8")
    settings = small_settings(stacks.folder, tmp_path / "on")
    still = settings.train.model_copy(update={"start_from": str(given), "learning_rate": 1e-12, "steps": 2})
    settings = settings.model_copy(update={"train": still})
    run = train(settings)
    for name, value in whole[1].average.items():
        assert torch.allclose(run.net.state_dict()[name], value.half().float(), atol=1e-6)
    assert run.began_with["steps"] == "6"
    given.unlink()  # what was begun goes on without them, and still says what it began with
    longer = settings.model_copy(update={"train": still.model_copy(update={"steps": 3})})
    assert train(longer).began_with == run.began_with


def test_weights_of_other_sizes_and_weights_that_are_not_there_are_no_beginning(
    stacks: StackSet, whole: tuple[SmallSettings, Run], tmp_path: Path
):
    given = weights_of(whole[1], tmp_path / "given.safetensors")
    settings = small_settings(stacks.folder, tmp_path / "on")
    start = settings.train.model_copy(update={"start_from": str(given)})
    wider = settings.model.model_copy(update={"mix": 5})
    with pytest.raises(ConfigError, match=r"given\.safetensors: .*mix=4.*mix=5"):
        train(settings.model_copy(update={"train": start, "model": wider}))
    gone = settings.train.model_copy(update={"start_from": "gone.safetensors"})
    with pytest.raises(ConfigError, match=r"gone\.safetensors"):
        train(settings.model_copy(update={"train": gone}))
    assert not (tmp_path / "on" / CHECKPOINT).exists()


@pytest.mark.slow
def test_learning_lowers_the_loss(stacks: StackSet, tmp_path: Path):
    settings = small_settings(stacks.folder, tmp_path, steps=40)
    steady = settings.train.model_copy(update={"decay_from": 40, "log_every": 10})
    found: list[float] = []
    train(
        settings.model_copy(update={"train": steady}), tell=lambda step, means: found.append(means["total"])
    )
    assert found[-1] < 0.9 * found[0]
