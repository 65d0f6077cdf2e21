"""The request of a coding agent, through a running sluice to scripted providers of both dialects: twelve tools with
large schemas, a long system prompt and marks for the cache, betas, `?beta=true`, fifty turns of history with
thoughts, calls and results. Prints one line a test; tests/e2e/run starts everything and adds up."""

import base64
import json
import os
import sys
import traceback

import anthropic
import openai

import script
from python_sdks import BASE, KEY, journal, same

TURNS = 50
BETAS = ["interleaved-thinking-2025-05-14", "fine-grained-tool-streaming-2025-05-14", "future-thing-2027-01-01"]
CACHE = {"type": "ephemeral"}
CALLS = [
    ("toolu_agent-1", "tool_3", {"path": "src/main.cpp", "limit": 20}),
    ("toolu_agent-2", "tool_7", {}),
]


def schema(number):
    fields = {
        f"option_{i}": {
            "type": ["string", "null"],
            "description": f"Option {i} of tool {number}: " + "what it does, in words. " * 8,
            "enum": [f"value-{i}-{k}" for k in range(12)] + [None],
        }
        for i in range(20)
    }
    fields["path"] = {"type": "string", "pattern": "^/(?:[^\\\\/\"]+/)*$", "minLength": 1}
    fields["edits"] = {
        "type": "array",
        "minItems": 1,
        "items": {
            "type": "object",
            "properties": {"old": {"type": "string"}, "new": {"type": "string"}, "all": {"type": "boolean", "default": False}},
            "required": ["old", "new"],
            "additionalProperties": False,
        },
    }
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "type": "object",
        "properties": fields,
        "required": ["path"],
        "additionalProperties": False,
    }


def description(number):
    return f"Tool {number}.\n\nUse it when \"needed\" — 12 × daily:\n" + "- a rule of its use\n" * 60


SYSTEM = [
    {"type": "text", "text": "You are an agent.", "cache_control": CACHE},
    {"type": "text", "text": "# Rules\n" + "Write code that works, test it.\n" * 600, "cache_control": CACHE},
]
TOOLS = [{"name": f"tool_{n}", "description": description(n), "input_schema": schema(n)} for n in range(12)]
TOOLS[-1]["cache_control"] = CACHE


def output_of(turn):
    return f"{turn}: line\tone\nline \"two\" \\ ✓ \u2028 🎉\n" + "x = compute(y)\n" * 40


def arguments_of(turn):
    return {"path": f"/src/file_{turn}.cpp", "edits": [{"old": "a\n\t\"b\"", "new": "ü"}], "deep": {"n": [1, 2.5, None, True]}}


def history():
    turns = [{"role": "user", "content": "Fix the bug."}]
    for turn in range(TURNS):
        thinking = f"Step {turn}: look at it."
        blocks = [{"type": "thinking", "thinking": thinking, "signature": script.signature(thinking)}]
        if turn % 3 == 0:
            blocks.append({"type": "text", "text": f"Step {turn}."})
        calls = [f"toolu_{turn}-{k}" for k in range(1 + turn % 2)]
        blocks += [
            {"type": "tool_use", "id": id, "name": f"tool_{turn % 12}", "input": arguments_of(turn)} for id in calls
        ]
        results = [{"type": "tool_result", "tool_use_id": id, "content": output_of(turn)} for id in calls]
        if turn % 10 == 9:
            results[0] |= {"is_error": True, "content": [{"type": "text", "text": "failed"}]}
        if turn == TURNS - 1:
            results[-1] |= {"cache_control": CACHE}
        turns += [{"role": "assistant", "content": blocks}, {"role": "user", "content": results}]
    return turns


sent = []  # the bytes the SDK sends
capture = {"event_hooks": {"request": [lambda request: sent.append(request.read())]}}
claude = anthropic.Anthropic(
    base_url=BASE, api_key=KEY, max_retries=0, http_client=anthropic.DefaultHttpxClient(**capture)
)
gpt = openai.OpenAI(
    base_url=BASE + "/v1", api_key=KEY, max_retries=0, http_client=openai.DefaultHttpxClient(**capture)
)
tests = []


def test(fn):
    tests.append(fn)
    return fn


def last_of(model):
    entry = journal(model)[-1]
    assert entry["refused"] is None, entry["refused"]
    return entry, base64.b64decode(entry["raw"])


def ask_claude(model):
    with claude.beta.messages.stream(
        model=model,
        max_tokens=32000,
        system=SYSTEM,
        tools=TOOLS,
        messages=history(),
        thinking={"type": "enabled", "budget_tokens": 10000},
        metadata={"user_id": "user_1_session_2"},
        betas=BETAS,
        extra_query={"beta": "true"},
        extra_body={"context_management": {"edits": [{"type": "clear_tool_uses_20250919"}]}, "future_setting": {"a": [1]}},
    ) as stream:
        answer = stream.get_final_message()
        headers = stream.response.headers
    same([(b.id, b.name, b.input) for b in answer.content if b.type == "tool_use"], CALLS)
    same((answer.content[0].text, answer.stop_reason), ("Reading the file.", "tool_use"))
    same(answer.usage.cache_read_input_tokens, script.USAGE["cache_read"])
    return headers


@test
def claude_client_on_claude_passes_byte_for_byte():
    headers = ask_claude("agent-on-claude")
    same(headers.get("x-sluice-losses"), None)
    entry, raw = last_of("claude-agent.1")
    assert len(raw) > 150_000, len(raw)
    assert raw == sent[-1].replace(b'"agent-on-claude"', b'"claude-agent.1"', 1), "the body was changed"
    same(entry["query"], "beta=true")
    same(entry["headers"]["anthropic-beta"].split(","), BETAS)


