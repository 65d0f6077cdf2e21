"""What is shipped, against the binary that is built: completion, manual page, packages, SBOM, images.

    python3 tests/package/package_test.py --build DIR [unittest arguments]

Reads `--help` with a pattern of its own, so that what the generators overlook shows.
"""

import argparse
import hashlib
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import unittest

SOURCE = pathlib.Path(__file__).resolve().parents[2]
PACKAGE = SOURCE / 'docker/package'
sys.path.insert(0, str(PACKAGE))

import bill  # noqa: E402
import command_line  # noqa: E402
import completion  # noqa: E402
import manual  # noqa: E402
import package  # noqa: E402

BUILD = None


def binary():
    return BUILD / 'sluice'


def output(*command, **more):
    ended = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300, **more)
    if ended.returncode:
        raise AssertionError(f'{command} ended with {ended.returncode}: {ended.stderr}')
    return ended.stdout


def help_of(path):
    return output(binary(), *path, '--help')


def told(path=()):
    """Every command path with its options, read from the help by indentation and dashes only."""
    shown = help_of(path)
    options = set()
    for line in re.findall(r'^  (-\S+)', shown, re.M):
        options.update(line.split(','))
    found = {path: options}
    listed = shown.partition('\nSubcommands:\n')[2].partition('\n\n')[0]
    for name in re.findall(r'^  ([a-z]\S*)', listed, re.M):
        found.update(told((*path, name)))
    return found


SAMPLE = """What it does,
in two lines.
Usage: sluice some [OPTIONS] file SUBCOMMAND

Positionals:
  file TEXT REQUIRED          The copy

Options:
  -h,--help                   Print this help message and exit
  -f,--format TEXT:{csv,json}=csv
                              How it is written,
                              and how it is read
  --csv Excludes: --json      CSV
  -o,--out TEXT REQUIRED      A file

Subcommands:
  below                       Another one

Exit codes: 0 fine.
Example: sluice some x
"""


class Help(unittest.TestCase):
    def test_each_part_is_read(self):
        command, below = command_line.parse(SAMPLE, ('some',))
        self.assertEqual((command.text, below), ('What it does, in two lines.', ['below']))
        self.assertEqual(command.footer, 'Exit codes: 0 fine.\nExample: sluice some x')
        self.assertEqual([(each.names, each.value, each.rule) for each in command.positionals + command.options],
                         [(['file'], 'TEXT', 'REQUIRED'), (['-h', '--help'], '', ''),
                          (['-f', '--format'], 'TEXT:{csv,json}=csv', ''), (['--csv'], '', 'Excludes: --json'),
                          (['-o', '--out'], 'TEXT', 'REQUIRED')])
        form, out = command.options[1], command.options[3]
        self.assertEqual((form.choices, form.text), (['csv', 'json'], 'How it is written, and how it is read'))
        self.assertEqual((form.takes_path, out.takes_path), (False, True))


