"""What the chat completions API refuses, as far as a translator can get it wrong. check() raises Refused with what
the API would say in its 400. Used by providers.py."""

import base64
import json
import re

import script
from anthropic_rules import Refused, need, only

TOP = set(
    "model messages max_tokens max_completion_tokens temperature top_p n stop stream stream_options tools"
    " tool_choice parallel_tool_calls response_format reasoning_effort user service_tier seed logprobs"
    " top_logprobs logit_bias presence_penalty frequency_penalty metadata store prompt_cache_key"
    " safety_identifier verbosity".split()
)
MESSAGE = {
    "system": {"role", "content", "name"},
    "developer": {"role", "content", "name"},
    "user": {"role", "content", "name"},
    "assistant": {"role", "content", "name", "refusal", "tool_calls", "annotations", "audio", "function_call"},
    "tool": {"role", "content", "tool_call_id"},
}


def check(headers, query, body):
    need("json" in headers.get("content-type", ""), "content-type: must be JSON")
    need(query == "", f"unknown query {query}")
    need("anthropic-version" not in headers, "a header of another API")
    only(body, TOP, "Unrecognized request argument supplied: request")
    need(isinstance(body.get("model"), str), "you must provide a model parameter")
    check_settings(body)
    check_tools(body)
    check_messages(body)


def check_settings(body):
    need(0 <= (body.get("temperature") or 0) <= 2, "temperature: range: 0..2")
    for name in ("max_tokens", "max_completion_tokens"):
        value = body.get(name)
        need(value is None or (isinstance(value, int) and value > 0), f"{name}: must be above 0")
    need("max_tokens" not in body or "max_completion_tokens" not in body, "max_tokens: both are set")
    need("stream_options" not in body or body.get("stream"), "stream_options: only when streaming")
    only(body.get("stream_options") or {}, {"include_usage", "include_obfuscation"}, "stream_options")
    stop = body.get("stop") or []
    need(isinstance(stop, str) or len(stop) <= 4, "stop: array too long")
    tiers = ("auto", "default", "flex", "scale", "priority", "fast")
    need((body.get("service_tier") or "auto") in tiers, "service_tier: unknown")
    efforts = ("none", "minimal", "low", "medium", "high", "xhigh", "max")
    need((body.get("reasoning_effort") or "low") in efforts, "reasoning_effort: unknown")
    wanted = body.get("response_format")
    if not wanted:
        return
    kind = wanted.get("type")
    need(kind in ("text", "json_object", "json_schema"), "response_format.type: unknown")
    if kind != "json_schema":
        return only(wanted, {"type"}, "response_format")
    only(wanted, {"type", "json_schema"}, "response_format")
    inner = wanted["json_schema"]
    only(inner, {"name", "description", "schema", "strict"}, "response_format.json_schema")
    need(re.fullmatch(r"[a-zA-Z0-9_-]{1,64}", inner.get("name", "")), "response_format.json_schema.name")
    if inner.get("strict"):
        check_schema(inner["schema"], "response_format.json_schema.schema")


def check_schema(schema, where):
    if schema.get("type") == "object":
        need(schema.get("additionalProperties") is False, f"{where}: 'additionalProperties' must be false")
        wanted = set(schema.get("properties", {}))
        need(set(schema.get("required", [])) == wanted, f"{where}: 'required' must name every property")
    for key, inner in schema.get("properties", {}).items():
        check_schema(inner, f"{where}.{key}")
    if "items" in schema:
        check_schema(schema["items"], f"{where}.items")


def check_tools(body):
    names = []
    for at, tool in enumerate(body.get("tools") or []):
        only(tool, {"type", "function"}, f"tools[{at}]")
        need(tool.get("type") == "function", f"tools[{at}].type")
        only(tool["function"], {"name", "description", "parameters", "strict"}, f"tools[{at}].function")
        name = tool["function"].get("name", "")
        need(re.fullmatch(r"[a-zA-Z0-9_-]{1,64}", name), f"tools[{at}].function.name: pattern")
        need(isinstance(tool["function"].get("parameters", {}), dict), f"tools[{at}].function.parameters")
        names.append(name)
    choice = body.get("tool_choice")
    if choice is not None:
        need(names, "'tool_choice' is only allowed when 'tools' are specified.")
        if isinstance(choice, dict):
            only(choice, {"type", "function"}, "tool_choice")
            need(choice["function"]["name"] in names, "tool_choice: no such function")
        else:
            need(choice in ("auto", "none", "required"), "tool_choice: unknown")
    if "parallel_tool_calls" in body:
        need(names, "'parallel_tool_calls' is only allowed when 'tools' are specified.")


