"""Completion for bash, zsh and fish, from the tree of command_line.py. Called by package.py."""


def spelled(path):
    return ' '.join(path)


def quoted(text):
    return "'" + text.replace("'", "'\\''") + "'"


def words_after(command):
    names = [each.path[-1] for each in command.commands]
    names += [name for option in command.options for name in option.names]
    return names + [choice for each in command.positionals for choice in each.choices]


# --- bash ------------------------------------------------------------------------------------------

BASH = '''# Completion of sluice(1) for bash. Made from `sluice --help`.
_sluice() {{
    local current=${{COMP_WORDS[COMP_CWORD]}} before=${{COMP_WORDS[COMP_CWORD-1]}} at="" word
    # bash takes "--option=value" apart at the equals sign.
    if [[ $current == "=" ]]; then
        current=""
    elif [[ $before == "=" ]]; then
        before=${{COMP_WORDS[COMP_CWORD-2]}}
    fi
    for word in "${{COMP_WORDS[@]:1:COMP_CWORD-1}}"; do
        case "${{at:+$at }}$word" in
{commands}
        esac
    done
    COMPREPLY=()
    case "$at:$before" in
{values}
    esac
    case "$at" in
{words}
    esac
}}
complete -F _sluice sluice
'''


def bash(root):
    commands, values, words = [], [], []
    for command in root.walk():
        if command.path:
            commands.append(f'        {quoted(spelled(command.path))}) at={quoted(spelled(command.path))} ;;')
        for option in command.options:
            if option.value:
                patterns = '|'.join(quoted(f'{spelled(command.path)}:{name}') for name in option.names)
                values.append(f'    {patterns}) {bash_value(option)} return ;;')
        files = any(each.takes_path for each in command.positionals)
        words.append(f'    {quoted(spelled(command.path))}) COMPREPLY=($(compgen {"-f " if files else ""}-W '
                     f'{quoted(" ".join(words_after(command)))} -- "$current")) ;;')
    return BASH.format(commands='\n'.join(commands) or '        *) ;;', values='\n'.join(values) or '    *) ;;',
                       words='\n'.join(words))


def bash_value(option):
    if option.choices:
        return f'COMPREPLY=($(compgen -W {quoted(" ".join(option.choices))} -- "$current"));'
    if option.takes_path:
        return 'compopt -o filenames 2>/dev/null; COMPREPLY=($(compgen -f -- "$current"));'
    return ''


# --- zsh -------------------------------------------------------------------------------------------

def zsh(root):
    functions = [zsh_function(command) for command in root.walk()]
    return ('#compdef sluice\n# Completion of sluice(1) for zsh. Made from `sluice --help`.\n\n'
            + '\n'.join(functions) + '\nif [ "$funcstack[1]" = _sluice ]; then\n    _sluice "$@"\nelse\n'
            '    compdef _sluice sluice\nfi\n')


def zsh_name(path):
    return '_sluice' + ''.join('_' + each.replace('-', '_') for each in path)


def zsh_text(text):
    for mark in '\\[]:':
        text = text.replace(mark, '\\' + mark)
    return text


def zsh_function(command):
    specs = []
    for option in command.options:
        others = f'({" ".join(option.names)})' if len(option.names) > 1 else ''
        for name in option.names:
            # "--name=" takes the value as its own word too.
            mark = ('=' if name.startswith('--') else '+') if option.value else ''
            specs.append(quoted(f'{others}{name}{mark}[{zsh_text(option.text)}]{zsh_value(option)}'))
    for number, each in enumerate(command.positionals, 1):
        specs.append(quoted(f'{number}{zsh_value(each)}'))
    lines = [f'{zsh_name(command.path)}() {{']
    if not command.commands:
        return '\n'.join([*lines, '    _arguments -s \\', *(f'        {spec} \\' for spec in specs[:-1]),
                          f'        {specs[-1]}', '}', ''])
    lines += ['    local context state line', '    local -a commands', '    typeset -A opt_args',
              '    _arguments -C -s \\', *(f'        {spec} \\' for spec in specs),
              "        '1: :->command' '*:: :->rest'", '    case $state in', '    command)', '        commands=(']
    lines += [f'            {quoted(each.path[-1] + ":" + each.text)}' for each in command.commands]
    lines += ['        )', '        _describe command commands', '        ;;', '    rest)', '        case $line[1] in']
    lines += [f'        {each.path[-1]}) {zsh_name(each.path)} ;;' for each in command.commands]
    return '\n'.join([*lines, '        esac', '        ;;', '    esac', '}', ''])


def zsh_value(option):
    if not option.value:
        return ''
    if option.choices:
        return f': :({" ".join(option.choices)})'
    return ': :_files' if option.takes_path else ': : '


# --- fish ------------------------------------------------------------------------------------------

FISH = '''# Completion of sluice(1) for fish. Made from `sluice --help`.
function __sluice_at
    set -l at
    for word in (commandline -opc)[2..]
        set -l next (string trim -- "$at $word")
        if contains -- $next {paths}
            set at $next
        end
    end
    test "$at" = "$argv[1]"
end
complete -c sluice -f
'''


def fish_quoted(text):
    return "'" + text.replace('\\', '\\\\').replace("'", "\\'") + "'"


def fish(root):
    paths = [fish_quoted(spelled(each.path)) for each in root.walk() if each.path]
    lines = [FISH.format(paths=' '.join(paths))]
    for command in root.walk():
        here = 'complete -c sluice -n ' + fish_quoted(f'__sluice_at {quoted(spelled(command.path))}')
        lines += [f'{here} -a {fish_quoted(each.path[-1])} -d {fish_quoted(each.text)}\n' for each in command.commands]
        for option in command.options:
            names = ''.join(f' -l {name[2:]}' for name in option.long) + ''.join(
                f' -s {name[1:]}' for name in option.short)
            lines.append(f'{here}{names}{fish_value(option)} -d {fish_quoted(option.text)}\n')
        for each in command.positionals:
            if each.takes_path:
                lines.append(f'{here} -F\n')
            elif each.choices:
                lines.append(f'{here} -a {fish_quoted(" ".join(each.choices))}\n')
    return ''.join(lines)


def fish_value(option):
    if not option.value:
        return ''
    if option.choices:
        return f' -x -a {fish_quoted(" ".join(option.choices))}'
    return ' -r -F' if option.takes_path else ' -x'
