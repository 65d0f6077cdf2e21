#!/usr/bin/env python3
"""The guards against an oracle that was written apart from them (spans.py: regular expressions over whole
texts). Makes texts that try to slip past (cases.py), gives them to the engine in pieces (driver.cpp), and
compares what came out with what the definitions say: no byte of a match leaves, no other byte is lost.

    tests/guard/oracle.py <guard_driver> [--cases 100000] [--seed 1]
"""

import argparse
import collections
import json
import os
import random
import re
import subprocess
import sys
import threading

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import cases  # noqa: E402
import spans  # noqa: E402

ALL = ['email', 'phone', 'credit_card', 'iban', 'ip', 'us_ssn', 'url_credentials', 'secrets']
HOUSE = [r'(?i)project\s{1,3}(aurora|borealis)', 'Überfall']
HOLD = 20_000  # texts here are short; what is held too long has cases of its own
SETS = {
    'redact': [{'name': 'pii', 'detect': ALL, 'patterns': HOUSE, 'action': 'redact', 'hold_bytes_max': HOLD}],
    'block': [{'name': 'keys', 'detect': ['secrets', 'iban'], 'action': 'block', 'hold_bytes_max': HOLD},
              {'name': 'pii', 'detect': ['email', 'phone', 'ip'], 'action': 'redact', 'hold_bytes_max': HOLD}],
    'flag': [{'name': 'watch', 'detect': ALL, 'patterns': HOUSE, 'action': 'flag', 'hold_bytes_max': HOLD}],
    'mixed': [{'name': 'a', 'detect': ['email', 'credit_card', 'ip'], 'action': 'flag', 'hold_bytes_max': HOLD},
              {'name': 'b', 'detect': ['email', 'us_ssn', 'phone'], 'action': 'redact', 'hold_bytes_max': HOLD},
              {'name': 'c', 'patterns': HOUSE, 'detect': ['credit_card'], 'action': 'block', 'hold_bytes_max': HOLD}],
}
PLACEHOLDER = re.compile(r'\[[A-Z_]+_\d+\]')


TALLY = collections.Counter()


def strictest(guards):
    """The definition of a union: of a detector under several guards, the strictest."""
    rank, best = {'flag': 0, 'redact': 1, 'block': 2}, {}
    for guard in guards:
        for kind in ('detect', 'patterns'):
            for name in guard.get(kind, []):
                if rank[guard['action']] >= rank.get(best.get((kind, name)), -1):
                    best[kind, name] = guard['action']
    return [{'action': action, kind: [name]} for (kind, name), action in best.items()]


UNION = {name: strictest(guards) for name, guards in SETS.items()}


def pieces_hex(pieces):
    return ','.join(piece.hex() for piece in pieces)


class Wrong(Exception):
    pass


def check(case, source, syntax, blocked, came):
    """`came`: the text that left; placeholders without their names."""
    came = PLACEHOLDER.sub('[#]', came)
    wants_block, want = spans.expected(source, syntax, UNION[case['set']])
    TALLY['matches'] += want.count('[#]')
    if not wants_block and not blocked:
        if came != want:
            raise Wrong(f'came {came!r}\nwant {want!r}')
    elif wants_block and case['alone']:
        if not blocked:
            raise Wrong(f'not blocked: {came!r}')
        if not want.startswith(came):
            raise Wrong(f'leaked before the block\ncame {came!r}\nmost {want!r}')
    elif not want.startswith(came):
        raise Wrong(f'more than may leave\ncame {came!r}\nmost {want!r}')
    return wants_block


# --- the surfaces -------------------------------------------------------------------------------------

def filter_case(r, name, near):
    syntax = r.choice(('text', 'text', 'json'))
    source = cases.document(r, near) if syntax == 'json' else cases.text(r, near)
    pieces = cases.cut(r, source.encode())
    whole = r.random() < .15
    line = f'{"W" if whole else "F"} {name} {syntax} {pieces_hex([source.encode()] if whole else pieces)}'
    case = {'set': name, 'alone': True, 'syntax': syntax}

    def verify(blocked, out):
        if whole and blocked:
            return check(case, source, syntax, blocked, '')
        blocks = check(case, source, syntax, blocked, out.decode('utf-8', 'strict' if not blocked else 'ignore'))
        if syntax == 'json' and not blocked:
            json.loads(out)
        return blocks
    return line, verify


