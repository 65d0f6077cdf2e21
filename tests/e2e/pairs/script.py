"""What the scripted providers of tests/e2e/pairs say: an answer as blocks, written in either dialect, whole or as a
stream. Used by providers.py only.

A model's name holds the scenario between the provider's name and the dot ("claude-tools.a1b2" plays "tools"); what
stands behind the dot is the test's own, so that it finds its requests in the journal."""

import base64
import hashlib
import json

USAGE = {"input": 20, "cache_read": 60, "cache_write": 20, "output": 30, "thinking": 12}


def signature(thinking):
    """Only the provider can make one, and it knows its own again."""
    digest = hashlib.sha256(b"signed " + thinking.encode()).digest()
    return base64.b64encode(digest * 3).decode()


def redacted(number):
    return base64.b64encode(hashlib.sha512(b"redacted %d" % number).digest()).decode()


def thought(text):
    return {"kind": "thought", "text": text}


def text(*pieces):
    return {"kind": "text", "pieces": list(pieces)}


def call(id, name, *fragments):
    return {"kind": "call", "id": id, "name": name, "fragments": list(fragments)}


PARALLEL = [
    text("I look ", "both up."),
    call("toolu_par-1", "get_weather", '{"ci', 'ty": "Zürich", "day', 's": [1, 2]', "}"),
    call("toolu_par-2", "get_time"),
    call("toolu_par-3", "get_weather", '{"city":"Say \\"hi\\" \\n"}'),
]

# Three turns: a call, two calls behind a hidden thought, the end.
LOOP = [
    [thought("The weather first. \"Quoted\", ünïcödé\n"), call("toolu_t-1", "get_weather", '{"city":', '"Paris"}')],
    [
        thought("Now the rest."),
        {"kind": "redacted", "data": redacted(1)},
        text("One moment."),
        call("toolu_t-2", "get_time"),
        call("toolu_t-3", "get_weather", '{"city":"Oslo"}'),
    ],
    [thought("That is all."), text("Paris is ", "sunny.")],
]

TEXTS = {
    "chat": ["café ✓ ", "\"two\"", "\n\nthree \\ 🎉"],
    "images": ["two pictures"],
    "cache": ["cached"],
    "structured": ['{"city":"Paris",', '"people":2100000}'],
    "length": ["cut sh"],
    "stop": ["before the word"],
    "refused": ["I cannot"],
    "breaks": ["one ", "two "],
    "cut": ["one ", "two "],
    "default": ["fine"],
}


def scenario_of(model):
    return model.split(".")[0].partition("-")[2]


def answer_to(model, turn):
    """The blocks and the reason to stop; `turn` counts the assistant's messages so far."""
    scenario = scenario_of(model)
    if scenario == "tools":
        return (PARALLEL, "calls") if turn == 0 else ([text("done")], "end")
    if scenario == "loop":
        return LOOP[min(turn, 2)], "calls" if turn < 2 else "end"
    if scenario == "agent":
        return [
            text("Reading the file."),
            call("toolu_agent-1", "tool_3", '{"path": "src/ma', 'in.cpp", "limit": 20}'),
            call("toolu_agent-2", "tool_7"),
        ], "calls"
    reason = {"length": "length", "stop": "stop", "refused": "refusal"}.get(scenario, "end")
    return [text(*TEXTS.get(scenario, TEXTS["default"]))], reason


def arguments(block):
    return json.loads("".join(block["fragments"]) or "{}")


# --- Anthropic -------------------------------------------------------------------------------------

ANTHROPIC_REASON = {
    "end": "end_turn",
    "calls": "tool_use",
    "length": "max_tokens",
    "stop": "stop_sequence",
    "refusal": "refusal",
}


def anthropic_block(block):
    if block["kind"] == "thought":
        return {"type": "thinking", "thinking": block["text"], "signature": signature(block["text"])}
    if block["kind"] == "redacted":
        return {"type": "redacted_thinking", "data": block["data"]}
    if block["kind"] == "text":
        return {"type": "text", "text": "".join(block["pieces"])}
    return {"type": "tool_use", "id": block["id"], "name": block["name"], "input": arguments(block)}


def anthropic_usage(output=None):
    return {
        "input_tokens": USAGE["input"],
        "cache_creation_input_tokens": USAGE["cache_write"],
        "cache_read_input_tokens": USAGE["cache_read"],
        "cache_creation": {"ephemeral_5m_input_tokens": USAGE["cache_write"], "ephemeral_1h_input_tokens": 0},
        "output_tokens": USAGE["output"] if output is None else output,
        "service_tier": "standard",
    }


def anthropic_message(model, blocks, reason, content, usage):
    word = "END" if reason == "stop" else None
    return {
        "id": "msg_e2e",
        "type": "message",
        "role": "assistant",
        "model": model,
        "content": content,
        "stop_reason": ANTHROPIC_REASON.get(reason),
        "stop_sequence": word,
        "usage": usage,
    }


def anthropic_whole(model, blocks, reason):
    content = [anthropic_block(block) for block in blocks]
    return json.dumps(anthropic_message(model, blocks, reason, content, anthropic_usage()))


