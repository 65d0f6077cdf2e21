"""The manual page sluice.1, from the tree of command_line.py and the prose below. Called by package.py."""

import re
import time

INTRODUCTION = '''One governed checkpoint between applications and AI models: clients point the base URL of their SDK at
sluice, operators edit one YAML file. Without a configuration of its own and without a provider's
credential it serves in trial mode: a built-in mock answers every model, for this machine only.'''

SIGNALS = (
    ('SIGTERM, SIGINT', 'Stop: requests in flight may take up to server.drain_ms, the ledger is written out. A second '
                        'one ends the process at once.'),
    ('SIGHUP', 'Load the configuration again. One that is not valid changes nothing, and the log says why.'),
)
ENVIRONMENT = (
    ('SLUICE_LISTEN', 'Addresses to listen on, over those of server.listeners; several with commas.'),
    ('SLUICE_ADMIN_LISTEN', 'The address of the admin listener, over admin.address.'),
    ('OPENAI_API_KEY and the like', 'The credential of a provider that has no keys in the configuration; each kind has '
                                    'its variable.'),
    ('HTTPS_PROXY, HTTP_PROXY, NO_PROXY', 'The proxy towards providers, where the configuration names none.'),
)
FILES = (
    ('/etc/sluice/sluice.yaml', 'The configuration, where sluice was installed from a package.'),
    ('/etc/default/sluice', 'Environment of the service: credentials of providers.'),
    ('/var/lib/sluice', 'Usage ledger and all else that outlives the process (storage.dir).'),
    ('/usr/share/sluice', 'Examples, the JSON schema for editors, providers and price lists for reading.'),
)


def escaped(text):
    text = text.replace('\\', '\\e').replace('-', '\\-')
    return re.sub(r"^([.'])", r'\\&\1', text, flags=re.M)


def page(root, version, epoch):
    day = time.strftime('%Y-%m-%d', time.gmtime(epoch))
    out = [f'.TH SLUICE 1 {day} "sluice {escaped(version)}" "User commands"', '.SH NAME',
           'sluice \\- an AI gateway', '.SH SYNOPSIS']
    for command in root.walk():
        if not command.commands:
            out += ['.B sluice ' + escaped(' '.join(command.path)), synopsis(command), '.br']
    out += ['.B sluice \\-\\-version', '.SH DESCRIPTION', escaped(INTRODUCTION), '.SH COMMANDS']
    for command in root.walk():
        if command.path:
            out += ['.SS ' + escaped(' '.join(command.path)), escaped(command.text)]
            out += entries([*command.positionals, *command.options])
            if command.footer not in ('', root.footer):
                out += ['.PP', '.nf', escaped(command.footer), '.fi']
    out += ['.SH OPTIONS', *entries(root.options)]
    for title, rows in (('SIGNALS', SIGNALS), ('ENVIRONMENT', ENVIRONMENT), ('FILES', FILES)):
        out.append(f'.SH {title}')
        for name, text in rows:
            out += ['.TP', '.B ' + escaped(name), escaped(text)]
    out += ['.SH EXIT STATUS', escaped(root.footer), '.SH SEE ALSO',
            'The guides and the reference: /usr/share/doc/sluice/.']
    return '\n'.join(out) + '\n'


def synopsis(command):
    words = ['[options]'] + [each.names[0].upper() for each in command.positionals]
    return '.RI ' + escaped(' '.join(words)).replace(' ', '\\ ')


def entries(options):
    out = []
    for option in options:
        if option.names == ['-h', '--help']:
            continue
        names = ', '.join(f'\\fB{escaped(name)}\\fR' for name in option.names)
        value = f' \\fI{escaped(option.value)}\\fR' if option.value else ''
        text = option.text + {'': '', 'REQUIRED': ' (required)'}.get(option.rule, f' ({option.rule})')
        out += ['.TP', names + value, escaped(text)]
    return out
