"""C++ text as the rules see it: comments and literals blanked, includes, braces, lambdas."""

import re

INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*(["<])([^">]+)[">]', re.M)
# A comment, a raw string, a string or a character literal, whichever begins first. A ' inside a
# number (1'000) is no literal.
_TOKEN = re.compile(
    r'//[^\n]*|/\*.*?\*/|R"(?P<mark>[^(\s]*)\(.*?\)(?P=mark)"|"(?:\\.|[^"\\\n])*"'
    r"|(?<![0-9a-fA-F])'(?:\\.|[^'\\\n])+'", re.S)
_CAPTURE = re.compile(
    r'\[(?P<captures>[^\[\]]*)\]\s*(?:<[^{;]*?>\s*)?(?:\((?P<parameters>[^{};]*?)\)\s*)?'
    r'(?:mutable\s*|noexcept\s*|constexpr\s*)*(?:->\s*[\w:<>,\s&*]+?)?\s*\{')


def blank(text):
    """The same text, as long, with the inside of comments and literals as spaces."""
    def spaces(match):
        return re.sub(r'[^\n]', ' ', match.group())
    return _TOKEN.sub(spaces, text)


def line_of(text, offset):
    return text.count('\n', 0, offset) + 1


def includes(text):
    """(line, is_quoted, path) of each #include."""
    for match in INCLUDE.finditer(text):
        yield line_of(text, match.start()), match.group(1) == '"', match.group(2)


def closing(text, start):
    """The offset of the bracket that closes the one at `start`."""
    pairs = {'(': ')', '[': ']', '{': '}'}
    stack = []
    for at in range(start, len(text)):
        if text[at] in pairs:
            stack.append(pairs[text[at]])
        elif stack and text[at] == stack[-1]:
            stack.pop()
            if not stack:
                return at
    return len(text)


def enclosing_brace(text, offset):
    """The innermost { that is open at `offset`, or -1."""
    depth = 0
    for at in range(offset - 1, -1, -1):
        if text[at] == '}':
            depth += 1
        elif text[at] == '{':
            if depth == 0:
                return at
            depth -= 1
    return -1


def top_level(text):
    """The text without what stands inside its brackets."""
    out, depth = [], 0
    for char in text:
        if char in '([{':
            depth += 1
        elif char in ')]}':
            depth -= 1
        elif depth == 0:
            out.append(char)
    return ''.join(out)


def expressions_around(text, offset):
    """The expressions `offset` stands in, inner to outer, each without what is inside its brackets;
    from the ; { or } before it, bounded by commas and brackets."""
    left, right = offset, offset
    while True:
        left, depth = left - 1, 0
        begin = left
        while begin >= 0 and text[begin] not in ';{}':
            if text[begin] in ')]':
                depth += 1
            elif text[begin] in '([':
                if depth == 0:
                    break
                depth -= 1
            elif text[begin] == ',' and depth == 0:
                break
            begin -= 1
        end, depth = right, 0
        while end < len(text) and text[end] not in ';{}':
            if text[end] in '([':
                depth += 1
            elif text[end] in ')]':
                if depth == 0:
                    break
                depth -= 1
            elif text[end] == ',' and depth == 0:
                break
            end += 1
        yield top_level(text[begin + 1:left + 1]) + top_level(text[right:end])
        # Out of the bracket, over the commas before it and after it.
        while begin >= 0 and text[begin] == ',':
            begin = opening(text, begin)
        if begin < 0 or text[begin] not in '([':
            return
        left, right = begin, closing(text, begin) + 1


def opening(text, offset):
    """The bracket or ; that `offset` stands behind, over commas and closed brackets."""
    depth = 0
    for at in range(offset - 1, -1, -1):
        if text[at] in ')]':
            depth += 1
        elif text[at] in '([':
            if depth == 0:
                return at
            depth -= 1
        elif text[at] in ';{}':
            return at
    return -1


def lambdas(text):
    """(offset, captures, body) of each lambda in blanked text."""
    for match in _CAPTURE.finditer(text):
        before = text[:match.start()].rstrip()[-1:]
        if before.isalnum() or before in (']', ')', '_', '['):
            continue  # an index, or an attribute
        open_brace = match.end() - 1
        yield match.start(), match.group('captures').strip(), text[open_brace:closing(text, open_brace) + 1]
