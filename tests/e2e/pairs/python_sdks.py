"""Both Python SDKs on scripted providers of both dialects, through a running sluice: what the SDK returned, and what the
provider received. Prints one line a test; tests/e2e/run starts everything and adds up."""

import base64
import json
import os
import sys
import time
import traceback
import urllib.request
import uuid

import anthropic
import openai
import pydantic

import script

BASE = os.environ["E2E_PAIRS"]
UPSTREAM = os.environ["E2E_PAIRS_UPSTREAM"]
KEY = "sk-e2e-key-of-the-sdk-tests"
SIDES = ("claude", "gpt")  # the provider's dialect

claude = anthropic.Anthropic(base_url=BASE, api_key=KEY, max_retries=0)
gpt = openai.OpenAI(base_url=BASE + "/v1", api_key=KEY, max_retries=0)
tests = []

USER = [{"role": "user", "content": "Hé \"you\"\n✓"}]
SCHEMA = {
    "type": "object",
    "properties": {"city": {"type": "string"}, "days": {"type": "array", "items": {"type": "integer"}}},
    "required": ["city"],
}
ANTHROPIC_TOOLS = [
    {"name": "get_weather", "description": "The weather", "input_schema": SCHEMA},
    {"name": "get_time", "input_schema": {"type": "object", "properties": {}}},
]
OPENAI_TOOLS = [
    {"type": "function", "function": {"name": "get_weather", "description": "The weather", "parameters": SCHEMA}},
    {"type": "function", "function": {"name": "get_time"}},
]
PNG = base64.b64encode(b"\x89PNG\r\n\x1a\n and more").decode()
PAGE = "https://example.com/cat.jpg"


def test(fn):
    tests.extend((fn, side) for side in SIDES)
    return fn


def model_of(side, scenario):
    return f"{side}-{scenario}.{uuid.uuid4().hex[:8]}"


def journal(model):
    with urllib.request.urlopen(f"{UPSTREAM}/journal?model={model}", timeout=10) as answer:
        return json.load(answer)


def received(model, index=-1):
    entry = journal(model)[index]
    assert entry["refused"] is None, entry["refused"]
    return entry["body"]


def same(got, wanted):
    assert got == wanted, f"got    {json.dumps(got, ensure_ascii=False)}\nwanted {json.dumps(wanted, ensure_ascii=False)}"


def closed(model):
    """The provider has seen the gateway hang up."""
    ends = time.monotonic() + 10
    while time.monotonic() < ends:
        if journal(model)[-1]["closed"]:
            return True
        time.sleep(0.02)
    return False


def said(blocks):
    return "".join("".join(block["pieces"]) for block in blocks if block["kind"] == "text")


# --- the Anthropic SDK -----------------------------------------------------------------------------


def claude_ask(model, messages=None, **more):
    settings = {"model": model, "max_tokens": 500, "messages": messages or USER} | more
    return claude.messages.create(**settings)


def claude_streamed(model, messages=None, **more):
    settings = {"model": model, "max_tokens": 500, "messages": messages or USER} | more
    with claude.messages.stream(**settings) as stream:
        kinds = [event.type for event in stream]
        return kinds, stream.get_final_message()


def claude_usage(answer, side):
    usage = answer.usage
    same(usage.input_tokens, script.USAGE["input"])
    same(usage.cache_read_input_tokens, script.USAGE["cache_read"])
    same(usage.cache_creation_input_tokens, script.USAGE["cache_write"])
    same(usage.output_tokens, script.USAGE["output"])


@test
def claude_chat(side):
    model = model_of(side, "chat")
    answer = claude_ask(
        model,
        system="Be brief",
        stop_sequences=["END"],
        extra_body={"temperature": 0.5, "top_p": 0.9},
        metadata={"user_id": "u-1"},
        messages=USER + [{"role": "assistant", "content": "Yes?"}, {"role": "user", "content": "Go"}],
    )
    same(answer.content[0].text, said(script.answer_to(model, 1)[0]))
    same((answer.type, answer.role, answer.stop_reason), ("message", "assistant", "end_turn"))
    claude_usage(answer, side)
    assert answer._request_id
    got = received(model)
    if side == "gpt":
        same(
            got["messages"],
            [{"role": "system", "content": "Be brief"}]
            + USER
            + [{"role": "assistant", "content": "Yes?"}, {"role": "user", "content": "Go"}],
        )
        same([got["temperature"], got["top_p"], got["stop"], got["user"]], [0.5, 0.9, ["END"], "u-1"])
        same(got["max_tokens"], 500)
    else:
        same([got["system"], got["max_tokens"], got["metadata"]], ["Be brief", 500, {"user_id": "u-1"}])


