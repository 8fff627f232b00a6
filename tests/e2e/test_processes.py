# SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
"""Fork, vfork, exec, children that come and go, crowds: one entry per program image."""
import statistics

from memtide import Program, Recording, check, image, images, need, program, record
from truth import check_lossless, compare_all


def trace(*argv, exact=True):
    recording = record("--", program(argv[0]), *argv[1:])
    document, truths = recording.report(), recording.truths()
    compare_all(document, truths, exact)
    return document, truths


def test_shell():
    """Both children of a shell from their first allocation, with the shell's own images."""
    command = f"{program('resize')} & {program('resize')}; wait"
    recording = record("--", "sh", "-c", command)
    document, truths = recording.report(), recording.truths()
    check(len(truths) == 2, f"{len(truths)} truths")
    compare_all(document, truths)
    for process in document["processes"]:
        check(process["heap"]["unknown_free_count"] == 0, f"unknown frees in {process['comm']}")
        check(process["heap"]["since"] == "start", f"{process['comm']} since attach")


def test_fork():
    document, truths = trace("forks")
    grandchild, child, parent = (image(document, t["pid"]) for t in truths)
    check(grandchild["ppid"] == child["pid"], f"ppid {grandchild['ppid']}")
    check(child["ppid"] == parent["pid"], f"ppid {child['ppid']}")
    check([p["ended"] for p in (grandchild, child, parent)] == ["exit"] * 3, "not ended by exit")


def test_vfork():
    """What a vfork child allocates is its parent's; then it executes and has its own."""
    document, truths = trace("vforks", program("leaf"))
    check([t["comm"] for t in truths] == ["leaf", "leaf", "vforks"], f"{len(truths)} truths")
    check(image(document, comm="vforks")["pid"] == truths[-1]["pid"], "the parent's entry")


def test_exec():
    document, truths = trace("execs", "leader")
    entries = images(document, truths[0]["pid"])
    check([p["ended"] for p in entries] == ["exec", "exec", "exit"],
          f"ended {[p['ended'] for p in entries]}")
    check([p["comm"] for p in entries] == [t["comm"] for t in truths],
          f"comm {[p['comm'] for p in entries]}")


def test_exec_at_once():
    """An image that is over before its mappings could be read is known by its probes."""
    recording = record("--", need("env"), program("static/leaf"))
    document = recording.report()
    process = image(document, comm="env")
    check(process["heap"]["alloc_count"] > 0, f"heap {process['heap']}")
    check(process["heap_note"] is None, f"it has heap, and is told: {process['heap_note']}")
    check(process["allocators"][0].startswith("glibc 2."), f"allocators {process['allocators']}")
    modules = {p["module"] for p in document["capture"]["probes"]}
    check(any("libc.so" in m for m in modules), f"probes only in {modules}")
    check(program("static/leaf") in modules, f"probes only in {modules}")


def test_end_at_once():
    """So is one that is not held, and ends."""
    for _ in range(10):
        recording = record("--", program("leaf"), options=("--no-ptrace",))
        process = image(recording.report(), comm="leaf")
        told = (process["heap_note"] is None, len(process["allocators"]))
        check(told == ((True, 1) if process["heap"] else (False, 0)),
              f"heap {bool(process['heap'])}, {process['heap_note']}, {process['allocators']}")


def test_children_of_attached():
    """Children of what runs already may end before they are attached to, and say so then."""
    children = f"{program('leaf')}; " + "(:); " * 20
    target = Program(need("sh"), "-c", f"read x; {children} echo done; read x")
    recording = Recording("-p", str(target.pid))
    recording.await_attached()
    target.go()
    target.await_line("done")
    recording.interrupt()
    processes = [p for p in recording.report()["processes"] if p["pid"] != target.pid]
    check(len(processes) >= 20, f"{len(processes)} children")
    untold = [p["pid"] for p in processes if not p["heap"] and not p["heap_note"]]
    check(not untold, f"no heap, and no word why: {untold}")
    missed = sum(not p["heap"] for p in processes)
    print(f"{missed} of {len(processes)} were not attached to")


def test_exec_of_more():
    """One that is held has called nothing yet of a library that the image before had not."""
    recording = record("--", need("env"), program("mallocx"))
    process = image(recording.report(), comm="mallocx")
    check(process["heap"]["since"] == "start", f"since {process['heap']['since']}")
    check(process["counted_time_pct"] == 100, f"{process['counted_time_pct']} % counted")


def test_exec_by_thread():
    """The image that another thread executes is traced like any."""
    document, truths = trace("execs", "thread", exact=False)
    entries = images(document, truths[0]["pid"])
    check([p["ended"] for p in entries] == ["exec", "exec", "exit"],
          f"ended {[p['ended'] for p in entries]}")


def test_children_storm():
    document, truths = trace("children", "40", program("leaf"))
    check(len(truths) == 40 + 20 + 1, f"{len(truths)} truths")
    check(document["capture"]["mode"] == "exact", f"mode {document['capture']['mode']}")


def test_statuses():
    """exit_status and how an image ended."""
    document = record("--", "sh", "-c", "sh -c 'exit 3'; sh -c 'kill -9 $$'; exit 5",
                      status=5).report()
    ends = sorted((p["ended"], p["exit_status"]) for p in document["processes"]
                  if p["ended"] != "exec")
    check(ends == [("exit", 3), ("exit", 5), ("signal", 9)], f"ends {ends}")


def crowd(recording, targets=100):
    costs = [int(recording.await_line("cost ").split()[1]) for _ in range(targets)]
    print(f"{targets} traced processes: {statistics.median(costs)} ns a pair of calls")


def test_crowd():
    """100 traced processes at once, followed from their fork."""
    recording = Recording("--", program("crowd"), "100", "100")
    recording.await_line("ready")
    recording.go()
    crowd(recording)
    recording.wait()
    truths = recording.truths()
    check(len(truths) == 100, f"{len(truths)} truths")
    compare_all(recording.report(), truths)


test_crowd.timeout_s = 150


def launched_child(how):
    """The child's peak is its own, not that of the 200 MiB process that launched it."""
    recording = record("--", program("launcher"), how)
    document = recording.report()
    check_lossless(document)
    for truth in recording.truths():
        process = [p for p in images(document, truth["pid"]) if p["comm"] == truth["comm"]][-1]
        peak, want = process["peak"], truth["rss_bytes"]
        slack = max(want * 0.01, peak["rss_error_bytes"] or 0)
        check(abs(peak["rss_bytes"] - want) <= slack,
              f"{truth['comm']}: peak RSS {peak['rss_bytes']}, in truth {want}, bound {slack}")
        check((peak["rss_error_bytes"] or 0) <= 8 << 20, f"bound {peak['rss_error_bytes']}")


def test_launcher_fork():
    launched_child("fork")


def test_launcher_vfork():
    launched_child("vfork")
