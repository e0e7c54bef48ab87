"""Small faults in a source file: each is one change of one place, small enough to be overlooked.

Comparisons, connectives, conditions, numbers, flags, short texts and operators become others; statements that only do
something are left out; what is returned becomes None. Annotations, documentation, messages and logs are let alone:
nobody tests their wording.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

import attrs

_COMPARISONS = {
    ast.Eq: "!=", ast.NotEq: "==", ast.Lt: "<=", ast.LtE: "<", ast.Gt: ">=", ast.GtE: ">",
    ast.Is: "is not", ast.IsNot: "is", ast.In: "not in", ast.NotIn: "in",
}  # fmt: skip
_OPERATORS = {
    ast.Add: "-", ast.Sub: "+", ast.Mult: "//", ast.Div: "*", ast.FloorDiv: "*", ast.Mod: "*", ast.Pow: "*",
    ast.BitOr: "&", ast.BitAnd: "|", ast.BitXor: "|", ast.LShift: ">>", ast.RShift: "<<",
}  # fmt: skip
#: Calls whose arguments are words for a person.
_SAYING = frozenset({"debug", "info", "warning", "warn", "getLogger", "Error"})
#: Arguments of calls that are words for a person.
_WORDS = frozenset({"hint", "store", "name", "stacklevel"})


@attrs.frozen(kw_only=True)
class Change:
    """One fault.

    Attributes:
        line: Where it is, from 1.
        before: What stands there.
        after: What is put there instead.
        start: Place of its first byte in the source.
        end: Place after its last byte.
        whole: The line of the source that it begins in.
    """

    line: int
    before: str
    after: str
    start: int
    end: int
    whole: str

    def __str__(self) -> str:
        """Show it in one line."""
        before, after = (" ".join(text.split()) for text in (self.before, self.after))
        whole = "" if self.whole.startswith(before[:70]) else f"  in  {self.whole[:70].rstrip()}"
        return f"{before[:70]}  ->  {after[:70]}{whole}"

    def apply(self, source: bytes) -> bytes:
        """Return the source with the fault."""
        return source[: self.start] + self.after.encode() + source[self.end :]


class Finder(ast.NodeVisitor):
    """Finds what can be changed.

    Args:
        source: The source file.
    """

    def __init__(self, source: bytes) -> None:
        """Read it."""
        self._source = source
        self._lines = [0]
        for line in source.splitlines(keepends=True):
            self._lines.append(self._lines[-1] + len(line))
        self._found: list[Change] = []

    def find(self) -> list[Change]:
        """Return all changes, in order."""
        self.visit(ast.parse(self._source))
        return sorted(set(self._found), key=lambda change: (change.start, change.end, change.after))

    def _text(self, node: ast.expr | ast.stmt) -> str:
        start, end = self._span(node)
        return self._source[start:end].decode()

    def _span(self, node: ast.expr | ast.stmt) -> tuple[int, int]:
        assert node.end_lineno is not None
        assert node.end_col_offset is not None
        return (
            self._lines[node.lineno - 1] + node.col_offset,
            self._lines[node.end_lineno - 1] + node.end_col_offset,
        )

    def _put(self, node: ast.expr | ast.stmt, after: str) -> None:
        start, end = self._span(node)
        whole = self._source[self._lines[node.lineno - 1] : self._lines[node.lineno]].decode().strip()
        before = self._text(node)
        self._found.append(
            Change(line=node.lineno, before=before, after=after, start=start, end=end, whole=whole),
        )

    def generic_visit(self, node: ast.AST) -> None:
        """Go on below, but not into annotations, documentation, or what is for checkers only."""
        for name, value in ast.iter_fields(node):
            if name in ("annotation", "returns", "decorator_list", "type_comment"):
                continue
            for child in value if isinstance(value, list) else [value]:
                if isinstance(child, ast.AST) and not _is_documentation(child):
                    self.visit(child)

    def visit_If(self, node: ast.If) -> None:
        """Let the condition be its opposite."""
        if isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
            return
        self._negate(node.test)
        self.generic_visit(node)

    def visit_While(self, node: ast.While) -> None:
        """Let the condition be its opposite."""
        self._negate(node.test)
        self.generic_visit(node)

    def visit_IfExp(self, node: ast.IfExp) -> None:
        """Let the condition be its opposite."""
        self._negate(node.test)
        self.generic_visit(node)

    def visit_comprehension(self, node: ast.comprehension) -> None:
        """Let each condition be its opposite."""
        for test in node.ifs:
            self._negate(test)
        self.generic_visit(node)

    def _negate(self, test: ast.expr) -> None:
        if not isinstance(test, ast.Compare | ast.UnaryOp | ast.Constant):
            self._put(test, f"(not ({self._text(test)}))")

    def visit_Compare(self, node: ast.Compare) -> None:
        """Let the first comparison be a similar one."""
        other = _COMPARISONS[type(node.ops[0])]
        parts = [self._text(node.left), other, self._text(node.comparators[0])]
        for operator, right in zip(node.ops[1:], node.comparators[1:], strict=True):
            parts += [ast.unparse(ast.Compare(ast.Name("x"), [operator], [ast.Name("y")]))[2:-2], self._text(right)]
        self._put(node, f"({' '.join(parts)})")
        self.generic_visit(node)

    def visit_BoolOp(self, node: ast.BoolOp) -> None:
        """Let "and" be "or", and the other way round; let each part be missing."""
        word = " or " if isinstance(node.op, ast.And) else " and "
        parts = [f"({self._text(value)})" for value in node.values]
        self._put(node, f"({word.join(parts)})")
        same = " and " if isinstance(node.op, ast.And) else " or "
        for left_out in range(len(parts)):
            self._put(node, f"({same.join(parts[:left_out] + parts[left_out + 1 :])})")
        self.generic_visit(node)

    def visit_UnaryOp(self, node: ast.UnaryOp) -> None:
        """Leave a "not" or a sign out."""
        self._put(node, f"({self._text(node.operand)})")
        self.generic_visit(node)

    def visit_BinOp(self, node: ast.BinOp) -> None:
        """Let an operator be another one; texts are not calculated with."""
        if not any(
            isinstance(side, ast.Constant | ast.JoinedStr) and _is_text(side) for side in (node.left, node.right)
        ):
            self._put(node, f"({self._text(node.left)} {_OPERATORS[type(node.op)]} {self._text(node.right)})")
        self.generic_visit(node)

    def visit_Constant(self, node: ast.Constant) -> None:
        """Let a value be another one."""
        value = node.value
        if isinstance(value, bool):
            self._put(node, repr(not value))
        elif isinstance(value, int | float):
            self._put(node, repr(value + 1))
        elif isinstance(value, str | bytes):
            empty = "''" if isinstance(value, str) else "b''"
            self._put(node, empty if value else empty.replace("''", "'XX'"))

    def visit_JoinedStr(self, node: ast.JoinedStr) -> None:
        """Look into the parts only that are calculated."""
        for part in node.values:
            if isinstance(part, ast.FormattedValue):
                self.visit(part.value)

    def visit_Raise(self, node: ast.Raise) -> None:
        """Leave it out; the message is let alone."""
        self._put(node, "pass")

    def visit_Call(self, node: ast.Call) -> None:
        """Go on below, but not into words for a person."""
        called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        if called in _SAYING or called.endswith("Error"):
            return
        for part in (node.func, *node.args):
            self.visit(part)
        for keyword in node.keywords:
            if keyword.arg not in _WORDS:
                self.visit(keyword.value)

    def visit_Expr(self, node: ast.Expr) -> None:
        """Leave out what only does something; logs may be."""
        if isinstance(node.value, ast.Call):
            function = node.value.func
            called = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
            if called not in _SAYING:
                self._put(node, "pass")
        self.generic_visit(node)

    def visit_Assign(self, node: ast.Assign) -> None:
        """Leave out what is set on an object or in a collection."""
        if all(isinstance(target, ast.Attribute | ast.Subscript) for target in node.targets):
            self._put(node, "pass")
        self.generic_visit(node)

    def visit_AugAssign(self, node: ast.AugAssign) -> None:
        """Leave it out."""
        self._put(node, "pass")
        self.generic_visit(node)

    def visit_Return(self, node: ast.Return) -> None:
        """Return None."""
        if node.value is not None and not (isinstance(node.value, ast.Constant) and node.value.value is None):
            self._put(node, "return None")
        self.generic_visit(node)

    def visit_Break(self, node: ast.Break) -> None:
        """Go on instead."""
        self._put(node, "continue")

    def visit_Continue(self, node: ast.Continue) -> None:
        """End it instead."""
        self._put(node, "break")


def _is_documentation(node: ast.AST) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def _is_text(node: ast.Constant | ast.JoinedStr) -> bool:
    return isinstance(node, ast.JoinedStr) or isinstance(node.value, str | bytes)


def changes(source: bytes) -> Iterator[Change]:
    """Return every change of a source file that still can be compiled."""
    for change in Finder(source).find():
        try:
            compile(change.apply(source), "changed", "exec")
        except SyntaxError:
            continue
        yield change