@test
def claude_stream(side):
    model = model_of(side, "chat")
    kinds, answer = claude_streamed(model)
    same(answer.content[0].text, said(script.answer_to(model, 0)[0]))
    same(kinds.count("text"), 3)
    same((answer.stop_reason, kinds[0], kinds[-1]), ("end_turn", "message_start", "message_stop"))
    claude_usage(answer, side)
    assert received(model)["stream"] is True


@test
def claude_stop_reasons(side):
    for scenario, reason in (("length", "max_tokens"), ("refused", "refusal"), ("stop", "stop_sequence")):
        for streamed in (False, True):
            model = model_of(side, scenario)
            answer = claude_streamed(model)[1] if streamed else claude_ask(model)
            # OpenAI's "stop" does not tell of which kind it is.
            wanted = "end_turn" if (side, scenario) == ("gpt", "stop") else reason
            same(answer.stop_reason, wanted)


def claude_calls(answer):
    return [(block.id, block.name, block.input) for block in answer.content if block.type == "tool_use"]


CALLS = [
    (block["id"], block["name"], script.arguments(block)) for block in script.PARALLEL if block["kind"] == "call"
]


@test
def claude_parallel_tools(side):
    for streamed in (False, True):
        model = model_of(side, "tools")
        settings = {"tools": ANTHROPIC_TOOLS, "tool_choice": {"type": "any"}}
        answer = claude_streamed(model, **settings)[1] if streamed else claude_ask(model, **settings)
        same(claude_calls(answer), CALLS)
        same((answer.content[0].text, answer.stop_reason), ("I look both up.", "tool_use"))
        results = [
            {"type": "tool_result", "tool_use_id": "toolu_par-1", "content": "sunny"},
            {"type": "tool_result", "tool_use_id": "toolu_par-2", "is_error": True, "content": [{"type": "text", "text": "no clock"}]},
            {"type": "tool_result", "tool_use_id": "toolu_par-3"},
            {"type": "text", "text": "So?"},
        ]
        turns = USER + [{"role": "assistant", "content": answer.content}, {"role": "user", "content": results}]
        raw = claude.messages.with_raw_response.create(
            model=model, max_tokens=500, messages=turns, tools=ANTHROPIC_TOOLS
        )
        same(raw.parse().content[0].text, "done")
        check_parallel_received(side, model, raw.headers.get("x-sluice-losses"))


def check_parallel_received(side, model, losses):
    first, last = received(model, 0), received(model)
    if side == "claude":
        same(losses, None)
        same([first["tools"], first["tool_choice"]], [ANTHROPIC_TOOLS, {"type": "any"}])
        return same(len(last["messages"]), 3)
    same(first["tool_choice"], "required")
    same([tool["function"]["name"] for tool in first["tools"]], ["get_weather", "get_time"])
    same(first["tools"][0]["function"]["parameters"], SCHEMA)
    same(losses, "tool_result.is_error")
    messages = last["messages"]
    same([message["role"] for message in messages], ["user", "assistant", "tool", "tool", "tool", "user"])
    same(messages[1]["content"], "I look both up.")
    arguments = [json.loads(call["function"]["arguments"]) for call in messages[1]["tool_calls"]]
    same(arguments, [wanted for _, _, wanted in CALLS])
    same([message.get("tool_call_id") for message in messages[2:5]], [id for id, _, _ in CALLS])
    same([message["content"] for message in messages[2:]], ["sunny", "no clock", "", "So?"])


