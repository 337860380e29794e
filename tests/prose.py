"""Where prose stands in a file: comments, quoted texts, paragraphs and names."""

import ast
import io
import re
import tokenize
from collections.abc import Iterator

# A quoted text of bash with a blank in it.
_QUOTED = re.compile(r"\"[^\"]* [^\"]*\"|'[^']* [^']*'")


def comments_of_python(code: str) -> Iterator[tuple[int, str]]:
    """Yield each comment with its line; comments on lines of their own that follow each other are one."""
    found = [it for it in tokenize.generate_tokens(io.StringIO(code).readline) if it.type == tokenize.COMMENT]
    block: list[str] = []
    for number, token in enumerate(found):
        text = re.sub(r"^#+ ?|(?:noqa|type: ignore|fmt:).*$", "", token.string)
        block.append(text)
        following = found[number + 1] if number + 1 < len(found) else None
        goes_on = following and following.start[0] == token.start[0] + 1 and following.start[1] == token.start[1]
        if not (goes_on and token.line.lstrip().startswith("#")):
            yield token.start[0], "\n".join(block)
            block = []


def blocks(page: str, wanted: re.Pattern[str]) -> Iterator[tuple[int, str]]:
    """Yield runs of neighbouring lines that match, as their first group, with the number of the first."""
    block: list[str] = []
    lines = page.splitlines()
    for number, line in enumerate([*lines, ""], 1):
        found = wanted.match(line) if number <= len(lines) else None
        if found:
            block.append(found[1])
        elif block:
            yield number - len(block), "\n".join(block)
            block = []


def messages_of_python(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Yield each string of several words that is no docstring: messages, log phrases, comments of columns, titles."""
    docstrings = {node.value for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if not isinstance(node, ast.Constant) or node in docstrings:
            continue
        if isinstance(node.value, str) and " " in node.value.strip():
            yield node.lineno, node.value


def names_of_python(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Yield each name that the module defines, as words: functions, classes, parameters, variables."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.lineno, _words(node.name)
        elif isinstance(node, ast.arg):
            yield node.lineno, _words(node.arg)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.lineno, _words(node.id)


def _words(name: str) -> str:
    return " ".join(re.findall(r"[A-Z]?[a-z]+|[A-Z]+", name))


def comments_of_bash(code: str) -> Iterator[tuple[int, str]]:
    yield from blocks(code, re.compile(r"^\s*#(?!!)(?! shellcheck) ?(.*)$"))


def messages_of_bash(code: str) -> Iterator[tuple[int, str]]:
    for number, line in enumerate(code.splitlines(), 1):
        if not line.lstrip().startswith("#"):
            yield number, " ".join(_QUOTED.findall(line))


def paragraphs(page: str) -> Iterator[tuple[int, str]]:
    """Yield the paragraphs, lists and tables of a Markdown page, without its code."""
    prose = re.sub(r"^```.*?^```|^    .*?$", lambda block: "\n" * block[0].count("\n"), page, flags=re.M | re.S)
    yield from blocks(prose, re.compile(r"^(.*\S.*)$"))
