"""What ares is compared with, measured in the same run: bare RESTinio, nginx, the stand-in upstream."""

import os
import re
import shutil
import socket
import subprocess
import tempfile
import time
from pathlib import Path

from .paths import program


class Announced:
    """A program that says `listening on URL` on standard error."""

    def __init__(self, name, *options):
        self.process = subprocess.Popen([str(program(name)), *map(str, options)], stderr=subprocess.PIPE, text=True)
        for line in self.process.stderr:
            found = re.search(r"listening on (http://\S+)", line)
            if found:
                self.url = found.group(1)
                return
        raise SystemExit(f"bench: {name} ended")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()

    @property
    def pids(self):
        return [self.process.pid]


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Nginx:
    """One worker: /hello answers at once, everything else goes to `upstream` over kept connections."""

    def __init__(self, upstream):
        self.folder = Path(tempfile.mkdtemp(prefix="ares-bench-"))
        self.port = free_port()
        host = upstream.removeprefix("http://").split("/")[0]
        (self.folder / "nginx.conf").write_text(f"""
daemon off; worker_processes 1; pid {self.folder}/nginx.pid; error_log {self.folder}/error.log;
worker_rlimit_nofile 20000;
events {{ worker_connections 16000; }}
http {{
  access_log off; client_body_temp_path {self.folder}; proxy_temp_path {self.folder};
  fastcgi_temp_path {self.folder}; uwsgi_temp_path {self.folder}; scgi_temp_path {self.folder};
  keepalive_requests 1000000000; client_body_buffer_size 64k;
  upstream model {{ server {host}; keepalive 1024; keepalive_requests 1000000000; }}
  server {{
    listen 127.0.0.1:{self.port};
    location /hello {{ default_type application/json; return 200 '{{"hello":"world"}}'; }}
    location / {{ proxy_pass http://model; proxy_http_version 1.1; proxy_set_header Connection "";
                  proxy_buffering off; }}
  }}
}}
""")
        nginx = shutil.which("nginx") or "/usr/sbin/nginx"
        self.process = subprocess.Popen([nginx, "-c", str(self.folder / "nginx.conf"), "-p", str(self.folder)],
                                        stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + 10
        while socket.socket().connect_ex(("127.0.0.1", self.port)):
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise SystemExit("bench: nginx does not start; is the package nginx-light installed?")
            time.sleep(0.02)

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    @property
    def pids(self):
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        return [self.process.pid, *map(int, children)]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)


def machine():
    cpu = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
    return f"{os.cpu_count()} cores, {cpu.group(1) if cpu else 'unknown'}"
