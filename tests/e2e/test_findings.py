# SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
"""Each finding on a program that it is for, in Rust, C++ and C, and not on its twin."""
from memtide import TOOL, check, program, record
from truth import check_lossless

RULES = ("preallocate", "shrink", "large-lifetime", "cloning", "streaming", "compact-types", "hash-map",
         "thread-stacks", "unbounded-cache")
# What else the programs do on purpose: they have nothing in memory but what the rule is about.
BESIDE = {("cloning", "compact-types"), ("hash-map", "compact-types"),
          ("unbounded-cache", "cloning"), ("preallocate", "large-lifetime")}


def findings(language, rule, variant):
    recording = record("--", program(f"advice_{language}"), rule, variant, TOOL)
    document = recording.report()
    check_lossless(document)
    return document["processes"][0]["findings"]


def functions(finding):
    return {frame["function"].split("(")[0].split("::")[-1]
            for frame in finding["stack"] if frame["function"]}


def fires(language, rule):
    """On the program, with its function in the stack; not on the twin, for which nothing else is
    more than info."""
    bad, good = (findings(language, rule, variant) for variant in ("bad", "good"))
    told = [(f["rule"], f["severity"], f["title"]) for f in bad]
    name = rule.replace("-", "_") + "_bad"
    mine = [f for f in bad if f["rule"] == rule]
    check(mine, f"{rule} does not fire; there are {told}")
    check(not mine[0]["stack"] or name in functions(mine[0]), f"{rule}: {name} is not in {functions(mine[0])}")
    check(mine[0]["advice"] and mine[0]["evidence"], f"{rule} says nothing: {mine[0]}")
    others = [(f["rule"], f["severity"], f["title"]) for f in good]
    check(rule not in [o[0] for o in others], f"{rule} fires on the twin: {others}")
    wrong = [o for o in others if o[1] != "info" and (rule, o[0]) not in BESIDE]
    check(not wrong, f"the twin of {rule} has {wrong}")


def all_fire(language, rules=RULES):
    failures = []
    for rule in rules:
        try:
            fires(language, rule)
        except AssertionError as failure:
            failures.append(str(failure))
    check(not failures, "\n".join(failures))


def profile(name):
    """What release-profile says of a program: severity and evidence, or None."""
    found = [f for f in findings(name, "cloning", "good") if f["rule"] == "release-profile"]
    check(len(found) < 2, f"{name}: {found}")
    return (found[0]["severity"], found[0]["evidence"]) if found else None


def test_profiles():
    """Debug builds are told, a profile that is not the best is info, the best is none."""
    debug, plain, small = (profile(f"rust{kind}") for kind in ("_debug", "", "_small"))
    check(debug and debug[0] == "warn" and debug[1]["overflow_check_flag"] == 1, f"debug: {debug}")
    check(plain and plain[0] == "info" and plain[1]["unwinds_flag"] == 1 and
          plain[1]["codegen_unit_count"] > 1 and plain[1]["overflow_check_flag"] == 0,
          f"plain: {plain}")
    check(small is None, f"small: {small}")
    debug, plain = profile("c_debug"), profile("c")
    check(debug and debug[0] == "warn", f"C without optimisation: {debug}")
    check(plain is None, f"C: {plain}")


def test_c():
    all_fire("c", RULES + ("allocator",))


def test_cxx():
    all_fire("cxx")


def test_rust():
    all_fire("rust")
