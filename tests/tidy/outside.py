"""The rules that start a program: each header compiles alone; sluice itself loads each example."""

import concurrent.futures
import hashlib
import json
import os
import pathlib
import re
import subprocess
import tempfile

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
    """`sluice check` on the shipped file and on each example (a file, or a directory of files), in a
    copy where every secret they refer to exists: variables in the environment, files below it."""
    texts = {path: text for path, text in tree.under('config/', ends=('.yaml',))}
    wanted = sorted({'/'.join(path.split('/')[:3]) for path in texts if path.startswith('config/examples/')})
    if 'config/sluice.yaml' not in texts or not wanted:
        yield Problem('config', 1, 'there is no shipped config, or no example')
    with tempfile.TemporaryDirectory() as copy:
        environment = {'PATH': os.defpath}
        for path, text in texts.items():
            for name in re.findall(r'\$\{(\w+)\}', text):
                environment[name] = f'sk-example-{name}-0123456789'
            for file in re.findall(r'/(?:run/secrets|etc)/[\w./-]+', text):
                if file.endswith('.pem'):
                    write(copy + file, certificate(copy))
                else:
                    write(copy + file, f'sk-example-{file}-0123456789')
            write(f'{copy}/{path}', re.sub(r'(?=/(?:run/secrets|etc)/)', copy, text))
        for path in ['config/sluice.yaml', *wanted]:
            run = subprocess.run([binary, 'check', '--config', path], cwd=copy, env=environment,
                                 stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=30, check=False)
            if run.returncode:
                yield Problem(path, 1, 'sluice check refuses it:\n' + run.stdout + run.stderr)


def certificate(directory):
    """A certificate and its key in one text, the same at each call: good as a chain, as a key and as a CA."""
    chain, key = pathlib.Path(directory) / 'chain.pem', pathlib.Path(directory) / 'key.pem'
    if not chain.exists():
        subprocess.run(['openssl', 'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes',
                        '-days', '1', '-subj', '/CN=example', '-keyout', key, '-out', chain],
                       capture_output=True, check=True)
    return chain.read_text() + key.read_text()


def write(path, text):
    path = pathlib.Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