def sse_openai(r, channels):
    """channels: (choice, kind, part) -> deltas. Interleaved as they please, each in its order."""
    out, left = [], {key: list(deltas) for key, deltas in channels.items()}
    choices = sorted({choice for choice, _, _ in channels})
    lead = '"id":"c1","object":"chat.completion.chunk","created":1,"model":"m"'

    def chunk(choice, delta, finish='null'):
        logprobs = ',"logprobs":null' if r.random() < .3 else ''
        out.append(f'data: {{{lead},"choices":[{{"index":{choice},"delta":{delta}{logprobs},"finish_reason":{finish}}}]}}\n\n')
    for choice in choices:
        chunk(choice, '{"role":"assistant","content":""}')
    while left:
        key = r.choice(list(left))
        choice, kind, part = key
        quoted = cases.json_string(r, left[key].pop(0))
        if not left[key]:
            del left[key]
        if kind == 'arguments':
            chunk(choice, f'{{"tool_calls":[{{"index":{part},"function":{{"arguments":{quoted}}}}}]}}')
        elif kind == 'details':
            chunk(choice, f'{{"reasoning_details":[{{"type":"reasoning.text","text":{quoted},"index":{part}}}]}}')
        else:
            chunk(choice, f'{{"{kind}":{quoted}}}')
        if not any(k[0] == choice for k in left):
            chunk(choice, '{}', '"stop"')
        if r.random() < .02:
            out.append(': ping\n\n')
    out.append(f'data: {{{lead},"choices":[],"usage":{{"prompt_tokens":1,"completion_tokens":1,"total_tokens":2}}}}\n\n')
    return ''.join(out) + 'data: [DONE]\n\n'


def read_openai(stream):
    came, finish, done = collections.defaultdict(str), {}, False
    for frame in stream.split('\n\n'):
        if not frame.startswith('data: '):
            continue
        if frame == 'data: [DONE]':
            done = True
            continue
        for choice in json.loads(frame[6:])['choices']:
            delta, index = choice['delta'], choice['index']
            if index in finish and delta:
                raise Wrong('a delta after its choice had ended')
            for kind in ('content', 'reasoning_content', 'refusal'):
                came[index, kind, 0] += delta.get(kind) or ''
            for call in delta.get('tool_calls', []):
                came[index, 'arguments', call['index']] += call['function']['arguments']
            for detail in delta.get('reasoning_details', []):
                came[index, 'details', detail['index']] += detail['text']
            if choice.get('finish_reason'):
                finish[index] = choice['finish_reason']
    return came, finish, done


def sse_anthropic(r, channels):
    out = ['event: message_start\ndata: {"type":"message_start","message":{"id":"m","type":"message","role":"assistant",'
           '"model":"m","content":[],"usage":{"input_tokens":1,"output_tokens":1}}}\n\n']
    start = {'thinking': '{"type":"thinking","thinking":"","signature":""}', 'text': '{"type":"text","text":""}',
             'partial_json': '{"type":"tool_use","id":"t","name":"f","input":{}}'}
    kinds = {'thinking': 'thinking_delta', 'text': 'text_delta', 'partial_json': 'input_json_delta'}
    for (_, kind, part), deltas in channels.items():
        out.append(f'event: content_block_start\ndata: {{"type":"content_block_start","index":{part},'
                   f'"content_block":{start[kind]}}}\n\n')
        for delta in deltas:
            out.append(f'event: content_block_delta\ndata: {{"type":"content_block_delta","index":{part},"delta":'
                       f'{{"type":"{kinds[kind]}","{kind}":{cases.json_string(r, delta)}}}}}\n\n')
        out.append(f'event: content_block_stop\ndata: {{"type":"content_block_stop","index":{part}}}\n\n')
    out.append('event: message_delta\ndata: {"type":"message_delta","delta":{"stop_reason":"end_turn","stop_sequence":null},'
               '"usage":{"output_tokens":3}}\n\nevent: message_stop\ndata: {"type":"message_stop"}\n\n')
    return ''.join(out)


