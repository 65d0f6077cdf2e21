"""What a guard must find, by Python's `re` over whole texts: the oracle's reading of the definitions in
docs/reference/guardrails.md. Knows nothing of the engine: no automata, no pieces, no bytes held."""

import base64
import ipaddress
import math
import re
import zlib

from secret_patterns import FORMATS

# --- what hides text is undone; each character keeps where it stood ---------------------------------

UNDONE = set('ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789@.-_+')
NAMES = {'commat': '@', 'period': '.', 'plus': '+', 'lowbar': '_', 'hyphen': '-', 'dash': '-',
         'shy': '\xad', 'ZeroWidthSpace': '\u200b'}
ESCAPE = re.compile(r'%(?P<pct>[0-9A-Fa-f]{2})|&#[xX](?P<hex>[0-9A-Fa-f]{1,7});|&#(?P<dec>[0-9]{1,7});|'
                    r'&(?P<name>commat|period|plus|lowbar|hyphen|dash|shy|ZeroWidthSpace);')
IN_TEXT = re.compile(r'\\u(?P<u>[0-9A-Fa-f]{4})')
IN_JSON = re.compile(r'\\(?:u[dD][89abAB][0-9A-Fa-f]{2}\\u[dD][c-fC-F][0-9A-Fa-f]{2}|u[0-9A-Fa-f]{4}|.)', re.S)
SIMPLE = {'n': '\n', 't': '\t', 'r': '\r', 'b': '\b', 'f': '\f'}
INVISIBLE = re.compile('[\xad\u034f\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufe00-\ufe0f\ufeff'
                       '\U000e0001\U000e007f]')


def plain(c):
    code = ord(c)
    if 0xff01 <= code <= 0xff5e:
        return chr(code - 0xfee0)
    if 0xe0020 <= code <= 0xe007e:
        return chr(code - 0xe0000)
    if c in '\xa0\u202f\u205f\u3000' or '\u2000' <= c <= '\u200a':
        return ' '
    if '\u2010' <= c <= '\u2015' or c in '\u2212\ufe63':
        return '-'
    return {'\ufe6b': '@', '\ufe52': '.', '\u2024': '.'}.get(c, c)


def units(text, offset, in_json):
    """(character, from, to) of what a reader sees."""
    out, at = [], 0
    while at < len(text):
        c, size = text[at], 1
        if c in '%&':
            m = ESCAPE.match(text, at)
            if m:
                if m['pct']:
                    value = chr(int(m['pct'], 16))
                    ok = value in UNDONE
                elif m['name']:
                    value, ok = NAMES[m['name']], True
                else:
                    code = int(m['hex'], 16) if m['hex'] else int(m['dec'])
                    ok = 0x80 <= code <= 0x10ffff or (code < 0x80 and chr(code) in UNDONE)
                    value = chr(code) if ok else ''
                if ok:
                    c, size = value, m.end() - at
        elif c == '\\' and in_json:
            m = IN_JSON.match(text, at)
            body = m[0][1:]
            size = len(m[0])
            if len(body) == 11:
                high, low = int(body[1:5], 16), int(body[7:11], 16)
                c = chr(0x10000 + ((high - 0xd800) << 10 | (low - 0xdc00)))
            else:
                c = chr(int(body[1:], 16)) if body[0] == 'u' else SIMPLE.get(body, body)
        elif c == '\\':
            m = IN_TEXT.match(text, at)
            if m:
                code = int(m['u'], 16)
                if (code >= 0x80 and not 0xd800 <= code < 0xe000) or (code < 0x80 and chr(code) in UNDONE):
                    c, size = chr(code), 6
        if not INVISIBLE.match(c):
            out.append((plain(c), offset + at, offset + at + size))
        at += size
    return out


TOKEN = re.compile(r'"(?P<string>(?:[^"\\]|\\.)*)"|(?P<bare>[^{}\[\],:"\s][^{}\[\],:"]*)', re.S)


