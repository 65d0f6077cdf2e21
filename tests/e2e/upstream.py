"""The scripted OpenAI-like upstream of the end-to-end tests. The model's name picks the answer, every
request is kept in a journal that the SDK tests read back over HTTP (GET and DELETE /journal)."""

import base64
import json
import struct
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

# Written by hand, with odd spacing and fields no SDK knows: what a client gets must be these bytes.
PLAIN = (
    '{"id":"chatcmpl-e2e",  "object":"chat.completion","created":1700000000,"model":"MODEL",\n'
    ' "choices":[{"index":0,"message":{"role":"assistant","content":"caf\\u00e9 \u2713","refusal":null},'
    '"logprobs":null,"finish_reason":"stop"}],'
    '"usage":{"prompt_tokens":21,"completion_tokens":5,"total_tokens":26,'
    '"prompt_tokens_details":{"cached_tokens":8}},"x_unknown":{"kept":[1,2.50,"three"]}}'
)

TOOL_CALLS = [
    {"id": "call_a", "name": "get_weather", "parts": ['{"ci', 'ty":"Par', 'is"}']},
    {"id": "call_b", "name": "get_time", "parts": ["{", "}"]},
]


def answer_with_message(model, message, finish="stop"):
    return json.dumps(
        {
            "id": "chatcmpl-e2e",
            "object": "chat.completion",
            "created": 1700000000,
            "model": model,
            "choices": [{"index": 0, "message": message, "finish_reason": finish}],
            "usage": {"prompt_tokens": 21, "completion_tokens": 5, "total_tokens": 26},
        }
    )


def frame(model, delta=None, finish=None, usage=None):
    choices = [] if delta is None else [{"index": 0, "delta": delta, "finish_reason": finish}]
    body = {
        "id": "chatcmpl-e2e",
        "object": "chat.completion.chunk",
        "created": 1700000000,
        "model": model,
        "choices": choices,
        "usage": usage,
    }
    return "data: " + json.dumps(body) + "\n\n"


def text_frames(model, words):
    yield frame(model, {"role": "assistant", "content": ""})
    for word in words:
        yield frame(model, {"content": word})
    yield frame(model, {}, "stop")


def tool_frames(model):
    yield frame(model, {"role": "assistant", "content": None})
    for index, call in enumerate(TOOL_CALLS):
        head = {"name": call["name"], "arguments": ""}
        one = {"index": index, "id": call["id"], "type": "function", "function": head}
        yield frame(model, {"tool_calls": [one]})
        for part in call["parts"]:
            one = {"index": index, "function": {"arguments": part}}
            yield frame(model, {"tool_calls": [one]})
    yield frame(model, {}, "tool_calls")


class Journal:
    def __init__(self):
        self.lock = threading.Lock()
        self.entries = []

    def add(self, entry):
        with self.lock:
            self.entries.append(entry)


