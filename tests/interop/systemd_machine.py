"""A machine of namespaces, booted by systemd over this machine's /usr: the unit runs there."""

from __future__ import annotations

import os
import select
import shutil
import subprocess
import sys
import sysconfig
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.patience import PATIENCE

ROOT = Path(__file__).parents[2]
FILES = ROOT / "config" / "systemd"
SYSTEMD = Path("/lib/systemd/systemd")
PYTHON = Path(f"/usr/bin/python3.{sys.version_info.minor}")  # /home and /root are hidden there
NEEDED = (SYSTEMD, PYTHON, Path("/usr/bin/unshare"), Path("/usr/bin/nsenter"))
NAMESPACES = ("--pid", "--mount", "--uts", "--ipc", "--net", "--cgroup")
PATHS = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/"}
TRIAL = """\
mount --make-rprivate /
mount -t tmpfs tmpfs /mnt
mkdir /mnt/a /mnt/b /mnt/c
mount -t cgroup2 cgroup2 /mnt/a
mount -t proc proc /mnt/b
mount -t sysfs -o ro sysfs /mnt/c
"""
BOOT = """\
set -e
mount --make-rprivate /
mount -t tmpfs tmpfs "$1"
cd "$1"
mkdir -p old usr etc/ssl var/tmp run tmp dev proc sys opt/source opt/site opt/smppbridge/bin
mount --bind -o ro /usr usr
mount --bind -o ro "$2" opt/source
mount --bind -o ro "$3" opt/site
for name in bin sbin lib lib32 lib64; do [ ! -L /$name ] || cp -P /$name .; done
for name in passwd group nsswitch.conf ld.so.cache localtime; do
    [ ! -e /etc/$name ] || cp -L /etc/$name etc/
done
tr -d - </proc/sys/kernel/random/uuid >etc/machine-id  # no first boot, which enables all units
cp "$4" opt/smppbridge/bin/smppbridge
chmod 755 opt/smppbridge/bin/smppbridge
mount -t proc proc proc
mount -t sysfs -o ro sysfs sys
mount -t tmpfs tmpfs sys/fs/cgroup 2>/dev/null || true
mount -t cgroup2 cgroup2 sys/fs/cgroup
for name in run tmp dev; do mount -t tmpfs tmpfs $name; done
for name in null zero full random urandom tty; do
    touch dev/$name
    mount --bind /dev/$name dev/$name
done
mkdir dev/pts dev/shm
mount -t devpts -o newinstance,ptmxmode=0666 devpts dev/pts
ln -s pts/ptmx dev/ptmx
mount -t tmpfs tmpfs dev/shm
ip link set lo up
pivot_root . old
umount --lazy old
exec env -i container=test PATH=/usr/sbin:/usr/bin:/sbin:/bin \\
    chroot . /lib/systemd/systemd --system --unit=basic.target
"""
PROGRAM = f"""\
#!/bin/sh
export PYTHONPATH=/opt/source:/opt/site PYTHONDONTWRITEBYTECODE=1
exec {PYTHON} -m smppbridge "$@"
"""


def lacking() -> str:
    """Return why there can be no such machine; "" if there can."""
    if os.getuid():
        return "only root boots"
    if missing := [str(path) for path in NEEDED if not path.exists()]:
        return f"{', '.join(missing)} NOT INSTALLED"
    tried = subprocess.run(["unshare", "--fork", *NAMESPACES, "sh", "-ec", TRIAL], check=False)
    return "namespaces or mounts are forbidden here" if tried.returncode else ""


@contextmanager
def booted(folder: Path) -> Iterator[Machine]:
    """Boot a machine; all its processes end afterwards."""
    root, program, log = folder / "root", folder / "smppbridge", folder / "boot.log"
    root.mkdir()
    program.write_text(PROGRAM)
    places = [root, ROOT, sysconfig.get_path("platlib"), program]
    command = ["unshare", "--fork", "--kill-child", *NAMESPACES, "bash", "-c", BOOT, "boot"]
    with (
        log.open("wb") as out,
        subprocess.Popen(
            [*command, *map(str, places)], stdin=subprocess.DEVNULL, stdout=out, stderr=out
        ) as process,
    ):
        try:
            yield Machine(process, log)
        finally:
            process.kill()


class Machine:
    """A booted machine, with the bridge's unit, user and folders as README installs them."""

    def __init__(self, process: subprocess.Popen[bytes], log: Path) -> None:
        self._process, self._log = process, log
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
        self._await(lambda: SYSTEMD.name in _name(children.read_text().strip()))
        self._pid = children.read_text().strip()
        self.root = Path(f"/proc/{self._pid}/root")
        self._await(lambda: self.run("systemctl", "is-system-running") in {"running", "degraded"})
        self._install()

    def run(self, *command: str) -> str:
        """Return the output of a command there, whatever its status."""
        return self._run(*command).stdout.strip()

    def status(self, *command: str) -> int:
        """Return the status of a command there."""
        return self._run(*command).returncode

    def shown(self, name: str) -> str:
        """Return a property of the unit."""
        return self.run("systemctl", "show", "smppbridge", f"--property={name}", "--value")

    def await_shown(self, name: str, value: str) -> None:
        """Wait until a property of the unit has a value."""
        self._await(lambda: self.shown(name) == value)

    def write(self, path: str, text: str) -> None:
        """Write a file there, which the bridge's group may read."""
        file = self.root / path.removeprefix("/")
        file.write_text(text)
        self.run("chgrp", "smppbridge", path)
        file.chmod(0o640)

    def drop_in(self, text: str) -> None:
        """Change the unit by a file beside it."""
        file = self.root / "run/systemd/system/smppbridge.service.d/changed.conf"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        assert self.status("systemctl", "daemon-reload") == 0

    def _install(self) -> None:
        for name, folder in (("sysusers.conf", "sysusers.d"), ("tmpfiles.conf", "tmpfiles.d")):
            self._copy(FILES / name, f"etc/{folder}/smppbridge.conf")
        self._copy(FILES / "smppbridge.service", "etc/systemd/system/smppbridge.service")
        for command in (
            ["systemd-sysusers"],
            ["systemd-tmpfiles", "--create", "smppbridge.conf"],
            ["systemctl", "daemon-reload"],
        ):
            assert self.status(*command) == 0, command

    def _copy(self, file: Path, to: str) -> None:
        target = self.root / to
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(file, target)

    def _run(self, *command: str) -> subprocess.CompletedProcess[str]:
        inside = ["nsenter", "--target", self._pid, "--all", "--root", "--wd"]
        return subprocess.run(
            [*inside, *command],
            check=False,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=PATHS,
            timeout=PATIENCE,
        )

    def _await(self, done: Callable[[], bool]) -> None:
        deadline = time.monotonic() + PATIENCE
        while not done():
            assert self._process.poll() is None, self._log.read_text()
            assert time.monotonic() < deadline, self._log.read_text()
            select.select([], [], [], 0.05)


def _name(pid: str) -> str:
    return Path(f"/proc/{pid}/comm").read_text() if pid else ""
