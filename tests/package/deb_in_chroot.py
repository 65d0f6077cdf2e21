"""Installs, starts, upgrades and purges the .deb in a Debian 12 tree, as an operator would.

    debootstrap --variant=minbase bookworm BASE && python3 tests/package/deb_in_chroot.py BASE SCRATCH FILE.deb

Needs root and a mirror. There is no systemd in the tree: the service's command is run by hand, as its
user. Says what it has seen; ends with 1 at the first thing that is not so.
"""

import argparse
import pathlib
import shutil
import signal
import subprocess
import sys
import time
import urllib.request


class Tree:
    def __init__(self, root):
        self.root = root

    def run(self, *words, user='0:0', check=True):
        return subprocess.run(['chroot', f'--userspec={user}', self.root, *words], capture_output=True, text=True,
                              check=check, env={'PATH': '/usr/sbin:/usr/bin:/sbin:/bin', 'DEBIAN_FRONTEND': 'noninteractive'})

    def files(self):
        """Without what apt and dpkg keep of their own work."""
        own = ('var/lib/dpkg', 'var/lib/apt', 'var/cache', 'var/log', 'run/', 'proc', 'tmp')
        return {path.relative_to(self.root).as_posix() for path in self.root.rglob('*')
                if not path.relative_to(self.root).as_posix().startswith(own)}


def expect(holds, what):
    if not holds:
        sys.exit(f'not so: {what}')
    print(f'ok: {what}', flush=True)


def serve(tree):
    """The unit's command as the unit's user, once around."""
    unit = (tree.root / 'lib/systemd/system/sluice.service').read_text()
    line = next(each for each in unit.splitlines() if each.startswith('ExecStart='))
    ids = tree.run('id', '-u', 'sluice').stdout.strip() + ':' + tree.run('id', '-g', 'sluice').stdout.strip()
    (tree.root / 'var/lib/sluice').mkdir(exist_ok=True)  # StateDirectory
    tree.run('chown', 'sluice:sluice', '/var/lib/sluice')
    running = subprocess.Popen(['chroot', f'--userspec={ids}', tree.root, 'env', 'SLUICE_LISTEN=127.0.0.1:28081',
                                'SLUICE_ADMIN_LISTEN=127.0.0.1:29091', *line.removeprefix('ExecStart=').split()])
    try:
        deadline = time.monotonic() + 20
        while True:
            try:
                with urllib.request.urlopen('http://127.0.0.1:29091/readyz', timeout=2) as answer:
                    expect(answer.status == 200, 'it serves, and is ready')
                    return
            except OSError:
                if running.poll() is not None or time.monotonic() > deadline:
                    sys.exit('not so: it serves')
                time.sleep(0.1)
    finally:
        running.send_signal(signal.SIGTERM)
        expect(running.wait(40) == 0, 'SIGTERM ends it with 0')


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('base', type=pathlib.Path)
    parser.add_argument('scratch', type=pathlib.Path)
    parser.add_argument('deb', type=pathlib.Path)
    options = parser.parse_args()
    tree = Tree(options.scratch)
    if tree.root.exists():
        sys.exit(f'{tree.root} is there already')
    subprocess.run(['cp', '-a', options.base, tree.root], check=True)
    shutil.copy('/etc/resolv.conf', tree.root / 'etc/resolv.conf')
    shutil.copy(options.deb, tree.root / 'tmp/sluice.deb')
    tree.run('apt-get', 'update')
    tree.run('apt-get', 'install', '-y', '--no-install-recommends', 'adduser', 'ca-certificates')
    # The libraries stay when sluice goes: what they leave is not its doing.
    depends = subprocess.run(['dpkg-deb', '--field', options.deb, 'Depends'], capture_output=True, text=True,
                             check=True).stdout
    tree.run('apt-get', 'install', '-y', '--no-install-recommends', *(each.split()[0] for each in depends.split(',')))
    before = tree.files()

    tree.run('apt-get', 'install', '-y', '--no-install-recommends', '/tmp/sluice.deb')
    version = subprocess.run(['dpkg-deb', '--field', options.deb, 'Version'], capture_output=True, text=True,
                             check=True).stdout.strip()
    expect(version.split('~')[0] in tree.run('/usr/bin/sluice', '--version').stdout, 'sluice --version')
    expect(tree.run('sluice', 'check', '--config', '/etc/sluice/sluice.yaml').returncode == 0, 'the configuration loads')
    modes = {path: tree.run('stat', '-c', '%a %U:%G', path).stdout.strip()
             for path in ('/etc/sluice', '/etc/sluice/sluice.yaml', '/etc/default/sluice')}
    expect(modes == {'/etc/sluice': '750 root:sluice', '/etc/sluice/sluice.yaml': '640 root:sluice',
                     '/etc/default/sluice': '600 root:root'}, f'modes: {modes}')
    serve(tree)

    config = tree.root / 'etc/sluice/sluice.yaml'
    config.write_text(config.read_text() + '# changed by hand\n')
    tree.run('dpkg', '--force-confold', '-i', '/tmp/sluice.deb')
    expect('# changed by hand' in config.read_text(), 'the same package again keeps the configuration')
    tree.run('apt-get', 'remove', '-y', 'sluice')
    expect(config.exists() and not (tree.root / 'usr/bin/sluice').exists(), 'remove takes the program, not the configuration')
    tree.run('apt-get', 'purge', '-y', 'sluice')
    left = {path for path in tree.files() - before if not path.startswith('var/lib/sluice')}
    # The user who owns the data stays: the copies that adduser makes of its files are no files of ours.
    left -= {'etc/passwd-', 'etc/group-', 'etc/shadow-', 'etc/gshadow-'}
    expect(not left, f'a purge leaves nothing but data {sorted(left) or ""}')
    expect(any((tree.root / 'var/lib/sluice').rglob('usage-*.jsonl')), 'the ledger is still there')


if __name__ == '__main__':
    main()