def check_content(role, content, where):
    if isinstance(content, str):
        return
    need(isinstance(content, list) and content, f"{where}.content: expected a string or parts, got {content}")
    for part in content:
        kind = part.get("type")
        if kind == "text":
            only(part, {"type", "text"}, where)
            need(isinstance(part.get("text"), str), f"{where}: text missing")
        elif kind == "refusal":
            need(role == "assistant", f"{where}: refusal in {role}")
        elif kind == "image_url":
            need(role == "user", f"{where}: images only in user messages")
            only(part, {"type", "image_url"}, where)
            only(part["image_url"], {"url", "detail"}, where)
            check_url(part["image_url"]["url"], "image/", where)
        elif kind == "file":
            need(role == "user", f"{where}: files only in user messages")
            only(part["file"], {"filename", "file_data", "file_id"}, where)
            if "file_data" in part["file"]:
                check_url(part["file"]["file_data"], "application/pdf", where)
        else:
            raise Refused(f"{where}: Invalid value: '{kind}'")


def check_url(url, media_type, where):
    if url.startswith("data:"):
        head, _, data = url.partition(",")
        need(head.startswith("data:" + media_type) and head.endswith(";base64"), f"{where}: {head}")
        base64.b64decode(data, validate=True)
    else:
        need(url.startswith("https://"), f"{where}: Invalid image URL")


def check_messages(body):
    messages = body.get("messages")
    need(isinstance(messages, list) and messages, "messages: array too short")
    waiting, turn = [], 0
    allowed_extra = {"reasoning_content"} if script.scenario_of(body["model"]) == "loop" else set()
    for at, message in enumerate(messages):
        where = f"messages[{at}]"
        role = message.get("role")
        need(role in MESSAGE, f"{where}.role: {role}")
        only(message, MESSAGE[role] | (allowed_extra if role == "assistant" else set()), where)
        if role == "tool":
            one = message.get("tool_call_id")
            need(one in waiting, f"{where}: 'tool' must be a response to a preceding message with 'tool_calls'")
            waiting.remove(one)
            check_content(role, message.get("content"), where)
            continue
        need(
            not waiting,
            f"{where}: an assistant message with 'tool_calls' must be followed by tool messages: {waiting}",
        )
        calls = message.get("tool_calls")
        if role != "assistant" or message.get("content") is not None or not (calls or message.get("refusal")):
            check_content(role, message.get("content"), where)
        if role != "assistant":
            continue
        need(calls is None or calls, f"{where}.tool_calls: empty array")
        for call in calls or []:
            only(call, {"id", "type", "function"}, where)
            only(call["function"], {"name", "arguments"}, where)
            need(isinstance(call["function"]["arguments"], str), f"{where}: arguments must be a string")
            need(isinstance(json.loads(call["function"]["arguments"]), dict), f"{where}: arguments")
            waiting.append(call["id"])
        if script.scenario_of(body["model"]) == "loop":
            check_said(message, turn, where)
        turn += 1
    need(not waiting, f"tool calls without an answer: {waiting}")


def check_said(message, turn, where):
    """Text and calls are what was said; arguments by value, since their spelling is the writer's."""
    said = script.openai_message(script.LOOP[turn])
    got = [
        [call["id"], call["function"]["name"], json.loads(call["function"]["arguments"])]
        for call in message.get("tool_calls") or []
    ]
    told = [
        [call["id"], call["function"]["name"], json.loads(call["function"]["arguments"])]
        for call in said.get("tool_calls") or []
    ]
    need(got == told and message.get("content") == said["content"], f"{where}: is not what was said: {message}")
