"""The OpenAI SDK for Python, as people use it, against a running sluice. Prints one line a test;
tests/e2e/run starts everything and adds up."""

import base64
import json
import os
import sys
import time
import traceback
import urllib.request

import openai
from pydantic import BaseModel

GATEWAY = os.environ["E2E_GATEWAY"]
TRIAL = os.environ["E2E_TRIAL"]
JOURNAL = os.environ["E2E_UPSTREAM"] + "/journal"
KEY = "sk-e2e-key-of-the-sdk-tests"
TRIAL_KEY = "sk-sluice-trial"
PROVIDER_KEY = "sk-upstream-main-0001"
# What the SDK adds to a request for its own statistics stays between it and sluice.
NEVER_UPSTREAM = ("openai-organization", "openai-project", "cookie")

tests = []
sent = []  # what the SDK put on the wire towards the scripted gateway, bodies as bytes


def test(fn):
    tests.append(fn)
    return fn


def count(request):
    sent.append(request.content)


def client(key=KEY, base=GATEWAY, **options):
    hooks = {"request": [count]} if base == GATEWAY else {}
    http = openai.DefaultHttpxClient(event_hooks=hooks)
    return openai.OpenAI(api_key=key, base_url=base, max_retries=0, http_client=http, **options)


def journal():
    with urllib.request.urlopen(JOURNAL) as answer:
        return json.load(answer)


def last_upstream():
    entry = journal()[-1]
    entry["bytes"] = base64.b64decode(entry["body"])
    entry["fields"] = dict(entry["headers"])
    return entry


def check_headers(entry):
    assert entry["fields"]["authorization"] == "Bearer " + PROVIDER_KEY, entry["headers"]
    assert entry["fields"]["content-type"] == "application/json", entry["headers"]
    assert entry["fields"]["accept-encoding"] == "identity", entry["headers"]
    assert len({name for name, _ in entry["headers"]}) == len(entry["headers"]), entry["headers"]
    for name in NEVER_UPSTREAM:
        assert name not in entry["fields"], name
    assert KEY not in json.dumps(entry["headers"])


def raises(kind, call):
    try:
        call()
    except openai.OpenAIError as error:
        assert type(error) is kind, f"{type(error).__name__} instead of {kind.__name__}: {error}"
        return error
    raise AssertionError(f"no {kind.__name__}")


USER = [{"role": "user", "content": "Say h\u00e9llo \u2713"}]
TOOLS = [
    {
        "type": "function",
        "function": {
            "name": name,
            "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
        },
    }
    for name in ("get_weather", "get_time")
]
IMAGE = "data:image/png;base64,iVBORw0KGgo="


# --- the scripted upstream -------------------------------------------------------------------------


@test
def chat_is_byte_equal_both_ways():
    raw = client().chat.completions.with_raw_response.create(model="m-plain", messages=USER)
    entry = last_upstream()
    assert entry["bytes"] == sent[-1], (entry["bytes"], sent[-1])
    assert entry["target"] == "/v1/chat/completions"
    check_headers(entry)
    assert '"x_unknown":{"kept":[1,2.50,"three"]}' in raw.http_response.text
    answer = raw.parse()
    assert answer.choices[0].message.content == "caf\u00e9 \u2713"
    assert answer.usage.prompt_tokens_details.cached_tokens == 8
    assert raw.headers["x-sluice-request-id"] and raw.headers["x-sluice-provider"] == "up"
    assert raw.headers["x-sluice-model"] == "m-plain" and raw.headers["x-sluice-attempts"] == "1"
    assert "x-sluice-mock" not in raw.headers


@test
def an_alias_changes_the_model_and_nothing_else():
    client().chat.completions.create(model="alias", messages=USER, temperature=0.25)
    entry = last_upstream()
    assert entry["model"] == "m-aliased"
    assert entry["bytes"] == sent[-1].replace(b'"alias"', b'"m-aliased"'), entry["bytes"]


@test
def a_stream_arrives_and_its_hidden_usage_does_not():
    stream = client().chat.completions.create(model="m-plain", messages=USER, stream=True)
    chunks = list(stream)
    assert "".join(c.choices[0].delta.content or "" for c in chunks) == "onetwothree"
    assert chunks[-1].choices[0].finish_reason == "stop"
    assert all(c.usage is None for c in chunks)
    entry = last_upstream()
    assert json.loads(entry["bytes"])["stream_options"] == {"include_usage": True}
    without = json.loads(entry["bytes"])
    del without["stream_options"]
    assert without == json.loads(sent[-1])


@test
def a_stream_with_usage_reports_it():
    stream = client().chat.completions.create(
        model="m-plain", messages=USER, stream=True, stream_options={"include_usage": True}
    )
    chunks = list(stream)
    assert chunks[-1].choices == [] and chunks[-1].usage.total_tokens == 26
    assert last_upstream()["bytes"] == sent[-1]


