"""What a body means, apart from how it is spelt: two bodies of one dialect mean the same when these are equal. Used by
tests/rows/run to hold our translations against those of another project."""

import json


def parts(content):
    if content is None:
        return []
    return [{"type": "text", "text": content}] if isinstance(content, str) else content


def without(value, *names):
    return {name: inner for name, inner in value.items() if name not in names}


def said(value):
    """Without what says nothing: nulls, and counts of nothing."""
    if isinstance(value, dict):
        inner = {name: said(one) for name, one in value.items()}
        return {name: one for name, one in inner.items() if one not in (None, {}, 0)}
    return [said(one) for one in value] if isinstance(value, list) else value


def openai_request(body):
    out = without(body, "messages", "stream", "max_tokens", "max_completion_tokens")
    out["stream"] = bool(body.get("stream"))
    out["at_most"] = body.get("max_completion_tokens", body.get("max_tokens"))
    out["messages"] = [message | {"content": parts(message.get("content"))} for message in body["messages"]]
    return said(out)


def anthropic_request(body):
    out = without(body, "messages", "system", "stream")
    out["stream"] = bool(body.get("stream"))
    out["system"] = parts(body.get("system"))
    out["messages"] = [message | {"content": parts(message["content"])} for message in body["messages"]]
    return said(out)


def openai_answer(body):
    out = without(body, "id", "created", "object", "system_fingerprint")
    for choice in out.get("choices", []):
        for call in choice["message"].get("tool_calls") or []:
            call["function"]["arguments"] = json.loads(call["function"]["arguments"] or "{}")
    return said(out)


def anthropic_answer(body):
    return said(without(body, "id"))


def events(stream):
    """(name, data) of each event that has data."""
    for block in stream.replace("\r\n", "\n").split("\n\n"):
        lines = [line.partition(":") for line in block.split("\n")]
        data = [rest.removeprefix(" ") for name, _, rest in lines if name == "data"]
        named = [rest.strip() for name, _, rest in lines if name == "event"]
        if data:
            yield (named[0] if named else ""), "\n".join(data)


def openai_stream(stream):
    """The whole answer that the chunks make."""
    choices, whole = {}, {}
    for _, data in events(stream):
        if data == "[DONE]":
            continue
        chunk = json.loads(data)
        whole |= {name: chunk[name] for name in ("model", "usage", "service_tier") if chunk.get(name)}
        for one in chunk.get("choices", []):
            choice = choices.setdefault(
                one["index"], {"index": one["index"], "message": {"role": "assistant", "content": "", "tool_calls": []}}
            )
            message, delta = choice["message"], one["delta"]
            message["content"] += delta.get("content") or ""
            if delta.get("reasoning_content"):
                message["reasoning_content"] = message.get("reasoning_content", "") + delta["reasoning_content"]
            for call in delta.get("tool_calls") or []:
                if call["index"] == len(message["tool_calls"]):
                    message["tool_calls"].append(
                        {"id": call["id"], "type": "function", "function": {"name": call["function"]["name"], "arguments": ""}}
                    )
                made = message["tool_calls"][call["index"]]["function"]
                made["arguments"] += call["function"].get("arguments") or ""
            choice["finish_reason"] = one.get("finish_reason") or choice.get("finish_reason")
    for choice in choices.values():
        choice["message"]["content"] = choice["message"]["content"] or None
        choice["message"]["tool_calls"] = choice["message"]["tool_calls"] or None
    return openai_answer(whole | {"choices": [choices[index] for index in sorted(choices)]})


def anthropic_stream(stream):
    message, inputs = {}, {}
    for _, data in events(stream):
        one = json.loads(data)
        kind = one["type"]
        if kind == "message_start":
            message = one["message"]
        elif kind == "content_block_start":
            message["content"].append(one["content_block"])
        elif kind == "content_block_delta":
            block, delta = message["content"][one["index"]], one["delta"]
            for name in ("text", "thinking", "signature"):
                if name in delta:
                    block[name] = block.get(name, "") + delta[name]
            inputs[one["index"]] = inputs.get(one["index"], "") + delta.get("partial_json", "")
        elif kind == "message_delta":
            message |= one["delta"]
            message["usage"] = message.get("usage", {}) | one.get("usage", {})
    for index, text in inputs.items():
        if message["content"][index]["type"] == "tool_use":
            message["content"][index]["input"] = json.loads(text or "{}")
    return anthropic_answer(message)


def whole(dialect, streamed, text):
    """The answer that a body of a dialect holds, streamed or not."""
    if dialect == "openai_chat":
        return openai_stream(text) if streamed else openai_answer(json.loads(text))
    return anthropic_stream(text) if streamed else anthropic_answer(json.loads(text))


def gist(dialect, answer):
    """What the model said, in no dialect: text, thoughts, calls."""
    if dialect == "openai_chat":
        message = answer["choices"][0]["message"]
        content = message.get("content") or ""
        if isinstance(content, list):  # some send parts
            content = "".join(part.get("text", "") for part in content)
        calls = [(call["function"]["name"], call["function"].get("arguments") or {}) for call in message.get("tool_calls", [])]
        thoughts = message.get("reasoning_content") or message.get("reasoning") or ""
        return {"text": content + (message.get("refusal") or ""), "thoughts": thoughts, "calls": calls}
    blocks = answer.get("content", [])
    return {
        "text": "".join(block.get("text", "") for block in blocks if block["type"] == "text"),
        "thoughts": "".join(block.get("thinking", "") for block in blocks if block["type"] == "thinking"),
        "calls": [(block["name"], block.get("input") or {}) for block in blocks if block["type"] == "tool_use"],
    }


def usage(dialect, answer):
    """What the answer says was used, as we book it: totals include their parts."""
    said = answer.get("usage", {})
    if dialect == "openai_chat":
        return {
            "input": said.get("prompt_tokens", 0),
            "cache_read": said.get("prompt_tokens_details", {}).get("cached_tokens", 0),
            "output": said.get("completion_tokens", 0),
        }
    read = said.get("cache_read_input_tokens", 0)
    return {
        "input": said.get("input_tokens", 0) + read + said.get("cache_creation_input_tokens", 0),
        "cache_read": read,
        "output": said.get("output_tokens", 0),
    }


def differences(got, wanted, path=""):
    """The paths at which two values differ."""
    if isinstance(got, dict) and isinstance(wanted, dict):
        for name in sorted(set(got) | set(wanted)):
            yield from differences(got.get(name), wanted.get(name), f"{path}.{name}" if path else name)
    elif isinstance(got, list) and isinstance(wanted, list) and len(got) == len(wanted):
        for index, (one, other) in enumerate(zip(got, wanted)):
            yield from differences(one, other, f"{path}[{index}]")
    elif got != wanted:
        yield path, got, wanted