def texts(source, syntax):
    """Each text in the source, as units, and whether it stands bare in JSON."""
    if syntax == 'text':
        return [(units(source, 0, False), False)]
    out = []
    for m in TOKEN.finditer(source):
        if m['string'] is not None:
            out.append((units(m['string'], m.start('string'), True), False))
        else:
            out.append((units(m['bare'], m.start('bare'), False), True))
    return out


# --- what is looked for ------------------------------------------------------------------------------

def by_regex(pattern, flags=0, check=lambda text, m: True, span=lambda m: m.span()):
    compiled = re.compile(pattern, flags)

    def find(text):
        at, out = 0, []
        while True:
            m = compiled.search(text, at)
            if not m:
                return out
            if check(text, m):
                out.append(span(m))
                at = span(m)[1]
            else:
                at = m.start() + 1
    return find


def by_tries(start, tries):
    """At each place that `start` names: the first of `tries` (pattern, check) that holds."""
    start = re.compile(start)

    def find(text):
        at, out = 0, []
        while True:
            m = start.search(text, at)
            if not m:
                return out
            end = None
            for pattern, check in tries:
                hit = pattern.match(text, m.start())
                if hit and check(hit[0]):
                    end = hit.end()
                    break
            if end is None:
                at = m.start() + 1
            else:
                out.append((m.start(), end))
                at = end
    return find


EMAIL = by_regex(r'[A-Za-z0-9._%+-]{1,64}@(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.){1,8}'
                 r'[A-Za-z]{2,24}(?![A-Za-z0-9-])')


def digits(text):
    return re.sub(r'\D', '', text)


def luhn(number):
    total = 0
    for i, c in enumerate(reversed(number)):
        v = int(c) * (2 if i % 2 else 1)
        total += v - 9 if v > 9 else v
    return total % 10 == 0


def issued(n):
    two, three, four = int(n[:2]), int(n[:3]), int(n[:4])
    length = len(n)
    if n[0] == '4':
        return length in (13, 16, 19)
    if two in (34, 37):
        return length == 15
    if 51 <= two <= 55 or 2221 <= four <= 2720:
        return length == 16
    if 300 <= three <= 305 or two in (36, 38, 39):
        return 14 <= length <= 19
    if two in (35, 60, 62, 64, 65):
        return length >= 16
    if two == 50 or 56 <= two <= 58 or two in (63, 67):
        return length >= 13
    return False


CARD = by_tries(r'(?<![A-Za-z0-9_])(?<![0-9]\.)[0-9]', [
    (re.compile(r'[0-9](?:[ -]?[0-9]){%d}(?![A-Za-z0-9_])(?!\.[0-9])' % (n - 1)),
     lambda t: issued(digits(t)) and luhn(digits(t))) for n in range(19, 12, -1)])

SSN = by_regex(r'(?<![A-Za-z0-9_-])(?!000|666|9)[0-9]{3}([- ])(?!00)[0-9]{2}\1(?!0000)[0-9]{4}(?![A-Za-z0-9_-])')

ALWAYS = lambda t: True
NOT_INSIDE = r'(?<![A-Za-z0-9_+.,/:-])'
PHONE = by_tries(r'(?<![A-Za-z0-9_+])[0-9+(]', [
    (re.compile(r'\+[1-9](?:[ ./()-]{0,2}[0-9]){%d}(?![A-Za-z0-9_])' % (n - 1)), ALWAYS)
    for n in range(15, 7, -1)] + [
    (re.compile(NOT_INSIDE + r'(?:1[ .-])?(?:\([2-9][0-9]{2}\) ?|[2-9][0-9]{2}[ .-])[2-9][0-9]{2}[ .-][0-9]{4}'
                r'(?![A-Za-z0-9_])(?![.-][0-9])'), ALWAYS)] + [
    (re.compile(NOT_INSIDE + r'00[1-9](?:[ ./()-]{0,2}[0-9]){%d}(?![A-Za-z0-9_])' % (n - 1)), ALWAYS)
    for n in range(15, 7, -1)] + [
    (re.compile(NOT_INSIDE + r'(?![0-9]{2}[/-][0-9]{2}[/-][0-9]{4})0[1-9](?:[ /-]?[0-9]){%d}(?![A-Za-z0-9_])'
                r'(?![-./:][0-9])' % (n - 2)), lambda t: re.search(r'[ /-]', t)) for n in (11, 10, 9)])