@test
def tools_are_called():
    answer = client().chat.completions.create(model="m-tools", messages=USER, tools=TOOLS)
    calls = answer.choices[0].message.tool_calls
    assert [c.function.name for c in calls] == ["get_weather", "get_time"]
    assert json.loads(calls[0].function.arguments) == {"city": "Paris"}
    assert last_upstream()["bytes"] == sent[-1]


@test
def a_tool_result_goes_back():
    call = {"id": "call_a", "type": "function", "function": {"name": "get_weather", "arguments": "{}"}}
    history = USER + [
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "call_a", "content": "21 C"},
    ]
    client().chat.completions.create(model="m-plain", messages=history, tools=TOOLS)
    assert last_upstream()["bytes"] == sent[-1]


@test
def streamed_tool_calls_come_together():
    with client().chat.completions.stream(
        model="m-tools", messages=USER, tools=TOOLS, parallel_tool_calls=True
    ) as stream:
        for _ in stream:
            pass
        final = stream.get_final_completion()
    calls = final.choices[0].message.tool_calls
    assert [c.id for c in calls] == ["call_a", "call_b"]
    assert calls[0].function.arguments == '{"city":"Paris"}' and calls[1].function.arguments == "{}"


@test
def an_image_passes():
    parts = [
        {"type": "text", "text": "what is it?"},
        {"type": "image_url", "image_url": {"url": IMAGE, "detail": "low"}},
    ]
    client().chat.completions.create(
        model="m-plain", messages=[{"role": "user", "content": parts}], max_completion_tokens=99
    )
    assert last_upstream()["bytes"] == sent[-1]


class Town(BaseModel):
    city: str
    people: int


@test
def structured_output_is_parsed():
    answer = client().chat.completions.parse(
        model="m-structured", messages=USER, response_format=Town
    )
    assert answer.choices[0].message.parsed == Town(city="Paris", people=2100000)
    assert last_upstream()["bytes"] == sent[-1]


@test
def embeddings_use_the_sdk_default_of_base64():
    answer = client().embeddings.create(model="embed", input=["a", "b"])
    assert [d.embedding for d in answer.data] == [[0.25, -1.5, 3.0]] * 2
    assert answer.usage.prompt_tokens == 9
    entry = last_upstream()
    assert json.loads(entry["bytes"])["encoding_format"] == "base64"
    assert entry["model"] == "m-embed" and entry["target"] == "/v1/embeddings"
    assert entry["bytes"] == sent[-1].replace(b'"embed"', b'"m-embed"')


@test
def embeddings_as_floats():
    answer = client().embeddings.create(model="embed", input="a", encoding_format="float")
    assert answer.data[0].embedding == [0.25, -1.5, 3.0]


@test
def legacy_completions():
    answer = client().completions.create(model="m-plain", prompt="hello")
    assert answer.choices[0].text == " there" and answer.usage.total_tokens == 6
    assert last_upstream()["target"] == "/v1/completions"


@test
def models_are_listed_and_found():
    names = {model.id for model in client().models.list()}
    assert {"alias", "embed"} <= names, names
    assert client().models.retrieve("alias").id == "alias"


@test
def a_narrow_key_sees_only_its_models():
    narrow = client("sk-e2e-key-that-is-narrow")
    assert {model.id for model in narrow.models.list()} == {"alias"}
    raises(openai.NotFoundError, lambda: narrow.models.retrieve("embed"))
    raises(
        openai.NotFoundError, lambda: narrow.chat.completions.create(model="m-plain", messages=USER)
    )
    narrow.chat.completions.create(model="alias", messages=USER)


@test
def authentication_error():
    before = len(journal())
    error = raises(
        openai.AuthenticationError,
        lambda: client("sk-wrong").chat.completions.create(model="m-plain", messages=USER),
    )
    assert error.status_code == 401 and error.code == "invalid_api_key", error.body
    assert "sk-wrong" not in str(error)
    assert error.response.headers["x-sluice-error-origin"] == "client"
    assert len(journal()) == before


@test
def unknown_model_is_not_found():
    error = raises(
        openai.NotFoundError,
        lambda: client().chat.completions.create(model="nobody-knows", messages=USER),
    )
    assert error.code == "model_not_found", error.body


@test
def each_status_has_its_exception():
    for status, kind in {
        400: openai.BadRequestError,
        404: openai.NotFoundError,
        409: openai.ConflictError,
        422: openai.UnprocessableEntityError,
    }.items():
        error = raises(
            kind,
            lambda: client().chat.completions.create(model=f"status-{status}", messages=USER),
        )
        assert error.status_code == status and f"scripted {status}" in error.message, error
        assert error.param == "p" and error.type == "scripted", error.body
        assert error.response.headers["x-sluice-error-origin"] == "upstream"


@test
def a_providers_500_is_an_internal_server_error():
    for status in (500, 503):
        error = raises(
            openai.InternalServerError,
            lambda: client().chat.completions.create(model=f"status-{status}", messages=USER),
        )
        assert error.status_code >= 500
        assert error.response.headers["x-sluice-error-origin"] == "upstream"


