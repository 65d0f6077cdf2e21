"""Is an answer that we wrote one of its dialect? OpenAI's is held against its public description, Anthropic's against
the rules of its stream. Each function yields complaints. Used by tests/rows/run."""

import gzip
import json

import jsonschema
import yaml

import meaning


class OpenAi:
    def __init__(self, file):
        with gzip.open(file) as text:
            self.api = yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
        allow_null(self.api["components"]["schemas"])
        self.whole_schema = self.validator("CreateChatCompletionResponse")
        self.chunk_schema = self.validator("CreateChatCompletionStreamResponse")
        self.request_schema = self.validator("CreateChatCompletionRequest")

    def validator(self, name):
        root = {"$ref": f"#/components/schemas/{name}", "components": self.api["components"]}
        return jsonschema.Draft202012Validator(root)

    @staticmethod
    def complaints(validator, value):
        for error in validator.iter_errors(value):
            deepest = jsonschema.exceptions.best_match([error])
            yield f"{deepest.json_path}: {deepest.message[:300]}"

    def request(self, text):
        yield from self.complaints(self.request_schema, json.loads(text))

    def whole(self, text):
        yield from self.complaints(self.whole_schema, json.loads(text))

    def stream(self, text, broke):
        chunks = [data for _, data in meaning.events(text)]
        if not broke and chunks[-1:] != ["[DONE]"]:
            yield "no [DONE] at the end"
        ids, ended = set(), set()
        for data in chunks:
            if data == "[DONE]":
                continue
            chunk = json.loads(data)
            if "error" in chunk:
                if not broke:
                    yield "an error in a stream that was whole"
                continue
            yield from self.complaints(self.chunk_schema, chunk)
            ids.add(chunk["id"])
            for choice in chunk["choices"]:
                if choice["index"] in ended:
                    yield "a choice goes on behind its end"
                if choice["finish_reason"]:
                    ended.add(choice["index"])
        if len(ids) > 1:
            yield f"several ids: {ids}"
        if not broke and 0 not in ended:
            yield "the answer has no finish_reason"


def allow_null(value):
    """`nullable` is of an older OpenAPI than the file says it is: put it as JSON schema has it."""
    if isinstance(value, list):
        for inner in value:
            allow_null(inner)
    if not isinstance(value, dict):
        return
    for inner in list(value.values()):
        allow_null(inner)
    if value.pop("nullable", False) is True:
        kept = dict(value)
        value.clear()
        value["anyOf"] = [kept, {"type": "null"}]


DELTAS = {
    "text": {"text_delta", "citations_delta"},
    "thinking": {"thinking_delta", "signature_delta"},
    "tool_use": {"input_json_delta"},
}
REASONS = {"end_turn", "max_tokens", "stop_sequence", "tool_use", "pause_turn", "refusal", "model_context_window_exceeded"}
BLOCKS = {
    "text": {"text": str},
    "thinking": {"thinking": str, "signature": str},
    "redacted_thinking": {"data": str},
    "tool_use": {"id": str, "name": str, "input": dict},
}


class Anthropic:
    """`knows_all`: blocks that only this dialect has may stand in the answer, since it came in this dialect."""

    knows_all = False

    def usage(self, usage):
        for name in ("input_tokens", "output_tokens"):
            if not isinstance(usage.get(name), int) or usage[name] < 0:
                yield f"usage.{name}: {usage.get(name)}"

    def block(self, block):
        fields = BLOCKS.get(block.get("type"))
        if fields is None and not self.knows_all:
            yield f"block of type {block.get('type')}"
        for name, kind in (fields or {}).items():
            if not isinstance(block.get(name), kind):
                yield f"{block['type']}.{name}: {block.get(name)!r}"

    def head(self, message):
        if (message.get("type"), message.get("role")) != ("message", "assistant"):
            yield "no message of the assistant"
        for name in ("id", "model"):
            if not isinstance(message.get(name), str) or not message[name]:
                yield f"{name}: {message.get(name)!r}"
        if not isinstance(message.get("content"), list):
            yield "no content"

    def whole(self, text):
        message = json.loads(text)
        yield from self.head(message)
        for block in message["content"]:
            yield from self.block(block)
        if message.get("stop_reason") not in REASONS:
            yield f"stop_reason: {message.get('stop_reason')}"
        yield from self.usage(message.get("usage", {}))

    def stream(self, text, broke):
        state, open_block, count = "new", None, 0
        for name, data in meaning.events(text):
            one = json.loads(data)
            kind = one.get("type")
            if name != kind:
                yield f"event {name} with data of {kind}"
            if state == "over":
                yield f"{kind} behind the end"
            if kind == "message_start":
                if state != "new":
                    yield "a second message_start"
                state = "begun"
                yield from self.head(one["message"])
                yield from self.usage(one["message"]["usage"])
                continue
            if kind == "error":
                if not broke:
                    yield "an error in a stream that was whole"
                state = "over"
                continue
            if state == "new":
                yield f"{kind} before message_start"
            if kind == "content_block_start":
                if open_block is not None or one["index"] != count:
                    yield f"block {one['index']} opened, {count} expected, open: {open_block}"
                open_block, count = one["content_block"]["type"], count + 1
                yield from self.block(one["content_block"])
            elif kind == "content_block_delta":
                allowed = DELTAS.get(open_block, {"input_json_delta"} if self.knows_all else ())
                if one["delta"]["type"] not in allowed or one["index"] != count - 1:
                    yield f"{one['delta']['type']} in block {one['index']}, a {open_block}"
            elif kind == "content_block_stop":
                if open_block is None or one["index"] != count - 1:
                    yield f"block {one['index']} closed, open: {open_block}"
                open_block = None
            elif kind == "message_delta":
                if open_block is not None:
                    yield "message_delta while a block is open"
                if one["delta"]["stop_reason"] not in REASONS:
                    yield f"stop_reason {one['delta']['stop_reason']}"
                yield from self.usage(one["usage"])
                state = "ended"
            elif kind == "message_stop":
                if state != "ended":
                    yield "message_stop without message_delta"
                state = "over"
        if not broke and state != "over":
            yield f"the stream ends while {state}"


def error(text, dialect):
    body = json.loads(text)
    if dialect == "anthropic":
        good = body.get("type") == "error" and {"type", "message"} <= set(body.get("error", {}))
    else:
        good = {"message", "type", "param", "code"} <= set(body.get("error", {}))
    if not good:
        yield f"no error of {dialect}: {text[:200]}"
