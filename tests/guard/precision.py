#!/usr/bin/env python3
"""How often each detector is wrong on text without personal data or keys: prose, code, logs, many
languages. Prints the table of docs/reference/guardrails.md; --check fails when a detector is wrong
more often than the page says. -v shows what was found.

    tests/guard/precision.py <guard_driver> [--check]
"""

import gzip
import pathlib
import random
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
DETECTORS = ['email', 'phone', 'credit_card', 'iban', 'ip', 'us_ssn', 'url_credentials', 'secrets']
PAGE = ROOT / 'docs/reference/guardrails.md'
CORPUS = ROOT / 'tests/guard/corpus'


def kept(name):
    """A copy of this tree's documents, or of its code, as they once were: it does not change with them."""
    with gzip.open(CORPUS / f'{name}.txt.gz', 'rt', encoding='utf-8') as f:
        return f.read()


def logs():
    """Lines as services write them: times, versions, ids, digests, sizes; no address, no key."""
    r, out = random.Random(20240102), []
    h = lambda n: f'{r.getrandbits(4 * n):0{n}x}'
    for i in range(2500):
        at = f'2024-{r.randint(1, 12):02}-{r.randint(1, 28):02}T{r.randint(0, 23):02}:{r.randint(0, 59):02}:' \
             f'{r.randint(0, 59):02}.{r.randint(0, 999999):06}Z'
        out.append(r.choice((
            lambda: f'{at} INFO [worker-{r.randint(0, 31)}] request {h(8)}-{h(4)}-4{h(3)}-a{h(3)}-{h(12)} done in {r.randint(1, 9999)} ms',
            lambda: f'{at} WARN pool size {r.randint(1, 512)}/{r.randint(1, 512)} wait={r.random():.9f} trace={h(32)} span={h(16)}',
            lambda: f'{at} ERROR std::out_of_range at 0x{h(12)} in engine::plan() frame #{r.randint(0, 40)} pid {r.randint(100, 99999)}',
            lambda: f'commit {h(40)} sha256:{h(64)} size {r.randint(1, 10**10)} bytes build {r.randint(1, 30)}.{r.randint(0, 30)}.{r.randint(0, 9999)}',
            lambda: f'{r.randint(10**12, 2 * 10**12)} {{"ts":{r.randint(10**15, 2 * 10**15)},"id":{r.getrandbits(63)},"score":{r.random()!r},"v":"{r.randint(0, 9)}.{r.randint(0, 99)}.{r.randint(0, 99)}"}}',
            lambda: f'order {r.randint(10**15, 10**16 - 1)} sku {r.randint(10**11, 10**12 - 1)} qty {r.randint(1, 99)} total {r.randint(1, 99999)}.{r.randint(0, 99):02} on {r.randint(1, 28):02}/{r.randint(1, 12):02}/2024 {r.randint(0, 23):02}:{r.randint(0, 59):02}',
        ))())
    return '\n'.join(out)


def documented():
    """What the page says of each detector: {name: [counts]}."""
    table = PAGE.read_text().split('## Precision')[1]
    return {m[1]: [int(n) for n in m[2].strip('| ').split('|')]
            for m in re.finditer(r'^\| `(\w+)` \|((?: \d+ \|?)+)$', table, re.M)}


def main():
    corpora = {'prose': kept('prose'), 'code': kept('code'), 'logs': logs(),
               'languages': (CORPUS / 'multilingual.txt').read_text()}
    lines = []
    for name in DETECTORS:
        lines.append(f'S {name} [{{"name": "g", "detect": ["{name}"], "action": "redact"}}]')
    for name in DETECTORS:
        for text in corpora.values():
            lines.append(f'W {name} text {text.encode().hex()}')
    told = subprocess.run([sys.argv[1]], input='\n'.join(lines) + '\n', capture_output=True, text=True,
                          check=True).stdout.splitlines()
    told_rows, wrong = documented(), []
    rows = ['| detector | ' + ' | '.join(f'{name}, {len(text.encode()) // 1024} KiB' for name, text in corpora.items()) + ' |',
            '|---|' + '---|' * len(corpora)]
    for i, name in enumerate(DETECTORS):
        label = 'SECRET' if name == 'secrets' else name.upper()
        counts = []
        for j, text in enumerate(corpora.values()):
            out = bytes.fromhex(told[i * len(corpora) + j].split(' ')[2]).decode()
            counts.append(len(re.findall(rf'\[{label}_\d+\]', out)) - len(re.findall(rf'\[{label}_\d+\]', text)))
            if '-v' in sys.argv and counts[-1]:
                for m in list(re.finditer(rf'.{{0,30}}\[{label}_\d+\].{{0,20}}', out))[:8]:
                    print(name, repr(m[0]))
        rows.append(f'| `{name}` | ' + ' | '.join(map(str, counts)) + ' |')
        if any(found > most for found, most in zip(counts, told_rows.get(name, [-1] * len(counts)))):
            wrong.append(rows[-1])
    print('\n'.join(rows))
    if '--check' in sys.argv and wrong:
        sys.exit('more than docs/reference/guardrails.md says:\n' + '\n'.join(wrong))


if __name__ == '__main__':
    main()
