"""The software bill of materials, CycloneDX 1.5: what the binary links, and what was compiled into it
from headers. Called by package.py; asks ldd, ninja and dpkg, so it tells what is and not what is meant."""

import json
import os
import pathlib
import re
import subprocess
import uuid
from datetime import datetime, timezone

# Headers of the compiler and the C library are no parts of their own: the libraries behind them are linked.
NO_PARTS = ('libc6-dev', 'linux-libc-dev', 'libstdc++-', 'libgcc-', 'libcrypt-dev', 'gcc', 'g++', 'cpp')

# Whose copyright file in Debian is free text, read by hand.
FREE_TEXT = {
    'libc-ares2': ['MIT'],
    'libc6': ['LGPL-2.1-or-later'],
    'libgssapi-krb5-2': ['MIT'],
    'libk5crypto3': ['MIT'],
    'libkrb5-3': ['MIT'],
    'libkrb5support0': ['MIT'],
    'librtmp1': ['LGPL-2.1-or-later'],
    'libtasn1-6': ['LGPL-2.1-or-later'],
    'libgcc-s1': ['GPL-3.0-or-later WITH GCC-exception-3.1'],
    'libstdc++6': ['GPL-3.0-or-later WITH GCC-exception-3.1'],
}


def run(*command):
    return subprocess.run(command, capture_output=True, text=True, check=True,
                          env={**os.environ, 'LC_ALL': 'C'}).stdout


def linked_files(binary):
    return sorted({os.path.realpath(path) for path in re.findall(r'(/\S+) \(0x', run('ldd', binary))})


def needed_files(binary):
    """Those the binary itself asks for: what a package has to depend on. The rest comes with them."""
    needed = set(re.findall(r'NEEDED\s+(\S+)', run('objdump', '-p', binary)))
    found = re.findall(r'^\s*(\S+) => (/\S+) \(0x', run('ldd', binary), re.M)
    return sorted({os.path.realpath(path) for name, path in found if name in needed})


def header_files(build):
    deps = run('ninja', '-C', build, '-t', 'deps')
    return sorted({os.path.realpath(path) for path in re.findall(r'^    (/usr/\S+)$', deps, re.M)})


def owners(files):
    """Package -> the files of it among these."""
    found = {}
    # A file may be known by the name it had before /usr was merged.
    asked = files + [path.removeprefix('/usr') for path in files if path.startswith('/usr/lib')]
    shown = subprocess.run(['dpkg-query', '-S', *asked], capture_output=True, text=True, check=False,
                           env={**os.environ, 'LC_ALL': 'C'}).stdout if asked else ''
    for line in shown.splitlines():
        package, _, path = line.rpartition(': ')
        found.setdefault(package.split(', ')[0].split(':')[0], set()).add(path)
    return found


def facts(package):
    """(version, source package, its version)"""
    shown = run('dpkg-query', '-W', '-f=${Version}\t${source:Package}\t${source:Version}\n', package)
    return shown.splitlines()[0].split('\t')


def licences(package):
    """The names that the package's copyright file gives, in its order; [] when nobody has read it yet."""
    if package in FREE_TEXT:
        return FREE_TEXT[package]
    path = pathlib.Path('/usr/share/doc', package, 'copyright')
    if not path.exists():
        return []
    text = path.read_text(errors='replace')
    found = []
    for name in re.findall(r'^License:[ \t]*(\S[^\n]*)$', text, re.M):
        # Packaging has its own paragraph; what is shipped counts, but nothing is left out.
        if name not in found:
            found.append(name.strip())
    return found


def component(package, scope):
    version, source, source_version = facts(package)
    made = {
        'type': 'library',
        'bom-ref': f'pkg:deb/debian/{package}@{version}',
        'name': package,
        'version': version,
        'purl': f'pkg:deb/debian/{package}@{version.replace("+", "%2B")}?distro=debian-12',
        'properties': [{'name': 'sluice:use', 'value': scope},
                       {'name': 'debian:source', 'value': f'{source} {source_version}'}],
    }
    names = licences(package)
    if names:
        made['licenses'] = [{'license': {'name': name}} for name in names]
    else:
        made['properties'].append({'name': 'debian:copyright', 'value': f'/usr/share/doc/{package}/copyright'})
    return made


def parts(binary, build):
    """[(package, how it is used)], linked ones first."""
    linked = owners(linked_files(binary))
    headers = owners(header_files(build)) if build else {}
    compiled = [name for name in headers if not name.startswith(NO_PARTS) and not is_of_linked(name, linked)]
    return [(name, 'linked') for name in sorted(linked)] + [(name, 'compiled in') for name in sorted(compiled)]


def is_of_linked(package, linked):
    source = facts(package)[1]
    return any(facts(name)[1] == source for name in linked)


def bill(binary, build, version, epoch, digest):
    components = [component(name, use) for name, use in parts(binary, build)]
    root = f'pkg:generic/sluice@{version}'
    return json.dumps({
        'bomFormat': 'CycloneDX',
        'specVersion': '1.5',
        'serialNumber': 'urn:uuid:' + str(uuid.uuid5(uuid.NAMESPACE_URL, f'{root} {digest}')),
        'version': 1,
        'metadata': {
            'timestamp': datetime.fromtimestamp(epoch, timezone.utc).strftime('%Y-%m-%dT%H:%M:%SZ'),
            'component': {'type': 'application', 'bom-ref': root, 'name': 'sluice', 'version': version,
                          'licenses': [{'license': {'id': 'Apache-2.0'}}],
                          'hashes': [{'alg': 'SHA-256', 'content': digest}]},
        },
        'components': components,
        'dependencies': [{'ref': root, 'dependsOn': [each['bom-ref'] for each in components]}],
    }, indent=1) + '\n'
