"""The disk below a redis-server, and the clock of a node: faults that need a preloaded library."""

import mmap
import os
import shutil
import struct
import subprocess
from pathlib import Path

SOURCE = Path(__file__).with_name("disk_shim.c")
FAKETIME = sorted(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"))


class Disk:
    """What redis-server's append-only file stands on (disk_shim.c). `path` comes first in the PATH of a node, so
    that the redis-server it starts has the shim, and none of what the node itself is preloaded with."""

    FIELDS = ("fsync_ms", "hold", "full", "held_bytes")

    def __init__(self, folder):
        self.path = Path(folder) / "shim"
        self.path.mkdir()
        library = self.path / "disk_shim.so"
        subprocess.run(["gcc", "-O1", "-shared", "-fPIC", "-o", library, SOURCE, "-ldl", "-pthread"], check=True)
        orders = self.path / "orders"
        orders.write_bytes(bytes(4 * len(self.FIELDS)))
        with open(orders, "r+b") as file:
            self._orders = mmap.mmap(file.fileno(), 0)
        self.server = self.path / "redis-server"
        self.server.write_text(f"#!/bin/sh\nARES_DISK_SHIM={orders} LD_PRELOAD={library} "
                               f"exec {shutil.which('redis-server')} \"$@\"\n")
        self.server.chmod(0o755)

    def environment(self):
        return {"PATH": f"{self.path}:{os.environ['PATH']}"}

    def set(self, **orders):
        for name, value in orders.items():
            struct.pack_into("i", self._orders, 4 * self.FIELDS.index(name), value)

    def well(self):
        self.set(fsync_ms=0, hold=0, full=0)

    def held_bytes(self):
        return struct.unpack_from("i", self._orders, 4 * self.FIELDS.index("held_bytes"))[0]


class Clock:
    """A wall clock for a node alone (libfaketime); its monotonic clock, and Redis', are the true ones."""

    def __init__(self, folder):
        self.file = Path(folder) / "clock"
        self.step(0)

    def environment(self):
        return {"LD_PRELOAD": str(FAKETIME[-1]), "FAKETIME_TIMESTAMP_FILE": str(self.file),
                "FAKETIME_CACHE_DURATION": "1", "FAKETIME_DONT_FAKE_MONOTONIC": "1", "DONT_FAKE_MONOTONIC": "1"}

    def step(self, seconds):
        """Takes effect within a second."""
        fresh = self.file.with_suffix(".new")
        fresh.write_text(f"{seconds:+d}\n")
        fresh.replace(self.file)