@test
def claude_tool_loop_with_thinking(side):
    for streamed in (False, True):
        model = model_of(side, "loop")
        turns = list(USER)
        for turn in range(3):
            settings = {
                "tools": ANTHROPIC_TOOLS,
                "thinking": {"type": "enabled", "budget_tokens": 2000},
                "max_tokens": 4000,
            }
            answer = claude_streamed(model, turns, **settings)[1] if streamed else claude_ask(model, turns, **settings)
            check_loop_answer(side, answer, turn)
            turns.append({"role": "assistant", "content": answer.content})
            ids = [block.id for block in answer.content if block.type == "tool_use"]
            results = [{"type": "tool_result", "tool_use_id": id, "content": f"of {id}"} for id in ids]
            turns.append({"role": "user", "content": results or "Thanks"})
        claude_ask(model, turns, tools=ANTHROPIC_TOOLS, thinking={"type": "adaptive"})
        # Whether the thoughts came back as they were is judged by the provider (its rules).
        assert len(journal(model)) == 4 and received(model)
        if side == "gpt":
            same(received(model, 0)["reasoning_effort"], "low")


def check_loop_answer(side, answer, turn):
    wanted = script.LOOP[turn]
    same(claude_calls(answer), [(b["id"], b["name"], script.arguments(b)) for b in wanted if b["kind"] == "call"])
    thoughts = [block.thinking for block in answer.content if block.type == "thinking"]
    same(thoughts, [block["text"] for block in wanted if block["kind"] == "thought"])
    if side == "claude":
        signatures = [block.signature for block in answer.content if block.type == "thinking"]
        same(signatures, [script.signature(text) for text in thoughts])


@test
def claude_images(side):
    model = model_of(side, "images")
    picture = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PNG}}
    linked = {"type": "image", "source": {"type": "url", "url": PAGE}}
    paper = {
        "type": "document",
        "title": "paper.pdf",
        "source": {"type": "base64", "media_type": "application/pdf", "data": PNG},
    }
    turns = [
        {"role": "user", "content": [{"type": "text", "text": "See"}, picture, linked, paper]},
        {"role": "assistant", "content": [{"type": "tool_use", "id": "t_1", "name": "get_time", "input": {}}]},
        {
            "role": "user",
            "content": [
                {"type": "tool_result", "tool_use_id": "t_1", "content": [{"type": "text", "text": "here"}, picture]}
            ],
        },
    ]
    answer = claude_ask(model, turns, tools=ANTHROPIC_TOOLS)
    same(answer.content[0].text, "two pictures")
    got = received(model)["messages"]
    if side == "claude":
        return same(got, turns)
    data = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PNG}"}}
    file = {"type": "file", "file": {"filename": "paper.pdf", "file_data": f"data:application/pdf;base64,{PNG}"}}
    link = {"type": "image_url", "image_url": {"url": PAGE}}
    same(got[0]["content"], [{"type": "text", "text": "See"}, data, link, file])
    same([message["role"] for message in got], ["user", "assistant", "tool", "user"])
    same([got[2]["content"], got[3]["content"]], ["here", [data]])


class City(pydantic.BaseModel):
    city: str
    people: int = pydantic.Field(ge=0)


@test
def claude_structured(side):
    model = model_of(side, "structured")
    answer = claude.messages.parse(model=model, max_tokens=500, messages=USER, output_format=City)
    same(answer.parsed_output, City(city="Paris", people=2100000))
    got = received(model)
    if side == "claude":
        schema = got["output_config"]["format"]["schema"]
    else:
        same(got["response_format"]["type"], "json_schema")
        schema = got["response_format"]["json_schema"]["schema"]
    same(sorted(schema["properties"]), ["city", "people"])
    same(sorted(schema["required"]), ["city", "people"])


CACHE = {"type": "ephemeral"}
CACHE_1H = {"type": "ephemeral", "ttl": "1h"}


