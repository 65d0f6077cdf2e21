"""The rules. Each takes a Tree (path -> text) and yields Problems; the table of rules is at the end."""

import re
from dataclasses import dataclass

import source


@dataclass(frozen=True)
class Problem:
    path: str
    line: int
    text: str

    def __str__(self):
        return f'{self.path}:{self.line}: {self.text}'


class Tree(dict):
    """Repository path -> text."""

    def under(self, *prefixes, ends=('.cpp', '.hpp')):
        for path in sorted(self):
            if path.startswith(prefixes) and path.endswith(ends):
                yield path, self[path]

    def has(self, path):
        path = path.rstrip('/')
        return path in self or any(known.startswith(path + '/') for known in self)


# --- layers: includes point down -------------------------------------------------------------------

PURE = {'base', 'codec', 'tokens'}
LAYERS = {
    'base': set(),
    'codec': {'base'},
    'tokens': {'base'},
    'guard': {'base', 'codec'},
    'dialect': PURE,
    'net': {'base', 'codec'},
    'store': {'base', 'codec', 'net'},
    'telemetry': {'base', 'codec', 'net'},
    'config': {'base', 'guard'},
    'provider': PURE | {'dialect', 'net', 'config'},
    'stage': PURE | {'store', 'telemetry', 'config'},
    'engine': PURE | {'guard', 'dialect', 'net', 'config', 'provider', 'store', 'telemetry'},
    'endpoint': PURE | {'dialect', 'net', 'config', 'provider', 'store', 'telemetry', 'engine'},
}
LAYERS['daemon'] = set(LAYERS)
# Asking who calls comes before every rule and is no entry of the stage list, so these may name it.
MAY_AUTHENTICATE = {'engine': 'stage/auth/', 'endpoint': 'stage/auth/'}
WITH_SIBLINGS = ('stage', 'dialect', 'endpoint')


def folder_of(path):
    return path.split('/')[1]


def layers(tree):
    for path, text in tree.under('include/'):
        for line, quoted, target in source.includes(text):
            if quoted and not target.startswith('sluice/'):
                yield Problem(path, line, f'a contract includes only contracts, not "{target}"')
    for path, text in tree.under('src/'):
        here = folder_of(path)
        if here not in LAYERS:
            yield Problem(path, 1, f'src/{here} has no place in the layers; give it one in tests/tidy/rules.py')
            continue
        for line, quoted, target in source.includes(text):
            if not quoted or target.startswith('sluice/'):
                continue
            there = target.split('/')[0]
            if there not in LAYERS:
                yield Problem(path, line, f'"{target}": write the path from src/ or include/')
            elif target.startswith(MAY_AUTHENTICATE.get(here, '-')):
                continue
            elif there != here and there not in LAYERS[here]:
                yield Problem(path, line, f'{here} may not include {there} ("{target}")')
            elif there == here and are_siblings(path, 'src/' + target):
                yield Problem(path, line, f'siblings in {here} never include each other ("{target}")')


def are_siblings(a, b):
    a, b = a.split('/'), b.split('/')
    return (a[1] in WITH_SIBLINGS and len(a) > 3 and len(b) > 3 and a[2] != b[2] and
            b[2] != 'common')


# --- libraries: who may use what -------------------------------------------------------------------

LIBRARIES = {  # include prefix -> where in src/ it may stand
    'boost/': ('src/net/',),
    'openssl/ssl': ('src/net/',),
    'ares': ('src/net/',),
    'nlohmann/': ('src/config/', 'src/provider/', 'src/endpoint/admin/', 'src/daemon/'),
    'yaml-cpp/': ('src/config/',),
    'sqlite3': ('src/store/sqlite/', 'src/store/check/backup.cpp'),
    'simdjson': ('src/codec/', 'src/dialect/', 'src/store/projection/', 'src/telemetry/'),
    'spdlog/': ('src/base/log.cpp', 'src/telemetry/'),
    'prometheus/': ('src/telemetry/',),
    'curl/': ('src/telemetry/trace/', 'src/telemetry/webhook.cpp'),
    'hs/': ('src/guard/pattern_width.cpp',),
    'pcre2': ('src/guard/pattern.cpp',),
}


