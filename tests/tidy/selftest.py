"""Each rule is shown samples it must catch and samples it must pass: a rule that cannot fail is none."""

import pathlib
import tempfile

import outside
import rules
from rules import Problem, Tree

HEADER = '// What it is.\n#pragma once\n'
FURNITURE = 'Lives here: x. May include: y. Owns: z. Never: w.'

# rule, what the sample shows, files, how many problems
SAMPLES = [
    ('layers', 'codec includes net', {'src/codec/a.cpp': '#include "net/worker.hpp"\n'}, 1),
    ('layers', 'config includes codec', {'src/config/a.cpp': '#include "codec/sse.hpp"\n'}, 1),
    ('layers', 'a stage includes engine', {'src/stage/auth/a.cpp': '#include "engine/plan.hpp"\n'}, 1),
    ('layers', 'someone includes daemon', {'src/endpoint/a.cpp': '#include "daemon/build.hpp"\n'}, 1),
    ('layers', 'engine includes a stage', {'src/engine/a.cpp': '#include "stage/limiter/a.hpp"\n'}, 1),
    ('layers', 'a contract includes src', {'include/sluice/a.hpp': '#include "base/log.hpp"\n'}, 1),
    ('layers', 'siblings', {'src/dialect/x/a.cpp': '#include "dialect/y/b.hpp"\n'}, 1),
    ('layers', 'an unknown folder', {'src/misc/a.cpp': '\n'}, 1),
    ('layers', 'a path that does not start at src/', {'src/net/a.cpp': '#include "wheel.hpp"\n'}, 1),
    ('layers', 'what is allowed', {
        'src/net/a.cpp': '#include "net/b.hpp"\n#include "codec/c.hpp"\n#include "sluice/result.hpp"\n',
        'src/dialect/x/a.cpp': '#include "dialect/common/b.hpp"\n#include "dialect/x/c.hpp"\n#include <vector>\n',
        'src/engine/a.cpp': '#include "stage/auth/authenticate.hpp"\n',
        'src/daemon/build.cpp': '#include "stage/limiter/a.hpp"\n'}, 0),
    ('libraries', 'Asio outside net', {'src/engine/a.hpp': '#include <boost/asio/io_context.hpp>\n'}, 1),
    ('libraries', 'Beast in a contract', {'include/sluice/a.hpp': '#include <boost/beast/http.hpp>\n'}, 1),
    ('libraries', 'nlohmann in the codec', {'src/codec/a.cpp': '#include <nlohmann/json.hpp>\n'}, 1),
    ('libraries', 'nlohmann in engine, dialect, net', {
        f'src/{folder}/a.cpp': '#include <nlohmann/json.hpp>\n' for folder in ('engine', 'dialect', 'net')}, 3),
    ('libraries', 'spdlog in a header', {'src/base/log.hpp': '#include <spdlog/spdlog.h>\n'}, 1),
    ('libraries', 'what is allowed', {
        'src/net/a.cpp': '#include <boost/beast/http.hpp>\n', 'src/config/a.cpp': '#include <nlohmann/json.hpp>\n',
        'tests/unit/codec/a_test.cpp': '#include <nlohmann/json.hpp>\n'}, 0),
    ('purity', 'a clock in the codec', {'src/codec/a.cpp': 'auto t = Steady::now();\n'}, 1),
    ('purity', 'a log in a dialect', {'src/dialect/x/a.cpp': 'void f() { log::warn("x"); }\n'}, 1),
    ('purity', 'an await in the codec', {'src/codec/a.cpp': 'Async<> f() { co_await g(); }\n'}, 1),
    ('purity', 'an exception on the data plane', {'src/engine/a.cpp': 'void f() { throw 1; }\n'}, 1),
    ('purity', 'a header without #pragma once', {'src/net/a.hpp': '// What it is.\n'}, 1),
    ('purity', 'a header without a contract comment', {'src/net/a.hpp': '#pragma once\n'}, 1),
    ('purity', 'words in comments and texts', {
        'src/codec/a.cpp': '// throw, Steady::now()\nauto s = "co_await throw"; auto r = R"(throw " ::now( )";\n',
        'src/net/a.hpp': HEADER}, 0),
    ('coroutines', 'in a conditional operator', {'src/net/a.cpp': 'Async<> f() { auto x = b ? co_await g() : 1; co_return x; }\n'}, 1),
    ('coroutines', 'as its condition', {'src/net/a.cpp': 'Async<> f() { auto x = (co_await g()).ok() ? 1 : 2; co_return x; }\n'}, 1),
    ('coroutines', 'deep in an operand', {'src/net/a.cpp': 'Async<> f() { auto x = b ? h(1, k(co_await g())) : 1; co_return x; }\n'}, 1),
    ('coroutines', 'in a braced list', {'src/net/a.cpp': 'Async<> f() { auto x = Pair{1, co_await g()}; co_return x; }\n'}, 1),
    ('coroutines', 'in a braced argument', {'src/net/a.cpp': 'Async<> f() { take({h(co_await g()), 2}); co_return {}; }\n'}, 1),
    ('coroutines', 'in a test', {'tests/unit/net/a_test.cpp': 'Async<> f() { return_({co_await g()}); }\n'}, 1),
    ('coroutines', 'a capturing lambda', {'src/net/a.cpp': 'auto f = [this](int n) -> Async<> { co_return n; };\n'}, 1),
    ('coroutines', 'a lambda that captures all', {'src/net/a.cpp': 'auto f = [&] { while (x) { co_await g(); } };\n'}, 1),
    ('coroutines', 'what is allowed', {'src/net/a.cpp': '''
        Async<> f() {
            if (a) { auto x = co_await g(); }
            for (int i = 0; i < 2; ++i) { co_await g(); }
            auto plain = [](int n) -> Async<> { co_return n; };
            auto other = [&] { return v[1] ? 1 : 2; };
            auto outer = [&] { spawn([](int n) -> Async<> { co_return n; }(1)); };
            [[maybe_unused]] auto y = co_await g();
            auto n = 1'000 + 2'000;
            if (c ? d : e) { co_await g(); }
            auto z = co_await g(c ? d : e, 2);
            h(c ? d : e, co_await g());
            co_return Pair{1, 2};
        }
        '''}, 0),
    ('names', 'a provider in net', {'src/net/a.cpp': '// as gr' + 'oq does\n'}, 1),
    ('names', 'a provider in a contract', {'include/sluice/a.hpp': 'int az' + 'ure;\n'}, 1),
    ('names', 'an everyday word as a name', {'src/net/a.cpp': 'auto kind = "together";\n'}, 1),
    ('names', 'a dialect in the engine', {'src/engine/a.cpp': 'int openai = 1;\n'}, 1),
    ('names', 'where it belongs', {'src/dialect/openai_chat/a.cpp': 'int openai;\n',
                                   'src/engine/a.cpp': '// together, altogether openai_chat\n'}, 0),
    ('readmes', 'no README', {'src/net/a.cpp': ''}, 1),
    ('readmes', 'a README without its furniture', {'src/net/a.cpp': '', 'src/net/README.md': 'Lives here, owns, never.'}, 1),
    ('readmes', 'a README with it', {'src/net/a.cpp': '', 'src/net/README.md': FURNITURE}, 0),
    ('marks', 'a mark', {'src/net/a.cpp': '// TO' + 'DO later\n'}, 1),
    ('marks', 'a path of one machine', {'docs/a.md': 'see /home' + '/me/x and /work' + '/x\n'}, 2),
    ('marks', 'a registry', {'dev': 'curl https://py' + 'pi.org/simple\n'}, 1),
    ('marks', 'words that look alike', {'docs/a.md': 'hackathon, todos, ~/home, see src/work/x and $HOME\n'}, 0),
    ('acceptance', 'a test that is gone', {'docs/acceptance/a.md': "| x | `T 'Gone\\|Pool'` |\n| y | `T Lost` |\n",
                                           'tests/unit/net/a_test.cpp': 'TEST(Pool, reuses) {}\n'}, 2),
    ('acceptance', 'tests that are there', {'docs/acceptance/a.md': "`T 'unit_net\\|Pool.reuses'` `T tidy` `T <regex>` `T gate`\n",
                                            'tests/x/CMakeLists.txt': 'add_test(NAME x_gate COMMAND x)\n',
                                            'tests/unit/net/a_test.cpp': 'TEST_F(Pool, reuses) {}\n'}, 0),
    ('errors', 'a code untold, one that is gone, a row without advice', {
        'include/sluice/error.hpp': 'enum class ErrorCode : int {\n  lost,  // its comment\n  kept,\n};\n',
        'docs/reference/errors.md': '| code | status | cause | what to do |\n|---|---|---|---|\n| `kept` | 400 | it |\n'
                                    '| `gone` | 400 | it | do |\n'}, 3),
    ('errors', 'every code in a row', {
        'include/sluice/error.hpp': 'enum class ErrorCode : int { lost, kept };\n',
        'docs/reference/errors.md': '| `kept` (`other` on the wire), `lost` | 400 | it | do |\n'}, 0),
    ('paths', 'a path that is gone', {'docs/a.md': 'look at `src/gone/x.cpp`\n'}, 1),
    ('paths', 'a link that leads nowhere', {'docs/a.md': '[x](../gone.md)\n'}, 1),
    ('paths', 'a file name nobody has', {'docs/a.md': 'in `gone.cpp`\n'}, 1),
    ('paths', 'one of a braced list', {'docs/a.md': '`docs/{a,b}.md`\n'}, 1),
    ('paths', 'a pattern without a match', {'docs/a.md': '`config/*.yaml`\n'}, 1),
    ('paths', 'a page named in code', {'src/net/a.hpp': '// see docs/gone.md\n'}, 1),
    ('paths', 'what exists', {
        'docs/a.md': '`src/net/a.hpp:3` `src/net/` `./src/net/*.hpp` [x](a.md#y) [z](https://a.b/c) `src/<folder>/x` `a.hpp`\n'
                     '```\nsrc/gone\n```\n', 'src/net/a.hpp': '// docs/a.md\n'}, 0),
]


