# SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
"""scripts/fleet-record and fleet-top, against an sshd of the test's own on the loopback."""
import contextlib
import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
from pathlib import Path

from memtide import (PATIENCE_S, ROOT, TOOL, Program, Skip, check, image, need, program, record,
                     report, scratch, until)

RECORD, TOP = (ROOT / "scripts" / name for name in ("fleet-record", "fleet-top"))


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def listens(port):
    with socket.socket() as s:
        return s.connect_ex(("127.0.0.1", port)) == 0


class Sshd:
    """An sshd with keys and settings of its own, in which a name of "well..." is this host.

    "closed" refuses, "silent" never answers.
    """

    def __init__(self):
        sshd, keygen, _ = need("sshd", "ssh-keygen", "ssh")
        self.folder, self.port = scratch(), free_port()
        for name in ("host", "user"):
            subprocess.run([keygen, "-q", "-t", "ed25519", "-N", "", "-f", self.folder / name],
                           check=True)
        os.makedirs("/run/sshd", exist_ok=True)
        settings = self.folder / "sshd_config"
        settings.write_text(f"""Port {self.port}
ListenAddress 127.0.0.1
HostKey {self.folder}/host
AuthorizedKeysFile {self.folder}/user.pub
PidFile none
StrictModes no
UsePAM no
PermitRootLogin prohibit-password
""")
        self.ssh = self.folder / "ssh_config"
        self.ssh.write_text(f"""Host *
  User root
  IdentityFile {self.folder}/user
  IdentitiesOnly yes
  UserKnownHostsFile /dev/null
  StrictHostKeyChecking no
  LogLevel ERROR
Host well*
  HostName 127.0.0.1
  Port {self.port}
Host closed
  HostName 127.0.0.1
  Port {free_port()}
Host silent
  ProxyCommand exec sleep 1000
""")
        self.sshd = Program(sshd, "-D", "-e", "-f", settings)

    def record(self, hosts, *words, deadline=20, out=None, options=()):
        """fleet-record: its status, {host: (status, bytes, what)} and the folder."""
        out = out or scratch() / "captures"
        result = subprocess.run(
            [sys.executable, RECORD, "--ssh", f"ssh -F {self.ssh}", "--memtide", TOOL,
             "--deadline", str(deadline), "-o", out, *options, "-", "--", *words],
            input="\n".join(hosts), capture_output=True, text=True, timeout=PATIENCE_S,
            check=False)
        lines = [line.split("\t") for line in result.stdout.splitlines()]
        check(sorted(line[0] for line in lines) == sorted(hosts), f"{result}")
        left = [name for name in os.listdir(out) if name.startswith(".")]
        check(not left, f"left behind: {left}")
        print(result.stdout, result.stderr)
        return result.returncode, {host: (status, int(size), what)
                                   for host, status, _, size, what in lines}, out


@contextlib.contextmanager
def sshd():
    server = Sshd()
    until(lambda: listens(server.port) or not server.sshd.alive(), "an sshd")
    if not server.sshd.alive():
        raise Skip(f"sshd does not start: {server.sshd.stderr()}")
    try:
        yield server
    finally:
        server.sshd.signal(signal.SIGTERM)
        server.sshd.wait(None)


def top(*words, status=0):
    result = subprocess.run([sys.executable, TOP, "--memtide", TOOL, *words], capture_output=True,
                            text=True, timeout=PATIENCE_S, check=False)
    check(result.returncode == status, f"fleet-top {words}: {result}")
    check((result.stdout + result.stderr).replace("\n", "").isprintable(), f"{result}")
    return result.stdout + result.stderr


def test_fleet():
    """Three hosts are recorded side by side; one cannot be reached; their sum is the hosts'."""
    hosts = ["well1", "well2", "well3"]
    with sshd() as server:
        status, done, out = server.record([*hosts, "closed"], "--mode", "exact", "--",
                                          program("mix"))
    check(status == 1, f"status {status} though a host is closed")
    check(done["closed"][0] == "255" and "refused" in done["closed"][2], f"{done['closed']}")
    check(sorted(os.listdir(out)) == [f"{host}.mtd" for host in hosts], f"{os.listdir(out)}")
    lives = []
    for host in hosts:
        capture = out / f"{host}.mtd"
        check(done[host] == ("0", capture.stat().st_size, str(capture)), f"{done[host]}")
        check(capture.stat().st_mode & 0o777 == 0o600, "others can read it")
        lives.append(image(report(capture), comm="mix")["heap"]["live_bytes"])
    db = scratch() / "sites.db"
    said = top("--by", "live_bytes", "--db", db, *sorted(out.iterdir()))
    found = sqlite3.connect(db).execute(
        "SELECT total(live_bytes), count(DISTINCT pid), count(DISTINCT build_id) FROM site"
        " WHERE comm = 'mix'").fetchone()
    check(found == (sum(lives), 3, 1), f"{found}, in truth {sum(lives)}")
    check("processes 3, mix" in said and "\n       large\n       main\n" in said, said)


