# SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
"""Recordings of processes that already run: by pid, name and cgroup, and how they end."""
import os
import signal
import time
from pathlib import Path

from memtide import (Program, Recording, Skip, attached, check, check_text, children, image,
                     program, record, scratch, text_is_clean, until, work)
from truth import Differences, check_lossless, compare, compare_all


def test_attach():
    """Blocks older than the attach are in neither live nor peak; freeing one is unknown."""
    [target] = attached()
    recording = Recording("-p", str(target.pid))
    recording.await_attached()
    work([target])
    recording.interrupt()
    check_text(target.pid)
    target.go()
    target.wait()
    document = recording.report()
    check_lossless(document)
    process = image(document, target.pid)
    check(process["heap"]["since"] == "attach", f"since {process['heap']['since']}")
    check(process["ended"] == "running", f"ended {process['ended']}")
    compare(process, target.truths()[0])


def test_attach_twice():
    """Two recorders of one process: each counts everything, neither spoils the other."""
    [target] = attached()
    recordings = [Recording("-p", str(target.pid)), Recording("-p", str(target.pid))]
    for recording in recordings:
        recording.await_attached()
    work([target])
    for recording in recordings:
        recording.interrupt()
    check_text(target.pid)
    target.go()
    target.wait()
    for recording in recordings:
        compare(image(recording.report(), target.pid), target.truths()[0])


def test_attach_until_exit():
    """A recording of processes that have all ended is over, and has their last state."""
    [target] = attached()
    recording = Recording("-p", str(target.pid))
    recording.await_attached()
    target.go()
    target.go()
    target.wait()
    recording.wait()
    process = image(recording.report(), target.pid)
    check((process["ended"], process["exit_status"]) == ("exit", 0),
          f"ended {process['ended']} {process['exit_status']}")
    compare(process, target.truths()[0])


def midflight_ops(target):
    """What it says it has done: blocks made, bytes of them."""
    target.signal(signal.SIGUSR1)
    return [int(n) for n in target.await_line("ops ").split()[1:]]


def test_midflight():
    """100 threads, 100,000 blocks a second: nothing lost, nothing broken, nothing left."""
    target = Program(program("midflight"), "100", "100000")
    target.await_line("ready")
    before = midflight_ops(target)
    recording = Recording("-p", str(target.pid))
    recording.await_attached()
    first, began = midflight_ops(target), time.monotonic()
    time.sleep(3)
    last, ended = midflight_ops(target), time.monotonic()
    recording.interrupt()
    check_text(target.pid)
    after = midflight_ops(target)
    print(f"{(last[0] - first[0]) / (ended - began):.0f} allocations a second while traced")
    document = recording.report()
    check_lossless(document)
    check_midflight(image(document, target.pid), before, first, last, after)
    target.end()


def check_midflight(process, before, first, last, after):
    """Everything between `first` and `last` was counted, and nothing of the time around us."""
    heap, d = process["heap"], Differences("midflight")
    making = 100  # blocks that were not yet in an answer: one a thread, of up to 600 bytes
    d.between("alloc_count", heap["alloc_count"], last[0] - first[0] - making,
              after[0] - before[0] + making)
    d.between("alloc_bytes", heap["alloc_bytes"], last[1] - first[1] - 600 * making,
              after[1] - before[1] + 600 * making)
    # Each of 3,200 places holds a block of ours or one older than us, but for calls under way.
    d.between("unknown_free_count", heap["unknown_free_count"], 1, 100 * 32)
    d.between("live_count", heap["live_count"], heap["unknown_free_count"] - 200,
              heap["unknown_free_count"] + 200)
    d.equal("alloc - free - live", heap["alloc_count"] - heap["free_count"] - heap["live_count"],
            0)
    d.equal("sum of at_peak_bytes", sum(s["at_peak_bytes"] for s in process["sites"]),
            heap["peak_live_bytes"])
    kinds = {s["stack"][0]["function"]: ",".join(s["kinds"]) for s in process["sites"]}
    for name, kind in (("fresh", "malloc"), ("cleared", "calloc"), ("resized", "realloc")):
        d.equal(f"kind of {name}", kinds.get(name), kind)
    d.check()


test_midflight.timeout_s = 120
test_midflight.alone = "100 threads, of which nothing may be lost"


def test_duration():
    """-d ends a recording, and the target goes on."""
    target = Program(program("midflight"), "2", "1000")
    target.await_line("ready")
    begin = time.monotonic()
    recording = record("-p", str(target.pid), options=("-d", "1"))
    took = time.monotonic() - begin
    check(1 <= took <= 10, f"-d 1 took {took:.1f} s")
    duration = recording.report()["capture"]["duration_s"]
    check(0.8 <= duration <= 3, f"-d 1 recorded {duration} s")
    check_text(target.pid)
    target.end()


