"""Style as a failing test: reads the tree and reports what breaks a rule of docs/contributing.md.

    python3 tests/tidy/tidy.py [--build DIR] [--compiler CXX] [--binary SLUICE] [rule ...]

Without a rule it runs all it can. Exit code 1 and one line per problem when there is any.
"""

import argparse
import pathlib
import subprocess
import sys
import tempfile

import outside
import rules
import selftest


def read_tree(root):
    """What git tracks or would track; without git, every file outside build directories."""
    listed = subprocess.run(['git', '-C', root, 'ls-files', '-co', '--exclude-standard'],
                            capture_output=True, text=True, check=False)
    if listed.returncode == 0:
        names = listed.stdout.splitlines()
    else:
        names = [str(path.relative_to(root)) for path in pathlib.Path(root).rglob('*')
                 if not str(path.relative_to(root)).startswith(('build', '.git/'))]
    tree = rules.Tree()
    for name in names:
        path = pathlib.Path(root) / name
        try:
            if path.is_file():
                tree[name] = path.read_text()
        except UnicodeDecodeError:
            tree[name] = ''  # it exists; it is no text
    return tree


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('--source', default=str(pathlib.Path(__file__).resolve().parents[2]))
    parser.add_argument('--build', default=tempfile.gettempdir())
    parser.add_argument('--compiler', default='g++')
    parser.add_argument('--binary')
    parser.add_argument('rule', nargs='*')
    options = parser.parse_args()

    wanted = options.rule or ['selftest', *rules.RULES, 'headers'] + (['examples'] if options.binary else [])
    tree = read_tree(options.source)
    problems = []
    for name in wanted:
        if name == 'selftest':
            problems += selftest.run(tree)
        elif name == 'headers':
            problems += outside.headers(tree, options.source, options.build, options.compiler)
        elif name == 'examples':
            problems += outside.examples(tree, options.source, options.binary)
        elif name in rules.RULES:
            problems += rules.RULES[name](tree)
        else:
            sys.exit(f'no rule "{name}"; there are: selftest, {", ".join(rules.RULES)}, headers, examples')
    for problem in problems:
        print(problem)
    if problems:
        sys.exit(f'tidy: {len(problems)} problem(s)')
    print(f'tidy: {", ".join(wanted)}: clean ({len(tree)} files)')


if __name__ == '__main__':
    main()
