"""Requests and answers of a wanted size, shaped like recorded ones: prose with dates, numbers and addresses.

The same bytes in every run (a fixed seed). Called by tests/bench/run.
"""

import json
import random

SUBJECTS = ["The invoice", "Our last call", "The shipment", "A new contract", "The meeting", "Her report",
            "The second batch", "This ticket", "The refund", "Their answer"]
VERBS = ["was moved to", "arrived on", "is due on", "was signed on", "will be settled by", "was closed on"]
PLACES = ["12 Harbour Street, Leith", "Königsallee 41, Düsseldorf", "221 Baker Street, London",
          "77 Massachusetts Ave, Cambridge, MA 02139", "5 rue de l’Église, Lyon"]
REMARKS = ["and costs {amount} euros, \"as agreed\".", "for {amount} pieces at {price} each.",
           "see page {page},\nparagraph {page}.", "according to {who} (ext. {page}).",
           "which is {price} % more than in the year before."]
NAMES = ["A. Lindqvist", "Maria Oduya", "T. Nakamura", "Jo Meier", "R. d'Souza"]


def prose(size, seed):
    """Sentences of about `size` bytes once they stand in JSON."""
    chance = random.Random(seed)
    parts, length = [], 0
    while length < size:
        day = f"{chance.randint(1, 28):02d} {chance.choice(['March', 'June', 'October'])} {chance.randint(2019, 2026)}"
        remark = chance.choice(REMARKS).format(amount=f"{chance.randint(100, 99999):,}", page=chance.randint(1, 400),
                                               price=f"{chance.uniform(1, 90):.2f}", who=chance.choice(NAMES))
        sentence = f"{chance.choice(SUBJECTS)} {chance.choice(VERBS)} {day} at {chance.choice(PLACES)}, {remark} "
        parts.append(sentence)
        length += len(json.dumps(sentence, ensure_ascii=False).encode()) - 2
    return "".join(parts)


def fit(make, size):
    """make(text size) -> object; the JSON bytes of the largest that are not over `size`."""
    room = size
    while True:
        body = json.dumps(make(room), ensure_ascii=False).encode()
        if len(body) <= size:
            return body
        room -= max(16, len(body) - size)


def request(size, stream=False):
    """A chat request. The model is the word MODEL, which bench_load replaces."""
    def make(room):
        body = {"model": "MODEL",
                "messages": [{"role": "system", "content": "You answer shortly and name your sources."},
                             {"role": "user", "content": prose(max(0, room - 300), 1)}],
                "temperature": 0.2, "max_tokens": 512}
        return body | {"stream": True} if stream else body
    return fit(make, size)


def answer(size):
    return fit(lambda room: {
        "id": "chatcmpl-BbenchQ8vZ2kT5nYw3", "object": "chat.completion", "created": 1763800000,
        "model": "gpt-4o-mini-2024-07-18",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": prose(max(0, room - 700), 2),
                                             "refusal": None, "annotations": []},
                     "logprobs": None, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 231, "completion_tokens": 112, "total_tokens": 343,
                  "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 0},
                  "completion_tokens_details": {"reasoning_tokens": 0, "audio_tokens": 0,
                                                "accepted_prediction_tokens": 0, "rejected_prediction_tokens": 0}},
        "service_tier": "default", "system_fingerprint": "fp_560af6e559"}, size)
