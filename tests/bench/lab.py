"""The processes of a bench run: started pinned, read through /proc, ended by their own pid.

A Target is something a request can be sent to: the mock itself, nginx, sluice, a peer. What a sluice must have counted
stands in books.py. Called by tests/bench/run and its modules.
"""

import glob
import hashlib
import json
import os
import resource
import shutil
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request

HERE = os.path.dirname(os.path.abspath(__file__))


def raise_file_limit():
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard


def choose_cores():
    """One core for the proxy, another for mock and load; None: not pinned."""
    cores = sorted(os.sched_getaffinity(0))
    return (cores[0], cores[1]) if len(cores) > 1 else (None, None)


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def render(template, path, off=(), **words):
    """The template with its words filled in, without the lines that end with the name of what is off."""
    with open(os.path.join(HERE, template)) as f:
        lines = [line for line in f if not line.rstrip().endswith(tuple("# " + name for name in off))]
    text = "".join(lines)
    for word, value in words.items():
        text = text.replace(f"@{word}@", str(value))
    with open(path, "w") as f:
        f.write(text)


def start(command, core, log, **more):
    pin = None if core is None else lambda: os.sched_setaffinity(0, {core})
    return subprocess.Popen(command, preexec_fn=pin, stderr=log, **more)


def http(port, method, path, body=None, key=None, timeout=10, headers=None):
    """(status, body) of one request on a connection of its own."""
    headers = dict(headers or {})
    if body:
        headers["Content-Type"] = "application/json"
    if key:
        headers["Authorization"] = "Bearer " + key
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", data=body, headers=headers, method=method)
    try:
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=timeout) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as e:
        return e.code, e.read()


def without_proxies():
    return {k: v for k, v in os.environ.items() if not k.lower().endswith("_proxy")}


