"""What a sluice must have counted: the requests that were sent, their planted matches, their tokens. Five books that
are kept apart must agree with the sender's: the ledger, the access log, /metrics, the limits and the guardrails.

Called by lab.Sluice.
"""

import glob
import json
import os
import time

import lab

UNARY_TOKENS = 343    # what the mock's answers report: tests/bench/bodies.py
STREAM_TOKENS = 743   # tests/bench/mock_words.hpp
PATIENCE_S = 30       # all of it is written off the worker


class Books:
    def __init__(self, sluice):
        self.sluice = sluice
        self.sent = 0       # since the process was started, probes included
        self.planted = {"request": 0, "response": 0}
        self.scanned = {"request": 0, "response": 0}  # bytes of bodies that guardrails must have looked at
        self.tokens = 0     # that complete answers reported
        self.is_exact = True  # no answer was cut, whose tokens are an estimate

    def note(self, figures, mock):
        """figures: of bench_load; mock: its counts since before."""
        self.sent += figures["sent"]
        self.planted["request"] += figures.get("planted", 0)
        self.planted["response"] += mock["plants_sent"]
        self.scanned["request"] += figures["body_bytes"]
        self.scanned["response"] += mock["answer_bytes"]
        self.tokens += mock["streams_done"] * STREAM_TOKENS + (mock["requests"] - mock["streams"]) * UNARY_TOKENS
        self.is_exact = self.is_exact and mock["streams"] == mock["streams_done"]

    def metrics(self):
        return Metrics(lab.http(self.sluice.admin_port, "GET", "/metrics")[1].decode())

    def catch_up(self):
        """The usage database lags behind the ledger on a thread of the lowest priority."""
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline:
            metrics = self.metrics()
            if (metrics.sum("sluice_ledger_queue_records") == 0 and metrics.sum("sluice_projection_pending_bytes") == 0
                    and metrics.sum("sluice_projection_records_total") >= self.sent):
                return
            time.sleep(0.02)

    def settle(self):
        """Waits until all books agree; None, or what they say."""
        deadline = time.monotonic() + PATIENCE_S
        while True:
            wrong = self.differences()
            if not wrong:
                return None
            if time.monotonic() > deadline:
                return "; ".join(wrong)
            time.sleep(0.1)

    def differences(self):
        metrics = self.metrics()
        expected = {"ledger lines": self.sent, "access lines": self.sent, "sluice_requests_total": self.sent,
                    "records in the database": self.sent, "records dropped": 0}
        counted = {"ledger lines": sum(map(count_lines, self.ledger_files())),
                   "access lines": count_lines(os.path.join(self.sluice.directory, "access.log")),
                   "sluice_requests_total": metrics.sum("sluice_requests_total"),
                   "records in the database": metrics.sum("sluice_projection_records_total"),
                   "records dropped": metrics.sum("sluice_ledger_records_dropped_total")}
        for way, planted in self.planted.items():
            name = f"matches redacted in {way}s"
            expected[name] = planted if self.sluice.guards else 0
            counted[name] = metrics.sum("sluice_guardrail_matches_total", way=way)
            name = f"bytes of {way}s scanned"
            expected[name] = self.scanned[way] if self.sluice.guards else 0
            counted[name] = metrics.sum("sluice_guardrail_scanned_bytes_total", way=way)
            name = f"{way}s scanned"
            expected[name] = self.sent if self.sluice.guards else 0
            counted[name] = metrics.sum("sluice_guardrail_scans_total", way=way)
        if self.sluice.limits:
            expected |= {"reservations open": 0, "limits owing": 0}
            counted |= self.limits(metrics)
        return [f"{name}: {counted[name]:,.0f} instead of {expected[name]:,.0f}" for name in expected
                if counted[name] != expected[name]]

    def limits(self, metrics):
        """Reservations still open, and how far team, key and providers are from the tokens that were used."""
        rows = json.loads(lab.http(self.sluice.admin_port, "GET", "/admin/limits")[1])["limits"]
        open_ones = sum(float(row["reserved"]) for row in rows)
        open_ones += sum(row["used"] for row in rows if row["limit"] == "concurrency")
        used = {}
        for row in rows:
            if row["limit"] == "tokens total":
                used[row["owner"]] = used.get(row["owner"], 0) + row["used"]
        told = metrics.sum("sluice_tokens_total", kind="input") + metrics.sum("sluice_tokens_total", kind="output")
        # What an answer that was cut had used is a bound in the limits and an estimate in the metrics.
        should = [self.tokens, told] if self.is_exact else [used.get("team", 0)]
        owing = sum(abs(tokens - wanted) for tokens in used.values() for wanted in should)
        return {"reservations open": open_ones, "limits owing": owing if len(used) == 3 else -1}

    def ledger_files(self):
        return glob.glob(os.path.join(self.sluice.directory, "data", "ledger", "*.jsonl"))


class Metrics:
    """A scrape."""

    def __init__(self, text):
        self.lines = [line for line in text.splitlines() if line and not line.startswith("#")]

    def sum(self, name, **labels):
        wanted = [f'{label}="{value}"' for label, value in labels.items()]
        return sum(float(line.rsplit(" ", 1)[1]) for line in self.lines
                   if line.startswith((name + "{", name + " ")) and all(label in line for label in wanted))


def count_lines(path):
    try:
        with open(path, "rb") as f:
            return sum(block.count(b"\n") for block in iter(lambda: f.read(1 << 20), b""))
    except FileNotFoundError:
        return 0
