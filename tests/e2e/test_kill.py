# SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
"""Recorders that are killed: the target lives, nothing of ours stays, the capture can be read."""
import os
import random
import signal
import time
from pathlib import Path

from memtide import (Program, Recording, bpf_objects, check, check_text, children, image, program,
                     report_result, seed, still_there, text_is_clean, until)

TICK_S = 1  # the capture's promise: all but the last tick
KILLS = 50 if os.environ.get("MT_LONG") else 10  # in each of two tests
MAKING = 20  # threads; each may be making a block that it does not tell of yet


def kill_after(recording, seconds):
    """Stopped first, so that what it holds at that moment is known; returned is just that."""
    time.sleep(seconds)
    recording.signal(signal.SIGSTOP)
    until(lambda: recording.process.poll() is not None or stopped(recording.pid), "a stop")
    held = bpf_objects(recording.pid)
    recording.signal(signal.SIGKILL)
    recording.process.wait()
    return held


def stopped(pid):
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "T"


def check_gone(held):
    until(lambda: not still_there(held), f"end of the recorder's BPF objects, {len(held)}", 2)


def check_capture(recording, pid, attached_s):
    """Readable. Only one killed before its first tick may be empty, and then says so."""
    if not recording.capture.exists():
        check(attached_s < TICK_S, "no capture")
        return
    status, _, err = report_result(recording.capture, "--json")
    if attached_s > 2 * TICK_S:
        check(status == 0, f"killed {attached_s:.1f} s after the attach: status {status}: {err}")
        heap = image(recording.report(), pid)["heap"]
        check(heap and heap["alloc_count"] > 0, f"an empty heap after {attached_s:.1f} s")
    else:
        check(status in (0, 1), f"status {status}: {err}")
        check(status == 0 or len(err.splitlines()) == 1, f"not one clear line: {err!r}")


def midflight_blocks(target):
    """How many it says it has made, and when."""
    target.signal(signal.SIGUSR1)
    return int(target.await_line("ops ").split()[1]), time.monotonic()


def kill_late(target, seconds):
    """What the capture holds is no older than two ticks, by its own account and the target's."""
    recording = Recording("-p", str(target.pid))
    recording.await_attached()
    at_attach, began = midflight_blocks(target)
    time.sleep(seconds - 2 * TICK_S)
    known, _ = midflight_blocks(target)
    held = kill_after(recording, 2 * TICK_S)
    killed_s = time.monotonic() - began
    check_text(target.pid, seconds=1)
    check_gone(held)
    document = recording.report()
    duration, heap = document["capture"]["duration_s"], image(document, target.pid)["heap"]
    check(not document["capture"]["finished"], "it says that it is finished")
    check(duration >= killed_s - 2 * TICK_S, f"{duration} s of {killed_s:.1f} s")
    check(heap["alloc_count"] >= known - at_attach - MAKING,
          f"{heap['alloc_count']} allocations, {known - at_attach} two ticks before the kill")
    samples = image(document, target.pid)["timeline"]
    check(samples[-1]["t_s"] >= killed_s - 2 * TICK_S, f"last sample at {samples[-1]['t_s']} s")


def test_kill_late():
    rng = random.Random(seed())
    target = Program(program("midflight"), str(MAKING), "20000")
    target.await_line("ready")
    for _ in range(3):
        kill_late(target, rng.uniform(2.5, 4.5))
    target.end()


def kill_once(target, random_s):
    """Seconds until the target's code was its files' again."""
    recording = Recording("-p", str(target.pid))
    held = kill_after(recording, random_s)
    killed = time.monotonic()
    attached_s = random_s - 1  # at the latest
    check(target.alive(), f"the target died: {target.process.returncode}: {target.stderr()}")
    check_text(target.pid, seconds=1)
    clean_s = time.monotonic() - killed
    check_gone(held)
    check_capture(recording, target.pid, attached_s)
    return clean_s


def kills(rounds, longest_s):
    rng = random.Random(seed())
    target = Program(program("midflight"), "20", "20000")
    target.await_line("ready")
    clean_s = [kill_once(target, rng.uniform(0, longest_s)) for _ in range(rounds)]
    target.end()
    print(f"{rounds} kills; clean code after {1000 * max(clean_s):.0f} ms at most")


def test_kill_in_attach():
    kills(KILLS, 0.6)


def test_kill_in_load():
    kills(KILLS, 4)


test_kill_in_attach.timeout_s = 60 * KILLS / 10
test_kill_in_load.timeout_s = 150 * KILLS / 10


def test_kill_attached():
    """The same at a moment that is known: the target carries breakpoints."""
    target = Program(program("midflight"), "20", "20000")
    target.await_line("ready")
    for _ in range(3):
        recording = Recording("-p", str(target.pid))
        until(lambda: not text_is_clean(target.pid), "an attach")
        held = kill_after(recording, 0)
        check(held, "the recorder holds nothing")
        check_text(target.pid, seconds=1)
        check_gone(held)
    target.end()


def test_kill_launcher():
    """The command of a killed recorder goes on, held by nobody."""
    recording = Recording("--", program("midflight"), "4", "4000")
    recording.await_line("ready")
    pid = children(recording.pid)[0]
    held = kill_after(recording, 1)
    check_text(pid, seconds=1)
    check_gone(held)
    with open(f"/proc/{pid}/status", encoding="utf-8") as status:
        fields = dict(line.rstrip("\n").split(":\t", 1) for line in status if ":\t" in line)
    check(fields["TracerPid"] == "0" and fields["State"][0] in "SR", f"{fields['State']}")


for _test in (test_kill_late, test_kill_in_attach, test_kill_in_load, test_kill_attached,
              test_kill_launcher):
    _test.alone = "what a killed recorder leaves must go within a second"
