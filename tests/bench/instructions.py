"""Instructions a request costs, counted by callgrind: they do not depend on the machine's mood. Called by
tests/bench/run, where valgrind is installed.

The program is run as it is, with the whole pipeline on, and what it did before the counted requests is set aside.
"""

import glob
import os
import re
import subprocess
import time

import lab
import report
import rows

KINDS = [  # name, model, body, lane, units in a request, units' name
    ("1 KB", "unary-1k", "1k", rows.PLAIN, 1, "request"),
    ("100 KB request", "unary-1k", "100k", rows.PLAIN, 1, "request"),
    ("100 KB answer", "unary-100k", "1k", rows.PLAIN, 1, "request"),
    ("SSE", "sse-400-0", "stream", rows.PLAIN, 400, "chunk"),
    ("1 KB, OpenAI on Anthropic", "unary-1k", "1k", rows.TO_ANTHROPIC, 1, "request"),
    ("SSE, OpenAI on Anthropic", "sse-400-0", "stream", rows.TO_ANTHROPIC, 400, "chunk"),
]


class Counted(lab.Sluice):
    """A sluice below valgrind."""

    patience_s = 240

    def command(self):
        self.out = os.path.join(self.directory, "callgrind.out")
        for path in glob.glob(self.out + ".*"):
            os.remove(path)
        return ["valgrind", "--tool=callgrind", "--separate-threads=yes", "--callgrind-out-file=" + self.out] + super().command()

    def catch_up(self):
        """Time for the other threads; a scrape would be counted with the requests."""
        time.sleep(1)

    def control(self, word):
        subprocess.run(["callgrind_control", word, str(self.process.pid)], check=True, stdout=subprocess.DEVNULL,
                       stderr=subprocess.DEVNULL)

    def dumped(self):
        """Instructions by thread of the newest dump."""
        self.control("--dump")
        newest = max(int(match.group(1)) for path in glob.glob(self.out + ".*") if (match := re.search(r"\.(\d+)-\d+$", path)))
        totals = []
        for path in glob.glob(f"{self.out}.{newest}-*"):
            with open(path) as f:
                totals += [int(line.split()[1]) for line in f if line.startswith(("totals:", "summary:"))][:1]
        return sorted(totals, reverse=True)


def count(bench, requests):
    """One line for each kind: the worker's thread, and all others (ledger, log, database) together."""
    target = Counted("sluice, counted", bench.directory, bench.mock, None, bench.options.sluice,
                     bench.targets["sluice"].off)
    bench.first_answer_ms(target)
    taken = {}
    try:
        for name, model, body, lane, units, unit in KINDS:
            once = requests if body == "1k" and model == "unary-1k" else max(2, requests // 40)
            send(bench, target, name, lane, model, body, max(1, once // 10), units)
            target.control("--zero")
            sent = send(bench, target, name, lane, model, body, once, units)
            worker, *others = target.dumped()
            taken[f"{name}, a {unit}"] = [{"worker_k": worker / sent / units / 1e3, "others_k": sum(others) / sent / units / 1e3}]
        if problem := target.settle():
            bench.problems.append(f"instructions: {problem}")
    finally:
        target.stop()
    return {"row": "instructions by callgrind", "lines": report.summarise(taken),
            "text": "{worker_k} k on the worker, {others_k} k on the other threads"}


def send(bench, target, name, lane, model, body, requests, units):
    """Sends that many requests, one after the other on one connection; streams have one each, at once."""
    row = rows.Row(f"instructions, {name}", "stream" if units > 1 else "open", model, body,
                   options={"connections": requests, "chunks": units} if units > 1 else {"connections": 1, "rate": 1e6})
    return bench.drive(row, rows.Through("sluice", "sluice", lane), (requests + 0.5) / 1e6, target=target)["sent"]
