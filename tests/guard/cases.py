"""Makes texts that try to slip past a guard, and texts that only look as if they did."""

import random
import re
import string
import sys
import zlib

from secret_patterns import FORMATS

sys.path.insert(0, __file__.rsplit('/', 1)[0])

LETTERS, DIGITS, ALNUM = string.ascii_letters, string.digits, string.ascii_letters + string.digits
WORDS = ('the of and to in is that for it with was on are be this have from or had by not but what all were when '
         'we there can an your which said if do will each about how up out them then she many some so these would '
         'other into has more her two like him see time could no make than first been its who now people my made '
         'over did down only way find use may long little very after words called just where most know '
         'straße überall café naïve 東京 привет 😀 👩‍👩‍👧 def return std::vector foo_bar bar() https://example.org/a?b=1').split(' ')


def luhn_complete(body):
    for last in DIGITS:
        total = 0
        for i, c in enumerate(reversed(body + last)):
            v = int(c) * (2 if i % 2 else 1)
            total += v - 9 if v > 9 else v
        if total % 10 == 0:
            return body + last


def grouped(r, number, sizes, separators):
    out, at = [], 0
    for size in sizes:
        out.append(number[at:at + size])
        at += size
    if number[at:]:
        out.append(number[at:])
    return r.choice(separators).join(part for part in out if part)


def card(r):
    kind = r.randrange(4)
    if kind == 0:
        return grouped(r, luhn_complete('4' + ''.join(r.choices(DIGITS, k=14))), (4, 4, 4), ('', ' ', '-'))
    if kind == 1:
        return grouped(r, luhn_complete('5' + r.choice('12345') + ''.join(r.choices(DIGITS, k=13))), (4, 4, 4),
                       ('', ' ', '-'))
    if kind == 2:
        return grouped(r, luhn_complete('37' + ''.join(r.choices(DIGITS, k=12))), (4, 6), ('', ' ', '-'))
    return luhn_complete('6011' + ''.join(r.choices(DIGITS, k=11)))


def email(r):
    local = ''.join(r.choices(ALNUM + '._%+-', k=r.choice((1, 3, 8, 20, 64))))
    labels = '.'.join(''.join(r.choices(ALNUM, k=r.randint(1, 9))) for _ in range(r.randint(1, 3)))
    return f'{local}@{labels}.{"".join(r.choices(LETTERS, k=r.choice((2, 3, 6))))}'


def iban(r):
    code, length = r.choice((('DE', 22), ('GB', 22), ('FR', 27), ('NO', 15), ('CH', 21), ('AT', 20)))
    body = ''.join(r.choices(DIGITS if code != 'GB' else string.ascii_uppercase + DIGITS, k=length - 4))
    value = int(''.join(str(int(c, 36)) for c in body + code + '00'))
    whole = f'{code}{98 - value % 97:02}{body}'
    if r.random() < .4:
        whole = ' '.join(whole[i:i + 4] for i in range(0, len(whole), 4))
    return whole.lower() if r.random() < .1 else whole


def phone(r):
    d = lambda k: ''.join(r.choices(DIGITS, k=k))
    h = lambda: r.choice('23456789') + d(2)
    return r.choice((lambda: f'+{r.randint(1, 99)} {d(3)} {d(3)} {d(4)}', lambda: f'+1 ({h()}) {h()}-{d(4)}',
                     lambda: f'({h()}) {h()}-{d(4)}', lambda: f'{h()}-{h()}-{d(4)}', lambda: f'1-{h()}.{h()}.{d(4)}',
                     lambda: f'0049 30 {d(7)}', lambda: f'030 {r.choice("123456789")}{d(6)}', lambda: f'+49{d(10)}'))()


def ssn(r):
    s = r.choice('- ')
    return f'{r.randint(1, 665):03}{s}{r.randint(1, 99):02}{s}{r.randint(1, 9999):04}'


def ip(r):
    if r.random() < .5:
        return '.'.join(str(r.randint(0, 255)) for _ in range(4))
    groups = [f'{r.randint(0, 65535):x}' for _ in range(8)]
    if r.random() < .5:
        return ':'.join(groups)
    cut = r.randint(1, 5)
    return ':'.join(groups[:cut]) + '::' + ':'.join(groups[cut + 2:])


def url(r):
    return f'https://{"".join(r.choices(ALNUM, k=5))}:{"".join(r.choices(ALNUM + "!$%^*:@", k=9))}@db.example.com/x'


def of_pattern(r, pattern):
    """A text that a pattern of the list matches."""
    pattern = re.sub(r'\(\?!.*?\)$', '', pattern)
    out = ''
    for m in re.finditer(r'\[((?:[^\]])+)\]\{(\d+)(?:,(\d+))?\}|\\(.)|(.)', pattern):
        if m[1] is None:
            out += m[4] or m[5]
            continue
        chars = [chr(c) for c in range(128) if re.match(f'[{m[1]}]', chr(c))]
        least, most = int(m[2]), int(m[3] or m[2])
        out += ''.join(r.choices(chars, k=r.randint(least, min(most, least + 40))))
    return out


def secret(r):
    name, pattern, check = r.choice(FORMATS)
    if name == 'jwt':
        return f'eyJhbGciOiJIUzI1NiJ9.eyJ{"".join(r.choices(ALNUM, k=60))}.{"".join(r.choices(ALNUM + "_-", k=43))}'
    token = of_pattern(r, pattern)
    if check == 'crc32_62':
        value, tail = zlib.crc32(token[-36:-6].encode()), ''
        for _ in range(6):
            tail = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'[value % 62] + tail
            value //= 62
        token = token[:-6] + tail
    return token


