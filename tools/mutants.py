"""Mutants: copies of a module with one small fault each, as a programmer makes them.

Texts, annotations, decorators and docstrings are left alone: what a message says is not behaviour that a figure should
count. Every mutant is one edit of the source, so that its line shows what was changed.
"""

import ast
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

_COMPARISONS = {
    ast.Lt: ("<", "<="), ast.LtE: ("<=", "<"), ast.Gt: (">", ">="), ast.GtE: (">=", ">"), ast.Eq: ("==", "!="),
    ast.NotEq: ("!=", "=="), ast.Is: ("is", "is not"), ast.IsNot: ("is not", "is"), ast.In: ("in", "not in"),
    ast.NotIn: ("not in", "in"),
}  # fmt: skip
_ARITHMETIC = {
    ast.Add: ("+", "-"), ast.Sub: ("-", "+"), ast.Mult: ("*", "/"), ast.Div: ("/", "*"), ast.FloorDiv: ("//", "*"),
    ast.Mod: ("%", "*"), ast.Pow: ("**", "*"), ast.BitAnd: ("&", "|"), ast.BitOr: ("|", "&"),
}  # fmt: skip
_LOGIC = {ast.And: ("and", "or"), ast.Or: ("or", "and")}
# Statements that do something and bind no name; the lack of a name would be found by any test that gets there.
_DELETED = (ast.Raise, ast.Continue, ast.Break, ast.AugAssign, ast.Delete)


@dataclass(frozen=True)
class Mutant:
    """One fault.

    Attributes:
        key: names it within its module, whatever line it is on: where it is, and the line before and after.
        line: number of the line in the source that was read.
        source: the whole module with the fault.
    """

    key: str
    line: int
    source: str


@dataclass(frozen=True)
class _Edit:
    """Bytes [start, stop) of the source, and what replaces them."""

    start: int
    stop: int
    text: str


def mutants_of(source: str) -> list[Mutant]:
    """All mutants of a module's source, in the order of its lines."""
    tree, content = ast.parse(source), source.encode()
    lines = [0]
    for line in content.splitlines(keepends=True):
        lines.append(lines[-1] + len(line))
    whole = ast.dump(tree)
    found, seen, keys = [], set(), Counter()
    for owner, edit in sorted(_Edits(content, lines).of(tree), key=lambda one: (one[1].start, one[1].stop)):
        changed = (content[: edit.start] + edit.text.encode() + content[edit.stop :]).decode()
        try:
            other = ast.dump(ast.parse(changed))
        except SyntaxError:  # as where a bracket stands between an operand and its operator
            continue
        if other == whole or other in seen:
            continue
        seen.add(other)
        first = content.rfind(b"\n", 0, edit.start) + 1
        last = content.find(b"\n", edit.stop) % (len(content) + 1)
        before = content[first:last].decode()
        after = (content[first : edit.start] + edit.text.encode() + content[edit.stop : last]).decode()
        key = f"{owner}: {_flat(before)} => {_flat(after)}"
        keys[key] += 1
        if keys[key] > 1:
            key += f" #{keys[key]}"
        found.append(Mutant(key, content.count(b"\n", 0, edit.start) + 1, changed))
    return found


def _flat(text: str) -> str:
    return re.sub(r"\s+", " ", text).strip()


