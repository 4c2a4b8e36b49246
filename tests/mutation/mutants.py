"""Mutants of a module: its source with one small mistake each, as a tired programmer makes them."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from copy import copy
from dataclasses import dataclass
from types import CodeType

Way = tuple[tuple[str, int | None], ...]
"""From the module's tree down to a node: attribute names, and indexes where these hold lists."""

_OTHER: dict[type[ast.AST], type[ast.AST]] = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
    ast.And: ast.Or,
    ast.Or: ast.And,
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.FloorDiv,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.LShift: ast.RShift,
    ast.RShift: ast.LShift,
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
}
_OTHER_NAME = {"min": "max", "max": "min", "any": "all", "all": "any"}
_NO_BEHAVIOUR = {"annotation", "returns", "decorator_list", "format_spec"}
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)


@dataclass(frozen=True, slots=True)
class Mutant:
    """One mistake: where it is, and how its line reads before and after."""

    way: Way
    choice: int
    function: str
    line_number: int
    line: str
    mutated: str

    def compiled(self, source: str, filename: str) -> CodeType:
        """Return the code of the module with the mistake in it."""
        tree = ast.parse(source)
        *above, (name, index) = self.way
        parent = _at(tree, tuple(above))
        variant = list(_variants(_at(tree, self.way), name, _enclosing(tree, self.way)))[
            self.choice
        ]
        if index is None:
            setattr(parent, name, variant)
        else:
            getattr(parent, name)[index : index + 1] = [] if variant is None else [variant]
        ast.fix_missing_locations(tree)
        code: CodeType = compile(tree, filename, "exec", dont_inherit=True)
        return code


def mutants(source: str) -> Iterator[Mutant]:
    """Return all mutants of a module, from top to bottom."""
    tree = ast.parse(source)
    lines = source.splitlines()
    for node, way in _walk(tree, ()):
        scopes = _enclosing(tree, way)
        for choice, variant in enumerate(_variants(node, way[-1][0], scopes)):
            number = node.lineno
            mutated = _spliced(lines, node, variant)
            function = ".".join(_named(scope) for scope in scopes)
            yield Mutant(way, choice, function, number, lines[number - 1].strip(), mutated)


def _walk(node: ast.AST, way: Way) -> Iterator[tuple[ast.expr | ast.stmt | ast.keyword, Way]]:
    for name, value in ast.iter_fields(node):
        if name in _NO_BEHAVIOUR or isinstance(node, ast.JoinedStr):
            continue  # of the inside of an f-string Python 3.11 does not know the place
        for index, child in enumerate(value) if isinstance(value, list) else ((None, value),):
            if isinstance(child, ast.AST):
                below = (*way, (name, index))
                if isinstance(child, ast.expr | ast.stmt | ast.keyword):
                    yield child, below
                yield from _walk(child, below)


def _at(tree: ast.AST, way: Way) -> ast.AST:
    for name, index in way:
        value = getattr(tree, name)
        tree = value if index is None else value[index]
    return tree


def _enclosing(tree: ast.AST, way: Way) -> tuple[ast.AST, ...]:
    """Return the classes and functions whose code a node is in; a default is not its function's."""
    found = []
    for depth, (name, _) in enumerate(way):
        node = _at(tree, way[:depth])
        if isinstance(node, ast.ClassDef) or (isinstance(node, _FUNCTIONS) and name == "body"):
            found.append(node)
    return tuple(found)


def _named(scope: ast.AST) -> str:
    return getattr(scope, "name", "<lambda>")


