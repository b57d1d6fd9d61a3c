"""Commands that people are shown, in docs or by another command: taken out, parsed."""

import re
import shlex

import click
import typer

from plexgrad.cli.app import app

ROOT = typer.main.get_command(app)
END = "&&", "||", "|", ">", ";", "&"


def blocks(text):
    """(language, comment above it, code) of every fenced block of a page."""
    language, lines, above, note = None, [], "", ""
    for line in text.splitlines():
        if language is not None:
            if line.strip() == "```":
                yield language, note, "\n".join(lines)
                language, above = None, ""
            else:
                lines.append(line)
        elif line.startswith("```"):
            language, lines, note = line[3:].strip(), [], above
        elif line.startswith("<!--") or (above and not above.endswith("-->")):
            above = f"{above}\n{line}" if above else line
        elif line.strip():
            above = ""


START = re.compile(r"(?:^|&& )\s*(?:\S*/)?plexgrad (?=[a-z-])")


def shown(text):
    """Every `plexgrad ...` of shell text, as words after `plexgrad`."""
    for line in text.replace("\\\n", " ").splitlines():
        for start in START.finditer(line):
            words = shlex.split(line[start.end() :], comments=True)
            stop = next((n for n, word in enumerate(words) if word in END), len(words))
            yield [word for word in words[:stop] if word != "..."]


def printed(text):
    """Every command that stands at the end of a printed line, as words."""
    found = re.findall(rf"plexgrad ((?:{'|'.join(ROOT.commands)})\b[^`\n]*)", text)
    return [shlex.split(rest) for rest in found]


def parsed(words):
    """The command that words call, parsed and not run. Raises click's UsageError."""
    command, rest, context = ROOT, list(words), None
    while isinstance(command, click.Group) or hasattr(command, "commands"):
        context = command.make_context(command.name, rest, parent=context)
        rest = [*context._protected_args, *context.args]
        if not rest:
            return context
        _, below, rest = command.resolve_command(context, rest)
        command = below
    return command.make_context(command.name, rest, parent=context)
