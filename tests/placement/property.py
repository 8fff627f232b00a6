#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
"""Is every probe of every installed allocator where placement.h says that it may be?

property.c lists the places, calls the functions for their arguments and prices live traps on
the places. Here another disassembler, objdump,
and a walk over what it shows say whether a place is an instruction, whether a call can get past
it with anything done, and whether it can come back to it.
"""
import re
import subprocess
import sys
from collections import namedtuple
from pathlib import Path

PROGRAM = Path(__file__).resolve().parents[2] / "build/placement-tests/property"

SKIPPED = 77

Insn = namedtuple("Insn", "at name operands next target")
LINE = re.compile(r"\s*([0-9a-f]+):\t([^\t#]*)")
TARGET = re.compile(r"([0-9a-f]+)(?: <|$)")
PREFIXES = {"bnd", "notrack", "rep", "repz", "repnz", "lock", "data16", "cs", "ds", "es", "fs",
            "gs", "ss"}
# With memory as the first operand, these only read it.
READERS = {"cmp", "test", "bt", "nop", "ucomisd", "ucomiss", "comisd", "comiss"}


def disassemble(path, address, size):
    """The instructions of a function, by address."""
    text = subprocess.run(
        ["objdump", "-d", "-w", "-M", "intel", "--no-show-raw-insn",
         f"--start-address={address:#x}", f"--stop-address={address + size:#x}", path],
        check=True, capture_output=True, text=True).stdout
    found = [(int(m[1], 16), m[2].split(None, 1)) for m in map(LINE.match, text.splitlines()) if m]
    code = {}
    for i, (at, words) in enumerate(found):
        name, operands = words[0], words[1] if len(words) > 1 else ""
        while name in PREFIXES and operands:
            prefix = name
            name, _, operands = operands.partition(" ")
            operands = operands.strip()
            if prefix in ("rep", "repz", "repnz", "lock"):
                operands = "[" + operands  # strings and atomics: taken as stores
        target = TARGET.match(operands)
        is_branch = name.startswith("j") or name in ("call", "loop", "loope", "loopne")
        after = found[i + 1][0] if i + 1 < len(found) else address + size
        code[at] = Insn(at, name, operands, after,
                        int(target[1], 16) if is_branch and target else None)
    return code


def successors(insn):
    """Where it goes on; None stands for anywhere."""
    if insn.name in ("ret", "ud2", "hlt", "int3"):
        return []
    if insn.name == "jmp":
        return [insn.target]
    if insn.name.startswith("j") or insn.name.startswith("loop"):
        return [insn.next, insn.target]
    return [insn.next]


def works(insn):
    """Does it do what cannot be undone, or change where the caller's frame is found?"""
    first = insn.operands.split(",")[0]
    if insn.name in ("call", "syscall", "push", "pop", "leave", "enter", "xgetbv", "fxsave"):
        return True
    if "[" in first and insn.name not in READERS and not insn.name.startswith("j"):
        return True
    return first in ("rsp", "esp", "rbp", "ebp", "bp", "bpl") and insn.name not in READERS


def reach(code, starts, stop=-1):
    """Every address that can be reached, going no further at `stop`; None: anywhere."""
    seen, todo = set(), list(starts)
    while todo:
        at = todo.pop()
        if at in seen or at == stop:
            continue
        seen.add(at)
        if at in code:
            todo += successors(code[at])
    return seen


def ahead_of(code, at):
    """The instruction that is before another in the code, or None."""
    return next((i for i in code.values() if i.next == at), None)


def problem(code, entry, place):
    """What is wrong with `place`, or None."""
    if place not in code:
        return "it is no instruction for objdump"
    around = reach(code, [entry], place)
    for at in sorted(a for a in around if a is not None):
        if at not in code:
            return f"a call leaves for {at:x} and never passes it"
        if works(code[at]):
            return f"a call can do {code[at].name} {code[at].operands} at {at:x} without it"
        branch = code[at]
        if branch.name.startswith("j") and branch.name != "jmp":
            test = ahead_of(code, at)
            same = re.fullmatch(r"(r\w+),\1", test.operands) if test else None
            if branch.name != "je" or test.name != "test" or not same:
                return f"{branch.name} at {at:x} gets around it, and is no test for NULL or 0"
    if None in around:
        return "a call can go anywhere without it"
    again = reach(code, [s for s in successors(code[place]) if s is not None])
    if place in again:
        return "a call can come back to it"
    if None in again and place != entry:
        return "a call may come back to it"
    return None


def check_self():
    """What problem() must refuse, so that a rule that refuses nothing cannot go unseen."""
    def made(*rows):
        return {at: Insn(at, *rest) for at, *rest in rows}

    ok = made((0, "test", "rdi,rdi", 3, None), (3, "je", "9", 5, 9), (5, "push", "rbp", 6, None),
              (6, "ret", "", 7, None), (9, "ret", "", 10, None))
    assert problem(ok, 0, 5) is None
    assert problem(ok, 0, 4), "between instructions"
    assert problem(ok | made((3, "js", "9", 5, 9)), 0, 5), "another condition"
    assert problem(ok | made((0, "test", "rdi,rsi", 3, None)), 0, 5), "another test"
    assert problem(ok | made((9, "call", "50", 10, 50)), 0, 5), "work past it"
    assert problem(ok | made((9, "mov", "QWORD PTR [rdi],rax", 10, None)), 0, 5), "a store"
    assert problem(ok | made((9, "jmp", "50", 10, 50)), 0, 5), "a tail call past it"
    assert problem(ok | made((6, "jmp", "0", 7, 0)), 0, 5), "a loop"
    assert problem(ok | made((6, "jmp", "rax", 7, None)), 0, 5), "a switch"


def main():
    check_self()
    listed = subprocess.run([PROGRAM, "list"], capture_output=True, text=True)
    rows = [line.split("\t") for line in listed.stdout.splitlines() if "\t" in line]
    failures = 0
    for path, name, address, size, offset, placement, code_bytes in rows:
        entry = int(address, 16)
        why = problem(disassemble(path, entry, int(size)), entry, entry + int(offset))
        if why and placement == "emulated":
            failures += 1
            print(f"FAIL {path} {name}+{offset}: {why}")
        if placement != "emulated":
            print(f"stepped: {path} {name}+{offset}: {code_bytes}")
    print(f"{len(rows)} functions by objdump: {failures} misplaced")
    if listed.returncode or failures or not rows:
        print(listed.stdout if listed.returncode else "", end="")
        return 1
    statuses = {subprocess.run([PROGRAM, what]).returncode for what in ("arguments", "price")}
    return 1 if statuses - {0, SKIPPED} else max(statuses)


if __name__ == "__main__":
    sys.exit(main())
