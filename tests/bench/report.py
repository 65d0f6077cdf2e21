"""Medians, spread and ratios, and how they are shown. Called by tests/bench/run and drive.py."""

import os
import platform
import statistics
import subprocess

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def summarise(taken, base=None):
    """{line: [figures of a round]} -> {line: {figure: median, min, max, and its ratio to the base's line}}. A ratio is
    the median of the rounds' own ratios, so that a slow minute of the machine falls on both sides of it."""
    summary = {}
    for label, rounds in taken.items():
        summary[label] = {}
        for key in {key: None for figures in rounds for key in figures}:
            values = [figures[key] for figures in rounds if key in figures]
            summary[label][key] = {"median": statistics.median(values), "min": min(values), "max": max(values)}
            ratios = [figures[key] / other[key] for figures, other in zip(rounds, taken.get(base, []))
                      if key in figures and other.get(key)]
            if label not in (base, "direct") and ratios:
                summary[label][key]["ratio"] = statistics.median(ratios)
    return summary


def machine(options, body_source):
    with open("/proc/cpuinfo") as f:
        model = next((line.split(":", 1)[1].strip() for line in f if line.startswith("model name")), platform.machine())

    def said(*command):
        done = subprocess.run(command, capture_output=True, text=True)
        return (done.stdout + done.stderr).strip()
    return {"cpu": model, "cores": os.cpu_count(), "kernel": platform.release(),
            "nginx": said("nginx", "-v").split("/")[-1],
            "commit": said("git", "-C", ROOT, "rev-parse", "--short=12", "HEAD"),
            "sluice": said(options.sluice, "--version") if options.sluice else "",
            "load_average": os.getloadavg()[0], "bodies": body_source, "pipeline": "plain" if options.plain else "full"}


def cell(figure, digits=1):
    if figure is None:
        return ""
    text = f"{figure['median']:,.{digits}f}"
    if figure["min"] != figure["max"]:
        text += f" ({figure['min']:,.{digits}f}-{figure['max']:,.{digits}f})"
    return text


def ratio(figure):
    return f"{figure['ratio']:.2f}" if figure and "ratio" in figure else ""


def latency(figures, direct, key):
    if key not in figures:
        return ""
    text = f"{figures[key]['median']:,.0f}"
    if direct and figures is not direct and key in direct:
        text += f" ({figures[key]['median'] - direct[key]['median']:+,.0f})"
    return text


def table(results):
    """The results as Markdown."""
    lines = ["| row | through | CPU us each | ratio | per second | ratio | p50 us | p90 us | p99 us | p99.9 us | |",
             "|---|---|---|---|---|---|---|---|---|---|---|"]
    notes = ["", "| row | through | |", "|---|---|---|"]
    for result in results:
        for label, figures in result["lines"].items():
            if "text" in result:
                values = {key: cell(figure, result.get("digits", 1)) for key, figure in figures.items()}
                notes.append(f"| {result['row']} | {label} | {result['text'].format(**values)} |")
                continue
            direct = result["lines"].get("direct")
            latencies = [latency(figures, direct, key) for key in ("p50_us", "p90_us", "p99_us", "p999_us")]
            lines.append(f"| {result['row']} | {label} | {cell(figures.get('cpu_us'))} | {ratio(figures.get('cpu_us'))} | "
                         f"{cell(figures.get('per_s'), 0)} | {ratio(figures.get('per_s'))} | " + " | ".join(latencies)
                         + f" | {remarks(figures, direct)} |")
    return "\n".join(lines + (notes if len(notes) > 3 else []))


def remarks(figures, direct):
    """What only some rows have."""
    said = []
    if "first_p50_us" in figures:
        said.append(f"first chunk {latency(figures, direct, 'first_p50_us')} us")
    if "stalls" in figures:
        said.append(f"{figures['stalls']['max']:,.0f} stalls, {figures['lost']['max']:,.0f} lost")
    if figures.get("mock_late", {}).get("max", 0) > 0:
        said.append(f"the mock itself sent {figures['mock_late']['max']:,.0f} chunks late")
    if figures.get("handshakes", {}).get("max", 0) > 0 and figures["handshakes"]["median"] > 100:
        said.append(f"{figures['resumed']['median'] / figures['handshakes']['median']:.0%} of handshakes resumed")
    if figures.get("behind_us", {}).get("median", 0) >= 0.05:
        said.append(f"database {figures['behind_us']['median']:.1f} us")
    return ", ".join(said)


def beyond_gate(results):
    """The rows whose CPU of a unit is more times nginx's than the gate allows."""
    found = []
    for result in results:
        figure = result["lines"].get("sluice", {}).get("cpu_us") if result.get("gate") else None
        if result.get("gate") and figure is None:
            found.append(f"{result['row']}: nothing was measured")
        elif figure and figure["ratio"] > result["gate"]:
            found.append(f"{result['row']}: CPU {figure['ratio']:.2f} times nginx's, the gate is {result['gate']}")
    return found
