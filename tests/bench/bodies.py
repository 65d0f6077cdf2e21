"""Requests and answers of a wanted size: prose with dates, numbers and addresses, and between its sentences texts of
recorded model answers where the test data lies beside the project (../shared/data).

The same bytes in every run (a fixed seed), and nothing in them that a guardrail of the bench finds, but for the
planted match of a planted body. Called by tests/bench/run.
"""

import functools
import gzip
import json
import os
import random
import re

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
# A checkout, and a work tree beside it, have it as a neighbour.
RECORDED = os.path.join(os.path.dirname(ROOT), "shared", "data", "provider-responses-vercel.jsonl.gz")
PLANT = "Zq.planted.person@example.com"  # wire.hpp looks for how it begins

SUBJECTS = ["The invoice", "Our last call", "The shipment", "A new contract", "The meeting", "Her report",
            "The second batch", "This ticket", "The refund", "Their answer"]
VERBS = ["was moved to", "arrived on", "is due on", "was signed on", "will be settled by", "was closed on"]
PLACES = ["12 Harbour Street, Leith", "Königsallee 41, Düsseldorf", "221 Baker Street, London",
          "77 Massachusetts Ave, Cambridge, MA 02139", "5 rue de l’Église, Lyon"]
REMARKS = ["and costs {amount} euros, \"as agreed\".", "for {amount} pieces at {price} each.",
           "see page {page},\nparagraph {page}.", "according to {who} (ext. {page}).",
           "which is {price} % more than in the year before."]
NAMES = ["A. Lindqvist", "Maria Oduya", "T. Nakamura", "Jo Meier", "R. d'Souza"]


# What a detector could take for a match: addresses, links, long numbers, colons of an IPv6 address.
SUSPECT = re.compile(r"[@]|://|\d[\d .()-]{5,}\d|\d+\.\d+\.\d+|[0-9A-Fa-f]*:[0-9A-Fa-f]*:|[A-Za-z0-9_+/-]{24,}|Zq")


@functools.cache
def recorded():
    """Lines of recorded answers, in their order; none where there is no test data."""
    if not os.path.exists(RECORDED):
        return []
    found = {}
    with gzip.open(RECORDED, "rt") as f:
        for row in map(json.loads, f):
            if row["stream"]:
                continue
            try:
                body = json.loads(row["body"])
            except ValueError:
                continue
            for text in texts(body):
                found |= {line.strip(): None for line in text.splitlines() if len(line) > 60 and not SUSPECT.search(line)}
    return list(found)


def texts(value):
    if isinstance(value, dict):
        for name, member in value.items():
            if name in ("content", "text") and isinstance(member, str):
                yield member
            else:
                yield from texts(member)
    elif isinstance(value, list):
        for member in value:
            yield from texts(member)


def source():
    return f"recorded answers ({len(recorded())} lines) and generated prose" if recorded() else "generated prose"


def prose(size, seed):
    """Text of about `size` bytes once it stands in JSON: every other sentence is a recorded line."""
    chance = random.Random(seed)
    parts, length = [], 0
    while length < size:
        day = f"{chance.randint(1, 28):02d} {chance.choice(['March', 'June', 'October'])} {chance.randint(2019, 2026)}"
        remark = chance.choice(REMARKS).format(amount=f"{chance.randint(100, 99999):,}", page=chance.randint(1, 400),
                                               price=f"{chance.uniform(1, 90):.2f}", who=chance.choice(NAMES))
        sentence = f"{chance.choice(SUBJECTS)} {chance.choice(VERBS)} {day} at {chance.choice(PLACES)}, {remark} "
        if recorded() and len(parts) % 2:
            sentence = chance.choice(recorded()) + "\n"
        parts.append(sentence)
        length += in_json(sentence)
    whole = "".join(parts)
    while in_json(whole) > size:
        whole = whole[:size - in_json(whole)]
    return whole


def in_json(words):
    return len(json.dumps(words, ensure_ascii=False).encode()) - 2


def fit(make, size):
    """make(text size) -> object; the JSON bytes of the largest that are not over `size`."""
    room = size
    while True:
        body = json.dumps(make(room), ensure_ascii=False).encode()
        if len(body) <= size:
            return body
        room -= len(body) - size


def text(size, seed, planted):
    """Prose; planted: with a match in its middle."""
    if not planted:
        return prose(size, seed)
    words = prose(max(0, size - len(PLANT) - 2), seed)
    middle = words.rfind(" ", 0, len(words) // 2 + 1) + 1
    return f"{words[:middle]}{PLANT}, {words[middle:]}"


def request(size, stream=False, planted=False):
    """A chat request that both dialects read alike. The model is the word MODEL, which bench_load replaces."""
    def make(room):
        body = {"model": "MODEL", "max_tokens": 512, "temperature": 0.2,
                "messages": [{"role": "user", "content": text(room, 1, planted)}]}
        return body | {"stream": True} if stream else body
    return fit(make, size)


def answer(size, planted=False):
    return fit(lambda room: {
        "id": "chatcmpl-BbenchQ8vZ2kT5nYw3", "object": "chat.completion", "created": 1763800000,
        "model": "gpt-4o-mini-2024-07-18",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": text(room, 2, planted),
                                             "refusal": None, "annotations": []},
                     "logprobs": None, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 231, "completion_tokens": 112, "total_tokens": 343,
                  "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 0},
                  "completion_tokens_details": {"reasoning_tokens": 0, "audio_tokens": 0,
                                                "accepted_prediction_tokens": 0, "rejected_prediction_tokens": 0}},
        "service_tier": "default", "system_fingerprint": "fp_560af6e559"}, size)


def message(size, planted=False):
    """The same answer as Anthropic says it."""
    return fit(lambda room: {
        "id": "msg_01BenchQ8vZ2kT5nYw3", "type": "message", "role": "assistant", "model": "claude-sonnet-4-5-20250929",
        "content": [{"type": "text", "text": text(room, 2, planted)}],
        "stop_reason": "end_turn", "stop_sequence": None,
        "usage": {"input_tokens": 231, "cache_creation_input_tokens": 0, "cache_read_input_tokens": 0,
                  "output_tokens": 112, "service_tier": "standard"}}, size)


def write_all(directory):
    """Writes them; ({name: path} of requests, of answers), planted ones as name + "-planted"."""
    requests, answers = {}, {}
    for planted in (False, True):
        tail = "-planted" * planted
        for size, count in (("1k", 1024), ("100k", 100 * 1024)):
            requests[size + tail] = request(count, planted=planted)
            answers[size + tail] = answer(count, planted)
            answers["anth" + size + tail] = message(count, planted)
        requests["stream" + tail] = request(1024, True, planted)
    for kind, bodies in (("request", requests), ("answer", answers)):
        for name, body in bodies.items():
            path = os.path.join(directory, f"{kind}-{name}.json")
            with open(path, "wb") as f:
                f.write(body)
            bodies[name] = path
    return requests, answers