IBAN_LENGTHS = dict(re.findall(r'([A-Z]{2})(\d\d)', '''
AD24 AE23 AL28 AT20 AZ28 BA20 BE16 BG22 BH22 BI27 BR29 BY28 CH21 CR22 CY28 CZ24 DE22 DJ27 DK18 DO28 EE20 EG29
ES24 FI18 FK18 FO18 FR27 GB22 GE22 GI23 GL18 GR27 GT28 HR21 HU28 IE22 IL23 IQ23 IS26 IT27 JO30 KW30 KZ20 LB28
LC32 LI21 LT20 LU20 LV21 LY25 MC27 MD24 ME22 MK19 MN20 MR27 MT31 MU30 NI28 NL18 NO15 OM23 PK24 PL28 PS29 PT25
QA29 RO24 RS22 RU33 SA24 SC31 SD18 SE24 SI19 SK24 SM27 SO23 ST25 SV28 TL23 TN24 TR26 UA29 VA22 VG24 XK20'''))


def mod97(text):
    chars = re.sub(r'[ -]', '', text).upper()
    return int(''.join(str(int(c, 36)) for c in chars[4:] + chars[:4])) % 97 == 1


IBAN = by_tries(r'(?<![A-Za-z0-9])[A-Za-z]{2}[0-9]{2}', [
    (re.compile(r'(?i:%s)[0-9]{2}(?:[ -]?[A-Za-z0-9]){%d}(?![A-Za-z0-9])'
                % ('|'.join(c for c in IBAN_LENGTHS if IBAN_LENGTHS[c] == length), int(length) - 4)), mod97)
    for length in sorted(set(IBAN_LENGTHS.values()))])


def is_v6(text):
    try:
        ipaddress.IPv6Address(text)
    except ValueError:
        return False
    groups = [g for g in text.split(':') if g]
    first = text.split(':')[0]
    return len(groups) >= 3 or bool(len(first) == 4 and re.search('[0-9]', first))


V4 = re.compile(r'[0-9]{1,3}(?:\.[0-9]{1,3}){3}(?![A-Za-z0-9_])(?!\.[A-Za-z0-9])')
V6 = re.compile(r'[0-9A-Fa-f:]{2,40}(?![0-9A-Fa-f:])(?![A-Za-z0-9_])')


def IP(text):
    at, out, start = 0, [], re.compile(r'(?<![A-Za-z0-9_.:])[0-9A-Fa-f:]')
    while m := start.search(text, at):
        four, six = V4.match(text, m.start()), V6.match(text, m.start())
        at = m.start() + 1
        if four and all(int(part) < 256 for part in four[0].split('.')):
            out.append(four.span())
            at = four.end()
        elif six:
            run = six[0]
            if run.endswith(':') and not run.endswith('::'):
                run = run[:-1]
            if is_v6(run):
                out.append((m.start(), m.start() + len(run)))
                at = m.start() + len(run)
    return out


URL = by_regex(r'(?<=[A-Za-z0-9]://)[^\x00-\x20/?#@:"\'<>]{1,64}:[^\x00-\x20/?#"\'<>]{1,128}(?=@)')


def entropy(text):
    text = text.encode()
    return -sum(n / len(text) * math.log2(n / len(text)) for n in (text.count(b) for b in set(text)))