def _variants(node: ast.AST, field: str, scopes: tuple[ast.AST, ...]) -> Iterator[ast.AST | None]:
    """Return what may stand in the place of a node by mistake; None: nothing."""
    yield from _other_statement(node, scopes)
    yield from _other_operator(node)
    match node:
        case ast.Constant(value=bool(value)):
            yield ast.Constant(not value)
        case ast.Constant(value=int(number) | float(number)):
            yield from (ast.Constant(number + 1), ast.Constant(number - 1))
        case ast.Name(id=name, ctx=ast.Load()) if name in _OTHER_NAME:
            yield ast.Name(_OTHER_NAME[name], ast.Load())
        case ast.Subscript(slice=ast.Slice(lower=lower, upper=upper, step=step)):
            yield _with(node, slice=ast.Slice(upper, lower, step))
        case ast.keyword(arg=str()):
            yield None
    plain = ast.Name | ast.Attribute | ast.Call | ast.NamedExpr | ast.Subscript
    if field in ("test", "ifs") and isinstance(node, plain):
        yield ast.UnaryOp(ast.Not(), node)


def _other_operator(node: ast.AST) -> Iterator[ast.AST]:
    match node:
        case ast.Compare(ops=ops):
            for i, op in enumerate(ops):
                yield _with(node, ops=[*ops[:i], _OTHER[type(op)](), *ops[i + 1 :]])
        case ast.BinOp(op=ast.Mod()):
            pass  # mostly a template
        case ast.BoolOp(op=op) | ast.BinOp(op=op) | ast.AugAssign(op=op) if type(op) in _OTHER:
            yield _with(node, op=_OTHER[type(op)]())
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            yield operand


def _other_statement(node: ast.AST, scopes: tuple[ast.AST, ...]) -> Iterator[ast.AST]:
    match node:
        case ast.Continue():
            yield ast.Break()
        case ast.Break():
            yield ast.Continue()
        case ast.Return(value=ast.expr() as value) if not isinstance(value, ast.Constant):
            yield ast.Return(ast.Constant(None))
        case ast.stmt() if _is_missed(node, scopes):
            yield ast.Pass()


def _is_missed(node: ast.stmt, scopes: tuple[ast.AST, ...]) -> bool:
    """Say whether a statement can be left out, so that Python does not complain at once."""
    match node:
        case ast.Return(value=None | ast.Constant(value=None)):
            return node is not scopes[-1].body[-1]  # type: ignore[attr-defined]
        case ast.Raise() | ast.Delete() | ast.AugAssign():
            return True
        case ast.Expr(value=ast.Call() | ast.Await() | ast.Yield()):
            return True
        case ast.AnnAssign(target=ast.Attribute(), value=ast.expr()):
            return True
        case ast.Assign(targets=targets):
            return all(_is_bound(target, scopes) for target in targets)
    return False


def _is_bound(target: ast.expr, scopes: tuple[ast.AST, ...]) -> bool:
    """Say whether *target* has another value without this assignment: else nobody misses it."""
    match target:
        case ast.Attribute() | ast.Subscript():
            return True
        case ast.Tuple(elts=elements):
            return all(_is_bound(element, scopes) for element in elements)
        case ast.Name(id=name) if scopes and isinstance(scopes[-1], _FUNCTIONS):
            nodes = list(ast.walk(scopes[-1]))
            stored = [n for n in nodes if isinstance(n, ast.Name) and n.id == name]
            earlier = any(isinstance(n.ctx, ast.Store) and n.lineno < target.lineno for n in stored)
            return earlier or any(isinstance(n, ast.arg) and n.arg == name for n in nodes)
    return False


def _with(node: ast.AST, **changed: object) -> ast.AST:
    made = copy(node)
    for name, value in changed.items():
        setattr(made, name, value)
    return made


def _spliced(
    lines: list[str], node: ast.expr | ast.stmt | ast.keyword, variant: ast.AST | None
) -> str:
    """Return the line (of a longer statement: all its lines as one) with the variant in it."""
    assert node.end_lineno is not None
    assert node.end_col_offset is not None
    before = lines[node.lineno - 1].encode()[: node.col_offset]
    after = lines[node.end_lineno - 1].encode()[node.end_col_offset :]
    middle = "" if variant is None else ast.unparse(ast.fix_missing_locations(variant))
    return f"{before.decode()}{middle}{after.decode()}".strip()