def run(tree):
    """Problems of the rules themselves."""
    problems = []
    tried = set()
    for rule, shows, files, expected in SAMPLES:
        found = list(rules.RULES[rule](Tree(files)))
        tried.add((rule, expected > 0))
        if len(found) != expected:
            problems.append(Problem('tests/tidy/selftest.py', 1, f'{rule}: {shows}: {len(found)} problems instead of '
                                    f'{expected} {[str(each) for each in found]}'))
    for rule in rules.RULES:
        for caught in (True, False):
            if (rule, caught) not in tried and rule != 'readmes':
                problems.append(Problem('tests/tidy/selftest.py', 1, f'{rule} has no sample that {"fails" if caught else "passes"}'))
    if len(tree) < 20:
        problems.append(Problem('tests/tidy/tidy.py', 1, 'the tree was not found'))
    problems += try_headers() + try_examples()
    return problems


def try_headers():
    with tempfile.TemporaryDirectory() as root:
        files = {'src/base/good.hpp': HEADER + 'inline int f() { return 1; }\n',
                 'src/base/bad.hpp': HEADER + 'inline std::string f() { return {}; }\n'}
        write(root, files)
        for attempt in ('fresh', 'cached'):
            found = [each.path for each in outside.headers(Tree(files), root, root, 'c++')]
            if found != ['src/base/bad.hpp']:
                return [Problem('tests/tidy/outside.py', 1, f'headers, {attempt}: {found}')]
    return []


def try_examples():
    with tempfile.TemporaryDirectory() as root:
        files = {'config/sluice.yaml': 'good', 'config/examples/bad.yaml': 'bad',
                 'config/examples/team/a.yaml': '${SOME_KEY} file:/run/secrets/some-key good',
                 'fake': '#!/bin/sh\n[ "$1 $2" = "check --config" ] && grep -rq good "$3" || exit 1\n'
                         '[ ! -d "$3" ] || { [ -n "$SOME_KEY" ] && [ -f "$(grep -o "/.*some-key" "$3/a.yaml")" ]; }\n'}
        write(root, files)
        (pathlib.Path(root) / 'fake').chmod(0o755)
        found = [each.path for each in outside.examples(Tree(files), root, root + '/fake')]
        if found != ['config/examples/bad.yaml']:
            return [Problem('tests/tidy/outside.py', 1, f'examples: {found}')]
    return []


def write(root, files):
    for path, text in files.items():
        outside.write(f'{root}/{path}', text)
