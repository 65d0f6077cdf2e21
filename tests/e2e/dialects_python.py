"""Both Python SDKs on providers of both dialects, against a running sluice. Prints one line a test;
tests/e2e/run starts everything and adds up."""

import json
import os
import sys
import traceback

import anthropic
import openai

BASE = os.environ["E2E_DIALECTS"]
KEY = "sk-e2e-key-of-the-sdk-tests"
USER = [{"role": "user", "content": "Say hello"}]
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
MODELS = ("chat-1", "messages-1")

claude = anthropic.Anthropic(base_url=BASE, api_key=KEY, max_retries=0)
gpt = openai.OpenAI(base_url=BASE + "/v1", api_key=KEY, max_retries=0)
tests = []


def test(fn):
    tests.extend((fn, model) for model in MODELS)
    return fn


@test
def messages(model):
    answer = claude.messages.create(model=model, max_tokens=50, system="Be brief", messages=USER)
    assert answer.type == "message" and answer.stop_reason == "end_turn", answer
    assert "Say hello" in answer.content[0].text, answer
    assert answer.usage.input_tokens > 0 and answer.usage.output_tokens > 0, answer
    assert answer._request_id, "no request-id header"


@test
def messages_stream(model):
    with claude.messages.stream(model=model, max_tokens=50, messages=USER) as stream:
        text = "".join(stream.text_stream)
        answer = stream.get_final_message()
    assert "Say hello" in text and answer.usage.output_tokens > 0, answer


@test
def messages_tool_loop(model):
    tools = [{"name": "get_weather", "description": "d", "input_schema": SCHEMA}]
    choice = {"type": "tool", "name": "get_weather"}
    for stream in (False, True):
        turns = [{"role": "user", "content": "weather in Paris?"}]
        settings = dict(model=model, max_tokens=99, tools=tools, tool_choice=choice, messages=turns)
        if stream:
            with claude.messages.stream(**settings) as events:
                answer = events.get_final_message()
        else:
            answer = claude.messages.create(**settings)
        call = [block for block in answer.content if block.type == "tool_use"][0]
        assert call.name == "get_weather" and "city" in call.input, answer
        assert answer.stop_reason == "tool_use", answer
        result = {"type": "tool_result", "tool_use_id": call.id, "content": "sunny"}
        turns += [
            {"role": "assistant", "content": answer.content},
            {"role": "user", "content": [result]},
        ]
        last = claude.messages.create(model=model, max_tokens=99, tools=tools, messages=turns)
        assert last.content and last.stop_reason == "end_turn", last


@test
def messages_image_and_cache(model):
    pixel = {"type": "base64", "media_type": "image/png", "data": "iVBORw0KGgo="}
    content = [
        {"type": "image", "source": pixel},
        {"type": "text", "text": "What is it?", "cache_control": {"type": "ephemeral"}},
    ]
    turns = [{"role": "user", "content": content}]
    assert claude.messages.create(model=model, max_tokens=50, messages=turns).content[0].text


@test
def count_tokens(model):
    assert claude.messages.count_tokens(model=model, messages=USER).input_tokens > 0


@test
def chat(model):
    answer = gpt.chat.completions.create(model=model, messages=USER)
    assert "Say hello" in answer.choices[0].message.content, answer
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens


@test
def chat_stream(model):
    with_usage = {"include_usage": True}
    chunks = list(
        gpt.chat.completions.create(
            model=model, messages=USER, stream=True, stream_options=with_usage
        )
    )
    text = "".join(c.choices[0].delta.content or "" for c in chunks if c.choices)
    assert "Say hello" in text, text
    assert chunks[-1].usage.completion_tokens > 0, chunks[-1]


@test
def chat_tools(model):
    function = {"name": "get_weather", "parameters": SCHEMA}
    answer = gpt.chat.completions.create(
        model=model,
        messages=USER,
        tools=[{"type": "function", "function": function}],
        tool_choice="required",
    )
    call = answer.choices[0].message.tool_calls[0]
    assert "city" in json.loads(call.function.arguments), answer
    assert answer.choices[0].finish_reason == "tool_calls", answer


@test
def losses_are_named(model):
    raw = gpt.chat.completions.with_raw_response.create(
        model=model, messages=USER, logit_bias={"1": 2}
    )
    named = raw.headers.get("x-sluice-losses", "")
    assert (named == "logit_bias") == (model == "messages-1"), named


def raised(kind, call):
    try:
        call()
    except kind as error:
        return error
    raise AssertionError(f"{kind.__name__} was not raised")


@test
def errors_are_the_sdks_own(model):
    def ask(**more):
        settings = dict(model=model, max_tokens=50, messages=USER) | more
        return lambda: claude.messages.create(**settings)

    raised(anthropic.BadRequestError, ask(max_tokens=-1))
    raised(anthropic.NotFoundError, ask(model="nope"))
    raised(anthropic.RateLimitError, ask(extra_headers={"x-sluice-mock": "status=429"}))
    raised(anthropic.InternalServerError, ask(extra_headers={"x-sluice-mock": "status=500"}))
    wrong = anthropic.Anthropic(base_url=BASE, api_key="sk-ant-wrong", max_retries=0)
    error = raised(
        anthropic.AuthenticationError,
        lambda: wrong.messages.create(model=model, max_tokens=1, messages=USER),
    )
    assert "provider" in str(error), error


def main():
    failed = 0
    for fn, model in tests:
        try:
            fn(model)
            print(f"ok python dialects: {fn.__name__} {model}", flush=True)
        except Exception:  # a test that breaks is a failure, and the next one runs
            failed += 1
            print(f"FAIL python dialects: {fn.__name__} {model}\n{traceback.format_exc()}", flush=True)
    return 1 if failed else 0


sys.exit(main())
