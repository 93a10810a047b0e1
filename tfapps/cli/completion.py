"""`tfapps completion`."""

from __future__ import annotations

import argparse

HELP = "print a script with which a shell completes verbs, options, runs and files"
DETAIL = "Options are those of this version: print the script anew after an update."
ARTIFACT = "none is opened"
EXAMPLES = (
    "tfapps completion bash > ~/.local/share/bash-completion/completions/tfapps",
    "tfapps completion fish > ~/.config/fish/completions/tfapps.fish",
)
PAGE = "reference/command_line.md"
RUNS = "run"  # arguments whose values are finished runs
_FOLDER = "saved_models"

_BASH = """\
_tfapps() {{
    local cur="${{COMP_WORDS[COMP_CWORD]}}" verb="${{COMP_WORDS[1]}}" words=""
    if [ "$COMP_CWORD" -eq 1 ]; then
        COMPREPLY=($(compgen -W "{verbs}" -- "$cur"))
        return
    fi
    case "$verb" in
{options}
    esac
    case "$verb" in
        {runs}) words="$words $(ls {folder} 2>/dev/null)" ;;
    esac
    COMPREPLY=($(compgen -W "$words" -- "$cur") $(compgen -f -- "$cur"))
}}
complete -o filenames -F _tfapps tfapps
"""
_ZSH = "autoload -U +X bashcompinit && bashcompinit\n"


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's arguments."""
    parser.add_argument("shell", choices=("bash", "zsh", "fish"), help="the shell")


def main(arguments: argparse.Namespace) -> None:
    """Print the script, made of the parser itself."""
    from tfapps.cli._parser import parser_of_all

    verbs = _verbs(parser_of_all())
    if arguments.shell == "fish":
        print(_fish(verbs), end="")
    else:
        print((_ZSH if arguments.shell == "zsh" else "") + _bash(verbs), end="")


def _verbs(parser: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    (action,) = (a for a in parser._actions if isinstance(a, argparse._SubParsersAction))
    return dict(action.choices)


def _words(verb: argparse.ArgumentParser) -> list[str]:
    """Return options and fixed values of a verb."""
    words = [option for action in verb._actions for option in action.option_strings]
    return words + [str(value) for action in verb._actions for value in action.choices or ()]


def _reads_runs(verb: argparse.ArgumentParser) -> bool:
    return any((action.dest or "").rstrip("s") == RUNS for action in verb._actions)


def _bash(verbs: dict[str, argparse.ArgumentParser]) -> str:
    words = {name: " ".join(_words(verb)) for name, verb in verbs.items()}
    options = "\n".join(f'        {name}) words="{line}" ;;' for name, line in words.items())
    runs = "|".join(name for name, verb in verbs.items() if _reads_runs(verb))
    return _BASH.format(verbs=" ".join(verbs), options=options, runs=runs, folder=_FOLDER)


def _fish(verbs: dict[str, argparse.ArgumentParser]) -> str:
    lines = []
    for name, verb in verbs.items():
        about = _quoted((verb.description or "").partition("\n")[0])
        lines.append(f"complete -c tfapps -f -n __fish_use_subcommand -a {name} -d {about}")
        seen = f"complete -c tfapps -n '__fish_seen_subcommand_from {name}'"
        if _reads_runs(verb):
            lines.append(f"{seen} -a '(ls {_FOLDER} 2>/dev/null)'")
        for action in verb._actions:
            takes = "" if action.nargs == 0 else " -r"
            text = _quoted((action.help or "").replace("%%", "%"))
            for option in action.option_strings:
                kind = f"-l {option[2:]}" if option.startswith("--") else f"-s {option[1:]}"
                lines.append(f"{seen} {kind}{takes} -d {text}")
    return "".join(f"{line}\n" for line in lines)


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"