@test
def claude_prompt_caching(side):
    model = model_of(side, "cache")
    tools = [ANTHROPIC_TOOLS[0] | {"cache_control": CACHE_1H}]
    system = [{"type": "text", "text": "long", "cache_control": CACHE}]
    turns = [
        {"role": "user", "content": [{"type": "text", "text": "old", "cache_control": CACHE}]},
        {"role": "assistant", "content": [{"type": "tool_use", "id": "t_1", "name": "get_weather", "input": {}}]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t_1", "content": "r", "cache_control": CACHE}]},
    ]
    raw = claude.messages.with_raw_response.create(
        model=model, max_tokens=5, system=system, tools=tools, messages=turns
    )
    claude_usage(raw.parse(), side)
    got = received(model)
    if side == "claude":
        same([got["system"], got["tools"], got["messages"]], [system, tools, turns])
        return same(raw.headers.get("x-sluice-losses"), None)
    same(raw.headers["x-sluice-losses"], "cache_control")
    assert "cache_control" not in json.dumps(got)


@test
def claude_count_tokens(side):
    answer = claude.messages.count_tokens(model=model_of(side, "count"), messages=USER)
    same(answer.input_tokens, 1234) if side == "claude" else None
    assert answer.input_tokens > 0


@test
def claude_abort(side):
    model = model_of(side, "endless")
    with claude.messages.stream(model=model, max_tokens=500, messages=USER) as stream:
        for event in stream:
            if event.type == "text":
                break
    assert closed(model), "the provider's stream was not ended"


@test
def claude_gives_up_waiting(side):
    model = model_of(side, "endless")
    raised(anthropic.APITimeoutError, lambda: claude.with_options(timeout=0.4).messages.create(model=model, max_tokens=5, messages=USER))
    assert closed(model), "the provider's request was not ended"


def raised(kind, call):
    try:
        call()
    except kind as error:
        assert type(error) is kind, f"{type(error).__name__}, not {kind.__name__}: {error}"
        return error
    raise AssertionError(f"{kind.__name__} was not raised")


@test
def claude_error_classes(side):
    table = [
        (400, anthropic.BadRequestError, "invalid_request_error"),
        (401, anthropic.InternalServerError, "api_error"),
        (403, anthropic.PermissionDeniedError, "permission_error"),
        (404, anthropic.NotFoundError, "not_found_error"),
        (413, anthropic.RequestTooLargeError, "request_too_large"),
        (422, anthropic.UnprocessableEntityError, "invalid_request_error"),
        (429, anthropic.RateLimitError, "rate_limit_error"),
        (500, anthropic.InternalServerError, "api_error"),
        (503, anthropic.ServiceUnavailableError, "overloaded_error"),
        (529, anthropic.OverloadedError, "overloaded_error"),
    ]
    for status, kind, word in table:
        # What speaks of the gateway's own account is not the caller's to read.
        is_ours = status == 401 or (status == 403 and side == "claude")
        if is_ours:
            kind, word = anthropic.InternalServerError, "api_error"
        if status == 529 and side == "gpt":
            continue  # that API has no such status
        for streamed in (False, True):
            model = model_of(side, f"status.{status}")
            run = claude_streamed if streamed else claude_ask
            error = raised(kind, lambda: run(model))
            same([error.body["type"], error.body["error"]["type"]], ["error", word])
            shown = "scripted" in error.body["error"]["message"]
            same(shown, status < 500 and status != 429 and not is_ours)
            assert error.request_id and error.body["request_id"], error.body


@test
def claude_errors_of_the_gateway(side):
    model = model_of(side, "chat")
    wrong = anthropic.Anthropic(base_url=BASE, api_key="sk-ant-wrong", max_retries=0)
    ask = lambda client, **more: client.messages.create(**({"model": model, "max_tokens": 5, "messages": USER} | more))
    error = raised(anthropic.AuthenticationError, lambda: ask(wrong))
    same(error.body["error"]["type"], "authentication_error")
    asleep = anthropic.Anthropic(base_url=BASE, api_key="sk-e2e-key-that-is-disabled", max_retries=0)
    raised(anthropic.AuthenticationError, lambda: ask(asleep))
    afar = anthropic.Anthropic(base_url=BASE, api_key="sk-e2e-key-of-another-place", max_retries=0)
    error = raised(anthropic.PermissionDeniedError, lambda: ask(afar))
    same(error.body["error"]["type"], "permission_error")
    error = raised(anthropic.NotFoundError, lambda: ask(claude, model="unheard-of"))
    same(error.body["error"]["type"], "not_found_error")
    raised(anthropic.BadRequestError, lambda: ask(claude, extra_body={"messages": 5}))
    same(journal(model), [])


@test
def claude_breaks_in_mid_stream(side):
    for scenario in ("breaks", "cut"):
        model = model_of(side, scenario)
        texts = []

        def read():
            with claude.messages.stream(model=model, max_tokens=5, messages=USER) as stream:
                for text in stream.text_stream:
                    texts.append(text)

        try:
            read()
        except anthropic.APIStatusError as error:
            same(error.body["type"], "error")
            overloaded = (side, scenario) == ("claude", "breaks")
            same(error.body["error"]["type"], "overloaded_error" if overloaded else "api_error")
        else:
            raise AssertionError("a broken stream ended as if it were whole")
        same(texts[0], "one ")


# --- the OpenAI SDK --------------------------------------------------------------------------------


def gpt_ask(model, messages=None, **more):
    return gpt.chat.completions.create(model=model, messages=messages or USER, **more)


def gpt_chunks(model, messages=None, **more):
    settings = {"stream": True, "stream_options": {"include_usage": True}} | more
    return list(gpt.chat.completions.create(model=model, messages=messages or USER, **settings))


def joined(chunks):
    """The message that the chunks make, extensions included."""
    message = {"role": "assistant", "content": "", "tool_calls": [], "reasoning_content": "", "reasoning_details": []}
    finish = None
    for one in chunks:
        for choice in one.choices:
            delta = choice.delta.model_dump(exclude_none=True)
            message["content"] += delta.get("content", "")
            message["reasoning_content"] += delta.get("reasoning_content", "")
            message["reasoning_details"] += delta.get("reasoning_details", [])
            for call in delta.get("tool_calls", []):
                if call["index"] == len(message["tool_calls"]):
                    message["tool_calls"].append({"id": call["id"], "type": "function", "function": call["function"]})
                else:
                    same(call["index"], len(message["tool_calls"]) - 1)
                    function = message["tool_calls"][-1]["function"]
                    function["arguments"] += call["function"]["arguments"]
            finish = choice.finish_reason or finish
    message["content"] = message["content"] or None
    return {name: value for name, value in message.items() if value or name == "content"}, finish


def gpt_usage(usage):
    prompt = script.USAGE["input"] + script.USAGE["cache_read"] + script.USAGE["cache_write"]
    same(usage.prompt_tokens, prompt)
    same(usage.prompt_tokens_details.cached_tokens, script.USAGE["cache_read"])
    same(usage.prompt_tokens_details.model_dump()["cache_write_tokens"], script.USAGE["cache_write"])
    same(usage.completion_tokens, script.USAGE["output"])
    same(usage.total_tokens, prompt + script.USAGE["output"])


@test
def gpt_chat(side):
    model = model_of(side, "chat")
    answer = gpt_ask(
        model,
        [{"role": "system", "content": "Be brief"}, {"role": "developer", "content": "and kind"}, *USER],
        temperature=0.5,
        max_completion_tokens=77,
        stop="END",
        user="u-1",
    )
    choice = answer.choices[0]
    same(choice.message.content, said(script.answer_to(model, 0)[0]))
    same((answer.object, choice.finish_reason, answer.model), ("chat.completion", "stop", model))
    gpt_usage(answer.usage)
    got = received(model)
    if side == "claude":
        same(got["system"], [{"type": "text", "text": "Be brief"}, {"type": "text", "text": "and kind"}])
        same(got["messages"], USER)
        same([got["max_tokens"], got["temperature"], got["stop_sequences"]], [77, 0.5, ["END"]])
        same(got["metadata"], {"user_id": "u-1"})
    else:
        same([got["max_completion_tokens"], got["stop"]], [77, "END"])


@test
def gpt_stream(side):
    model = model_of(side, "chat")
    chunks = gpt_chunks(model)
    message, finish = joined(chunks)
    same((message["content"], finish), (said(script.answer_to(model, 0)[0]), "stop"))
    same(sum(bool(c.choices and c.choices[0].delta.content) for c in chunks), 3)
    gpt_usage(chunks[-1].usage)
    same(chunks[-1].choices, [])
    assert len({c.id for c in chunks}) == 1 and all(c.object == "chat.completion.chunk" for c in chunks)
    chunks = gpt_chunks(model_of(side, "chat"), stream_options=None)
    assert all(c.usage is None and c.choices for c in chunks), "usage that was not asked for"


@test
def gpt_many_choices(side):
    """Fanned out where the dialect has no "n": three requests, and to the SDK one answer of three choices."""
    if side == "gpt":
        return
    wanted = said(script.answer_to("claude-many", 0)[0])
    prompt = script.USAGE["input"] + script.USAGE["cache_read"] + script.USAGE["cache_write"]
    for streamed in (False, True):
        model = model_of(side, "many")
        if streamed:
            chunks = gpt_chunks(model, n=3)
            usage = chunks[-1].usage
            texts, ends = ["", "", ""], []
            for choice in (choice for one in chunks for choice in one.choices):
                texts[choice.index] += choice.delta.content or ""
                ends += [choice.index] if choice.finish_reason == "stop" else []
            same([texts, sorted(ends)], [[wanted] * 3, [0, 1, 2]])
        else:
            answer = gpt_ask(model, n=3)
            usage = answer.usage
            same([choice.index for choice in answer.choices], [0, 1, 2])
            same([choice.message.content for choice in answer.choices], [wanted] * 3)
        same([usage.prompt_tokens, usage.completion_tokens], [3 * prompt, 3 * script.USAGE["output"]])
        same(len(journal(model)), 3)
        assert all("n" not in received(model, at) for at in range(3))


@test
def gpt_stop_reasons(side):
    for scenario, reason in (("length", "length"), ("refused", "content_filter"), ("stop", "stop")):
        same(gpt_ask(model_of(side, scenario)).choices[0].finish_reason, reason)
        same(joined(gpt_chunks(model_of(side, scenario)))[1], reason)


def gpt_calls(message):
    return [(c["id"], c["function"]["name"], json.loads(c["function"]["arguments"])) for c in message["tool_calls"]]


@test
def gpt_parallel_tools(side):
    for streamed in (False, True):
        model = model_of(side, "tools")
        settings = {"tools": OPENAI_TOOLS, "tool_choice": "required", "parallel_tool_calls": True}
        if streamed:
            message, finish = joined(gpt_chunks(model, **settings))
        else:
            choice = gpt_ask(model, **settings).choices[0]
            message, finish = choice.message.model_dump(exclude_none=True), choice.finish_reason
        same(gpt_calls(message), CALLS)
        same((message["content"], finish), ("I look both up.", "tool_calls"))
        results = [
            {"role": "tool", "tool_call_id": "toolu_par-1", "content": "sunny"},
            {"role": "tool", "tool_call_id": "toolu_par-2", "content": [{"type": "text", "text": "no clock"}]},
            {"role": "tool", "tool_call_id": "toolu_par-3", "content": ""},
            {"role": "user", "content": "So?"},
        ]
        answer = gpt_ask(model, [*USER, message, *results], tools=OPENAI_TOOLS)
        same(answer.choices[0].message.content, "done")
        if side == "gpt":
            continue
        first, last = received(model, 0), received(model)
        same(first["tool_choice"]["type"], "any")
        same([tool["name"] for tool in first["tools"]], ["get_weather", "get_time"])
        same(first["tools"][0]["input_schema"], SCHEMA)
        turns = last["messages"]
        same([turn["role"] for turn in turns], ["user", "assistant", "user"])
        wanted = [{"type": "text", "text": "I look both up."}]
        wanted += [{"type": "tool_use", "id": id, "name": name, "input": inner} for id, name, inner in CALLS]
        same(turns[1]["content"], wanted)
        same([block["type"] for block in turns[2]["content"]], ["tool_result"] * 3 + ["text"])
        same([block.get("content") or "" for block in turns[2]["content"][:3]], ["sunny", "no clock", ""])


@test
def gpt_tool_loop_with_thinking(side):
    for streamed in (False, True):
        model = model_of(side, "loop")
        turns = list(USER)
        for turn in range(3):
            settings = {"tools": OPENAI_TOOLS, "reasoning_effort": "medium"}
            if streamed:
                message = joined(gpt_chunks(model, turns, **settings))[0]
            else:
                message = gpt_ask(model, turns, **settings).choices[0].message.model_dump(exclude_none=True)
                message.setdefault("content", None)
            wanted = script.LOOP[turn]
            same([id for id, _, _ in gpt_calls(message)] if turn < 2 else [], [b["id"] for b in wanted if b["kind"] == "call"])
            same(message["reasoning_content"], "".join(b["text"] for b in wanted if b["kind"] == "thought"))
            if side == "gpt":
                message = {name: value for name, value in message.items() if name != "reasoning_details"}
            turns.append(message)
            for call in message.get("tool_calls", []):
                turns.append({"role": "tool", "tool_call_id": call["id"], "content": f"of {call['id']}"})
            if turn == 2:
                turns.append({"role": "user", "content": "Thanks"})
        gpt_ask(model, turns, tools=OPENAI_TOOLS, reasoning_effort="medium")
        # That the signatures came back is judged by the provider: a wrong or absent one is refused.
        same(len(journal(model)), 4)
        if side == "claude":
            same(received(model)["thinking"]["type"], "adaptive")
            same(received(model)["output_config"], {"effort": "medium"})


@test
def gpt_images(side):
    model = model_of(side, "images")
    parts = [
        {"type": "text", "text": "See"},
        {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PNG}", "detail": "low"}},
        {"type": "image_url", "image_url": {"url": PAGE}},
        {"type": "file", "file": {"filename": "paper.pdf", "file_data": f"data:application/pdf;base64,{PNG}"}},
    ]
    same(gpt_ask(model, [{"role": "user", "content": parts}]).choices[0].message.content, "two pictures")
    got = received(model)["messages"][0]["content"]
    if side == "gpt":
        return same(got, parts)
    same(
        got,
        [
            {"type": "text", "text": "See"},
            {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PNG}},
            {"type": "image", "source": {"type": "url", "url": PAGE}},
            {
                "type": "document",
                "source": {"type": "base64", "media_type": "application/pdf", "data": PNG},
                "title": "paper.pdf",
            },
        ],
    )


