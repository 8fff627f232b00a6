# SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
"""Each kind of link between probes and a process, forced: all of them see the same."""
import time

from memtide import (TOOL, Program, Recording, attached, check, check_text, image, images, need,
                     program, record, work)
from test_allocators import library
from truth import check_lossless, compare

# --uprobes, and what the report says of returns.
KINDS = {"session": "session", "multi": "uretprobe_multi", "perf": "uretprobe",
         "shared": "uretprobe"}


def own_images(document, pid):
    return [p for p in images(document, pid)
            if p["exe"] and p["exe"].startswith(str(TOOL.parent))]


def check_kinds(document, *expected):
    """How the report says that malloc's return is seen."""
    kinds = {p["kind"] for p in document["capture"]["probes"] if p["function"] == "malloc"}
    check(kinds == set(expected), f"malloc is probed by {kinds}, not {expected}")


def kind_of_link(kind):
    """Among them a vfork child, whose calls are its parent's, once, and an exec."""
    for argv in (("family",), ("vforks", program("leaf")), ("execs", "leader"),
                 ("children", "8", program("leaf")), ("chains",)):
        recording = record("--", program(argv[0]), *argv[1:], options=("--uprobes", kind))
        document = recording.report()
        check_lossless(document)
        check(document["capture"]["hooks"]["return"] == KINDS[kind],
              f"return hooks {document['capture']['hooks']}")
        check_kinds(document, *(["session"] if kind == "session" else ["entry", "return"]))
        order = {}
        for truth in recording.truths():
            nth = order[truth["pid"]] = order.get(truth["pid"], -1) + 1
            compare(own_images(document, truth["pid"])[nth], truth)


def test_session():
    kind_of_link("session")


def test_multi():
    kind_of_link("multi")


def test_perf():
    kind_of_link("perf")


def test_shared():
    kind_of_link("shared")


def test_mixed_crowd():
    """Those that come first have links of their own, the others one event; all are exact."""
    targets = attached(12)
    recording = Recording("-p", ",".join(str(t.pid) for t in targets))
    recording.await_attached()
    work(targets)
    recording.interrupt()
    for target in targets:
        check_text(target.pid)
        target.go()
        target.wait()
    document = recording.report()
    check_lossless(document)
    own = document["capture"]["hooks"]["return"]
    check_kinds(document, "entry", "return", *(["session"] if own == "session" else []))
    for target in targets:
        compare(image(document, target.pid), target.truths()[0])


def attach_s(kind, env):
    """How long it takes to attach to one process, and to end."""
    target = Program(program("attached"), env=env)
    target.await_line("ready")
    begin = time.monotonic()
    recording = Recording("-p", str(target.pid), options=("--uprobes", kind))
    recording.await_attached()
    took = time.monotonic() - begin
    recording.interrupt()
    return took


def test_shared_attach():
    """Nothing that is closed delays what is opened: mimalloc has 93 functions to try and probe."""
    env = {"LD_PRELOAD": str(library("mimalloc"))}
    alone, shared = attach_s("session", env), attach_s("shared", env)
    check(shared < 5 * alone, f"{shared:.1f} s, {alone:.1f} s by a session")


test_shared_attach.alone = "timed"


def test_shared_beside():
    """Recorders that share events come and go beside each other: none takes what is another's."""
    [target] = attached()
    first, second, third = (Recording("-p", str(target.pid), options=("--uprobes", "shared"))
                            for _ in range(3))
    for recording in (first, second, third):
        recording.await_attached()
    second.interrupt()
    fourth = Recording("-p", str(target.pid), options=("--uprobes", "shared"))
    fourth.await_attached()
    work([target])
    for recording in (first, third, fourth):
        recording.interrupt()
        document = recording.report()
        check_lossless(document)
        compare(image(document, target.pid), target.truths()[0])
    check_text(target.pid)


def test_no_stacks():
    """The same counts, one site for each function."""
    recording = record("--", program("family"), options=("--no-stacks",))
    document, truth = recording.report(), recording.truths()[0]
    check_lossless(document)
    process = image(document)
    for field in ("alloc_count", "alloc_bytes", "free_count", "live_bytes"):
        check(process["heap"][field] == truth["heap"][field],
              f"{field}: {process['heap'][field]}, in truth {truth['heap'][field]}")
    check([s["stack"] for s in process["sites"]] == [[]], f"sites {process['sites']}")


def test_stranger():
    """A process that nobody asked for, of the same libc, is not touched."""
    stranger = Program(need("sleep"), "60")
    record("--", program("chains"), options=("--uprobes", "shared"))
    check_text(stranger.pid)
    stranger.process.kill()
    stranger.process.wait()