class Shipped(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.told = told()
        cls.tree = command_line.read(binary())

    def below(self, path):
        return {each[-1] for each in self.told if each[:-1] == path and each}

    def test_the_tree_has_every_command_and_option(self):
        read = {each.path: {name for option in each.options for name in option.names} for each in self.tree.walk()}
        self.assertEqual(read, self.told)
        self.assertIn(('serve',), read)
        self.assertIn('--config', read[('serve',)])
        for command in self.tree.walk():
            self.assertTrue(command.text, f'{command.path} says nothing of itself')
            for option in command.options:
                self.assertTrue(option.text, f'{command.path} {option.names} has no text')

    def test_the_manual_has_every_command_and_option(self):
        page = manual.page(self.tree, '0.0.0', 0).replace('\\-', '-').replace('\\e', '\\')
        sections = dict(re.findall(r'^\.S[SH] (.*?)\n(.*?)(?=^\.S[SH] |\Z)', page, re.M | re.S))
        for path, options in self.told.items():
            text = sections[' '.join(path) if path else 'OPTIONS']
            for option in options - {'-h', '--help'}:
                self.assertRegex(text, rf'\\fB{re.escape(option)}\\fR', f'{path} {option}')
        if shutil.which('man'):
            with tempfile.NamedTemporaryFile('w', suffix='.1') as file:
                file.write(page)
                file.flush()
                shown = subprocess.run(['man', '--warnings', '-l', file.name], capture_output=True, text=True,
                                       env={**os.environ, 'LC_ALL': 'C.UTF-8', 'MANWIDTH': '80'}, check=True)
                self.assertEqual(shown.stderr, '')
                self.assertIn('sluice', shown.stdout)

    def bash_offers(self, script, *words):
        """What a user at this point gets; the last word is the one being typed."""
        listed = ' '.join("'" + word + "'" for word in ('sluice', *words))
        return set(output('bash', '-c', f'source "$1"; COMP_WORDS=({listed}); COMP_CWORD={len(words)}; _sluice; '
                                        'printf "%s\\n" "${COMPREPLY[@]}"', '-', script).split())

    def test_bash_offers_every_command_and_option(self):
        with tempfile.TemporaryDirectory() as scratch:
            script = package.write(pathlib.Path(scratch, 'sluice'), completion.bash(self.tree))
            for path, options in self.told.items():
                offered = self.bash_offers(script, *path, '')
                self.assertLessEqual(options | self.below(path), offered, path)
                self.assertEqual(self.bash_offers(script, *path, '--hel'), {'--help'})
            pathlib.Path(scratch, 'some.yaml').touch()
            for words in (('--config', f'{scratch}/so'), ('--config', '=', f'{scratch}/so')):
                self.assertEqual(self.bash_offers(script, 'serve', *words), {f'{scratch}/some.yaml'})

    @unittest.skipUnless(shutil.which('fish'), 'fish is not installed')
    def test_fish_offers_every_command_and_option(self):
        with tempfile.TemporaryDirectory() as scratch:
            script = package.write(pathlib.Path(scratch, 'sluice.fish'), completion.fish(self.tree))
            for path, options in self.told.items():
                for typed, wanted in (('', self.below(path)), ('--', {o for o in options if o.startswith('--')})):
                    offered = output('fish', '--no-config', '-c', f'source {script}; complete -C "$argv[1]"',
                                     ' '.join(('sluice', *path, typed)), env={**os.environ, 'HOME': scratch})
                    self.assertLessEqual(wanted, {line.split('\t')[0] for line in offered.splitlines()}, path)

    @unittest.skipUnless(shutil.which('zsh'), 'zsh is not installed')
    def test_zsh_loads_and_names_every_command_and_option(self):
        with tempfile.TemporaryDirectory() as scratch:
            script = package.write(pathlib.Path(scratch, '_sluice'), completion.zsh(self.tree))
            output('zsh', '-f', '-c', f'autoload -U compinit; compinit -D -d {scratch}/dump; source {script}; '
                                      'whence -w _sluice | grep -q function')
            functions = dict(re.findall(r'^(_sluice\w*)\(\) \{\n(.*?)^\}$', script.read_text(), re.M | re.S))
            for path, options in self.told.items():
                text = functions[completion.zsh_name(path)]
                for name in options:
                    self.assertRegex(text, rf"'(\([^)]*\))?{re.escape(name)}[=+]?\[", f'{path} {name}')
                for name in self.below(path):
                    self.assertIn(f"{name}) {completion.zsh_name((*path, name))} ;;", text)


class Packages(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.scratch = tempfile.TemporaryDirectory()
        cls.outs = []
        # Twice, as different users would: other place, time zone, umask, language.
        for number, (zone, mask) in enumerate((('UTC', 0o022), ('Asia/Kolkata', 0o077))):
            out = pathlib.Path(cls.scratch.name, f'out{number}')
            command = [sys.executable, PACKAGE / 'package.py', '--build', BUILD, '--out', out]
            output(*command, env={**os.environ, 'TZ': zone, 'SOURCE_DATE_EPOCH': '1790000000'}, umask=mask)
            cls.outs.append(out)

    @classmethod
    def tearDownClass(cls):
        cls.scratch.cleanup()

    def made(self, pattern):
        found = list(self.outs[0].glob(pattern))
        self.assertEqual(len(found), 1, pattern)
        return found[0]

    def test_the_same_binary_gives_the_same_bytes(self):
        sums = [(out / 'SHA256SUMS').read_text() for out in self.outs]
        self.assertEqual(sums[0], sums[1])
        self.assertEqual(len(sums[0].splitlines()), 3)
        for line in sums[0].splitlines():
            digest, name = line.split()
            self.assertEqual(hashlib.sha256((self.outs[0] / name).read_bytes()).hexdigest(), digest)

    def test_the_deb_holds_what_it_says(self):
        deb = self.made('*.deb')
        control = output('dpkg-deb', '--field', deb)
        depends = re.search(r'^Depends: (.*)$', control, re.M).group(1)
        linked = bill.owners(bill.needed_files(str(binary())))
        # A library may be told under the name of the interface that it gives: libspdlog1.10-fmt9.
        for name in linked:
            self.assertRegex(depends, rf'(^|[ ,]){re.escape(name)}(-\w+)?( |,|$)')
        listed = output('dpkg-deb', '--contents', deb)
        for path in ('/usr/bin/sluice', '/usr/share/man/man1/sluice.1.gz', '/lib/systemd/system/sluice.service',
                     '/usr/share/bash-completion/completions/sluice', '/usr/share/zsh/vendor-completions/_sluice',
                     '/usr/share/fish/vendor_completions.d/sluice.fish', '/etc/sluice/sluice.yaml',
                     '/usr/share/doc/sluice/sluice.cdx.json', '/usr/share/doc/sluice/copyright'):
            self.assertRegex(listed, rf'root/root .* \.{re.escape(path)}\n')
        self.assertRegex(listed, r'-rw------- root/root .* \./etc/default/sluice\n')
        with tempfile.TemporaryDirectory() as scratch:
            output('dpkg-deb', '--control', deb, scratch)
            conffiles = pathlib.Path(scratch, 'conffiles').read_text().split()
            self.assertEqual(conffiles, ['/etc/default/sluice', '/etc/sluice/sluice.yaml'])
            for name in ('postinst', 'prerm', 'postrm'):
                output('sh', '-n', pathlib.Path(scratch, name))

    def test_the_archive_runs_where_it_is_unpacked(self):
        with tempfile.TemporaryDirectory() as scratch, tarfile.open(self.made('*.tar.gz')) as tar:
            self.assertEqual({each.mtime for each in tar.getmembers()}, {1790000000})
            tar.extractall(scratch)
            top = next(pathlib.Path(scratch).iterdir())
            self.assertEqual(output(top / 'bin/sluice', '--version'), output(binary(), '--version'))
            checked = subprocess.run([top / 'bin/sluice', 'check', '--config', top / 'etc/sluice.yaml'],
                                     capture_output=True, text=True, check=False, env={'PATH': os.defpath})
            self.assertEqual(checked.returncode, 0, checked.stderr)
            doc = top / 'share/doc/sluice'
            linked = re.findall(r'\]\(([^):#]+)', (doc / 'README.md').read_text())
            self.assertGreater(len(linked), 8)
            self.assertEqual([each for each in linked if not (doc / each).exists()], [])
            self.assertIn('storage: {dir: /var/lib/sluice}', (top / 'etc/sluice.yaml').read_text())

    def test_the_bill_names_every_linked_library_with_version_and_licence(self):
        told = json.loads(self.made('*.cdx.json').read_text())
        parts = {each['name']: each for each in told['components']}
        for name in bill.owners(bill.linked_files(str(binary()))):
            self.assertEqual(parts[name]['version'], bill.facts(name)[0])
        for name in ('libboost1.81-dev', 'nlohmann-json3-dev', 'libcli11-dev'):
            self.assertIn({'name': 'sluice:use', 'value': 'compiled in'}, parts[name]['properties'])
        for name, each in parts.items():
            self.assertTrue(each.get('licenses'), f'{name}: no licence; read its copyright for FREE_TEXT')

    def test_the_image_installs_every_linked_library(self):
        listed = (SOURCE / 'docker/packages.txt').read_text()
        run = set(re.findall(r'^run (\S+)', listed, re.M))
        told = set(re.search(r'apt-get install -y --no-install-recommends (.*?)\n[^ ]',
                             (SOURCE / 'docs/guide/install.md').read_text().replace('\\\n', ''), re.S).group(1).split())
        self.assertEqual(told, run, 'docs/guide/install.md')
        # These are in every Debian image.
        self.assertEqual(set(bill.owners(bill.needed_files(str(binary())))) - run, {'libc6', 'libgcc-s1'})

    def checks(self, config, **environment):
        return subprocess.run([binary(), 'check', '--config', config], capture_output=True, text=True, check=False,
                              env={'PATH': os.defpath, **environment})

    def test_the_config_of_the_image_needs_a_key_and_nothing_else(self):
        config = SOURCE / 'docker/container.yaml'
        self.assertIn('SLUICE_KEY', self.checks(config).stderr)
        checked = self.checks(config, SLUICE_KEY='sk-test-00000001')
        self.assertEqual(checked.returncode, 0, checked.stderr)

    def test_compose_tells_its_key_once_and_keeps_the_hash(self):
        with tempfile.TemporaryDirectory() as scratch:
            config, token = pathlib.Path(scratch, 'config'), pathlib.Path(scratch, 'token')
            token.mkdir()
            text = (SOURCE / 'docker/compose/config/sluice.yaml').read_text()
            package.write(config / 'sluice.yaml', text.replace('/run/sluice-token', str(token)))
            script = SOURCE / 'docker/compose/first_key.sh'
            first, second = (output('sh', script, env={**os.environ, 'CONFIG': str(config), 'TOKEN': str(token)})
                             for _ in range(2))
            key = re.search(r'told this once: (sk-sluice-[0-9a-f]{48})\n', first).group(1)
            self.assertNotIn('sk-', second)
            kept = (config / 'keys.yaml').read_text()
            self.assertIn(hashlib.sha256(key.encode()).hexdigest(), kept)
            self.assertNotIn(key, kept)
            self.assertGreaterEqual(len((token / 'admin').read_text()), 32)
            self.assertNotIn((token / 'admin').read_text(), first)
            checked = self.checks(config)
            self.assertEqual(checked.returncode, 0, checked.stderr)


if __name__ == '__main__':
    parser = argparse.ArgumentParser()
    parser.add_argument('--build', type=pathlib.Path, required=True)
    options, rest = parser.parse_known_args()
    BUILD = options.build.resolve()
    unittest.main(argv=[sys.argv[0], *rest])