@test
def gpt_structured(side):
    for streamed in (False, True):
        model = model_of(side, "structured")
        settings = {"model": model, "messages": USER, "response_format": City}
        if streamed:
            with gpt.chat.completions.stream(**settings) as stream:
                answer = stream.get_final_completion()
        else:
            answer = gpt.chat.completions.parse(**settings)
        same(answer.choices[0].message.parsed, City(city="Paris", people=2100000))
        got = received(model)
        if side == "claude":
            schema = got["output_config"]["format"]["schema"]
            same(schema["properties"]["people"], {"title": "People", "type": "integer"})
        else:
            schema = got["response_format"]["json_schema"]["schema"]
        same(sorted(schema["required"]), ["city", "people"])


@test
def gpt_prompt_caching(side):
    model = model_of(side, "cache")
    if side == "gpt":  # nothing to mark; the count comes back
        return gpt_usage(gpt_ask(model).usage)
    system = {"role": "system", "content": [{"type": "text", "text": "long", "cache_control": CACHE}]}
    user = {"role": "user", "content": [{"type": "text", "text": "old", "cache_control": CACHE_1H}]}
    call = {"id": "t_1", "type": "function", "function": {"name": "get_weather", "arguments": "{}"}}
    turns = [
        system,
        user,
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "t_1", "content": "r", "cache_control": CACHE},
    ]
    tools = [OPENAI_TOOLS[0] | {"cache_control": CACHE}]
    raw = gpt.chat.completions.with_raw_response.create(model=model, messages=turns, tools=tools)
    gpt_usage(raw.parse().usage)
    same(raw.headers.get("x-sluice-losses"), None)
    got = received(model)
    same(got["system"], [{"type": "text", "text": "long", "cache_control": CACHE}])
    same(got["tools"][0]["cache_control"], CACHE)
    same(got["messages"][0]["content"][0]["cache_control"], CACHE_1H)
    same(got["messages"][2]["content"][0]["cache_control"], CACHE)