@test
def claude_client_on_gpt():
    headers = ask_claude("agent-on-gpt")
    named = set(headers["x-sluice-losses"].split(", "))
    same(sorted(named), sorted(["cache_control", "thinking", "tool_result.is_error", "context_management", "future_setting"]))
    entry, _ = last_of("gpt-agent.1")
    same([entry["path"], entry["query"], "anthropic-beta" in entry["headers"]], ["/v1/chat/completions", "", False])
    got = entry["body"]
    same([got["max_tokens"], got["stream"], got["user"]], [32000, True, "user_1_session_2"])
    same([tool["function"] for tool in got["tools"]], [
        {"name": t["name"], "description": t["description"], "parameters": t["input_schema"]} for t in TOOLS
    ])
    check_messages(got["messages"])


def check_messages(messages):
    same(messages[0], {"role": "system", "content": [{"type": "text", "text": b["text"]} for b in SYSTEM]})
    same(messages[1], {"role": "user", "content": "Fix the bug."})
    at = 2
    for turn in range(TURNS):
        count = 1 + turn % 2
        one = messages[at]
        same(one["content"], f"Step {turn}." if turn % 3 == 0 else None)
        same([call["id"] for call in one["tool_calls"]], [f"toolu_{turn}-{k}" for k in range(count)])
        for call in one["tool_calls"]:
            same(json.loads(call["function"]["arguments"]), arguments_of(turn))
        for k in range(count):
            wanted = "failed" if turn % 10 == 9 and k == 0 else output_of(turn)
            same(messages[at + 1 + k], {"role": "tool", "tool_call_id": f"toolu_{turn}-{k}", "content": wanted})
        at += 1 + count
    same(at, len(messages))


def openai_history():
    """The same conversation as an OpenAI client has it, the thoughts in the documented extension."""
    turns = [{"role": "system", "content": [{"type": "text", "text": b["text"], "cache_control": CACHE} for b in SYSTEM]}]
    for message in history():
        if isinstance(message["content"], str):
            turns.append(message)
        elif message["role"] == "assistant":
            turns.append(openai_turn(message["content"]))
        else:
            for block in message["content"]:
                text = block["content"] if isinstance(block["content"], str) else block["content"][0]["text"]
                turns.append({"role": "tool", "tool_call_id": block["tool_use_id"], "content": text})
    return turns


def openai_turn(blocks):
    thought = blocks[0]
    texts = [block["text"] for block in blocks if block["type"] == "text"]
    detail = {"type": "reasoning.text", "format": "anthropic", "index": 0}
    return {
        "role": "assistant",
        "content": texts[0] if texts else None,
        "reasoning_content": thought["thinking"],
        "reasoning_details": [detail | {"text": thought["thinking"], "signature": thought["signature"]}],
        "tool_calls": [
            {"id": b["id"], "type": "function", "function": {"name": b["name"], "arguments": json.dumps(b["input"])}}
            for b in blocks
            if b["type"] == "tool_use"
        ],
    }


@test
def gpt_client_on_claude():
    tools = [
        {"type": "function", "function": {"name": t["name"], "description": t["description"], "parameters": t["input_schema"]}}
        for t in TOOLS
    ]
    chunks = list(
        gpt.chat.completions.create(
            model="agent-on-claude",
            messages=openai_history(),
            tools=tools,
            stream=True,
            max_completion_tokens=32000,
            reasoning_effort="high",
        )
    )
    calls = {}
    for chunk in chunks:
        for call in chunk.choices[0].delta.tool_calls or []:
            one = calls.setdefault(call.index, [call.id, call.function.name, ""])
            one[2] += call.function.arguments
    same([(id, name, json.loads(text)) for id, name, text in calls.values()], CALLS)
    got = last_of("claude-agent.1")[0]["body"]
    same(got["system"], SYSTEM)
    same([tool["input_schema"] for tool in got["tools"]], [tool["input_schema"] for tool in TOOLS])
    # The same history: but for is_error and the last mark, for which that dialect has no place.
    wanted = history()
    wanted[-1]["content"][-1].pop("cache_control")
    for message in wanted[2::2]:
        for block in message["content"]:
            if block.pop("is_error", False):
                block["content"] = "failed"
    same(got["messages"], wanted)


@test
def gpt_client_on_gpt_passes_as_it_is():
    # Without thoughts: that API knows none.
    plain = [{k: v for k, v in turn.items() if not k.startswith("reasoning")} for turn in openai_history()]
    plain[0] = {"role": "system", "content": SYSTEM[1]["text"]}
    answer = gpt.chat.completions.create(model="agent-on-gpt", messages=plain)
    same([(c.id, c.function.name) for c in answer.choices[0].message.tool_calls], [(id, name) for id, name, _ in CALLS])
    _, raw = last_of("gpt-agent.1")
    assert raw == sent[-1].replace(b'"agent-on-gpt"', b'"gpt-agent.1"', 1), "the body was changed"


def main():
    failed = 0
    for fn in tests:
        try:
            fn()
            print(f"ok coding agent: {fn.__name__}", flush=True)
        except Exception:  # a test that breaks is a failure, and the next one runs
            failed += 1
            print(f"FAIL coding agent: {fn.__name__}\n{traceback.format_exc()[-3000:]}", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