def make_certificates(directory):
    """An authority (ca.pem) and a certificate for localhost (server.pem, server.key), ECDSA P-256."""
    def openssl(*words):
        subprocess.run(("openssl",) + words, cwd=directory, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    new_key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")
    openssl("req", "-x509", *new_key, "-keyout", "ca.key", "-out", "ca.pem", "-days", "3", "-subj", "/CN=sluice bench CA")
    openssl("req", *new_key, "-keyout", "server.key", "-out", "server.csr", "-subj", "/CN=localhost")
    with open(os.path.join(directory, "names.cnf"), "w") as f:
        f.write("subjectAltName=DNS:localhost,IP:127.0.0.1\n")
    openssl("x509", "-req", "-in", "server.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "3",
            "-extfile", "names.cnf", "-out", "server.pem")


class Target:
    """The mock itself: no proxy, no CPU of its own to report."""

    name = "direct"
    guards = False  # planted matches pass
    headers = ""

    def __init__(self, port):
        self.plain_port = port
        self.process = None

    def port(self, lane):
        return self.plain_port

    def path(self, lane):
        return "/v1/messages" if lane.caller == "anthropic" else "/v1/chat/completions"

    def model(self, lane, model):
        """The mock's model as this target is asked for it."""
        return f"bench-{'close-' if lane.closes else ''}{model}"

    def pids(self):
        """The process and all below it."""
        found = [] if self.process is None else [self.process.pid]
        for pid in found:
            for path in glob.glob(f"/proc/{pid}/task/*/children"):
                try:
                    with open(path) as f:
                        found += [int(child) for child in f.read().split()]
                except (FileNotFoundError, ProcessLookupError):
                    pass
        return found

    def cpu_ns(self):
        """CPU time so far of (all threads that serve, the thread that works on what was served)."""
        serving = behind = 0
        for pid in self.pids():
            for path in glob.glob(f"/proc/{pid}/task/*"):
                try:
                    with open(path + "/schedstat") as f:
                        spent = int(f.read().split()[0])
                    with open(path + "/comm") as f:
                        is_behind = f.read().strip() == "projector"
                except (FileNotFoundError, ProcessLookupError):
                    continue
                if is_behind:
                    behind += spent
                else:
                    serving += spent
        return serving, behind

    def rss_kb(self):
        """Resident memory of the process that serves (the largest, where there are several)."""
        sizes = []
        for pid in self.pids():
            with open(f"/proc/{pid}/status") as f:
                sizes += [int(line.split()[1]) for line in f if line.startswith("VmRSS:")]
        return max(sizes, default=0)

    def note(self, figures, mock):
        """Told of each round: what the load generator and the mock counted."""

    def catch_up(self):
        """Waits until work that lags behind the answers is done; called after each round."""

    def settle(self):
        """None, or why the row does not count."""
        return None

    def stop(self):
        if self.process is None:
            return
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process = None


class Nginx(Target):
    name = "nginx"

    def __init__(self, directory, mock, core, workers=1):
        super().__init__(free_port())
        self.log_port = free_port()
        self.core = core
        self.directory = os.path.join(directory, f"nginx-{workers}")
        os.makedirs(self.directory, exist_ok=True)
        self.config = os.path.join(self.directory, "nginx.conf")
        # (TLS towards callers, towards upstreams): where that is listened for.
        self.ports = {("plain", "plain"): self.plain_port}
        self.ports |= {pair: free_port() for pair in [("plain", "tls"), ("plain", "full"), ("tls", "plain"), ("tls", "tls")]}
        render("nginx.conf", self.config, DIR=self.directory, CERTIFICATES=directory, WORKERS=workers,
               PORT=self.plain_port, LOG_PORT=self.log_port, MOCK_PORT=mock.port, MOCK_TLS_PORT=mock.tls_port,
               MOCK_FULL_PORT=mock.full_port,
               **{f"{a}_{b}_PORT".upper(): port for (a, b), port in self.ports.items() if (a, b) != ("plain", "plain")})

    def port(self, lane):
        return self.ports["tls" if lane.caller_tls else "plain", lane.upstream_tls]

    def start(self):
        self.process = start(["nginx", "-c", self.config, "-p", self.directory], self.core, subprocess.DEVNULL)


class NginxLog(Target):
    """The same nginx by its other port, where it writes an access log."""

    name = "nginx+log"

    def __init__(self, nginx):
        super().__init__(nginx.log_port)
        self.pids = nginx.pids


class Sluice(Target):
    """A sluice with some of its pipeline off: `off` holds "guards", "limits", "weights"."""

    upstream_names = {"plain": "", "tls": "tls-", "full": "full-"}

    def __init__(self, name, directory, mock, core, binary, off=(), workers=1):
        super().__init__(free_port())
        self.name, self.core, self.binary, self.off = name, core, binary, off
        self.guards = "guards" not in off
        self.limits = "limits" not in off
        self.workers, self.mock = workers, mock
        self.tls_port, self.admin_port = free_port(), free_port()
        self.certificates = directory
        self.directory = os.path.join(directory, name.replace(" ", "-").replace(",", ""))
        os.makedirs(self.directory, exist_ok=True)
        for file in ("ca.pem", "server.pem", "server.key"):
            shutil.copy(os.path.join(directory, file), self.directory)
        self.config = os.path.join(self.directory, "sluice.yaml")
        self.configure()
        self.books = None

    def configure(self, second=1):
        """Writes the configuration; `second` is the weight of the route's second target."""
        render("sluice.yaml", self.config, self.off, DIR=self.directory, PORT=self.plain_port, TLS_PORT=self.tls_port,
               ADMIN_PORT=self.admin_port, MOCK_PORT=self.mock.port, MOCK_SECOND_PORT=self.mock.second_port,
               MOCK_TLS_PORT=self.mock.tls_port, MOCK_FULL_PORT=self.mock.full_port, WORKERS=self.workers, SECOND=second)

    def port(self, lane):
        return self.tls_port if lane.caller_tls else self.plain_port

    def model(self, lane, model):
        provider = "anth-" if lane.provider == "anthropic" else self.upstream_names[lane.upstream_tls]
        return f"bench-{provider}{'close-' if lane.closes else ''}{model}"

    def shared_memory(self):
        """Budgets outlive the process there: src/store/memory/budget_table.cpp."""
        storage = os.path.realpath(os.path.join(self.directory, "data"))
        return "/dev/shm/sluice-budgets-" + hashlib.sha256(storage.encode()).hexdigest()[:24]

    def forget(self):
        shutil.rmtree(os.path.join(self.directory, "data"), ignore_errors=True)
        for path in (os.path.join(self.directory, "access.log"), self.shared_memory()):
            if os.path.exists(path):
                os.remove(path)

    def command(self):
        return [self.binary, "serve", "--config", self.config]

    def start(self):
        """Fresh: an earlier run's ledger, budgets and access log are gone."""
        import books
        self.forget()
        self.books = books.Books(self)
        with open(os.path.join(self.directory, "sluice.log"), "a") as log:
            self.process = start(self.command(), self.core, log, stdout=log, cwd=self.directory, env=without_proxies())

    def note(self, figures, mock):
        self.books.note(figures, mock)

    def catch_up(self):
        self.books.catch_up()

    def settle(self):
        return self.books.settle()

    def reload(self):
        """(status, answer) of a reload through the admin listener."""
        status, body = http(self.admin_port, "POST", "/admin/reload")
        return status, json.loads(body)

    def stop(self):
        super().stop()
        self.forget()


class Mock:
    def __init__(self, binary, answers, planted, directory, core):
        words = [f"--answer={name}={path}" for name, path in answers.items()]
        words += [f"--planted={name}={path}" for name, path in planted.items()]
        words += ["--certificate=" + os.path.join(directory, "server.pem"), "--key=" + os.path.join(directory, "server.key")]
        split = [part for word in words for part in word.split("=", 1)]
        self.process = start([binary] + split, core, None, stdout=subprocess.PIPE, text=True)
        ports = list(map(int, self.process.stdout.readline().split()[1:]))
        self.port, self.second_port, self.tls_port, self.full_port = ports

    def counts(self):
        return json.loads(http(self.port, "GET", "/bench/stats")[1])

    def stop(self):
        self.process.terminate()
        self.process.wait()
