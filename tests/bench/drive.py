"""Drives rows: one target after the other, round by round, and holds each round's counts against each other.

Called by tests/bench/run; calls lab.py for the processes and bench_load for the requests.
"""

import dataclasses
import json
import os
import subprocess
import sys
import time

import bodies
import lab
import report
import rows

KEY = "sk-bench"
GATE_TRIES = 3


class NoAnswer(Exception):
    """A program that was started does not serve."""


class Bench:
    """The mock, and the targets by their names; a target runs from its first use on."""

    def __init__(self, options, directory):
        self.options, self.directory = options, directory
        self.problems = []
        self.proxy_core, self.load_core = lab.choose_cores()
        lab.make_certificates(directory)
        self.requests, answers = bodies.write_all(directory)
        self.mock = lab.Mock(options.mock,
                             {name: path for name, path in answers.items() if not name.endswith("-planted")},
                             {name.removesuffix("-planted"): path for name, path in answers.items()
                              if name.endswith("-planted")}, directory, self.load_core)
        nginx = lab.Nginx(directory, self.mock, self.proxy_core)
        self.targets = {"direct": lab.Target(self.mock.port), "nginx": nginx, "nginx+log": lab.NginxLog(nginx),
                        "nginx, 2 workers": lab.Nginx(directory, self.mock, None, workers=2)}
        if options.sluice:
            self.add_sluices(options)

    def add_sluices(self, options):
        plain = ("guards", "limits", "weights")
        for name, off, workers in [("sluice", plain if options.plain else (), 1), ("sluice, guards off", ("guards",), 1),
                                   ("sluice, limits off", ("limits",), 1), ("sluice, plain", plain, 1),
                                   ("sluice, 2 workers", plain if options.plain else (), 2)]:
            core = self.proxy_core if workers == 1 else None
            self.targets[name] = lab.Sluice(name, self.directory, self.mock, core, options.sluice, off, workers)

    def need(self, names):
        """Starts what is not running and ends the sluices that no row needs now."""
        for name, target in self.targets.items():
            if name in names and target.process is None and hasattr(target, "start"):
                self.first_answer_ms(target)
            elif name not in names and name.startswith("sluice,") and target.process is not None:
                target.stop()

    def fresh(self, name):
        self.targets[name].stop()
        self.need([name])
        return self.targets[name]

    # --- one round ---------------------------------------------------------------------------------

    def load_command(self, target, lane, mode, model, body, **options):
        command = [self.options.load, mode, "--port", str(target.port(lane)), "--key", KEY, "--path", target.path(lane),
                   "--model", target.model(lane, model), "--body", self.requests[body],
                   "--planted-body", self.requests[body + "-planted"]]
        if target.headers:
            command += ["--headers", target.headers]
        if lane.caller_tls:
            command += ["--tls-ca", os.path.join(self.directory, "ca.pem")]
        for name, value in options.items():
            command += ["--" + name.replace("_", "-"), str(value)]
        return command

    def since(self, before):
        return {name: count - before[name] for name, count in self.mock.counts().items()}

    def drive(self, row, through, seconds, target=None):
        """One round of one row through one target; its figures."""
        target = target or self.targets[through.target]
        before, (cpu_before, behind_before) = self.mock.counts(), target.cpu_ns()
        done = lab.start(self.load_command(target, through.lane, row.mode, row.model, row.body, seconds=seconds,
                                           **row.options), self.load_core, None, stdout=subprocess.PIPE, text=True)
        out = done.communicate(timeout=seconds * 4 + 120)[0]
        cpu, _ = target.cpu_ns()
        figures = json.loads(out) if out.startswith("{") else {"sent": 0, "plants_seen": 0, "planted": 0, "body_bytes": 0}
        mock = self.since(before)
        target.note(figures, mock)
        if done.returncode != 0:
            self.problems.append(f"{row.name}, {through.label}: {out.strip() or 'no result'}")
        self.problems += [f"{row.name}, {through.label}: {problem}"
                          for problem in differences(figures, mock, target.guards, row, through.lane)]
        target.catch_up()
        if row.options.get("pace_us"):
            figures["mock_late"] = mock["chunks_late"]
        units = figures.get("chunks") if row.unit == "chunks" else figures.get("ok")
        if units:
            figures["per_s"] = units / figures["seconds"]
        if units and target.pids():
            figures["cpu_us"] = (cpu - cpu_before) / 1e3 / units
            figures["behind_us"] = (target.cpu_ns()[1] - behind_before) / 1e3 / units
        return figures

    def measure(self, row, rounds, seconds):
        """All rounds of one row: in turn, each second time the other way round."""
        lines = [line for line in row.through if line.target in self.targets]
        self.need({line.target for line in lines} | ({"nginx"} if any(line.target == "nginx+log" for line in lines) else set()))
        if row.mode == "closed":
            for line in lines:
                self.drive(row, line, 0.2)
        taken = {line.label: [] for line in lines}
        for turn in range(rounds):
            for line in lines if turn % 2 == 0 else reversed(lines):
                taken[line.label].append(self.drive(row, line, seconds * row.seconds))
        for name in {line.target for line in lines}:
            if problem := self.targets[name].settle():
                self.problems.append(f"{row.name}, {name}: {problem}")
        # The next row begins with empty books: gigabytes of ledger would move its figures.
        for name in {line.target for line in lines if line.target.startswith("sluice")}:
            self.targets[name].stop()
        return {"row": row.name, "unit": row.unit, "base": row.base, "gate": row.gate,
                "lines": report.summarise(taken, row.base)}

    def measure_gated(self, row, rounds, seconds):
        """One row, nginx and sluice only. One that is beyond its gate is measured again: a busy minute of the machine is
        no reason to fail, and what is truly slow is slow each time."""
        row = dataclasses.replace(row, through=rows.BESIDE)
        for attempt in range(1, GATE_TRIES + 1):
            result = self.measure(row, rounds, seconds)
            beyond = report.beyond_gate([result])
            if not beyond:
                break
            print(f"  try {attempt} of {GATE_TRIES}: {beyond[0]}", file=sys.stderr, flush=True)
        return result

    # --- single requests ---------------------------------------------------------------------------

    def first_answer_ms(self, target):
        """From starting the program to its first 200."""
        with open(self.requests["1k"], "rb") as f:
            body = f.read().replace(b"MODEL", target.model(rows.PLAIN, "unary-1k").encode())
        headers = dict(line.split(": ", 1) for line in target.headers.splitlines())
        before, began = self.mock.counts(), time.monotonic()
        patience_s = getattr(target, "patience_s", 20)
        target.start()
        while time.monotonic() < began + patience_s and target.process.poll() is None:
            try:
                status, _ = lab.http(target.port(rows.PLAIN), "POST", "/v1/chat/completions", body, KEY, headers=headers)
            except OSError:
                time.sleep(0.0005)
                continue
            took_ms = (time.monotonic() - began) * 1e3
            target.note({"sent": 1, "body_bytes": len(body)}, self.since(before))
            if status == 200:
                return took_ms
            before = self.mock.counts()
        raise NoAnswer(f"{target.name} gave no 200 within {patience_s} s of its start; see {self.directory} (kept)")

    def stop(self):
        for target in self.targets.values():
            if hasattr(target, "start"):
                target.stop()
        self.mock.stop()


def differences(figures, mock, is_guarded, row, lane):
    """What does not add up between load generator and mock."""
    wrong = []
    if mock["requests"] != figures["sent"]:
        wrong.append(f"{figures['sent']} requests sent, {mock['requests']} reached the mock")
    for way, planted, seen in [("request", figures["planted"], mock["plants_seen"]),
                               ("answer", mock["plants_sent"], figures["plants_seen"])]:
        expected = 0 if is_guarded else planted
        if seen != expected:
            wrong.append(f"{planted} planted matches in {way}s, {seen} came out at the other end instead of {expected}")
    if figures.get("lost"):
        wrong.append(f"{figures['lost']} chunks lost")
    if lane.caller_tls and row.options.get("fresh"):
        opened_first = 2 * row.options["connections"]  # before the first ticket has come
        resumed = figures.get("resumed", 0)
        if row.options["resumes"] and resumed < figures["handshakes"] - opened_first:
            wrong.append(f"only {resumed} of {figures['handshakes']} handshakes resumed a session")
        if not row.options["resumes"] and resumed:
            wrong.append(f"{resumed} handshakes resumed a session")
    return wrong
