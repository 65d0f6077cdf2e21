"""What the Messages API refuses, as far as a translator can get it wrong. check() raises Refused with what the API
would say in its 400. Used by providers.py."""

import base64
import json
import re

import script


class Refused(Exception):
    pass


TOP = set(
    "model max_tokens messages system stop_sequences stream temperature top_p top_k tools tool_choice"
    " thinking output_config metadata service_tier cache_control container".split()
)
BETA = {"context_management", "mcp_servers", "speed", "future_setting"}  # with any beta header
BLOCKS = {
    "text": {"text", "cache_control", "citations"},
    "image": {"source", "cache_control"},
    "document": {"source", "title", "context", "citations", "cache_control"},
    "tool_use": {"id", "name", "input", "cache_control"},
    "tool_result": {"tool_use_id", "content", "is_error", "cache_control"},
    "thinking": {"thinking", "signature"},
    "redacted_thinking": {"data"},
}
TOOL = set(
    "type name description input_schema strict cache_control eager_input_streaming defer_loading"
    " input_examples".split()
)
REFUSED_KEYWORDS = set(
    "minimum maximum exclusiveMinimum exclusiveMaximum multipleOf minLength maxLength pattern minItems"
    " maxItems uniqueItems not minProperties maxProperties oneOf".split()
)


def need(holds, what):
    if not holds:
        raise Refused(what)


def only(value, allowed, where):
    need(isinstance(value, dict), f"{where}: Input should be an object")
    extra = set(value) - allowed
    need(not extra, f"{where}.{min(extra, default='')}: Extra inputs are not permitted")


# What some models refuse (providers that charge for it know them by their real names).
MODELS = {
    "claude-3-5-haiku-20241022": {"output_max": 8192, "thinking": (), "schema": False, "prefill": True, "sampling": True},
    "claude-sonnet-4-5": {"output_max": 64000, "thinking": ("enabled", "disabled"), "schema": True, "prefill": True, "sampling": True},
    "claude-opus-4-8": {"output_max": 128000, "thinking": ("adaptive", "disabled"), "schema": True, "prefill": False, "sampling": False},
}


def check_model(body):
    model = MODELS.get(body["model"])
    if model is None:
        return False
    need(body.get("max_tokens", 0) <= model["output_max"], f"max_tokens: > {model['output_max']}")
    sampling = {"temperature", "top_p", "top_k"} & set(body)
    need(model["sampling"] or not sampling, f"{sampling}: is not supported by this model")
    kind = body.get("thinking", {}).get("type")
    need(kind in (None, *model["thinking"]), f"thinking.type: {kind} is not supported by this model")
    config = body.get("output_config", {})
    need("effort" not in config or "adaptive" in model["thinking"], "output_config.effort: not supported")
    need("format" not in config or model["schema"], "output_config.format: not supported by this model")
    return model["prefill"]


def check(headers, query, body, counts=False):
    betas = headers.get("anthropic-beta", "").split(",")
    versions = ("2023-06-01", "2026-10-21")  # sluice's own; the pinned SDKs'
    need(headers.get("anthropic-version") in versions, "anthropic-version: header is required")
    need("json" in headers.get("content-type", ""), "content-type: must be JSON")
    need(query in ("", "beta=true"), f"unknown query {query}")
    only(body, TOP | (BETA if betas != [""] else set()), "request")
    need(isinstance(body.get("model"), str), "model: Field required")
    limit = body.get("max_tokens", 1 if counts else 0)
    need(isinstance(limit, int) and limit > 0, "max_tokens: Field required")
    takes_prefill = check_model(body)
    check_settings(body)
    check_thinking(body)
    check_tools(body)
    check_system(body.get("system"))
    check_messages(body)
    last_is_user = body["messages"][-1]["role"] == "user"
    need(last_is_user or takes_prefill, "This model does not support assistant message prefill.")
    check_breakpoints(body)


def check_settings(body):
    if "temperature" in body:
        need(0 <= body["temperature"] <= 1, "temperature: range: 0..1")
    words = body.get("stop_sequences", [])
    need(all(word.strip() for word in words), "stop_sequences: each must contain non-whitespace")
    only(body.get("metadata", {}), {"user_id"}, "metadata")
    need(body.get("service_tier", "auto") in ("auto", "standard_only"), "service_tier: unknown")
    config = body.get("output_config", {})
    only(config, {"effort", "format"}, "output_config")
    need(config.get("effort", "low") in ("low", "medium", "high", "xhigh", "max"), "output_config.effort")
    if "format" in config:
        only(config["format"], {"type", "schema"}, "output_config.format")
        need(config["format"].get("type") == "json_schema", "output_config.format.type")
        check_schema(config["format"]["schema"], "output_config.format.schema")