@test
def a_rate_limited_provider_is_a_rate_limit_error():
    error = raises(
        openai.RateLimitError,
        lambda: client().chat.completions.create(model="limited-python", messages=USER),
    )
    assert error.status_code == 429


@test
def a_providers_refusal_of_our_credential_is_not_the_callers_fault():
    error = raises(
        openai.InternalServerError,
        lambda: client().chat.completions.create(model="locked-python", messages=USER),
    )
    assert error.status_code == 502, error
    assert "sk-upstream" not in json.dumps(error.body)


@test
def an_error_in_the_stream_is_raised():
    stream = client().chat.completions.create(model="m-breaks", messages=USER, stream=True)
    seen = []
    error = raises(openai.APIError, lambda: seen.extend(stream))
    assert "broke" in error.message and len(seen) >= 4, (error, len(seen))


@test
def abort_mid_stream_closes_the_upstream():
    stream = client().chat.completions.create(model="m-endless", messages=USER, stream=True)
    for _ in range(5):
        next(stream)
    stream.close()
    deadline = time.monotonic() + 10
    while not last_upstream()["client_closed"]:
        assert time.monotonic() < deadline, "the upstream still streams"
        time.sleep(0.02)


@test
def a_timeout_of_the_sdk_closes_the_upstream():
    raises(
        openai.APITimeoutError,
        lambda: client(timeout=0.5).chat.completions.create(model="m-silent", messages=USER),
    )
    deadline = time.monotonic() + 10
    while not last_upstream()["client_closed"]:
        assert time.monotonic() < deadline, "the upstream is still waited for"
        time.sleep(0.02)


@test
def the_async_client_streams():
    import asyncio

    async def run():
        http = openai.DefaultAsyncHttpxClient()
        async with openai.AsyncOpenAI(
            api_key=KEY, base_url=GATEWAY, max_retries=0, http_client=http
        ) as asynchronous:
            stream = await asynchronous.chat.completions.create(
                model="m-plain", messages=USER, stream=True
            )
            sent.append(b"")
            return [chunk async for chunk in stream]

    chunks = asyncio.run(run())
    assert "".join(c.choices[0].delta.content or "" for c in chunks) == "onetwothree"


# --- as shipped: the mock --------------------------------------------------------------------------


def trial(**options):
    return client(TRIAL_KEY, TRIAL, **options)


@test
def trial_chat_says_it_is_a_mock():
    raw = trial().chat.completions.with_raw_response.create(model="gpt-4o-mini", messages=USER)
    assert raw.headers["x-sluice-mock"] == "1"
    answer = raw.parse()
    assert answer.choices[0].message.content.startswith("[sluice mock]")
    assert answer.usage.total_tokens > 0


@test
def trial_stream():
    chunks = list(
        trial().chat.completions.create(
            model="gpt-4o-mini",
            messages=USER,
            stream=True,
            stream_options={"include_usage": True},
        )
    )
    text = "".join(c.choices[0].delta.content or "" for c in chunks if c.choices)
    assert text.startswith("[sluice mock]") and len(chunks) > 3, (text, len(chunks))
    assert chunks[-1].usage.total_tokens > 0


@test
def trial_tools():
    answer = trial().chat.completions.create(model="gpt-4o-mini", messages=USER, tools=TOOLS)
    call = answer.choices[0].message.tool_calls[0]
    assert call.function.name == "get_weather" and isinstance(json.loads(call.function.arguments), dict)
    with trial().chat.completions.stream(model="gpt-4o-mini", messages=USER, tools=TOOLS) as stream:
        for _ in stream:
            pass
        final = stream.get_final_completion()
    assert final.choices[0].message.tool_calls[0].function.name == "get_weather"


@test
def trial_images():
    parts = [{"type": "text", "text": "?"}, {"type": "image_url", "image_url": {"url": IMAGE}}]
    answer = trial().chat.completions.create(
        model="gpt-4o", messages=[{"role": "user", "content": parts}]
    )
    assert answer.choices[0].message.content.startswith("[sluice mock]")


@test
def trial_embeddings():
    answer = trial().embeddings.create(model="text-embedding-3-small", input=["a", "b"])
    assert len(answer.data) == 2 and all(isinstance(x, float) for x in answer.data[0].embedding)
    floats = trial().embeddings.create(
        model="text-embedding-3-small", input="a", encoding_format="float"
    )
    assert len(floats.data[0].embedding) == len(answer.data[0].embedding)


@test
def trial_models():
    assert len(list(trial().models.list())) > 0


@test
def trial_wrong_key():
    raises(
        openai.AuthenticationError,
        lambda: client("sk-other", TRIAL).chat.completions.create(model="x", messages=USER),
    )


def main():
    failed = 0
    for one in tests:
        try:
            one()
            print(f"ok python: {one.__name__}", flush=True)
        except Exception:  # a test that breaks is a failure, and the next one runs
            failed += 1
            print(f"FAIL python: {one.__name__}\n{traceback.format_exc()}", flush=True)
    print(f"requests {len(sent)}", flush=True)
    return 1 if failed else 0


sys.exit(main())