def read_anthropic(stream):
    came, finish, done, open_blocks = collections.defaultdict(str), {}, False, set()
    for frame in stream.split('\n\n'):
        if not frame:
            continue
        data = json.loads(frame.split('data: ', 1)[1])
        kind = data['type']
        if kind == 'content_block_start':
            open_blocks.add(data['index'])
        elif kind == 'content_block_stop':
            open_blocks.remove(data['index'])
        elif kind == 'content_block_delta':
            if data['index'] not in open_blocks:
                raise Wrong('a delta of a block that is not open')
            for member in ('thinking', 'text', 'partial_json'):
                came[0, member, data['index']] += data['delta'].get(member, '')
        elif kind == 'message_delta':
            finish[0] = data['delta']['stop_reason']
        elif kind == 'message_stop':
            done = not open_blocks
    return came, finish, done


def stream_case(r, name, near):
    dialect = r.choice(('openai_chat', 'anthropic'))
    sources = {}
    if dialect == 'openai_chat':
        for choice in range(r.choice((1, 2, 2))):
            for kind in r.sample(('content', 'reasoning_content', 'refusal', 'details'), r.randint(1, 2)):
                sources[choice, kind, 0] = cases.text(r, near)
            for call in range(r.choice((0, 1, 2))):
                sources[choice, 'arguments', call] = cases.document(r, near)
    else:
        for part, kind in enumerate(r.choices(('thinking', 'text', 'partial_json'), k=r.randint(1, 3))):
            sources[0, kind, part] = cases.document(r, near) if kind == 'partial_json' else cases.text(r, near)
    channels = {key: cases.cut(r, source, pieces_max=60) for key, source in sources.items()}
    channels = {key: deltas for key, deltas in channels.items() if deltas}
    if not channels:
        channels = {(0, 'content' if dialect == 'openai_chat' else 'text', 0): ['x']}
        sources = {key: 'x' for key in channels}
    stream = (sse_openai if dialect == 'openai_chat' else sse_anthropic)(r, channels)
    pieces = cases.cut(r, stream.encode(), 300, pieces_max=400)

    def verify(blocked, out):
        came, finish, done = (read_openai if dialect == 'openai_chat' else read_anthropic)(out.decode())
        if not done:
            raise Wrong('the stream has no proper end')
        if blocked and not set(finish.values()) & {'content_filter', 'refusal'}:
            raise Wrong(f'blocked, but ended as {finish}')
        wants = False
        for key in channels:
            syntax = 'json' if key[1] in ('arguments', 'partial_json') else 'text'
            one = check({'set': name, 'alone': False}, sources[key], syntax, blocked, came[key])
            wants = wants or one
            if syntax == 'json' and not blocked:
                json.loads(came[key])
        if wants != blocked:
            raise Wrong(f'blocked: {blocked}, should be: {wants}')
        return wants
    return f'A {name} {dialect} {pieces_hex(pieces)}', verify