@test
def gpt_abort(side):
    model = model_of(side, "endless")
    with gpt.chat.completions.create(model=model, messages=USER, stream=True) as stream:
        for one in stream:
            if one.choices and one.choices[0].delta.content:
                break
        else:
            raise AssertionError("the stream ended")
    assert closed(model), "the provider's stream was not ended"


@test
def gpt_gives_up_waiting(side):
    model = model_of(side, "endless")
    raised(openai.APITimeoutError, lambda: gpt.with_options(timeout=0.4).chat.completions.create(model=model, messages=USER))
    assert closed(model), "the provider's request was not ended"


@test
def gpt_error_classes(side):
    table = [
        (400, openai.BadRequestError, "invalid_request_error"),
        (401, openai.InternalServerError, "server_error"),
        (403, openai.PermissionDeniedError, "invalid_request_error"),
        (404, openai.NotFoundError, "invalid_request_error"),
        (413, openai.APIStatusError, "invalid_request_error"),
        (422, openai.UnprocessableEntityError, "invalid_request_error"),
        (429, openai.RateLimitError, "rate_limit_error"),
        (500, openai.InternalServerError, "server_error"),
        (503, openai.InternalServerError, "service_unavailable_error"),
        (529, openai.InternalServerError, "service_unavailable_error"),
    ]
    for status, kind, word in table:
        # What speaks of the gateway's own account is not the caller's to read.
        is_ours = status == 401 or (status == 403 and side == "claude")
        if is_ours:
            kind, word = openai.InternalServerError, "server_error"
        for streamed in (False, True):
            model = model_of(side, f"status.{status}")
            run = gpt_chunks if streamed else gpt_ask
            error = raised(kind, lambda: run(model))
            same(set(error.body) >= {"message", "type", "param", "code"}, True)
            same(error.type, word)
            told = 502 if is_ours else {500: 502, 529: 503}.get(status, status)
            same(error.status_code, told)
            same("scripted" in error.body["message"], status < 500 and status != 429 and not is_ours)


