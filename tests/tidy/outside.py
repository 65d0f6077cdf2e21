"""The rules that start a program: each header compiles alone; sluice itself loads each example."""

import concurrent.futures
import hashlib
import json
import os
import pathlib
import subprocess

import source
from rules import Problem

FLAGS = ['-std=c++20', '-fsyntax-only', '-x', 'c++', '-Wall', '-Wextra', '-Werror', '-Wno-unused-function',
         '-DBOOST_ASIO_SEPARATE_COMPILATION', '-DBOOST_BEAST_SEPARATE_COMPILATION',
         '-DBOOST_ASIO_NO_DEPRECATED', '-DSPDLOG_COMPILED_LIB', '-DSPDLOG_FMT_EXTERNAL']


def headers(tree, root, build, compiler):
    """Compiles each header by itself. What passed is remembered by the hash of all it includes."""
    cache_path = pathlib.Path(build) / 'tidy_headers.json'
    passed = set(json.loads(cache_path.read_text())) if cache_path.exists() else set()
    version = subprocess.run([compiler, '--version'], capture_output=True, text=True, check=True).stdout
    wanted = {}
    for path, _ in tree.under('include/', 'src/', ends=('.hpp',)):
        wanted[path] = digest(tree, path, version)
    todo = [path for path, key in wanted.items() if key not in passed]

    def compile_alone(path):
        name = path.split('/', 1)[1]
        run = subprocess.run([compiler, *FLAGS, f'-I{root}/include', f'-I{root}/src', '-'], cwd=root,
                             input=f'#include "{name}"\n', capture_output=True, text=True, check=False)
        return path, run.returncode, run.stderr

    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for path, status, output in pool.map(compile_alone, todo):
            if status:
                del wanted[path]
                yield Problem(path, 1, 'it does not compile alone:\n' + output)
    cache_path.write_text(json.dumps(sorted(wanted.values())))


def digest(tree, path, version):
    seen, queue = set(), [path]
    while queue:
        here = queue.pop()
        if here in seen or here not in tree:
            continue
        seen.add(here)
        for _, quoted, target in source.includes(tree[here]):
            if quoted:
                queue += ['src/' + target, 'include/' + target]
    total = hashlib.sha256((version + ' '.join(FLAGS) + path).encode())
    for each in sorted(seen):
        total.update(tree[each].encode())
    return total.hexdigest()


def examples(tree, root, binary):
    """`sluice check` on each example and on the shipped file, with an empty environment."""
    files = [path for path, _ in tree.under('config/examples/', 'config/sluice.yaml', ends=('.yaml',))]
    if not files:
        yield Problem('config', 1, 'there is no config to load')
    for path in files:
        run = subprocess.run([binary, 'check', '--config', path], cwd=root, env={'PATH': os.defpath},
                             stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=30, check=False)
        if run.returncode:
            yield Problem(path, 1, 'sluice check refuses it:\n' + run.stdout + run.stderr)
