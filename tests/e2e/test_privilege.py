# SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
"""What a recorder can still do once it records, and that this is enough for all it has to."""
import os
import stat
from pathlib import Path

from memtide import Program, Recording, check, image, program, record, scratch

# As README has it; numbers of linux/capability.h.
DAC_OVERRIDE, DAC_READ_SEARCH, KILL, SYS_PTRACE, SYS_ADMIN, PERFMON, BPF, CHECKPOINT_RESTORE = (
    1 << n for n in (1, 2, 5, 19, 21, 38, 39, 40))
KEPT = BPF | PERFMON | SYS_PTRACE | DAC_READ_SEARCH | CHECKPOINT_RESTORE
NOBODY = 65534


def threads_status(pid):
    """/proc/PID/task/TID/status of each, as fields."""
    for task in Path(f"/proc/{pid}/task").iterdir():
        lines = (task / "status").read_text(encoding="utf-8").splitlines()
        yield dict(line.split(":\t", 1) for line in lines if ":\t" in line)


def check_privileges(pid, expected):
    """Of the main thread exactly those; of the others none but those."""
    for status in threads_status(pid):
        main = status["Pid"] == status["Tgid"]
        for field in ("CapEff", "CapPrm", "CapBnd"):
            had = int(status[field], 16)
            check(had == expected if main else not had & ~expected,
                  f"{field} of {'the main' if main else 'another'} thread: {had:#x}, "
                  f"documented {expected:#x}")
        check(int(status["CapInh"], 16) == int(status["CapAmb"], 16) == 0, "it passes some on")
        check(status["NoNewPrivs"] == "1", f"NoNewPrivs {status['NoNewPrivs']}")
        check(status["Seccomp"] == "2", f"Seccomp {status['Seccomp']}")


def attached(mode="exact", capture=None, options=()):
    target = Program(program("attached"))
    target.await_line("ready")
    recording = Recording("-p", target.pid, options=("--mode", mode, *options), capture=capture)
    recording.await_attached()
    return target, recording


def test_attached():
    for mode in ("exact", "auto", "kernel"):
        target, recording = attached(mode)
        check_privileges(recording.pid, KEPT)
        target.go()
        target.await_line("done")
        recording.interrupt()
        check(image(recording.report(), target.pid), "no report")


def test_perf_events():
    """The kernel opens them with CAP_SYS_ADMIN only: it stays, for children that may come."""
    target, recording = attached(options=("--uprobes", "perf"))
    check_privileges(recording.pid, KEPT | SYS_ADMIN)
    target.process.kill()
    recording.wait()


def test_command():
    """It has all that it was given; the recorder hands signals on to it."""
    recording = Recording("--", program("attached"))
    recording.await_line("ready")
    check_privileges(recording.pid, KEPT | KILL | SYS_ADMIN)
    pid = int(Path(f"/proc/{recording.pid}/task/{recording.pid}/children").read_text().split()[0])
    own = next(threads_status(os.getpid()))
    status = next(threads_status(pid))
    for field in ("CapEff", "CapPrm", "CapBnd", "NoNewPrivs", "Seccomp"):
        check(status[field] == own[field], f"its {field}: {status[field]}, ours {own[field]}")
    recording.go()
    recording.go()
    recording.wait()


def test_foreign_folder():
    """The capture's journal is made in another user's folder at every tick."""
    folder = scratch() / "theirs"
    folder.mkdir(mode=0o755)
    os.chown(folder, NOBODY, NOBODY)
    target, recording = attached(capture=folder / "c")
    check_privileges(recording.pid, KEPT | DAC_OVERRIDE)
    target.go()
    target.await_line("done")
    recording.interrupt()
    check(image(recording.report(), target.pid)["heap"]["alloc_count"] > 0,
          "nothing was counted")


def test_private_files():
    """Everything that it writes while it records is its owner's alone."""
    os.umask(0)
    folder = scratch() / "files"
    folder.mkdir()
    target, recording = attached(capture=folder / "c")
    check(list(folder.iterdir()), "nothing was written")
    for path in folder.iterdir():
        mode = stat.S_IMODE(path.stat().st_mode)
        check(mode == 0o600, f"{path.name} is {mode:o}")
    target.go()
    recording.interrupt()
    check(stat.S_IMODE((folder / "c").stat().st_mode) == 0o600, "the capture")