@test
def gpt_errors_of_the_gateway(side):
    model = model_of(side, "chat")
    ask = lambda client, **more: client.chat.completions.create(**({"model": model, "messages": USER} | more))
    wrong = openai.OpenAI(base_url=BASE + "/v1", api_key="sk-wrong", max_retries=0)
    same(raised(openai.AuthenticationError, lambda: ask(wrong)).code, "invalid_api_key")
    asleep = openai.OpenAI(base_url=BASE + "/v1", api_key="sk-e2e-key-that-is-disabled", max_retries=0)
    raised(openai.AuthenticationError, lambda: ask(asleep))
    afar = openai.OpenAI(base_url=BASE + "/v1", api_key="sk-e2e-key-of-another-place", max_retries=0)
    same(raised(openai.PermissionDeniedError, lambda: ask(afar)).type, "permission_error")
    same(raised(openai.NotFoundError, lambda: ask(gpt, model="unheard-of")).code, "model_not_found")
    raised(openai.BadRequestError, lambda: ask(gpt, extra_body={"messages": 5}))
    same(journal(model), [])


@test
def gpt_breaks_in_mid_stream(side):
    for scenario in ("breaks", "cut"):
        model = model_of(side, scenario)
        texts = []
        try:
            for one in gpt.chat.completions.create(model=model, messages=USER, stream=True):
                texts += [choice.delta.content for choice in one.choices if choice.delta.content]
        except openai.APIError as error:
            assert type(error) is openai.APIError and error.body, repr(error)
        else:
            raise AssertionError("a broken stream ended as if it were whole")
        same(texts[0], "one ")