def libraries(tree):
    for path, text in tree.under('src/', 'include/'):
        for line, _, target in source.includes(text):
            for prefix, places in LIBRARIES.items():
                if target.startswith(prefix) and not path.startswith(places):
                    yield Problem(path, line, f'<{target}> may be included only in {", ".join(places)}')


# --- purity: what the sans-I/O column and the data plane never do ----------------------------------

PURE_FOLDERS = ('src/codec/', 'src/tokens/', 'src/guard/', 'src/dialect/')
DATA_PLANE = PURE_FOLDERS + ('src/net/', 'src/stage/', 'src/engine/', 'src/endpoint/')
NOT_PURE = {
    r'\bco_(await|return|yield)\b': 'awaits',
    r'::now\s*\(': 'reads a clock',
    r'\blog::(debug|info|warn|error|write)\s*\(': 'logs',
    r'\b(std::this_thread|std::thread|std::mutex|std::atomic)\b': 'knows threads',
    r'\b(std::ifstream|std::ofstream|std::fstream|fopen|getenv)\b': 'reaches outside',
}


def purity(tree):
    for path, text in tree.under(*PURE_FOLDERS):
        code = source.blank(text)
        for pattern, what in NOT_PURE.items():
            for match in re.finditer(pattern, code):
                yield Problem(path, source.line_of(code, match.start()), f'this is the pure column, and it {what}')
    for path, text in tree.under(*DATA_PLANE):
        code = source.blank(text)
        for match in re.finditer(r'\bthrow\b', code):
            yield Problem(path, source.line_of(code, match.start()), 'errors are values on the data plane: return an Error')
    for path, text in tree.under('src/', 'include/', ends=('.hpp',)):
        if '#pragma once' not in text:
            yield Problem(path, 1, 'a header begins with its contract and #pragma once')
        elif not text.startswith('//'):
            yield Problem(path, 1, 'a header opens with what it is, who calls it, whom it calls')


# --- coroutines: what g++ 12 miscompiles, and what dangles -----------------------------------------

def coroutines(tree):
    for path, text in tree.under('src/', 'include/', 'tests/'):
        code = source.blank(text)
        for match in re.finditer(r'\bco_await\b', code):
            line = source.line_of(code, match.start())
            if any('?' in each for each in source.expressions_around(code, match.start())):
                yield Problem(path, line, 'co_await in a conditional operator: name the value first (g++ 12)')
            brace = source.enclosing_brace(code, match.start())
            if brace >= 0 and is_list(code, brace):
                yield Problem(path, line, 'co_await in a braced list: name the value first (g++ 12)')
    for path, text in tree.under('src/', 'include/'):
        code = source.blank(text)
        for offset, captures, body in source.lambdas(code):
            if captures and re.search(r'\bco_(await|return|yield)\b', without_lambdas(body)):
                yield Problem(path, source.line_of(code, offset),
                              'a capturing lambda is a coroutine: its captures die with the lambda; pass values')


def is_list(code, brace):
    # A block has a statement of its own; a list has none.
    body = code[brace + 1:source.closing(code, brace)]
    return ';' not in source.top_level(body)


def without_lambdas(body):
    for _, _, inner in source.lambdas(body[1:]):
        body = body.replace(inner, '')
    return body


# --- names, marks ----------------------------------------------------------------------------------

PROVIDERS = ('openai', 'anthropic', 'gemini', 'groq', 'deepseek', 'openrouter', 'cerebras', 'fireworks',
             'mistral', 'vertex', 'bedrock', 'azure')
# The names of dialects and surfaces are words of the domain in these places, for themselves only.
DIALECT_NAMES = ('openai', 'anthropic', 'gemini')
GENERIC = ('src/base/', 'src/codec/', 'src/net/', 'src/engine/', 'src/endpoint/', 'src/stage/', 'src/store/',
           'src/telemetry/', 'src/tokens/', 'include/')