def check_schema(schema, where):
    need(isinstance(schema, dict), f"{where}: must be an object")
    for word in set(schema) & REFUSED_KEYWORDS:
        raise Refused(f"{where}: For this type, property '{word}' is not supported")
    if schema.get("type") == "object":
        closed = schema.get("additionalProperties") is False
        need(closed, f"{where}: 'additionalProperties' must be explicitly set to false")
    for name in ("properties", "$defs"):
        for key, inner in schema.get(name, {}).items():
            check_schema(inner, f"{where}.{key}")
    if "items" in schema:
        check_schema(schema["items"], f"{where}.items")
    for inner in schema.get("anyOf", []):
        check_schema(inner, f"{where}.anyOf")


def check_thinking(body):
    thinking = body.get("thinking")
    if thinking is None:
        return
    kind = thinking.get("type")
    need(kind in ("enabled", "adaptive", "disabled"), "thinking.type: unknown")
    if kind == "enabled":
        only(thinking, {"type", "budget_tokens", "display"}, "thinking")
        budget = thinking.get("budget_tokens", 0)
        need(1024 <= budget < body["max_tokens"], "thinking.budget_tokens: 1024 <= budget < max_tokens")
        need(body.get("temperature", 1) == 1, "temperature may only be 1 when thinking is enabled")
        need("top_k" not in body, "top_k must be unset when thinking is enabled")
        choice = body.get("tool_choice", {}).get("type", "auto")
        need(choice in ("auto", "none"), "Thinking may not be enabled when tool_choice forces tool use")
    else:
        only(thinking, {"type", "display"}, "thinking")


def check_tools(body):
    tools = body.get("tools", [])
    names = [tool.get("name") for tool in tools]
    need(len(set(names)) == len(names), "tools: Tool names must be unique.")
    for at, tool in enumerate(tools):
        if tool.get("type", "custom") != "custom":
            continue  # one the provider runs itself
        only(tool, TOOL, f"tools.{at}")
        need(re.fullmatch(r"[a-zA-Z0-9_-]{1,128}", tool.get("name", "")), f"tools.{at}.name: pattern")
        schema = tool.get("input_schema")
        need(isinstance(schema, dict) and schema.get("type") == "object", f"tools.{at}.input_schema.type")
        need(isinstance(tool.get("description", ""), str), f"tools.{at}.description: must be a text")
    choice = body.get("tool_choice")
    if choice is None:
        return
    need(tools, "tool_choice may only be specified while providing tools")
    kind = choice.get("type")
    need(kind in ("auto", "any", "tool", "none"), "tool_choice.type: unknown")
    fields = {"type"} | ({"disable_parallel_tool_use"} if kind != "none" else set())
    only(choice, fields | ({"name"} if kind == "tool" else set()), "tool_choice")
    need(kind != "tool" or choice.get("name") in names, "tool_choice.name: no such tool")


def check_system(system):
    if system is None or isinstance(system, str):
        return
    need(isinstance(system, list) and system, "system: must be a text or a list of blocks")
    for block in system:
        need(block.get("type") == "text", "system: only text blocks")
        check_block(block, "system")


def check_block(block, where):
    kind = block.get("type")
    need(kind in BLOCKS, f"{where}: unknown block type {kind}")
    only(block, BLOCKS[kind] | {"type"}, where)
    if kind == "text":
        need(block.get("text"), f"{where}: text content blocks must be non-empty")
    elif kind in ("image", "document"):
        check_source(kind, block.get("source", {}), where)
    elif kind == "tool_use":
        need(re.fullmatch(r"[a-zA-Z0-9_-]+", block.get("id", "")), f"{where}.id: pattern")
        need(isinstance(block.get("input"), dict), f"{where}.input: Input should be a valid dictionary")
        need(block.get("name"), f"{where}.name: Field required")
    elif kind == "tool_result":
        inner = block.get("content", "")
        for one in inner if isinstance(inner, list) else []:
            need(one.get("type") in ("text", "image", "document"), f"{where}: tool_result content")
            check_block(one, where)
    elif kind == "thinking":
        right = script.signature(block.get("thinking", "")) == block.get("signature")
        need(right, f"{where}: Invalid `signature` in `thinking` block")
    elif kind == "redacted_thinking":
        need(block.get("data") == script.redacted(1), f"{where}: Invalid `data` in `redacted_thinking` block")


