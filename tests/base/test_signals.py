"""The first signal asks, the second one ends; the handlers of before come back."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading

import pytest

from focusgen.base.errors import ExitCode, Interrupted
from focusgen.base.signals import StopFlag, stop_on_signals, told_to_stop


@pytest.mark.parametrize(
    ("number", "code"),
    [
        (signal.SIGINT, ExitCode.INTERRUPTED),
        (signal.SIGTERM, ExitCode.TERMINATED),
        (signal.SIGUSR1, ExitCode.TERMINATED),
    ],
)
def test_the_first_signal_is_a_request(number, code):
    before = signal.getsignal(number)
    with stop_on_signals() as stop:
        stop.check()
        os.kill(os.getpid(), number)
        with pytest.raises(Interrupted, match="after the frame") as caught:
            stop.check()
        assert caught.value.exit_code is code
        assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL, "the second one ends the process"
    assert signal.getsignal(number) == before


def test_a_second_signal_ends_the_process_at_once():
    code = (
        "import os, signal, time\n"
        "from focusgen.base.signals import stop_on_signals\n"
        "with stop_on_signals():\n"
        "    os.kill(os.getpid(), signal.SIGTERM)\n"
        "    print('asked', flush=True)\n"
        "    os.kill(os.getpid(), signal.SIGTERM)\n"
        "    time.sleep(60)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=30)
    assert (done.returncode, done.stdout) == (-signal.SIGTERM, "asked\n")


def test_inside_of_each_other_they_share_a_flag_and_other_threads_set_none():
    with stop_on_signals() as outer, stop_on_signals() as inner:
        assert inner is outer
    seen: list[StopFlag] = []

    def elsewhere() -> None:
        with stop_on_signals() as stop:
            seen.append(stop)

    thread = threading.Thread(target=elsewhere)
    thread.start()
    thread.join()
    assert seen[0].exit_code is None


@pytest.mark.parametrize("for_good", [False, True])
def test_the_deaf_hear_again_unless_they_are_about_to_end(for_good: bool):
    code = (
        "import os, signal\n"
        "from focusgen.base.signals import deaf_to_warnings\n"
        "heard = []\n"
        "signal.signal(signal.SIGUSR1, lambda number, frame: heard.append(number))\n"
        f"with deaf_to_warnings(for_good={for_good}):\n"
        "    os.kill(os.getpid(), signal.SIGTERM)\n"
        "    os.kill(os.getpid(), signal.SIGUSR1)\n"
        "os.kill(os.getpid(), signal.SIGUSR1)\n"
        "print(len(heard))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=30)
    assert (done.returncode, done.stdout.strip()) == (0, "0" if for_good else "1")


def test_the_first_ctrl_c_lets_a_training_save_and_the_second_ends_it():
    own = signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs ignore it
    try:
        with told_to_stop() as seen:
            signal.raise_signal(signal.SIGINT)
            assert seen == [signal.SIGINT]
            with pytest.raises(KeyboardInterrupt):
                signal.raise_signal(signal.SIGINT)
        assert signal.getsignal(signal.SIGINT) == signal.default_int_handler
    finally:
        signal.signal(signal.SIGINT, own)


def test_who_was_started_deaf_to_ctrl_c_stays_so():
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with told_to_stop() as seen:
            signal.raise_signal(signal.SIGINT)
        assert seen == [] and signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)
