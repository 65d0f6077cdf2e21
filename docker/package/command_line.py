"""The command line as the binary itself tells it: `sluice ... --help`, read into a tree.

Called by manual.py, completion.py and tests/package; starts the binary, nothing else. What is made
from this tree cannot name an option that is not there, or miss one that is.
"""

import re
import subprocess
from dataclasses import dataclass, field

COLUMN = 30  # where descriptions begin in the help
SECTIONS = {'Options:': 'options', 'Positionals:': 'positionals', 'Subcommands:': 'commands'}


@dataclass
class Option:
    names: list  # ['-c', '--config']; of a positional its one name
    value: str  # 'TEXT=config/sluice.yaml', '' for a flag
    text: str
    rule: str = ''  # 'Excludes: --json', 'REQUIRED'

    @property
    def long(self):
        return [name for name in self.names if name.startswith('--')]

    @property
    def short(self):
        return [name for name in self.names if not name.startswith('--')]

    @property
    def choices(self):
        listed = re.search(r'\{([^{}]+)\}', self.value)
        return re.split(r',\s*', listed.group(1)) if listed else []

    @property
    def takes_path(self):
        return bool(self.value) and not self.choices and bool(
            re.search(r'\b(file|files|directory|path)\b', self.text, re.I))


@dataclass
class Command:
    path: tuple  # ('keys', 'new'); () is sluice itself
    text: str = ''
    usage: str = ''
    footer: str = ''
    options: list = field(default_factory=list)
    positionals: list = field(default_factory=list)
    commands: list = field(default_factory=list)

    def walk(self):
        yield self
        for each in self.commands:
            yield from each.walk()


def read(binary, path=()):
    """The command at this path with all below it."""
    shown = subprocess.run(['sluice', *path, '--help'], executable=binary, stdin=subprocess.DEVNULL,
                           capture_output=True, text=True, timeout=30, check=True).stdout
    command, below = parse(shown, path)
    command.commands = [read(binary, (*path, name)) for name in below]
    return command


def parse(shown, path=()):
    """One help text -> (Command without the commands below it, their names)."""
    command, below = Command(path), []
    head, section, entries = [], None, []
    for line in shown.splitlines():
        if line.startswith('Usage:'):
            command.usage = line.removeprefix('Usage:').strip()
            section = 'usage'
        elif line.strip() in SECTIONS:
            section = SECTIONS[line.strip()]
        elif re.match(r'\[Option Group: .*\]$', line.strip()):
            section = 'options'
        elif section is None:
            head.append(line)
        elif line[:1].strip():
            section = 'footer'
            command.footer += line + '\n'
        elif section == 'footer':
            command.footer += line.strip() + '\n'
        elif line.strip() and section != 'usage':
            add_line(entries, section, line)
    command.text = ' '.join(' '.join(head).split())
    command.footer = command.footer.strip()
    for kind, spec, text in entries:
        if kind == 'commands':
            below.append(spec.split()[0])
            continue
        names, _, value = spec.partition(' ')
        rule = ' '.join(re.findall(r'REQUIRED|(?:Excludes|Needs): .*', value))
        value = re.sub(r'REQUIRED|(?:Excludes|Needs): .*', '', value).strip()
        getattr(command, kind).append(Option(names.split(','), value, ' '.join(text.split()), rule))
    return command, below


def add_line(entries, section, line):
    if len(line) - len(line.lstrip()) >= COLUMN:
        kind, spec, text = entries.pop()
        entries.append((kind, spec, text + ' ' + line.strip()))
    elif len(line) > COLUMN and line[COLUMN - 1] == ' ' and line[COLUMN] != ' ':
        entries.append((section, line[:COLUMN].strip(), line[COLUMN:].strip()))
    else:
        entries.append((section, line.strip(), ''))
