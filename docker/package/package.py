"""Makes the packages from a built binary: .tar.gz, .deb, SBOM, checksums.

    python3 docker/package/package.py --build DIR [--out DIR] [--source DIR]

Called by `./dev package`. The same binary and the same SOURCE_DATE_EPOCH (without it, the time of the
commit) give the same bytes. Needs dpkg-dev, binutils; asks the binary for its command line.
"""

import argparse
import gzip
import hashlib
import io
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time

import bill
import command_line
import completion
import manual

HERE = pathlib.Path(__file__).resolve().parent
CONFIG_EDITS = (  # of config/sluice.yaml, for a service: (what stands there, what the package has)
    (r'^#! (storage: \{dir: )\./data\b(.*)$', r'storage: {dir: /var/lib/sluice}\n#  or: \1/var/lib/sluice\2'),
    (r'\$schema=schema/', '$schema=/usr/share/sluice/schema/'),
    (r'docs/reference/config\.md', '/usr/share/doc/sluice/reference/config.md'),
)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('--source', type=pathlib.Path, default=HERE.parents[1])
    parser.add_argument('--build', type=pathlib.Path, required=True)
    parser.add_argument('--out', type=pathlib.Path)
    options = parser.parse_args()
    source, build = options.source.resolve(), options.build.resolve()
    out = (options.out or build / 'packages').resolve()
    out.mkdir(parents=True, exist_ok=True)
    os.umask(0o022)

    epoch = source_date_epoch(source)
    version = debian_version(build / 'sluice', epoch)
    architecture = bill.run('dpkg', '--print-architecture').strip()
    made = []
    with tempfile.TemporaryDirectory() as scratch:
        root = pathlib.Path(scratch, 'root')
        stage(source, build, root, version, epoch)
        write(root / 'usr/share/doc/sluice/sluice.cdx.json',
              bill.bill(str(root / 'usr/bin/sluice'), str(build), version, epoch, digest_of(root / 'usr/bin/sluice')))
        name = f'sluice-{version}-linux-{architecture}'
        made += [archive(root, out / f'{name}.tar.gz', name, epoch)]
        made += [copy(root / 'usr/share/doc/sluice/sluice.cdx.json', out / f'{name}.cdx.json')]
        made += [debian(source, root, out / f'sluice_{version}_{architecture}.deb', version, architecture, epoch)]
    sums = ''.join(f'{digest_of(path)}  {path.name}\n' for path in made)
    write(out / 'SHA256SUMS', sums)
    for path in made:
        print(f'  {path} ({path.stat().st_size // 1024} KiB)')


def source_date_epoch(source):
    if 'SOURCE_DATE_EPOCH' in os.environ:
        return int(os.environ['SOURCE_DATE_EPOCH'])
    told = subprocess.run(['git', '-C', source, 'log', '-1', '--format=%ct'], capture_output=True, text=True,
                          check=False)
    if told.returncode:
        sys.exit('package: this is no git checkout: set SOURCE_DATE_EPOCH (seconds) to the time of the release')
    return int(told.stdout)


def debian_version(binary, epoch):
    """"0.1.0" of a release; "0.1.0~20260131.120000.g<commit>" before it, so that later ones sort higher."""
    told = bill.run(binary, '--version').split()[1]
    release, _, commit = told.partition('+')
    if not commit:
        return release
    return f'{release}~{time.strftime("%Y%m%d.%H%M%S", time.gmtime(epoch))}.{commit}'


def write(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def copy(source, target):
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)
    return target


