"""What the ledger holds after the tests of this folder, held against what the scripted providers saw. Used by
tests/e2e/run once the gateway has stopped."""

import script


def attempts_of(records):
    """(record, attempt, scenario) of all that reached a provider."""
    for record in records:
        for attempt in record["attempts"]:
            if attempt["status"] != 0 or attempt["outcome"] == "client_closed":
                yield record, attempt, script.scenario_of(attempt["model"])


def check(report, records, journal):
    found = list(attempts_of(records))
    seen = sum(entry["path"] in ("/v1/messages", "/v1/chat/completions") for entry in journal)
    chats = [row for row in found if row[0]["surface"] != "count_tokens"]
    report(len(chats) == seen, "pairs: one attempt in the ledger for each request a provider saw", f"{len(chats)} != {seen}")
    prompt = script.USAGE["input"] + script.USAGE["cache_read"] + script.USAGE["cache_write"]
    whole = {"input": prompt, "cache_read": script.USAGE["cache_read"], "output": script.USAGE["output"]}
    wrong = [
        attempt
        for _, attempt, scenario in chats
        if scenario not in ("endless", "breaks", "cut", "status")
        and (attempt["estimated"] or any(attempt["usage"][name] != count for name, count in whole.items()))
    ]
    report(len(chats) > 200 and not wrong, "pairs: usage is what the provider said", f"{wrong[:1]}")
    gone = [(record, attempt) for record, attempt, scenario in chats if scenario == "endless"]
    fine = [
        attempt["estimated"] and record["client_gone"] and record["error_code"] == "client_closed"
        for record, attempt in gone
    ]
    report(len(fine) == 12 and all(fine), "pairs: who aborted is gone, what was used is an estimate", f"{fine}")
    # An Anthropic stream tells at its start what was read; what was written is an estimate.
    inputs = {
        attempt["usage"]["input"] == prompt
        for record, attempt in gone
        if attempt["provider"] == "claude" and record["streamed"]
    }
    report(inputs == {True}, "pairs: what an aborted stream told of its input is kept")
    broken = [
        not record["completed"] and attempt["estimated"] and attempt["usage"]["output"] > 0
        for record, attempt, scenario in chats
        if scenario in ("breaks", "cut")
    ]
    report(len(broken) == 16 and all(broken), "pairs: a broken stream is recorded as such", f"{broken}")
    refused = [entry["refused"] for entry in journal if entry["refused"]]
    report(not refused, "pairs: every request was well-formed in its provider's dialect", f"{refused[:3]}")