def crc32_62(token):
    body, out = token[-36:], ''
    value = zlib.crc32(body[:30].encode())
    for _ in range(6):
        out = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'[value % 62] + out
        value //= 62
    return out == body[30:]


def jwt(token):
    head = token.split('.')[0]
    try:
        text = base64.b64decode(head.replace('-', '+').replace('_', '/') + '=' * (-len(head) % 4), validate=True)
    except ValueError:
        return False
    return b'"alg"' in text or b'"typ"' in text


CHECKS = {'entropy': lambda t: entropy(t) >= 3.0, 'crc32_62': crc32_62, 'jwt': jwt}
SECRETS = [(re.compile(r'(?<![A-Za-z0-9])' + pattern), CHECKS[check],
            max(re.sub(r'\\(.)', r'\1', re.sub(r'\(\?!.*', '', pattern)).replace('}', '[').split('[')[::2], key=len))
           for _, pattern, check in FORMATS]
PEM = re.compile(r'-----BEGIN (?=([A-Z0-9 ]{0,46}))\1(?<=PRIVATE KEY)-----[A-Za-z0-9+/=\s\\]{0,16384}'
                 r'(?:-----END [A-Z0-9 ]{0,46}-----)?|'
                 r'-----BEGIN (?=([A-Z0-9 ]{0,46}))\2(?<=PRIVATE KEY BLOCK)-----[A-Za-z0-9+/=\s\\]{0,16384}'
                 r'(?:-----END [A-Z0-9 ]{0,46}-----)?', re.A)


def SECRET(text):
    hits = [m.span() for m in PEM.finditer(text)]
    for pattern, check, literal in SECRETS:
        if literal not in text:
            continue
        at = 0
        while m := pattern.search(text, at):
            at = m.start() + 1
            if check(m[0]):
                hits.append(m.span())
    hits.sort(key=lambda span: (span[0], -span[1]))
    out, at = [], 0
    for start, end in hits:  # the first, the longest there; then behind it
        if start >= at:
            out.append((start, end))
            at = end
    return out


DETECTORS = {'email': EMAIL, 'phone': PHONE, 'credit_card': CARD, 'iban': IBAN, 'ip': IP, 'us_ssn': SSN,
             'url_credentials': URL, 'secrets': SECRET}


def spans(source, syntax, guards):
    """[(from, to, action, bare)] of the source; overlapping ones are one, of the strictest action."""
    rank = {'flag': 0, 'redact': 1, 'block': 2}
    out = []
    for found, bare in texts(source, syntax):
        text = ''.join(c for c, _, _ in found)
        hits = []
        for guard in guards:
            if guard['action'] == 'flag':
                continue
            for name in guard.get('detect', []):
                hits += [(a, b, guard['action']) for a, b in DETECTORS[name](text)]
            for pattern in guard.get('patterns', []):
                hits += [(*m.span(), guard['action']) for m in re.finditer(pattern, text)]
        if bare:
            hits = [(*to_token(text, a, b), action) for a, b, action in hits]
        merged = []
        for a, b, action in sorted(hits):
            if merged and a < merged[-1][1]:
                last = merged[-1]
                merged[-1] = (last[0], max(last[1], b), max(last[2], action, key=rank.get))
            else:
                merged.append((a, b, action))
        out += [(found[a][1], found[b - 1][2], action, bare) for a, b, action in merged]
    return out


def to_token(text, a, b):
    while a > 0 and text[a - 1] not in ' \t\r\n':
        a -= 1
    while b < len(text) and text[b] not in ' \t\r\n':
        b += 1
    return a, b


def expected(source, syntax, guards):
    """(blocked, text): what must come out; blocked: what may come out at most."""
    out, at = '', 0
    for a, b, action, bare in spans(source, syntax, guards):
        out += source[at:a]
        if action == 'block':
            return True, out
        out += '"[#]"' if bare else '[#]'
        at = b
    return False, out + source[at:]
