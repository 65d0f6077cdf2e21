"""Other gateways beside sluice: those that the package registries carry, in front of the same mock, as their documents
recommend. Called by tests/bench/run --peers.

They are installed into build/bench/peers. One that cannot be had, or gives no answer, is told and left out.
"""

import os
import shutil
import subprocess
import sys

import drive
import lab
import report
import rows

PLACE = os.path.join(report.ROOT, "build", "bench", "peers")


class Peer(lab.Target):
    patience_s = 120

    def __init__(self, directory, mock, core):
        super().__init__(lab.free_port())
        self.directory, self.mock, self.core = directory, mock, core

    def run(self, command, **environment):
        log = os.path.join(self.directory, self.name + ".log")
        with open(log, "a") as f:
            self.process = lab.start(command, self.core, f, stdout=f, cwd=self.directory,
                                     env=lab.without_proxies() | environment)


class LiteLLM(Peer):
    """The proxy of PyPI's litellm[proxy]: one worker, a master key, a wildcard model on an OpenAI-compatible base."""

    name = "LiteLLM"

    @staticmethod
    def install():
        home = os.path.join(PLACE, "litellm")
        program = os.path.join(home, "bin", "litellm")
        if not os.path.exists(program):
            install([sys.executable, "-m", "venv", home])
            install([os.path.join(home, "bin", "pip"), "install", "--quiet", "litellm[proxy]"])
        return program

    def start(self):
        config = os.path.join(self.directory, "litellm.yaml")
        with open(config, "w") as f:
            f.write('model_list:\n  - model_name: "bench-*"\n    litellm_params:\n      model: "openai/bench-*"\n'
                    f'      api_base: "http://127.0.0.1:{self.mock.port}/v1"\n      api_key: "sk-upstream"\n'
                    'general_settings:\n  master_key: "sk-bench"\n')
        self.run([self.install(), "--config", config, "--host", "127.0.0.1", "--port", str(self.plain_port), "--num_workers", "1",
                  "--telemetry", "False"],
                 LITELLM_MODE="PRODUCTION", LITELLM_LOG="ERROR", LITELLM_LOCAL_MODEL_COST_MAP="True")


class Portkey(Peer):
    """npm's @portkey-ai/gateway: told by headers where the provider is."""

    name = "Portkey"

    def __init__(self, directory, mock, core):
        super().__init__(directory, mock, core)
        self.headers = f"x-portkey-provider: openai\nx-portkey-custom-host: http://127.0.0.1:{mock.port}/v1"

    @staticmethod
    def install():
        program = os.path.join(PLACE, "portkey", "node_modules", "@portkey-ai", "gateway", "build", "start-server.js")
        if not os.path.exists(program):
            install(["npm", "install", "--silent", "--no-fund", "--no-audit", "--prefix", os.path.join(PLACE, "portkey"),
                     "@portkey-ai/gateway"])
        return program

    def start(self):
        self.run(["node", self.install(), f"--port={self.plain_port}", "--headless"], NODE_ENV="production",
                 TRUSTED_CUSTOM_HOSTS="127.0.0.1,localhost")


def install(command):
    os.makedirs(PLACE, exist_ok=True)
    if shutil.which(command[0]) is None:
        raise OSError(f"{command[0]} is not there")
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        raise OSError((done.stderr or done.stdout).strip()[-300:])


def streams(bench, target):
    """Whether a short stream comes through."""
    with open(bench.requests["stream"], "rb") as f:
        body = f.read().replace(b"MODEL", b"bench-sse-5-0")
    headers = dict(line.split(": ", 1) for line in target.headers.splitlines())
    status, answer = lab.http(target.plain_port, "POST", "/v1/chat/completions", body, drive.KEY, headers=headers)
    return status == 200 and b"[DONE]" in answer


def beside(bench, rounds, seconds):
    """The rows with those peers that answer; (results, what was left out and why)."""
    unary, streamed, missing = rows.both(), rows.both(), []
    for kind in (LiteLLM, Portkey):
        try:
            kind.install()
            target = kind(bench.directory, bench.mock, bench.proxy_core)
            bench.first_answer_ms(target)
        except (OSError, drive.NoAnswer) as problem:
            missing.append(f"{kind.name}: {problem}")
            continue
        bench.targets[kind.name] = target
        unary.append(rows.Through(kind.name, kind.name))
        if streams(bench, target):
            streamed.append(rows.Through(kind.name, kind.name))
        else:
            missing.append(f"{kind.name}, streams: it gives no complete one on this mock")
    plan = [rows.closed("peers, 1 KB, c=16", "unary-1k", "1k", 16, unary, base="sluice"),
            rows.stream("peers, SSE, 16 streams", 16, 200, through=streamed, base="sluice")]
    return [bench.measure(row, rounds, seconds) for row in plan if len(row.through) > 2], missing