def names(tree):
    only_providers = [name for name in PROVIDERS if name not in DIALECT_NAMES]
    # One of them is an everyday word: it counts as a name or a host only.
    pattern = re.compile(r'\b(' + '|'.join(only_providers) + r')\b|"together"|\btogether(_|\.ai|\.xyz)', re.I)
    for path, text in tree.under(*GENERIC):
        for match in pattern.finditer(text):
            yield Problem(path, source.line_of(text, match.start()),
                          f'"{match.group()}": a provider\'s name in generic code is a defect; it belongs into config/providers/')
    # In code (not in comments or texts for people) generic folders know no dialect either.
    pattern = re.compile(r'\b(' + '|'.join(DIALECT_NAMES) + r')\b', re.I)
    for path, text in tree.under('src/base/', 'src/codec/', 'src/net/', 'src/engine/', 'src/store/'):
        code = source.blank(text)
        for match in pattern.finditer(code):
            yield Problem(path, source.line_of(code, match.start()), f'"{match.group()}": generic code knows no dialect by name')


# Composed, so that this file does not hold what it looks for.
MARKS = {
    r'\b(' + '|'.join(('TO' + 'DO', 'FIX' + 'ME', 'XX' + 'X', 'HA' + 'CK')) + r')\b':
        'finish it, or write down why it is as it is',
    r'(?<![\w.])/(home/\w|root/|Users/\w|work' + r'/\w)': 'a path of one machine',
    r'\b(' + '|'.join(('registry\\.npm' + 'js\\.org', 'py' + 'pi\\.org', 'files\\.python' + 'hosted',
                       'deb\\.debian' + '\\.org', 'proxy\\.go' + 'lang\\.org')) + r')\b': 'the host of a package registry',
}


def marks(tree):
    for path in sorted(tree):
        if path == 'LICENSE':
            continue
        for pattern, why in MARKS.items():
            for match in re.finditer(pattern, tree[path]):
                yield Problem(path, source.line_of(tree[path], match.start()), f'"{match.group()}": {why}')


# --- readmes, paths --------------------------------------------------------------------------------

FURNITURE = ('lives here', 'may include', 'owns', 'never')


def readmes(tree):
    folders = {folder_of(path) for path, _ in tree.under('src/')}
    for folder in sorted(folders):
        path = f'src/{folder}/README.md'
        if path not in tree:
            yield Problem(path, 1, 'every folder of src/ has a README.md: ' + ', '.join(FURNITURE))
            continue
        for word in FURNITURE:
            if word not in tree[path].lower():
                yield Problem(path, 1, f'it does not say "{word}"')


TOP = r'(?:\./)?(?:src|include|config|tests|docs|docker|\.ci|\.github)/'
MENTION = re.compile(r'\bdocs/[\w/.-]*\.md\b')


def paths(tree):
    for path, text in tree.under('', ends=('.md',)):
        prose = re.sub(r'^(```|~~~).*?^\1', lambda m: re.sub(r'[^\n]', ' ', m.group()), text, flags=re.S | re.M)
        for match in re.finditer(r'`([^`\n]+)`', prose):
            for token in match.group(1).split():
                problem = check_token(tree, path, token)
                if problem:
                    yield Problem(path, source.line_of(prose, match.start()), problem)
        for match in re.finditer(r'\]\(([^)\s]+)\)', prose):
            target = match.group(1).split('#')[0]
            if not target or re.match(r'[a-z]+:', target):
                continue
            if not tree.has(relative(path, target)):
                yield Problem(path, source.line_of(prose, match.start()), f'the link "{target}" leads nowhere')
    for path, text in tree.under('src/', 'include/', 'tests/', 'config/', 'docker/', 'dev',
                                 ends=('.cpp', '.hpp', '.yaml', 'dev', 'run', '.txt')):
        for match in MENTION.finditer(text):
            if not tree.has(match.group()):
                yield Problem(path, source.line_of(text, match.start()), f'"{match.group()}" does not exist')


