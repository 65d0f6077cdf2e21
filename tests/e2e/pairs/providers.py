"""The scripted providers of tests/e2e/pairs, one server for both dialects: POST /v1/messages speaks Anthropic, POST
/v1/chat/completions OpenAI. Each request is judged by the rules of its API (refused with 400 where the API would)
and kept in a journal: GET /journal?model=<what the test sent>. GET /script tells what will be said."""

import base64
import json
import threading
import time
import urllib.parse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import anthropic_rules
import openai_rules
import script

KEYS = {"anthropic": "sk-ant-pairs-upstream-0001", "openai": "sk-pairs-upstream-0002"}
ENDLESS_S = 20

ANTHROPIC_TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    500: "api_error",
    503: "overloaded_error",
    529: "overloaded_error",
}
OPENAI_CODES = {403: "content_policy_violation", 404: "model_not_found", 429: "rate_limit_exceeded"}


class Journal:
    def __init__(self):
        self.lock = threading.Lock()
        self.entries = []

    def add(self, entry):
        with self.lock:
            self.entries.append(entry)

    def of(self, model):
        with self.lock:
            return [entry for entry in self.entries if not model or entry["model"] == model]


JOURNAL = Journal()


def error_body(dialect, status, message):
    if dialect == "anthropic":
        error = {"type": ANTHROPIC_TYPES.get(status, "invalid_request_error"), "message": message}
        return {"type": "error", "error": error, "request_id": "req_up"}
    kind = "invalid_request_error" if status < 500 else "server_error"
    return {"error": {"message": message, "type": kind, "param": None, "code": OPENAI_CODES.get(status)}}


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = 0
    disable_nagle_algorithm = True

    def log_message(self, *_):
        pass

    def reply(self, status, body, headers=()):
        data = (body if isinstance(body, str) else json.dumps(body)).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        for name, value in headers:
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)

    def chunk(self, text):
        data = text.encode()
        self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))

    def do_GET(self):
        url = urllib.parse.urlsplit(self.path)
        model = urllib.parse.parse_qs(url.query).get("model", [""])[0]
        if url.path == "/script":
            loop = [[script.anthropic_block(block) for block in turn] for turn in script.LOOP]
            parallel = [script.anthropic_block(block) for block in script.PARALLEL]
            return self.reply(200, {"loop": loop, "parallel": parallel, "usage": script.USAGE, "texts": script.TEXTS})
        self.reply(200 if url.path == "/journal" else 404, JOURNAL.of(model))

    def do_POST(self):
        raw = self.rfile.read(int(self.headers["Content-Length"]))
        url = urllib.parse.urlsplit(self.path)
        dialect = "anthropic" if url.path.startswith("/v1/messages") else "openai"
        headers = {name.lower(): value for name, value in self.headers.items()}
        body = json.loads(raw)
        self.entry = {
            "dialect": dialect,
            "path": url.path,
            "query": url.query,
            "headers": headers,
            "raw": base64.b64encode(raw).decode(),
            "body": body,
            "model": body.get("model"),
            "refused": None,
            "closed": False,
        }
        JOURNAL.add(self.entry)
        counts = url.path.endswith("/count_tokens")
        try:
            self.authenticate(dialect, headers, body)
            if dialect == "anthropic":
                anthropic_rules.check(headers, url.query, body, counts)
            else:
                openai_rules.check(headers, url.query, body)
        except anthropic_rules.Refused as refused:
            self.entry["refused"] = str(refused)
            return self.reply(400, error_body(dialect, 400, str(refused)))
        if counts:
            return self.reply(200, {"input_tokens": 1234})
        self.answer(dialect, body)

    def authenticate(self, dialect, headers, body):
        if script.scenario_of(body["model"]) == "status":
            return  # its provider has no credential, so that none is benched
        shown = headers.get("x-api-key") or headers.get("authorization", "").removeprefix("Bearer ")
        anthropic_rules.need(shown == KEYS[dialect], f"the wrong credential for {dialect}")
        both = "x-api-key" in headers and "authorization" in headers
        anthropic_rules.need(not both, "two credentials")

    def answer(self, dialect, body):
        model = body["model"]
        scenario = script.scenario_of(model)
        if scenario == "status":
            status = int(model.split(".")[1])
            return self.reply(status, error_body(dialect, status, f"scripted {status}"))
        turn = sum(message["role"] == "assistant" for message in body["messages"])
        blocks, reason = script.answer_to(model, turn)
        if not body.get("stream"):
            if scenario == "endless":
                return self.wait_for_close()
            whole = script.anthropic_whole if dialect == "anthropic" else script.openai_whole
            return self.reply(200, whole(model, blocks, reason))
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream; charset=utf-8")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        if dialect == "anthropic":
            frames = script.anthropic_frames(model, blocks, reason)
        else:
            with_usage = (body.get("stream_options") or {}).get("include_usage")
            frames = script.openai_frames(model, blocks, reason, with_usage)
        self.stream(dialect, scenario, list(frames))

    def stream(self, dialect, scenario, frames):
        if scenario == "endless":
            return self.endless(frames)
        if scenario not in ("breaks", "cut"):
            for frame in frames:
                self.chunk(frame)
            return self.chunk("")
        for frame in frames[:4]:
            self.chunk(frame)
        time.sleep(0.1)  # what has come is on its way to the caller
        if scenario == "breaks":
            error = error_body(dialect, 529 if dialect == "anthropic" else 500, "broke in the middle")
            text = json.dumps(error)
            self.chunk(f"event: error\ndata: {text}\n\n" if dialect == "anthropic" else f"data: {text}\n\n")
            self.chunk("")
        self.close_connection = True

    def endless(self, frames):
        """The first text again and again, until the gateway goes away."""
        ends = time.monotonic() + ENDLESS_S
        tick = next(frame for frame in frames if "fine" in frame)
        try:
            for frame in frames[: frames.index(tick)]:
                self.chunk(frame)
            while time.monotonic() < ends:
                self.chunk(tick)
                time.sleep(0.02)
        except OSError:
            self.entry["closed"] = True
        self.close_connection = True

    def wait_for_close(self):
        self.connection.settimeout(ENDLESS_S)
        try:
            self.entry["closed"] = self.connection.recv(1) == b""
        except TimeoutError:
            pass
        except OSError:
            self.entry["closed"] = True
        self.close_connection = True


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, *_):
        pass  # a peer that went away is what some tests are about


def start():
    server = Server(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server