@test
def losses_are_refused_where_the_route_says_so(side):
    if side == "claude":
        ask = lambda **more: gpt_ask(model_of("claude", "strict"), **more)
        error = raised(openai.BadRequestError, lambda: ask(logit_bias={"1": 2}))
        assert "logit_bias" in error.body["message"]
    else:
        ask = lambda **more: claude_ask(model_of("gpt", "strict"), **more)
        error = raised(anthropic.BadRequestError, lambda: ask(extra_body={"top_k": 3}))
        assert "top_k" in error.body["error"]["message"]
    ask()


@test
def models_get_what_they_take(side):
    """An OpenAI client asks for everything; the provider refuses what its model does not take."""
    if side == "gpt":
        return
    schema = {"type": "json_schema", "json_schema": {"name": "a", "schema": SCHEMA}}
    answers = [*USER, {"role": "assistant", "content": "{"}]
    for model in ("claude-3-5-haiku-20241022", "claude-sonnet-4-5", "claude-opus-4-8"):
        for effort in ("none", "low", "high", None):
            for messages in (USER, answers):
                settings = {"temperature": 0.7, "top_p": 0.9, "response_format": schema}
                if effort:
                    settings["reasoning_effort"] = effort
                assert gpt_ask(model, messages, **settings).choices[0].message.content
                received(model)


def main():
    failed = 0
    for fn, side in tests:
        name = f"python pairs: {fn.__name__} on {side}"
        try:
            fn(side)
            print(f"ok {name}", flush=True)
        except Exception:  # a test that breaks is a failure, and the next one runs
            failed += 1
            print(f"FAIL {name}\n{traceback.format_exc()}", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
