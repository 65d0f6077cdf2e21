"""The processes of a bench run: started pinned, read through /proc, ended by their own pid.

A Target is something a request can be sent to: the mock itself, nginx, sluice. Called by tests/bench/run.
"""

import glob
import json
import os
import resource
import signal
import socket
import subprocess
import time
import urllib.request

HERE = os.path.dirname(os.path.abspath(__file__))


def raise_file_limit():
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def render(template, path, **words):
    with open(os.path.join(HERE, template)) as f:
        text = f.read()
    for word, value in words.items():
        text = text.replace(f"@{word}@", str(value))
    with open(path, "w") as f:
        f.write(text)


def start(command, core, log, **more):
    pin = None if core is None else lambda: os.sched_setaffinity(0, {core})
    return subprocess.Popen(command, preexec_fn=pin, stderr=log, **more)


def http(port, method, path, body=None, key=None, timeout=2):
    """(status, body) of one request on a connection of its own."""
    headers = {"Content-Type": "application/json"} if body else {}
    if key:
        headers["Authorization"] = "Bearer " + key
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", data=body, headers=headers, method=method)
    try:
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=timeout) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as e:
        return e.code, e.read()


class Target:
    """The mock itself: no proxy, no CPU of its own to report."""

    name = "direct"

    def __init__(self, port):
        self.port = port
        self.process = None
        self.sent = 0  # requests since it was started, probes included

    def pids(self):
        if self.process is None:
            return []
        children = f"/proc/{self.process.pid}/task/{self.process.pid}/children"
        with open(children) as f:
            return [self.process.pid] + [int(pid) for pid in f.read().split()]

    def cpu_ns(self):
        """CPU time of all its threads so far."""
        total = 0
        for pid in self.pids():
            for path in glob.glob(f"/proc/{pid}/task/*/schedstat"):
                try:
                    with open(path) as f:
                        total += int(f.read().split()[0])
                except (FileNotFoundError, ProcessLookupError):
                    pass
        return total

    def rss_kb(self):
        """Resident memory of the process that serves (the largest, where there are several)."""
        sizes = []
        for pid in self.pids():
            with open(f"/proc/{pid}/status") as f:
                sizes += [int(line.split()[1]) for line in f if line.startswith("VmRSS:")]
        return max(sizes, default=0)

    def settle(self):
        """None, or why the row does not count."""
        return None

    def stop(self):
        if self.process is None:
            return
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process = None


class Nginx(Target):
    name = "nginx"

    def __init__(self, directory, mock_port, core):
        super().__init__(free_port())
        self.log_port = free_port()
        self.directory, self.core = directory, core
        self.config = os.path.join(directory, "nginx.conf")
        render("nginx.conf", self.config, DIR=directory, PORT=self.port, LOG_PORT=self.log_port,
               MOCK_PORT=mock_port)

    def start(self):
        self.process = start(["nginx", "-c", self.config, "-p", self.directory], self.core, subprocess.DEVNULL)


class NginxLog(Target):
    """The same nginx by its other port, where it writes an access log."""

    name = "nginx+log"

    def __init__(self, nginx):
        super().__init__(nginx.log_port)
        self.pids = nginx.pids


class Sluice(Target):
    name = "sluice"

    def __init__(self, directory, mock_port, core, binary):
        super().__init__(free_port())
        self.admin_port = free_port()
        self.directory, self.core, self.binary = directory, core, binary
        self.config = os.path.join(directory, "sluice.yaml")
        render("sluice.yaml", self.config, DIR=directory, PORT=self.port, ADMIN_PORT=self.admin_port,
               MOCK_PORT=mock_port)

    def start(self):
        """Fresh: an earlier run's ledger and access log are gone."""
        self.sent = 0
        for path in self.ledger_files() + [os.path.join(self.directory, "access.log")]:
            if os.path.exists(path):
                os.remove(path)
        environment = {k: v for k, v in os.environ.items() if not k.lower().endswith("_proxy")}
        with open(os.path.join(self.directory, "sluice.log"), "a") as log:
            self.process = start([self.binary, "serve", "--config", self.config], self.core, log, stdout=log, cwd=self.directory,
                                 env=environment)

    def ledger_files(self):
        return glob.glob(os.path.join(self.directory, "data", "**", "*.jsonl"), recursive=True)

    def counted(self):
        """Requests as the ledger, the access log and the metrics tell them."""
        _, text = http(self.admin_port, "GET", "/metrics")
        metric = sum(float(line.rsplit(" ", 1)[1]) for line in text.decode().splitlines()
                     if line.startswith(("sluice_requests_total{", "sluice_requests_total ")))
        return {"ledger": sum(count_lines(path) for path in self.ledger_files()),
                "access log": count_lines(os.path.join(self.directory, "access.log")),
                "metrics": int(metric)}

    def settle(self):
        """Waits until what was sent is what was recorded; both are written off the worker."""
        deadline = time.monotonic() + 10
        while True:
            counted = self.counted()
            if all(count == self.sent for count in counted.values()):
                return None
            if time.monotonic() > deadline:
                return f"{self.sent} requests sent, counted: " + ", ".join(f"{k} {v}" for k, v in counted.items())
            time.sleep(0.1)


def count_lines(path):
    try:
        with open(path, "rb") as f:
            return sum(block.count(b"\n") for block in iter(lambda: f.read(1 << 20), b""))
    except FileNotFoundError:
        return 0


class Mock:
    def __init__(self, binary, answers, core):
        self.process = start([binary] + [word for name, path in answers.items() for word in ("--answer", f"{name}={path}")],
                             core, None, stdout=subprocess.PIPE, text=True)
        self.port = int(self.process.stdout.readline().split()[1])

    def requests(self):
        return json.loads(http(self.port, "GET", "/bench/stats")[1])["requests"]

    def stop(self):
        self.process.terminate()
        self.process.wait()
