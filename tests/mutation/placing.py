"""Ways to put a mistake into a process: into functions that exist, or into the module's import."""

from __future__ import annotations

import gc
from collections.abc import Iterator, Mapping, Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import spec_from_file_location
from types import CodeType, FunctionType, ModuleType

Key = tuple[str, int]
"""Qualified name and first line of a function's code."""


def changed(original: CodeType, mutated: CodeType) -> dict[Key, CodeType] | None:
    """Return the code of the functions that differ; None if more than functions does."""
    before, after = list(_functions(original)), list(_functions(mutated))
    old, new = dict(before), dict(after)
    if len(old) < len(before) or old.keys() != new.keys() or _differ_outside(original, mutated):
        return None
    found = {key: code for key, code in new.items() if code != old[key]}
    return None if any(old[k].co_freevars != c.co_freevars for k, c in found.items()) else found


def functions_of(filename: str) -> dict[Key, list[FunctionType]]:
    """Return all functions that were made from a file's code, also those behind decorators."""
    found: dict[Key, list[FunctionType]] = {}
    for one in gc.get_objects():
        if isinstance(one, FunctionType) and one.__code__.co_filename == filename:
            found.setdefault(_key(one.__code__), []).append(one)
    return found


def place(into: Mapping[Key, Sequence[FunctionType]], codes: Mapping[Key, CodeType]) -> bool:
    """Give the functions their changed code; False if there is none of them."""
    functions = [(function, code) for key, code in codes.items() for function in into.get(key, ())]
    for function, code in functions:
        function.__code__ = code
    return bool(functions)


class Mutated(MetaPathFinder, Loader):
    """Imports one module from changed code."""

    def __init__(self, name: str, code: CodeType) -> None:
        self._name, self._code = name, code

    def find_spec(self, fullname: str, path: object, target: object = None) -> ModuleSpec | None:
        """Answer for the one module."""
        if fullname != self._name:
            return None
        return spec_from_file_location(fullname, self._code.co_filename, loader=self)

    def exec_module(self, module: ModuleType) -> None:
        """Run the changed code as the module."""
        exec(self._code, module.__dict__)


def _key(code: CodeType) -> Key:
    return code.co_qualname, code.co_firstlineno


def _functions(code: CodeType) -> Iterator[tuple[Key, CodeType]]:
    """Return the code of all functions, at any depth."""
    for const in code.co_consts:
        if isinstance(const, CodeType):
            if const.co_flags & 0x2:  # CO_NEWLOCALS: a function, no class body
                yield _key(const), const
            yield from _functions(const)


def _differ_outside(original: CodeType, mutated: CodeType) -> bool:
    """Say whether the module's own code or a class body differs, functions aside."""
    bodies = [_without_functions(code) for code in (original, mutated)]
    return bodies[0] != bodies[1]


def _without_functions(code: CodeType) -> CodeType:
    consts = tuple(
        (None if const.co_flags & 0x2 else _without_functions(const))
        if isinstance(const, CodeType)
        else const
        for const in code.co_consts
    )
    return code.replace(co_consts=consts)