class _Edits:
    """Finds the edits of a module."""

    def __init__(self, content: bytes, lines: list[int]) -> None:
        self._content, self._lines = content, lines

    def of(self, node: ast.AST, owner: str = "module") -> Iterator[tuple[str, _Edit]]:
        """Edits of a node and all within, each with the name of the function or class it is in."""
        if isinstance(node, ast.JoinedStr):
            return
        for edit in self._own(node):
            yield owner, edit
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            owner = node.name if owner == "module" else f"{owner}.{node.name}"
        for name, value in ast.iter_fields(node):
            if name in ("annotation", "returns", "decorator_list", "bases"):
                continue
            for child in value if isinstance(value, list) else [value]:
                if isinstance(child, ast.AST):
                    yield from self.of(child, owner)

    def _own(self, node: ast.AST) -> Iterator[_Edit]:
        match node:
            case ast.Compare():
                sides = [node.left, *node.comparators]
                for i, operator in enumerate(node.ops):
                    yield from self._operator(sides[i], sides[i + 1], _COMPARISONS[type(operator)])
            case ast.BoolOp():
                for before, after in zip(node.values, node.values[1:], strict=False):
                    yield from self._operator(before, after, _LOGIC[type(node.op)])
            case ast.BinOp(op=operator) if type(operator) in _ARITHMETIC and not _writes_text(node):
                yield from self._operator(node.left, node.right, _ARITHMETIC[type(operator)])
            case ast.UnaryOp(op=ast.Not() | ast.USub() | ast.Invert()):
                yield _Edit(self._start(node), self._start(node.operand), "")
            case ast.Constant(value=bool()):
                yield self._replaced(node, str(not node.value))
            case ast.Constant(value=int() | float()):
                for other in (node.value + 1, node.value - 1):
                    yield self._replaced(node, f"({other})" if other < 0 else str(other))
            case ast.Return(value=ast.expr()):
                yield self._replaced(node, "return None")
            case ast.If(test=ast.Name() | ast.Attribute() | ast.Call() as test):
                yield self._replaced(test, f"not {self._text(test)}")
            case ast.IfExp(test=ast.Name() | ast.Attribute() | ast.Call() as test):
                yield self._replaced(test, f"not {self._text(test)}")
            case ast.Call():
                yield from self._arguments(node)
        yield from self._deleted(node)

    def _deleted(self, node: ast.AST) -> Iterator[_Edit]:
        call = isinstance(node, ast.Expr) and isinstance(node.value, ast.Call)
        stored = isinstance(node, ast.Assign) and not isinstance(node.targets[0], ast.Name | ast.Tuple)
        if call or stored or isinstance(node, _DELETED):
            yield self._replaced(node, "pass")
        if isinstance(node, ast.AugAssign) and type(node.op) in _ARITHMETIC:
            yield from self._operator(node.target, node.value, tuple(f"{one}=" for one in _ARITHMETIC[type(node.op)]))

    def _arguments(self, call: ast.Call) -> Iterator[_Edit]:
        """The call without each of the arguments that have a name, and so perhaps a default."""
        for number, keyword in enumerate(call.keywords):
            if keyword.arg is None:
                continue
            before = [*call.args, *call.keywords[:number]]
            start, stop = self._start(keyword), self._stop(keyword)
            if before:
                start = self._content.index(b",", max(map(self._stop, before)))
            elif call.keywords[1:]:
                stop = self._start(call.keywords[1])
            yield _Edit(start, stop, "")

    def _operator(self, left: ast.AST, right: ast.AST, change: tuple[str, str]) -> Iterator[_Edit]:
        start, stop = self._stop(left), self._start(right)
        token = rf"(?<!\w){re.escape(change[0])}(?!\w)" if change[0][0].isalpha() else re.escape(change[0])
        found = list(re.finditer(token.replace(r"\ ", r"\s+"), self._content[start:stop].decode()))
        if len(found) == 1:
            yield _Edit(start + found[0].start(), start + found[0].end(), change[1])

    def _replaced(self, node: ast.AST, text: str) -> _Edit:
        return _Edit(self._start(node), self._stop(node), text)

    def _text(self, node: ast.AST) -> str:
        return self._content[self._start(node) : self._stop(node)].decode()

    def _start(self, node: ast.AST) -> int:
        return self._lines[node.lineno - 1] + node.col_offset

    def _stop(self, node: ast.AST) -> int:
        return self._lines[node.end_lineno - 1] + node.end_col_offset


def _writes_text(node: ast.BinOp) -> bool:
    """Whether an operator joins or formats texts."""
    texts = [side.value for side in (node.left, node.right) if isinstance(side, ast.Constant)]
    return (
        isinstance(node.left, ast.JoinedStr)
        or isinstance(node.right, ast.JoinedStr)
        or any(isinstance(text, str | bytes) for text in texts)
    )
