"""What a Row cannot say: start-up, memory with idle streams, reload under load. Called by tests/bench/run."""

import json
import subprocess
import time

import lab
import report
import rows

SILENT = "sse-2-3600000000"  # a chunk, and the next one in an hour


def proxies(bench):
    return [name for name in ("nginx", "sluice") if name in bench.targets]


def start_up(bench, times):
    """Starts each proxy anew, in turn."""
    taken = {name: [] for name in proxies(bench)}
    for _ in range(times):
        for name in taken:
            bench.targets[name].stop()
            taken[name].append({"start_ms": bench.first_answer_ms(bench.targets[name])})
    return {"row": "start-up to first 200", "lines": report.summarise(taken), "text": "{start_ms} ms"}


def cpu_percent(target, seconds):
    before = sum(target.cpu_ns())
    time.sleep(seconds)
    return (sum(target.cpu_ns()) - before) / 1e7 / seconds


def idle_streams(bench, streams, lane=rows.PLAIN, what=""):
    """Resident memory of a fresh process after its first answer, and with that many silent streams."""
    row = f"memory, {streams:,} idle streams{what}"
    taken = {}
    for name in proxies(bench):
        target = bench.fresh(name)
        time.sleep(0.5)
        idle_kb, idle_cpu, before = target.rss_kb(), cpu_percent(target, 1), bench.mock.counts()
        held = lab.start(bench.load_command(target, lane, "idle", SILENT, "stream", connections=streams, chunks=2,
                                            ramp_us=500 if lane.caller_tls or lane.upstream_tls != "plain" else 150,
                                            seconds=60),
                         bench.load_core, None, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        ready = held.stdout.readline().strip()
        time.sleep(0.5)
        with_cpu, with_kb = cpu_percent(target, 2), target.rss_kb()
        figures = json.loads(held.communicate("")[0])
        planted, mock = figures["planted"], bench.since(before)
        target.note(figures, mock)
        if ready != f"ready {streams}":
            bench.problems.append(f"{row}, {name}: {ready} of {streams}")
        if mock["plants_seen"] != (0 if target.guards else planted):
            bench.problems.append(f"{row}, {name}: {mock['plants_seen']} planted matches came through")
        if problem := target.settle():
            bench.problems.append(f"{row}, {name}: {problem}")
        taken[name] = [{"idle_mb": idle_kb / 1024, "with_mb": with_kb / 1024, "kb_each": (with_kb - idle_kb) / streams,
                        "idle_cpu": idle_cpu, "with_cpu": with_cpu}]
        target.stop()
    return {"row": row, "lines": report.summarise(taken), "digits": 2,
            "text": "{idle_mb} MB and {idle_cpu} % CPU idle; {with_mb} MB and {with_cpu} % with them: {kb_each} KB each"}


def under_load(bench, seconds):
    """Resident memory of a fresh process at the end of a load of each kind."""
    plan = [("small_mb", rows.closed("memory, c=256", "unary-1k", "1k", 256)),
            ("large_mb", rows.closed("memory, 100 KB, c=64", "unary-100k", "100k", 64))]
    taken = {}
    for name in proxies(bench):
        target = bench.fresh(name)
        taken[name] = [{}]
        for figure, row in plan:
            line = rows.Through(name, name)
            bench.drive(row, line, seconds)
            taken[name][0][figure] = target.rss_kb() / 1024
        if problem := target.settle():
            bench.problems.append(f"memory under load, {name}: {problem}")
        target.stop()
    return {"row": "memory under load", "lines": report.summarise(taken),
            "text": "{small_mb} MB behind 1 KB at c=256, {large_mb} MB behind 100 KB both ways at c=64"}


def soak(bench, minutes):
    """Resident memory after one minute of mixed load, and after all of them: unary of both sizes, both dialects, streams."""
    mixed = [rows.open_loop(1000, 0), rows.stream("streams", 200, 40, 50000, ramp_us=1000),
             rows.Row("100 KB", "open", "unary-100k", "100k", options={"connections": 16, "rate": 50})]
    lanes = [rows.PLAIN, rows.TO_ANTHROPIC, rows.FROM_ANTHROPIC]
    target, began, after_first = bench.fresh("sluice"), time.monotonic(), None
    turn = 0
    while time.monotonic() < began + minutes * 60:
        bench.drive(mixed[turn % 3], rows.Through("sluice", "sluice", lanes[turn // 3 % 3]), 2)
        turn += 1
        if after_first is None and time.monotonic() >= began + 60:
            after_first = target.rss_kb()
    figures = {"first_mb": (after_first or target.rss_kb()) / 1024, "last_mb": target.rss_kb() / 1024}
    if problem := target.settle():
        bench.problems.append(f"soak: {problem}")
    target.stop()
    figures["growth"] = (figures["last_mb"] / figures["first_mb"] - 1) * 100
    return {"row": f"soak, {minutes:g} minutes", "lines": report.summarise({"sluice": [figures]}),
            "text": "{first_mb} MB after a minute, {last_mb} MB at the end: {growth} % more"}


def reload_under_load(bench, seconds):
    """Changed configurations are taken over while requests run; none may be lost."""
    target = bench.fresh("sluice")
    before = bench.mock.counts()
    load = lab.start(bench.load_command(target, rows.PLAIN, "closed", "unary-1k", "1k", connections=16, seconds=seconds),
                     bench.load_core, None, stdout=subprocess.PIPE, text=True)
    taken_ms, versions, end = [], [target.books.metrics().sum("sluice_config_version")], time.monotonic() + seconds * 0.8
    while time.monotonic() < end:
        time.sleep(0.05)
        target.configure(second=2 + len(taken_ms) % 5)
        began = time.monotonic()
        # The change of the file may have been noticed already: the version tells.
        status, answer = target.reload()
        if status != 200 or answer["version"] <= versions[-1]:
            bench.problems.append(f"reload under load: {status} {json.dumps(answer)}")
            break
        versions.append(answer["version"])
        taken_ms.append((time.monotonic() - began) * 1e3)
    out = load.communicate(timeout=60)[0]
    figures = json.loads(out)
    target.note(figures, bench.since(before))
    lost = figures["sent"] - figures["ok"]
    if lost or not taken_ms:
        bench.problems.append(f"reload under load: {len(taken_ms)} reloads, {lost} requests lost")
    if problem := target.settle():
        bench.problems.append(f"reload under load: {problem}")
    target.stop()
    target.configure()
    figures = {"lost": lost, "sent": figures["sent"], "reloads": len(taken_ms)}
    summary = report.summarise({"sluice": [figures | {"took_ms": took} for took in taken_ms]})
    return {"row": "reload under load", "lines": summary, "digits": 0,
            "text": "{reloads} reloads of {took_ms} ms while {sent} requests ran, {lost} lost"}
