"""Runs docker/Dockerfile without a container engine: each stage in a chroot made from a Debian 12 tree.

    debootstrap --variant=minbase bookworm BASE && python3 tests/package/dockerfile.py BASE SCRATCH

Needs root and a mirror. Follows FROM, COPY (with .dockerignore), ARG, ENV, WORKDIR, RUN, USER; then
starts ENTRYPOINT + CMD as USER, asks for /healthz through HEALTHCHECK, and ends it with STOPSIGNAL.
What the other instructions say is for the engine. Leaves the stages in SCRATCH.
"""

import argparse
import fnmatch
import json
import os
import pathlib
import shlex
import shutil
import signal
import subprocess
import sys
import time

SOURCE = pathlib.Path(__file__).resolve().parents[2]


class Stage:
    def __init__(self, root):
        self.root = root
        self.workdir = '/'
        self.environment = {'PATH': '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'}
        self.user = '0:0'
        self.meta = {}

    def inside(self, path):
        return self.root / str(pathlib.PurePosixPath('/', self.workdir, path)).lstrip('/')

    def command(self, words, user):
        return ['chroot', f'--userspec={user}', self.root, 'sh', '-c', 'cd "$0" && exec "$@"', self.workdir, *words]

    def run(self, words, user=None, **more):
        return subprocess.run(self.command(words, user or self.user), env=self.environment, check=True, **more)


def instructions(text):
    for line in text.splitlines():
        if line.strip() and not line.startswith('#'):
            word, _, rest = line.partition(' ')
            yield word, rest.strip()


def sent(context, ignore):
    """What the engine would be sent: later lines win, "!" takes back."""
    for path in sorted(each for each in context.rglob('*') if each.is_file()):
        name, is_sent = path.relative_to(context).as_posix(), True
        for line in ignore:
            pattern = line.lstrip('!')
            parts = name.split('/')
            if any(fnmatch.fnmatch('/'.join(parts[:n]), pattern) for n in range(1, len(parts) + 1)):
                is_sent = line.startswith('!')
        if is_sent:
            yield name


def copy_in(stage, sources, target, origin, names):
    for each in sources:
        wanted = [name for name in names if name == each or name.startswith(each + '/')]
        if not wanted:
            sys.exit(f'COPY {each}: not in the context (.dockerignore?)')
        for name in wanted:
            # A folder gives its content; a file goes into a folder when the target ends in "/".
            if name == each:
                place = f'{target}{pathlib.Path(each).name}' if target.endswith('/') else target
            else:
                place = f'{target}/{name.removeprefix(each + "/")}'
            into = stage.inside(place)
            into.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(origin / name, into)


def build(base, scratch, arguments):
    ignore = [line for line in (SOURCE / '.dockerignore').read_text().splitlines()
              if line.strip() and not line.startswith('#')]
    context = list(sent(SOURCE, ignore))
    stages, stage = {}, None
    for word, rest in instructions((SOURCE / 'docker/Dockerfile').read_text()):
        print(f'{word} {rest}', flush=True)
        if word == 'FROM':
            name = rest.split(' AS ')[1] if ' AS ' in rest else 'final'
            root = scratch / name
            if not root.exists():
                subprocess.run(['cp', '-a', base, root], check=True)
                shutil.copy('/etc/resolv.conf', root / 'etc/resolv.conf')
            stage = stages[name] = Stage(root)
        elif word == 'COPY':
            words = rest.split()
            if words[0].startswith('--from='):
                origin = stages[words.pop(0).removeprefix('--from=')].root
                names = [path.relative_to(origin).as_posix() for path in (origin / words[0].lstrip('/')).rglob('*')
                         if path.is_file()]
                copy_in(stage, [words[0].lstrip('/')], words[-1], origin, names)
            else:
                copy_in(stage, words[:-1], words[-1], SOURCE, context)
        elif word == 'RUN':
            stage.run(['sh', '-c', rest])
        elif word == 'WORKDIR':
            stage.workdir = rest
            stage.inside('.').mkdir(parents=True, exist_ok=True)
        elif word == 'ARG':
            name, _, default = rest.partition('=')
            stage.environment[name] = arguments.get(name, default)
        elif word == 'ENV':
            name, _, value = rest.partition('=')
            stage.environment[name] = value
        elif word == 'USER':
            stage.user = rest
        else:
            stage.meta[word] = rest
    return stage


def start(stage):
    """The container's life: start, healthy, stop."""
    command = json.loads(stage.meta['ENTRYPOINT']) + json.loads(stage.meta['CMD'])
    check = json.loads(stage.meta['HEALTHCHECK'].partition('CMD ')[2])
    stage.environment['SLUICE_KEY'] = 'sk-chroot-key-0001'
    # Ports that are free here; in a container they are its own.
    stage.environment |= {'SLUICE_LISTEN': '127.0.0.1:28080', 'SLUICE_ADMIN_LISTEN': '127.0.0.1:29090'}
    print('start', shlex.join(command), 'as', stage.user, flush=True)
    running = subprocess.Popen(stage.command(command, stage.user), env=stage.environment)
    try:
        deadline = time.monotonic() + 20
        while subprocess.run(stage.command(check, stage.user), env=stage.environment, check=False,
                             capture_output=True).returncode:
            if running.poll() is not None or time.monotonic() > deadline:
                sys.exit('it did not become healthy')
            time.sleep(0.2)
        print('healthy', flush=True)
        subprocess.run(['curl', '-fsS', '-H', 'Authorization: Bearer sk-chroot-key-0001', '-H',
                        'Content-Type: application/json', '-d', '{"model":"gpt-4o","messages":[{"role":"user","content":"hello"}]}',
                        'http://127.0.0.1:28080/v1/chat/completions'], check=True)
        print(flush=True)
    finally:
        running.send_signal(getattr(signal, stage.meta['STOPSIGNAL']))
        status = running.wait(30)
    if status:
        sys.exit(f'it ended with {status}')
    ledger = list((stage.root / 'var/lib/sluice').rglob('usage-*.jsonl'))
    print('stopped with 0; ledger:', [str(each.relative_to(stage.root)) for each in ledger], flush=True)
    if not ledger:
        sys.exit('it has written no ledger')


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('base', type=pathlib.Path)
    parser.add_argument('scratch', type=pathlib.Path)
    parser.add_argument('--arg', action='append', default=[], help='NAME=VALUE, as --build-arg')
    options = parser.parse_args()
    options.scratch.mkdir(parents=True, exist_ok=True)
    stage = build(options.base, options.scratch, dict(each.split('=', 1) for each in options.arg))
    for name in ('proc', 'dev'):
        (stage.root / name).mkdir(exist_ok=True)
    start(stage)


if __name__ == '__main__':
    main()