def event(kind, **rest):
    return f"event: {kind}\ndata: {json.dumps({'type': kind, **rest})}\n\n"


def anthropic_deltas(block):
    if block["kind"] == "thought":
        half = len(block["text"]) // 2
        for piece in (block["text"][:half], block["text"][half:]):
            yield {"type": "thinking_delta", "thinking": piece}
        yield {"type": "signature_delta", "signature": signature(block["text"])}
    elif block["kind"] == "text":
        for piece in block["pieces"]:
            yield {"type": "text_delta", "text": piece}
    elif block["kind"] == "call":
        yield {"type": "input_json_delta", "partial_json": ""}
        for piece in block["fragments"]:
            yield {"type": "input_json_delta", "partial_json": piece}


def anthropic_opening(block):
    if block["kind"] == "thought":
        return {"type": "thinking", "thinking": "", "signature": ""}
    if block["kind"] == "text":
        return {"type": "text", "text": ""}
    if block["kind"] == "call":
        return {"type": "tool_use", "id": block["id"], "name": block["name"], "input": {}}
    return anthropic_block(block)


def anthropic_frames(model, blocks, reason):
    opening = anthropic_message(model, blocks, None, [], anthropic_usage(1))
    yield event("message_start", message=opening)
    yield event("ping")
    for index, block in enumerate(blocks):
        yield event("content_block_start", index=index, content_block=anthropic_opening(block))
        for delta in anthropic_deltas(block):
            yield event("content_block_delta", index=index, delta=delta)
        yield event("content_block_stop", index=index)
    word = "END" if reason == "stop" else None
    yield event(
        "message_delta",
        delta={"stop_reason": ANTHROPIC_REASON[reason], "stop_sequence": word},
        usage={"output_tokens": USAGE["output"]},
    )
    yield event("message_stop")


# --- OpenAI ----------------------------------------------------------------------------------------

OPENAI_REASON = {
    "end": "stop",
    "calls": "tool_calls",
    "length": "length",
    "stop": "stop",
    "refusal": "content_filter",
}


def openai_usage():
    prompt = USAGE["input"] + USAGE["cache_read"] + USAGE["cache_write"]
    return {
        "prompt_tokens": prompt,
        "completion_tokens": USAGE["output"],
        "total_tokens": prompt + USAGE["output"],
        "prompt_tokens_details": {
            "cached_tokens": USAGE["cache_read"],
            "cache_write_tokens": USAGE["cache_write"],
            "audio_tokens": 0,
        },
        "completion_tokens_details": {"reasoning_tokens": USAGE["thinking"], "audio_tokens": 0},
    }


def openai_call(block):
    function = {"name": block["name"], "arguments": "".join(block["fragments"]) or "{}"}
    return {"id": block["id"], "type": "function", "function": function}


def openai_message(blocks):
    texts = ["".join(block["pieces"]) for block in blocks if block["kind"] == "text"]
    thoughts = [block["text"] for block in blocks if block["kind"] == "thought"]
    calls = [openai_call(block) for block in blocks if block["kind"] == "call"]
    message = {"role": "assistant", "content": "".join(texts) if texts else None, "refusal": None}
    if thoughts:
        message["reasoning_content"] = "".join(thoughts)
    if calls:
        message["tool_calls"] = calls
    return message


def openai_whole(model, blocks, reason):
    choice = {
        "index": 0,
        "message": openai_message(blocks),
        "logprobs": None,
        "finish_reason": OPENAI_REASON[reason],
    }
    return json.dumps(
        {
            "id": "chatcmpl-e2e",
            "object": "chat.completion",
            "created": 1700000000,
            "model": model,
            "choices": [choice],
            "usage": openai_usage(),
        }
    )


def chunk(model, delta=None, finish=None, **more):
    choices = [] if delta is None else [{"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}]
    body = {
        "id": "chatcmpl-e2e",
        "object": "chat.completion.chunk",
        "created": 1700000000,
        "model": model,
        "choices": choices,
        **more,
    }
    return "data: " + json.dumps(body) + "\n\n"


def openai_frames(model, blocks, reason, with_usage):
    yield chunk(model, {"role": "assistant", "content": "", "refusal": None})
    number = 0
    for block in blocks:
        if block["kind"] == "thought":
            half = len(block["text"]) // 2
            for piece in (block["text"][:half], block["text"][half:]):
                yield chunk(model, {"reasoning_content": piece})
        elif block["kind"] == "text":
            for piece in block["pieces"]:
                yield chunk(model, {"content": piece})
        elif block["kind"] == "call":
            head = {"name": block["name"], "arguments": ""}
            one = {"index": number, "id": block["id"], "type": "function", "function": head}
            yield chunk(model, {"tool_calls": [one]})
            for piece in block["fragments"] or ["{}"]:
                yield chunk(model, {"tool_calls": [{"index": number, "function": {"arguments": piece}}]})
            number += 1
    yield chunk(model, {}, OPENAI_REASON[reason])
    if with_usage:
        yield chunk(model, usage=openai_usage())
    yield "data: [DONE]\n\n"
