"""Options as frozen dataclasses, read from TOML; an unknown key is an error."""

import dataclasses
import difflib
import json
import math
import sys
import tomllib
import types
import typing
from collections.abc import Iterable
from importlib import resources
from pathlib import Path
from typing import Any, TypeVar

from tf_slr.core import files
from tf_slr.core.errors import UsageError

Options = TypeVar("Options")

# The key by which a recipe names the one that it differs from.
EXTENDS = "extends"


def read_toml(path: Path | str) -> dict[str, Any]:
    """Read a TOML file.

    Raises:
        DataError: the file cannot be read.
        UsageError: it is not TOML.
    """
    try:
        return tomllib.loads(files.read_text(path), parse_float=_finite)
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{path}: is not valid TOML ({error})") from error


def _finite(text: str) -> float:
    """A number; TOML also knows inf and nan, which no option of ours means."""
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"expected a finite number, received {text}")
    return value


def load(cls: type[Options], path: Path | str) -> Options:
    """Read options of type `cls` from a TOML file.

    Raises:
        UsageError: unknown key or wrong type.
    """
    return build(cls, read_toml(path), str(path))


def load_recipe(
    cls: type[Options], name: str, settings: Iterable[str] = (), kind: str = "recipes", containing: str = ""
) -> Options:
    """Read a recipe by path, or by the name of one that comes with the package.

    A recipe with `extends = "NAME"` holds only what differs from that one; a path is taken from its own folder.

    Args:
        cls: what the recipe is of.
        name: of a shipped recipe, or path of a TOML file.
        settings: `a.b=value`, applied to it.
        kind: what a message calls the recipes to choose from.
        containing: part of the names of those.

    Raises:
        UsageError: no such recipe, an unknown key or wrong value in it, or a setting that is not `key=value`.
    """

    def found(name: str, folder: Path) -> Path:
        if Path(name).suffix:
            return folder / name
        shipped = resources.files("tf_slr") / "recipes"
        path = Path(str(shipped / f"{name}.toml"))
        if not path.is_file():
            names = sorted(entry.name.removesuffix(".toml") for entry in shipped.iterdir() if ".toml" in entry.name)
            known = ", ".join(one for one in names if containing in one)
            raise UsageError(f"no recipe {name!r}; known {kind}: {known} (or give the path of a .toml file)")
        return path

    paths, table = [found(name, Path())], {}
    while True:
        own = read_toml(paths[-1])
        base = own.pop(EXTENDS, None)
        table = _merged(own, table)
        if base is None:
            break
        if not isinstance(base, str):
            raise UsageError(f"{paths[-1]}: {EXTENDS}: expected the name or path of a recipe, received {base!r}")
        under = found(base, paths[-1].parent)
        if under.resolve() in [path.resolve() for path in paths]:
            raise UsageError(f"{paths[-1]}: {EXTENDS} {base!r}, which in the end extends this one")
        paths.append(under)
    for setting in settings:
        apply_setting(table, setting)
    return build(cls, table, " extends ".join(map(str, paths)))


def _merged(under: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    """A nested table with the values of another over it."""
    both = {key for key in under.keys() & over.keys() if isinstance(under[key], dict) and isinstance(over[key], dict)}
    return under | over | {key: _merged(under[key], over[key]) for key in both}


def apply_setting(table: dict[str, Any], setting: str) -> None:
    """Apply one `a.b=value` to a nested table; the value is TOML, or else a plain string."""
    key, equals, text = setting.partition("=")
    names = [name.strip() for name in key.split(".")]
    if not equals or not all(names):
        raise UsageError(f"--set: expected a.b=value, received {setting!r}")
    try:
        value = tomllib.loads(f"value = {text}", parse_float=_finite)["value"]
    except ValueError:
        value = text
    for name in names[:-1]:
        table = table.setdefault(name, {})
        if not isinstance(table, dict):
            raise UsageError(f"--set: {name!r} in {key!r} is a value, not a table")
    table[names[-1]] = value


def build(cls: type[Options], table: dict[str, Any], source: str, prefix: str = "") -> Options:
    """Make a `cls` from a nested table, checking every key and type."""
    fields = {field.name: field for field in dataclasses.fields(cls)}
    hints = typing.get_type_hints(cls)
    for key in table:
        if key not in fields:
            near = difflib.get_close_matches(key, fields, n=1)
            hint = f"; did you mean {prefix}{near[0]}?" if near else f"; known keys: {', '.join(fields)}"
            raise UsageError(f"{source}: unknown key {prefix}{key}{hint}")
    values = {key: _convert(hints[key], value, source, prefix + key) for key, value in table.items()}
    missing = [name for name, field in fields.items() if name not in values and _required(field)]
    if missing:
        raise UsageError(f"{source}: missing key {prefix}{missing[0]}")
    return cls(**values)


def _required(field: dataclasses.Field) -> bool:
    return field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING


def _convert(kind: Any, value: Any, source: str, key: str) -> Any:
    """Check one value against the type of its field, converting tables, lists and whole numbers."""
    if dataclasses.is_dataclass(kind) and isinstance(value, dict):
        return build(kind, value, source, f"{key}.")
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin is tuple and isinstance(value, list):
        return tuple(_convert(arguments[0], item, source, key) for item in value)
    if origin is types.UnionType and isinstance(value, dict):
        return build(_chosen(arguments, value, source, key), value, source, f"{key}.")
    if origin is types.UnionType:
        kinds = [argument for argument in arguments if argument is not types.NoneType]
        if len(kinds) > 1:
            raise UsageError(f"{source}: {key}: expected a table, such as {key}.kind = VALUE, received {value!r}")
        return _convert(kinds[0], value, source, key)
    if origin is typing.Literal and value in arguments:
        return value
    if kind is float and type(value) is int and abs(value) <= sys.float_info.max:
        return float(value)
    if isinstance(kind, type) and type(value) is kind:
        return value
    expected = " or ".join(map(repr, arguments)) if origin is typing.Literal else getattr(kind, "__name__", kind)
    raise UsageError(f"{source}: {key}: expected {expected}, received {value!r}")


def _chosen(classes: tuple[type, ...], table: dict[str, Any], source: str, key: str) -> type:
    """The class of a union whose field `kind` has the table's value; the first one where the table has none."""
    classes = tuple(cls for cls in classes if cls is not types.NoneType)
    if len(classes) == 1:
        return classes[0]
    kinds = {cls.kind: cls for cls in classes}
    kind = table.get("kind", next(iter(kinds)))
    if not isinstance(kind, str) or kind not in kinds:
        raise UsageError(f"{source}: {key}.kind: expected {' or '.join(map(repr, kinds))}, received {kind!r}")
    return kinds[kind]


def to_table(options: Any) -> dict[str, Any]:
    """Options -> nested plain table, without keys that are None."""
    table = {}
    for field in dataclasses.fields(options):
        value = getattr(options, field.name)
        if dataclasses.is_dataclass(value):
            table[field.name] = to_table(value)
        elif value is not None:
            table[field.name] = list(value) if isinstance(value, tuple) else value
    return table


def to_toml(table: dict[str, Any], prefix: str = "") -> str:
    """Write a nested table of scalars and lists as TOML (which JSON's scalars are)."""
    lines = [f"{key} = {json.dumps(value, ensure_ascii=False)}" for key, value in table.items()
             if not isinstance(value, dict)]  # fmt: skip
    for key, value in table.items():
        if isinstance(value, dict):
            lines += ["", f"[{prefix}{key}]", to_toml(value, f"{prefix}{key}.").rstrip("\n")]
    return "\n".join(lines) + "\n"