def whole_case(r, name, near):
    """Whole answers and requests: everything but the matches is equal, byte for byte."""
    kind = r.randrange(4)
    said, args = cases.text(r, near), cases.document(r, near)
    said_json, args_json = cases.json_string(r, said), cases.json_string(r, args)
    if kind == 0:
        form = ('{"id":"c","choices":[{"index":0,"message":{"role":"assistant","content":%s,"tool_calls":[{"id":"t",'
                '"type":"function","function":{"name":"f","arguments":%s}}]},"finish_reason":"stop"}]}')
        line, pick = 'U %s openai_chat %s', lambda b: (b['choices'][0]['message']['content'],
                                                       b['choices'][0]['message']['tool_calls'][0]['function']['arguments'])
    elif kind == 1:
        form, args_json = ('{"type":"message","content":[{"type":"thinking","thinking":%s,"signature":"x"},'
                           '{"type":"tool_use","id":"t","name":"f","input":%s}],"stop_reason":"end_turn"}'), args
        line, pick = 'U %s anthropic %s', lambda b: (b['content'][0]['thinking'], b['content'][1]['input'])
    elif kind == 2:
        form = ('{"model":"m","messages":[{"role":"user","content":[{"type":"text","text":%s}]},{"role":"assistant",'
                '"tool_calls":[{"id":"t","type":"function","function":{"name":"f","arguments":%s}}]}]}')
        line, pick = 'R %s %s', lambda b: (b['messages'][0]['content'][0]['text'],
                                           b['messages'][1]['tool_calls'][0]['function']['arguments'])
    else:
        form, args_json = ('{"max_tokens":5,"model":"m","system":%s,"messages":[{"role":"assistant","content":[{"type":'
                           '"tool_use","id":"t","name":"f","input":%s}]}]}'), args
        line, pick = 'R %s %s', lambda b: (b['system'], b['messages'][0]['content'][0]['input'])
    body = form % (said_json, args_json)

    def verify(blocked, out):
        first = spans.expected(said, 'text', UNION[name])
        second = spans.expected(args, 'json', UNION[name])
        if blocked or first[0] or second[0]:
            if not (blocked and (first[0] or second[0])):
                raise Wrong(f'blocked: {blocked}, should be: {first[0] or second[0]}')
            return True
        text = PLACEHOLDER.sub('[#]', out.decode())
        one, two = pick(json.loads(text))
        if one != first[1]:
            raise Wrong(f'came {one!r}\nwant {first[1]!r}')
        if kind in (0, 2) and two != second[1]:
            raise Wrong(f'came {two!r}\nwant {second[1]!r}')
        if kind in (1, 3) and two != json.loads(second[1]):
            raise Wrong(f'came {two!r}\nwant {second[1]!r}')
        # Byte for byte but for the spans: as many bytes as were there, less the matches, plus what stands for them.
        if '[#]' not in text and out.decode() != body:
            raise Wrong(f'changed without a match\n{out.decode()}\n{body}')
        if kind in (1, 3) and first[1] == said and text != (form % (said_json, second[1])):
            raise Wrong(f'more than the matches changed\n{text}')
        return False
    return line % ((name, body.encode().hex()) if kind != 9 else ()), verify


MAKERS = (filter_case, filter_case, filter_case, stream_case, stream_case, whole_case)


def send(driver, lines):
    driver.stdin.write('\n'.join(lines) + '\n')
    driver.stdin.flush()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('driver')
    parser.add_argument('--cases', type=int, default=100_000)
    parser.add_argument('--seed', type=int, default=1)
    given = parser.parse_args()
    driver = subprocess.Popen([given.driver], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    for name, guards in SETS.items():
        driver.stdin.write(f'S {name} {json.dumps(guards)}\n')
    counts, bad = collections.Counter(), 0
    batch = 200
    for first in range(0, given.cases, batch):
        made = []
        for number in range(first, min(first + batch, given.cases)):
            r = random.Random(f'{given.seed}/{number}')
            near = r.random() < .4
            name = r.choice(list(SETS))
            maker = r.choice(MAKERS)
            line, verify = maker(r, name, near)
            made.append((number, name, near, maker.__name__, line, verify))
        writer = threading.Thread(target=send, args=(driver, [line for *_, line, _ in made]))
        writer.start()
        for number, name, near, kind, line, verify in made:
            told = driver.stdout.readline().split(' ')
            if len(told) != 3:
                sys.exit(f'case {number}: the driver has died')
            try:
                blocks = verify(told[0] == 'blocked', bytes.fromhex(told[2].strip()))
                counts['blocked'] += blocks
            except (Wrong, ValueError, KeyError) as wrong:
                bad += 1
                if bad <= 5:
                    print(f'case {number} ({kind}, {name}): {type(wrong).__name__} {wrong}\n')
            counts[kind] += 1
            counts[name] += 1
            counts['near misses'] += near
        writer.join()
    driver.stdin.close()
    driver.wait()
    share = counts['near misses'] / given.cases
    print(f'{given.cases} cases, {bad} wrong; ' + ', '.join(f'{k} {v}' for k, v in sorted((counts + TALLY).items())))
    if share < .3:
        sys.exit('fewer than 30 % near-misses')
    if driver.returncode != 0 or bad:
        sys.exit(1)


if __name__ == '__main__':
    main()