def pem(r):
    lines = '\n'.join(''.join(r.choices(ALNUM + '+/', k=40)) for _ in range(3))
    return f'-----BEGIN {r.choice(("", "RSA ", "EC "))}PRIVATE KEY-----\n{lines}\n-----END PRIVATE KEY-----'


def house(r):
    return r.choice(('Project Aurora', 'project   borealis', 'PROJECT aurora', 'Überfall'))


POSITIVE = {'email': email, 'credit_card': card, 'iban': iban, 'phone': phone, 'us_ssn': ssn, 'ip': ip,
            'url_credentials': url, 'secrets': secret, 'pem': pem, 'house': house}


def spoiled(r, text):
    """One change that should make it none; whether it does, the definitions say."""
    if len(text) < 3:
        return text
    at = r.randrange(1, len(text) - 1)
    return r.choice((lambda: text[:at], lambda: text[:at] + r.choice('#§|~') + text[at:],
                     lambda: text[:at] + text[at + 1:], lambda: 'x' + text, lambda: text + 'x',
                     lambda: text[:at] + r.choice(ALNUM) + text[at + 1:], lambda: text[::-1]))()


def near_miss(r):
    kind = r.randrange(10)
    d = lambda k: ''.join(r.choices(DIGITS, k=k))
    if kind < 6:
        return spoiled(r, POSITIVE[r.choice(list(POSITIVE))](r))
    return (f'{r.randint(1900, 2100)}-{r.randint(1, 12):02}-{r.randint(1, 28):02} {d(2)}:{d(2)}:{d(2)}.{d(6)}',
            f'{d(1)}.{d(1)}.{d(2)} foo@bar v{d(2)}.{d(2)}', f'0x{r.getrandbits(128):032x} {d(16)} sk- AKIA ghp_ eyJ @',
            f'{r.uniform(0, 1)!r} a@b.c {d(3)}-{d(3)} &#6 %4 \\u00 &comma')[kind - 6]


def hidden(r, text):
    """The same to a reader, other bytes."""
    out = ''
    for c in text:
        x = r.random()
        if x > .25 or not c.isascii():
            out += c
        elif x < .08:
            out += c + r.choice('\u200b\u200d\u2060\ufeff\xad\u202e')
        elif c in string.whitespace or not (c in ALNUM or c in '@.-_+'):
            out += c
        elif x < .12:
            out += chr(ord(c) + 0xfee0)
        elif x < .14:
            out += chr(ord(c) + 0xe0000)
        elif x < .18:
            out += f'%{ord(c):02x}'
        elif x < .22:
            out += r.choice((f'&#{ord(c)};', f'&#x{ord(c):x};'))
        else:
            out += f'\\u{ord(c):04x}'
    return out


GLUE = (' ', ' ', ' ', '\n', ', ', '. ', '', ': ', '"', '(', ') ', '=', '/', '-', '😀', 'é')


def text(r, near_only):
    out = []
    for _ in range(r.randint(1, 7)):
        x = r.random()
        if x < .45:
            out.append(' '.join(r.choices(WORDS, k=r.randint(1, 5))))
        elif near_only or x < .65:
            out.append(near_miss(r))
        else:
            one = POSITIVE[r.choice(list(POSITIVE))](r)
            out.append(hidden(r, one) if r.random() < .35 else one)
        out.append(r.choice(GLUE))
    return ''.join(out)


def json_string(r, text):
    """A JSON string of it, some of it escaped without need."""
    out = '"'
    for c in text:
        if c in '"\\':
            out += '\\' + c
        elif c < ' ':
            out += {'\n': '\\n', '\t': '\\t', '\r': '\\r'}.get(c, f'\\u{ord(c):04x}')
        elif r.random() < .06:
            code = c.encode('utf-16-be')
            out += ''.join(f'\\u{code[i] << 8 | code[i + 1]:04x}' for i in range(0, len(code), 2))
        elif c == '/' and r.random() < .3:
            out += '\\/'
        else:
            out += c
    return out + '"'


def document(r, near_only, depth=0):
    """A JSON document, as tools get them."""
    x = r.random()
    if depth < 3 and (x < .5 or depth == 0):
        members = [json_string(r, text(r, True)[:12] or 'k') + r.choice((':', ': ')) + document(r, near_only, depth + 1)
                   for _ in range(r.randint(1, 3))]
        return '{' + r.choice((',', ', ', ',\n ')).join(members) + '}'
    if depth < 3 and x < .6:
        return '[' + ', '.join(document(r, near_only, depth + 1) for _ in range(r.randint(0, 3))) + ']'
    if x < .7:
        number = card(r).replace(' ', '').replace('-', '') if not near_only else str(r.getrandbits(50))
        return r.choice((number, number, '-1.5e9', 'true', 'null', '20240102'))
    return json_string(r, text(r, near_only))


def cut(r, sequence, most=12, pieces_max=10_000):
    """Pieces of it; often of one character."""
    style, out, at = r.randrange(4), [], 0
    if style < 3 and len(sequence) > pieces_max:
        style, most = 2, 2 * len(sequence) // pieces_max
    while at < len(sequence):
        size = (1, r.randint(1, 4), r.randint(1, most), len(sequence))[style]
        out.append(sequence[at:at + size])
        at += size
    return out