def test_fleet_status():
    """What fails there is told here; nothing that is here is overwritten."""
    with sshd() as server:
        status, done, out = server.record(["well"], "-n", "mt-no-such-name")
        check((status, done["well"][:2]) == (1, ("3", 0)), f"{status}, {done}")
        check("mt-no-such-name" in done["well"][2], f"{done}")
        (out / "well.mtd").write_text("precious")
        status, done, _ = server.record(["well"], "--", "true", out=out)
        check(status == 1 and "already" in done["well"][2], f"{done}")
        check((out / "well.mtd").read_text() == "precious", "it was overwritten")
        status, done, out = server.record(["well"], "--", "sh", "-c", "exit 7; : 'a  b'")
        check((status, done["well"][0]) == (1, "7"), f"{status}, {done}")
        check(report(out / "well.mtd")["capture"]["finished"], "no capture of it")


def test_fleet_deadline():
    """A recording without an end is ended there, in order; its target goes on."""
    target = Program(program("attached"))
    target.await_line("ready")
    with sshd() as server:
        status, done, out = server.record(["well"], "-p", str(target.pid), deadline=2)
    check(status == 0 and done["well"][0] == "0", f"{status}, {done}")
    check(report(out / "well.mtd")["capture"]["finished"], "it was cut off")
    check(target.alive(), "the target ended")


def test_fleet_silent():
    """A host that does not answer holds up nobody for long, before the connection or after it."""
    deaf = """sh -c 'trap "" INT; while :; do sleep 1; done' --"""
    with sshd() as server:
        status, done, out = server.record(["silent", "well"], "--", "true", deadline=2,
                                          options=("-j", "1", "--grace", "3"))
        check(status == 1 and done["silent"][:2] == ("255", 0), f"{status}, {done}")
        check(done["well"][0] == "0" and os.listdir(out) == ["well.mtd"], f"{done}")
        status, done, _ = server.record(["well"], "--", "true", deadline=1,
                                        options=("--grace", "2", "--memtide", deaf))
        check(status == 1 and done["well"][:2] == ("deadline", 0), f"{status}, {done}")


def test_fleet_usage():
    hosts = scratch() / "hosts"
    for text, words in (("", ["--", "true"]), ("-oProxyCommand=id\n", ["--", "true"]),
                        ("a;b\n", ["--", "true"]), ("../a\n", ["--", "true"]), ("a\n", [])):
        hosts.write_text(text)
        result = subprocess.run([sys.executable, RECORD, hosts, *words], capture_output=True,
                                timeout=PATIENCE_S, check=False, cwd=scratch())
        check(result.returncode == 2 and not result.stdout, f"{text!r}: {result}")


def test_fleet_top_sums():
    """Sites of one build are one over all hosts; of another build they are not."""
    capture, folder = record("--", program("mix")).capture, scratch()
    lines = subprocess.run([TOOL, "export", capture, "--format", "ndjson"], check=True,
                           capture_output=True, text=True).stdout.splitlines()
    sites = [json.loads(line) for line in lines]
    names = ("web1", "web2", "old")
    for name in names:
        build = "\x1b[31m" if name == "old" else sites[0]["build_id"]
        (folder / name).write_text("".join(
            json.dumps({**site, "host": name, "build_id": build}) + "\n" for site in sites))
    large = next(site for site in sites if site["stack"][0] == "large")
    said = top("-n", "2", *(folder / name for name in names))
    mib = large["at_peak_bytes"] / (1 << 20)
    check(f"  1. {2 * mib:.1f} MiB " in said and "hosts 2, processes 2" in said, said)
    check(f"  2. {mib:.1f} MiB " in said and "mix \\x1b[31m" in said, said)


def test_fleet_top_refuses():
    """A file that is no capture is named, and the others are added up."""
    folder = scratch()
    capture = record("--", program("mix"), capture=folder / "good").capture
    (folder / "bad").write_text("no json")
    (folder / "other").write_text('{"schema":"memtide.sites/2"}\n')
    (folder / "cut").write_bytes(Path(capture).read_bytes()[:5000])
    said = top(*(folder / name for name in ("bad", "good", "other", "cut", "missing")), status=1)
    for name in ("bad", "other", "cut", "missing"):
        check(f"{folder}/{name}: " in said, f"{name} is not named: {said}")
    check("mix" in said, said)
    said = top("--db", folder / "good", folder / "good", status=1)
    check("already" in said and report(capture), said)