def check_token(tree, path, token):
    token = token.strip('.,;()"\'') if not token.startswith('.') else token.rstrip('.,;()"\'')
    token = re.sub(r':\d+$', '', token)
    if re.search(r'[<>$…=@]|\.\.\.', token):
        return None
    if re.match(TOP, token):
        missing = [each for each in expand(token.removeprefix('./')) if not matches(tree, each)]
        return f'`{missing[0]}` does not exist' if missing else None
    # A bare file name of ours stands somewhere.
    if re.fullmatch(r'[\w-]+\.(cpp|hpp|cmake)', token):
        if not any(known.endswith('/' + token) for known in tree):
            return f'`{token}`: there is no such file'
    return None


def expand(token):
    match = re.search(r'\{([^{}]*)\}', token)
    if not match:
        return [token]
    return [each for part in match.group(1).split(',')
            for each in expand(token[:match.start()] + part.strip() + token[match.end():])]


def matches(tree, token):
    if '*' not in token:
        return tree.has(token)
    pattern = re.compile(re.escape(token).replace(r'\*\*', '.*').replace(r'\*', '[^/]*') + '(/.*)?')
    return any(pattern.fullmatch(known) for known in tree)


def relative(path, target):
    parts = path.split('/')[:-1]
    for part in target.rstrip('/').split('/'):
        if part == '..':
            parts = parts[:-1]
        elif part != '.':
            parts.append(part)
    return '/'.join(parts)


# --- acceptance: what the pages name as proof is there ----------------------------------------------

TEST = re.compile(r'\bTEST(?:_F|_P)?\(\s*(\w+)\s*,\s*(\w+)')
PROOF = re.compile(r"`T (?:'([^']+)'|([\w.]+))`")


def test_names(tree):
    """As ctest has them, but for the parts that instances of parametrized tests add."""
    found = {'tidy', 'package', *(f'tidy.{rule}' for rule in RULES)}
    for path, text in tree.under('tests/', ends=('.cpp',)):
        folders = path.split('/')
        program = 'unit_' + folders[2] if folders[1] == 'unit' else folders[1]
        found.update(f'{program}.{suite}.{name}' for suite, name in TEST.findall(text))
    for _, text in tree.under('tests/', ends=('CMakeLists.txt',)):
        found.update(re.findall(r'\badd_test\(NAME ([\w.]+)', text))
    return found


def acceptance(tree):
    names_found = test_names(tree)
    for path, text in tree.under('docs/acceptance/', ends=('.md',)):
        for match in PROOF.finditer(text):
            # In a table a bar is written with a backslash.
            for part in (match.group(1) or match.group(2)).replace('\\|', '|').split('|'):
                if not any(re.search(part, name) for name in names_found):
                    yield Problem(path, source.line_of(text, match.start()), f'no test has a name like "{part}"')


# --- errors: each code is told, with what to do ------------------------------------------------------

CODES = re.compile(r'enum class ErrorCode[^{]*\{(.*?)\};', re.S)


def errors(tree):
    contract, page = 'include/sluice/error.hpp', 'docs/reference/errors.md'
    body = CODES.search(tree.get(contract, ''))
    codes = re.findall(r'\b[a-z]\w+', re.sub(r'//[^\n]*', '', body.group(1))) if body else []
    if not codes:
        yield Problem(contract, 1, 'there is no enum ErrorCode to read')
    told = {}
    for match in re.finditer(r'^\|(.*)\|$', tree.get(page, ''), re.M):
        line = source.line_of(tree[page], match.start())
        cells = [cell.strip() for cell in match.group(1).split('|')]
        for code in re.findall(r'`(\w+)`', re.sub(r'\(.*?\)', '', cells[0])):
            told[code] = line
            if len(cells) < 4 or not all(cells):
                yield Problem(page, line, f'{code}: a row says code, status, cause and what to do')
            if code not in codes:
                yield Problem(page, line, f'there is no error code {code}')
    for code in codes:
        if code not in told:
            yield Problem(page, 1, f'it does not tell of {code}')


RULES = {rule.__name__: rule
         for rule in (layers, libraries, purity, coroutines, names, readmes, marks, paths, acceptance, errors)}
