"""Starts `ares serve` on a generated configuration and ends it, politely or not."""

import os
import re
import shutil
import signal
import socket
import stat
import subprocess
import tempfile
import threading
import time
from pathlib import Path

from . import toml
from .resp import Redis

ADMIN_SECRET = "admin-secret-for-tests-0123456789"
PROVIDER_KEY = "provider-key-for-tests-9876543210"
# Generous: the machine that runs the suite may be building something else at the same time.
START_SECONDS_MAX = 30
STOP_SECONDS_MAX = 40


def until(condition, seconds, what, pause=0.05):
    """Waits for `condition()` to be true and returns its value."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds} s: {what}")
        time.sleep(pause)


def clean_environment(**extra):
    """The caller's environment without anything that would configure a node."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith("ARES_")}
    return {**kept, **extra}


class Node:
    """One `ares` process with its private store (unless the configuration names a store)."""

    def __init__(self, ares, config, directory=None, environment=None):
        self.ares = str(ares)
        self.own_directory = directory is None
        # Short on purpose: a Unix socket's path has at most 107 bytes.
        self.directory = Path(directory or tempfile.mkdtemp(prefix="ares-"))
        self.config = config
        self.config_file = self.directory / "ares.toml"
        self.data_dir = Path(config.get("store", {}).get("data_dir") or self.directory / "data")
        self.environment = clean_environment(
            ARES_ADMIN_SECRET=ADMIN_SECRET, MOCK_KEY=PROVIDER_KEY, **(environment or {})
        )
        self.process = None
        self.url = None
        self.lines = []
        self._listening = threading.Event()

    # -- life ----------------------------------------------------------------

    def write_config(self):
        config = {**self.config}
        if "url" not in config.get("store", {}):
            config["store"] = {"data_dir": str(self.data_dir), **config.get("store", {})}
        self.config_file.write_text(toml.dump(config))

    def launch(self):
        """Starts the process; `start` also waits until it listens."""
        self.write_config()
        self.url = None
        self._listening.clear()
        self.process = subprocess.Popen(
            [self.ares, "serve", "--config", str(self.config_file)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            cwd=self.directory,
            env=self.environment,
        )
        threading.Thread(target=self._read, args=(self.process,), daemon=True).start()
        return self

    def start(self):
        self.launch()
        deadline = time.monotonic() + START_SECONDS_MAX
        while not self._listening.wait(0.05):
            if self.process.poll() is not None:
                time.sleep(0.2)  # the reader may still be at its last line
                raise AssertionError(f"ares ended with {self.process.returncode}:\n{self.log()}")
            if time.monotonic() > deadline:
                self.process.kill()
                raise AssertionError(f"ares did not listen in time:\n{self.log()}")
        return self

    def _read(self, process):
        for raw in process.stderr:
            line = raw.decode("utf-8", "replace").rstrip("\n")
            self.lines.append(line)
            found = re.search(r"listening on (https?://\S+)", line)
            if found and not self._listening.is_set():
                self.url = found.group(1).rstrip("/")
                self._listening.set()

    def terminate(self):
        self.process.send_signal(signal.SIGTERM)

    def wait(self, seconds=STOP_SECONDS_MAX):
        return self.process.wait(seconds)

    def stop(self):
        """SIGTERM, and the exit code that it led to."""
        if self.process.poll() is None:
            self.terminate()
        try:
            return self.wait()
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"ares did not end after SIGTERM:\n{self.log()}") from None

    def kill(self):
        """kill -9: the private redis-server lives on."""
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def destroy(self):
        """Ends whatever is left and removes the folder."""
        self.kill()
        pid = self.redis_pid()
        if pid:
            end_process(pid)
        if self.own_directory:
            shutil.rmtree(self.directory, ignore_errors=True)

    # -- looking in ----------------------------------------------------------

    @property
    def address(self):
        host, port = self.url.split("://")[1].rsplit(":", 1)
        return host, int(port)

    def connect(self, timeout=30):
        return socket.create_connection(self.address, timeout)

    def log(self):
        return "\n".join(self.lines[-200:])

    def redis_socket(self):
        for path in self.data_dir.rglob("*"):
            try:
                if stat.S_ISSOCK(path.lstat().st_mode):
                    return path
            except FileNotFoundError:
                continue
        return None

    def redis(self, timeout=10):
        return Redis(unix_path=self.redis_socket(), timeout=timeout)

    def redis_pid(self):
        """The redis-server that listens below the data directory (found by its command line or its
        working directory, so that it is also found when it answers nobody)."""
        for entry in Path("/proc").iterdir():
            if not entry.name.isdigit():
                continue
            try:
                command = (entry / "cmdline").read_bytes().decode("utf-8", "replace")
                name = (entry / "comm").read_text()
                if not name.startswith(("redis-server", "valkey-server")):
                    continue
                folder = os.readlink(entry / "cwd")
                state = (entry / "stat").read_text().rsplit(")", 1)[1].split()[0]
            except OSError:
                continue
            mine = str(self.data_dir.resolve())
            if state != "Z" and (mine in command or (folder + "/").startswith(mine + "/")):
                return int(entry.name)
        return None


def alive(pid):
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
        return state != "Z"
    except OSError:
        return False


def end_process(pid, seconds=10):
    """SIGCONT (it may be stopped) and SIGKILL."""
    for number in (signal.SIGCONT, signal.SIGKILL):
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            return
    until(lambda: not alive(pid), seconds, f"process {pid} ends")