def digest_of(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


# --- what is shipped -------------------------------------------------------------------------------

def stage(source, build, root, version, epoch):
    """The tree of the package as it will lie below /."""
    # The same rules as `cmake --install`: binary, config/, LICENSE.
    subprocess.run(['cmake', '--install', build, '--strip', '--prefix', '/usr'], check=True,
                   stdout=subprocess.DEVNULL, env={**os.environ, 'DESTDIR': str(root)})
    commands = command_line.read(root / 'usr/bin/sluice')
    page = gzip.compress(manual.page(commands, version, epoch).encode(), 9, mtime=0)
    (root / 'usr/share/man/man1').mkdir(parents=True)
    (root / 'usr/share/man/man1/sluice.1.gz').write_bytes(page)
    write(root / 'usr/share/bash-completion/completions/sluice', completion.bash(commands))
    write(root / 'usr/share/zsh/vendor-completions/_sluice', completion.zsh(commands))
    write(root / 'usr/share/fish/vendor_completions.d/sluice.fish', completion.fish(commands))

    doc = root / 'usr/share/doc/sluice'
    # The index; what is for those who change sluice stays with the source.
    write(doc / 'README.md', (source / 'docs/README.md').read_text().partition('\n## For those who change it')[0])
    for folder in ('guide', 'reference'):
        shutil.copytree(source / 'docs' / folder, doc / folder, copy_function=shutil.copyfile)
    (doc / 'LICENSE').unlink()
    write(doc / 'copyright', copyright_file(epoch))
    write(root / 'etc/sluice/sluice.yaml', packaged_config((source / 'config/sluice.yaml').read_text()))
    copy(HERE / 'debian/sluice.default', root / 'etc/default/sluice')
    copy(HERE / 'debian/sluice.service', root / 'lib/systemd/system/sluice.service')
    copy(HERE / 'debian/sluice.socket', doc / 'examples/sluice.socket')
    set_modes(root)


def packaged_config(text):
    for old, new in CONFIG_EDITS:
        text, times = re.subn(old, new, text, flags=re.M)
        if times == 0:
            sys.exit(f'package: config/sluice.yaml no longer has "{old}"; mend CONFIG_EDITS')
    return text


def copyright_file(epoch):
    return ('Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/\n'
            'Upstream-Name: sluice\n\nFiles: *\n'
            f'Copyright: {time.gmtime(epoch).tm_year} the sluice authors\n'
            'License: Apache-2.0\n On Debian systems the full text is in /usr/share/common-licenses/Apache-2.0.\n')


def set_modes(root):
    for path in sorted(root.rglob('*')):
        path.chmod(0o755 if path.is_dir() or path == root / 'usr/bin/sluice' else 0o644)


# --- archive ---------------------------------------------------------------------------------------

RELOCATED = {'usr/': '', 'lib/systemd/system/': 'share/systemd/', 'etc/sluice/': 'etc/', 'etc/default/': 'share/systemd/'}


def archive(root, target, top, epoch):
    """The tree below one directory, to be unpacked anywhere: bin/, etc/, share/."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode='w', format=tarfile.USTAR_FORMAT) as tar:
        for path in sorted(each for each in root.rglob('*') if each.is_file()):
            name = path.relative_to(root).as_posix()
            for old, new in RELOCATED.items():
                if name.startswith(old):
                    name = new + name.removeprefix(old)
                    break
            entry = tarfile.TarInfo(f'{top}/{name}')
            entry.size, entry.mtime, entry.mode = path.stat().st_size, epoch, path.stat().st_mode & 0o777
            entry.uname = entry.gname = 'root'
            with path.open('rb') as content:
                tar.addfile(entry, content)
    target.write_bytes(gzip.compress(packed.getvalue(), 9, mtime=0))
    return target


# --- Debian ----------------------------------------------------------------------------------------

def debian(source, root, target, version, architecture, epoch):
    control = root / 'DEBIAN'
    control.mkdir()
    kib = sum((path.stat().st_size + 1023) // 1024 for path in root.rglob('*') if path.is_file())
    described = (HERE / 'debian/control').read_text()
    write(control / 'control', described.format(version=version, architecture=architecture, kib=kib,
                                                depends=depends(root / 'usr/bin/sluice')))
    conffiles = sorted('/' + path.relative_to(root).as_posix() for path in (root / 'etc').rglob('*') if path.is_file())
    write(control / 'conffiles', '\n'.join(conffiles) + '\n')
    changes = (HERE / 'debian/changelog').read_text().format(
        version=version, date=time.strftime('%a, %d %b %Y %H:%M:%S +0000', time.gmtime(epoch)))
    (root / 'usr/share/doc/sluice/changelog.gz').write_bytes(gzip.compress(changes.encode(), 9, mtime=0))
    for name in ('postinst', 'prerm', 'postrm'):
        copy(HERE / 'debian' / name, control / name)
    files = sorted(path for path in root.rglob('*') if path.is_file() and control not in path.parents)
    write(control / 'md5sums', ''.join(
        f'{hashlib.md5(path.read_bytes()).hexdigest()}  {path.relative_to(root).as_posix()}\n'  # noqa: S324
        for path in files))
    set_modes(root)
    for name in ('postinst', 'prerm', 'postrm'):
        (control / name).chmod(0o755)
    (root / 'etc/default/sluice').chmod(0o600)  # it holds credentials
    subprocess.run(['dpkg-deb', '--root-owner-group', '-Zxz', '--build', root, target], check=True,
                   stdout=subprocess.DEVNULL, env={**os.environ, 'SOURCE_DATE_EPOCH': str(epoch)})
    shutil.rmtree(control)
    return target


def depends(binary):
    """What the linked libraries say of themselves."""
    with tempfile.TemporaryDirectory() as scratch:
        write(pathlib.Path(scratch, 'debian/control'), 'Source: sluice\n\nPackage: sluice\nArchitecture: any\n')
        told = subprocess.run(['dpkg-shlibdeps', '-O', '--warnings=0', f'-e{binary}'], cwd=scratch, check=True,
                              capture_output=True, text=True).stdout
    return re.search(r'^shlibs:Depends=(.*)$', told, re.M).group(1)


if __name__ == '__main__':
    main()