JOURNAL = Journal()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = 0
    disable_nagle_algorithm = True

    def log_message(self, *_):
        pass

    def reply(self, status, body, content_type="application/json", headers=()):
        data = body.encode() if isinstance(body, str) else body
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(data)))
        for name, value in headers:
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)

    def chunk(self, text):
        data = text.encode()
        self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))

    def do_GET(self):
        if self.path == "/journal":
            with JOURNAL.lock:
                self.reply(200, json.dumps(JOURNAL.entries))
        else:
            self.reply(404, "{}")

    def do_DELETE(self):
        with JOURNAL.lock:
            JOURNAL.entries.clear()
        self.reply(200, "{}")

    def do_POST(self):
        raw = self.rfile.read(int(self.headers["Content-Length"]))
        body = json.loads(raw)
        entry = {
            "target": self.path,
            "headers": [[k.lower(), v] for k, v in self.headers.items()],
            "body": base64.b64encode(raw).decode(),
            "model": body["model"],
            "input_tokens": 0,
            "output_tokens": 0,
            "client_closed": False,
        }
        JOURNAL.add(entry)
        if self.path.endswith("/embeddings"):
            self.embed(body, entry)
        elif self.path.endswith("/completions") and not self.path.endswith("/chat/completions"):
            self.complete(body, entry)
        else:
            self.chat(body, entry)

    def used(self, entry, input_tokens, output_tokens):
        entry["input_tokens"] = input_tokens
        entry["output_tokens"] = output_tokens

    def embed(self, body, entry):
        texts = body["input"] if isinstance(body["input"], list) else [body["input"]]
        vector = [0.25, -1.5, 3.0]
        if body.get("encoding_format") == "base64":
            vector = base64.b64encode(struct.pack("<3f", *vector)).decode()
        data = [
            {"object": "embedding", "index": i, "embedding": vector} for i in range(len(texts))
        ]
        self.used(entry, 9, 0)
        usage = {"prompt_tokens": 9, "total_tokens": 9}
        answer = {"object": "list", "data": data, "model": body["model"], "usage": usage}
        self.reply(200, json.dumps(answer))

    def complete(self, body, entry):
        self.used(entry, 4, 2)
        usage = {"prompt_tokens": 4, "completion_tokens": 2, "total_tokens": 6}
        choice = {"index": 0, "text": " there", "finish_reason": "stop", "logprobs": None}
        answer = {
            "id": "cmpl-e2e",
            "object": "text_completion",
            "created": 1700000000,
            "model": body["model"],
            "choices": [choice],
            "usage": usage,
        }
        self.reply(200, json.dumps(answer))

    def chat(self, body, entry):
        model = body["model"]
        if model.startswith("status-"):
            status = int(model.split("-")[1])
            error = {"message": f"scripted {status}", "type": "scripted", "param": "p", "code": "c"}
            self.reply(status, json.dumps({"error": error}))
        elif body.get("stream"):
            self.stream(body, entry)
        elif model == "m-silent":
            self.wait_for_close(entry)
        else:
            self.used(entry, 21, 5)
            self.reply(200, self.unary(model), headers=[("x-request-id", "up-1")])

    def unary(self, model):
        if model == "m-tools":
            calls = [
                {
                    "id": call["id"],
                    "type": "function",
                    "function": {"name": call["name"], "arguments": "".join(call["parts"])},
                }
                for call in TOOL_CALLS
            ]
            message = {"role": "assistant", "content": None, "tool_calls": calls}
            return answer_with_message(model, message, "tool_calls")
        if model == "m-structured":
            message = {"role": "assistant", "content": '{"city":"Paris","people":2100000}'}
            return answer_with_message(model, message)
        return PLAIN.replace("MODEL", model)

    def stream(self, body, entry):
        model = body["model"]
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        if model == "m-endless":
            return self.endless(model, entry)
        frames = tool_frames(model) if model == "m-tools" else text_frames(model, "one two three".split())
        for text in frames:
            self.chunk(text)
        if model == "m-breaks":
            error = {"message": "broke", "type": "server_error", "param": None, "code": "x"}
            self.chunk("data: " + json.dumps({"error": error}) + "\n\n")
        else:
            if (body.get("stream_options") or {}).get("include_usage"):
                self.used(entry, 21, 5)
                usage = {"prompt_tokens": 21, "completion_tokens": 5, "total_tokens": 26}
                self.chunk(frame(model, usage=usage))
            self.chunk("data: [DONE]\n\n")
        self.chunk("")

    def endless(self, model, entry):
        started = time.monotonic()
        try:
            self.chunk(frame(model, {"role": "assistant", "content": ""}))
            while time.monotonic() - started < 30:
                self.chunk(frame(model, {"content": "tick "}))
                time.sleep(0.02)
        except OSError:
            entry["client_closed"] = True
        self.close_connection = True

    def wait_for_close(self, entry):
        self.connection.settimeout(30)
        try:
            entry["client_closed"] = self.connection.recv(1) == b""
        except TimeoutError:
            pass
        except OSError:
            entry["client_closed"] = True
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