test_duration.alone = "timed"


def test_two_pids():
    targets = attached(2)
    recording = Recording("-p", ",".join(str(t.pid) for t in targets))
    recording.await_attached()
    work(targets)
    recording.interrupt()
    document = recording.report()
    for target in targets:
        compare(image(document, target.pid), target.truths()[0])
        target.go()
        target.wait()


def test_by_name():
    """-n takes every process of that name and no other."""
    names = ("mt-name-a", "mt-name-a", "mt-name-b")
    targets = []
    for name in names:
        alias = scratch() / name  # a program is called what it was executed as
        if not alias.exists():
            alias.symlink_to(program("attached"))
        target = Program(str(alias))
        target.await_line("ready")
        targets.append(target)
    recording = Recording("-n", "mt-name-a")
    recording.await_attached()
    work(targets)
    recording.interrupt()
    document = recording.report()
    check(sorted(p["pid"] for p in document["processes"]) == sorted(t.pid for t in targets[:2]),
          f"recorded {[p['pid'] for p in document['processes']]}")
    for target in targets[:2]:
        compare(image(document, target.pid), target.truths()[0])


def new_cgroup():
    with open("/proc/mounts", encoding="utf-8") as mounts:
        roots = [line.split()[1] for line in mounts if line.split()[2] == "cgroup2"]
    if not roots:
        raise Skip("no cgroup2 is mounted")
    group = Path(roots[0]) / f"mt-test-{os.getpid()}"
    try:
        group.mkdir()
    except OSError as error:
        raise Skip(f"cannot make a cgroup: {error}") from error
    return group


def test_by_cgroup():
    group = new_cgroup()
    inside, outside = attached(2)
    try:
        (group / "cgroup.procs").write_text(str(inside.pid))
        recording = Recording("-c", str(group))
        recording.await_attached()
        work((inside, outside))
        recording.interrupt()
        document = recording.report()
        check([p["pid"] for p in document["processes"]] == [inside.pid],
              f"recorded {[p['pid'] for p in document['processes']]}")
        compare(image(document, inside.pid), inside.truths()[0])
        check(group.name in document["processes"][0]["cgroup"], "its cgroup is not named")
    finally:
        for target in (inside, outside):
            target.process.kill()
            target.process.wait()
        group.rmdir()


def test_crowd_attached():
    """100 processes that already run, attached to at once."""
    target = Program(program("crowd"), "100", "50")
    target.await_line("ready")
    recording = Recording("-n", "crowd")
    recording.await_attached()
    target.go()
    target.wait(seconds=120)
    recording.wait(seconds=120)
    document = recording.report()
    check_lossless(document)
    truths = {t["pid"]: t for t in target.truths()}
    check(len(truths) == 100, f"{len(truths)} truths")
    compare_all(document, truths.values())


test_crowd_attached.timeout_s = 200
test_crowd_attached.alone = "-n takes all processes of that name"


def test_interrupt_attach():
    """SIGINT while hundreds are attached to: the rest is left alone, and the report is there."""
    target = Program(program("crowd"), "300", "50")
    target.await_line("ready")
    members = children(target.pid)
    recording = Recording("-p", ",".join(map(str, members)))
    until(lambda: not text_is_clean(members[0]), "a breakpoint in the first")
    recording.interrupt()
    recorded = {p["pid"] for p in recording.report()["processes"]}
    check(members[0] in recorded, "the first was not recorded")
    check(members[-1] not in recorded, f"all {len(recorded)} were attached to")
    for pid in members:
        check_text(pid)
    target.go()
    target.wait()


test_interrupt_attach.alone = "it must come while hundreds are attached to"


def test_interrupt_command():
    """SIGINT ends a recording of a command; what was recorded is there."""
    recording = Recording("--", program("midflight"), "2", "1000")
    recording.await_line("ready")
    time.sleep(0.5)
    recording.signal(signal.SIGINT)
    recording.wait(None)
    process = image(recording.report(), comm="midflight")
    check(process["heap"]["alloc_count"] > 0, "nothing was recorded")


def forwarded(number, command, status):
    recording = Recording("--", program("signals"), *command)
    recording.await_line("ready")
    recording.signal(number)
    recording.wait(status)


def test_forwards_sigterm():
    forwarded(signal.SIGTERM, (), signal.SIGTERM)


def test_forwards_sigusr1():
    forwarded(signal.SIGUSR1, (), signal.SIGUSR1)


def test_forwards_deadly_signal():
    forwarded(signal.SIGTERM, ("die",), 128 + signal.SIGTERM)