def check_source(kind, source, where):
    form = source.get("type")
    if form == "base64":
        only(source, {"type", "media_type", "data"}, where)
        types = ["application/pdf"] if kind == "document" else [f"image/{x}" for x in ("png", "jpeg", "gif", "webp")]
        need(source["media_type"] in types, f"{where}: media_type {source['media_type']}")
        base64.b64decode(source["data"], validate=True)
    elif form == "url":
        only(source, {"type", "url"}, where)
        need(source["url"].startswith("https://"), f"{where}: Only HTTPS URLs are supported.")
    else:
        need(form == "text" and kind == "document", f"{where}: source type {form}")


def blocks_of(message):
    content = message.get("content")
    if isinstance(content, str):
        need(content, "messages: text content must be non-empty")
        return [{"type": "text", "text": content}]
    need(isinstance(content, list) and content, "messages: content must not be empty")
    return content


def check_messages(body):
    messages = body.get("messages")
    need(isinstance(messages, list) and messages, "messages: at least one message is required")
    calls = []  # of the turn before
    for at, message in enumerate(messages):
        where = f"messages.{at}"
        only(message, {"role", "content"}, where)
        role = "user" if at % 2 == 0 else "assistant"
        need(message.get("role") == role, f"{where}: roles must alternate, {role} expected")
        blocks = blocks_of(message)
        for block in blocks:
            check_block(block, where)
        kinds = [block["type"] for block in blocks]
        if role == "assistant":
            need(not {"tool_result", "image", "document"} & set(kinds), f"{where}: not in an assistant's turn")
            check_own_turn(body, message, kinds, where)
            calls = [block["id"] for block in blocks if block["type"] == "tool_use"]
            need(len(set(calls)) == len(calls), f"{where}: `tool_use` ids must be unique")
            continue
        need(not {"tool_use", "thinking", "redacted_thinking"} & set(kinds), f"{where}: not in a user's turn")
        results = [block["tool_use_id"] for block in blocks if block["type"] == "tool_result"]
        for one in results:
            need(one in calls, f"{where}: unexpected `tool_use_id` found in `tool_result` blocks: {one}")
        missing = set(calls) - set(results)
        need(not missing, f"{where}: `tool_use` ids were found without `tool_result` blocks: {missing}")
        need(kinds[: len(results)] == ["tool_result"] * len(results), f"{where}: tool_result blocks come first")
        need(len(set(results)) == len(results), f"{where}: each tool_use must have a single result")
        calls = []


def check_own_turn(body, message, kinds, where):
    thinks = body.get("thinking", {}).get("type") in ("enabled", "adaptive")
    if thinks and "tool_use" in kinds:
        begins = kinds[0] in ("thinking", "redacted_thinking")
        need(begins, f"{where}: Expected `thinking` or `redacted_thinking`, but found `{kinds[0]}`")
    if script.scenario_of(body["model"]) != "loop":
        return
    turn = sum(one["role"] == "assistant" for one in body["messages"][: int(where.split(".")[1])])
    said = [script.anthropic_block(block) for block in script.LOOP[turn]]
    need(message["content"] == said, f"{where}: is not what was said: {json.dumps(message['content'])}")


def check_breakpoints(body):
    found = []

    def walk(value, inside_thinking=False):
        if isinstance(value, dict):
            if "cache_control" in value:
                found.append(value["cache_control"])
            for key, inner in value.items():
                if key not in ("input_schema", "input", "schema"):
                    walk(inner)
        elif isinstance(value, list):
            for inner in value:
                walk(inner)

    walk(body)
    need(len(found) <= 4, f"A maximum of 4 blocks with cache_control may be provided. Found {len(found)}.")
    for control in found:
        only(control, {"type", "ttl"}, "cache_control")
        need(control.get("type") == "ephemeral", "cache_control.type")
        need(control.get("ttl", "5m") in ("5m", "1h"), "cache_control.ttl")
