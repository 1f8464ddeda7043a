"""Turn YAML into frozen dataclasses, strictly: an unknown key or a wrong type is an error.

The dataclass is the schema. Supported field types: ``str``, ``int``, ``float``, ``bool``,
``Literal``, ``X | None``, ``tuple[...]`` (fixed or ``tuple[X, ...]``), ``list[X]``,
``dict[str, X]`` and nested dataclasses.
"""

import dataclasses
import difflib
import types
import typing
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

import yaml

from sim2real_ros.errors import ConfigError

T = TypeVar('T')

_SCALARS: dict[type, tuple[type, ...]] = {
    str: (str,),
    int: (int,),
    float: (int, float),
    bool: (bool,),
}


def load_yaml(cls: type[T], path: str | Path, *, overrides: Mapping[str, Any] | None = None) -> T:
    """Read one YAML file into the dataclass ``cls``.

    Args:
        cls: A dataclass; fields without a default are required.
        path: The YAML file; an empty file stands for ``{}``.
        overrides: Top-level keys that replace those of the file.

    Raises:
        ConfigError: The file cannot be read, is no YAML mapping, or does not fit ``cls``.
    """
    try:
        content = yaml.safe_load(Path(path).read_text(encoding='utf-8'))
    except OSError as error:
        raise ConfigError(f'Cannot read {str(path)!r}: {error.strerror}.') from error
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        reason = ' '.join(str(error).split())
        raise ConfigError(f'{str(path)!r} is not valid YAML: {reason}') from error
    return from_mapping(cls, {**_as_mapping(content, str(path)), **(overrides or {})}, str(path))


def _as_mapping(content: object, where: str) -> Mapping[str, Any]:
    if content is None:
        return {}
    if isinstance(content, Mapping):
        return content
    raise ConfigError(f'{where}: expected keys and values, found {type(content).__name__}.')


def from_mapping(cls: type[T], mapping: Mapping[str, Any], where: str) -> T:
    """Build the dataclass ``cls`` from a mapping.

    Args:
        cls: A dataclass.
        mapping: Its field values by name.
        where: What the mapping came from, for error messages.

    Raises:
        ConfigError: Unknown or missing key, or a value of the wrong type; unknown keys name
            the nearest known one. Also a ``ValueError`` of the dataclass's own checks.
    """
    hints = typing.get_type_hints(cls)
    fields = {field.name: field for field in dataclasses.fields(cls)}  # type: ignore[arg-type]
    for key in mapping:
        if key not in fields:
            raise ConfigError(f'{where}: unknown key {key!r}. {_suggestion(key, list(fields))}')
    for name, field in fields.items():
        if name not in mapping and _is_required(field):
            raise ConfigError(f'{where}: the key {name!r} is missing.')
    values = {key: convert(mapping[key], hints[key], f'{where}: {key}') for key in mapping}
    try:
        return cls(**values)
    except ValueError as error:
        raise ConfigError(f'{where}: {error}') from error


def _is_required(field: 'dataclasses.Field[Any]') -> bool:
    missing = dataclasses.MISSING
    return field.default is missing and field.default_factory is missing


def _suggestion(key: object, known: list[str]) -> str:
    nearest = difflib.get_close_matches(str(key), known, n=1)
    return f'Did you mean {nearest[0]!r}?' if nearest else f'Known keys: {", ".join(known)}.'


def convert(value: Any, hint: Any, where: str) -> Any:
    """Check ``value`` against the type ``hint`` and return it in that type.

    Raises:
        ConfigError: The value does not fit; the message says what was expected.
    """
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin is typing.Literal:
        return _convert_literal(value, arguments, where)
    if origin in (typing.Union, types.UnionType):
        return _convert_union(value, arguments, where)
    if origin is tuple:
        return _convert_tuple(value, arguments, where)
    if origin is list:
        items = _expect(value, (list, tuple), 'a list', where)
        return [convert(item, arguments[0], f'{where}[{i}]') for i, item in enumerate(items)]
    if origin is dict:
        items = _expect(value, (Mapping,), 'keys and values', where)
        return {str(k): convert(v, arguments[1], f'{where}.{k}') for k, v in items.items()}
    if dataclasses.is_dataclass(hint):
        return from_mapping(hint, _expect(value, (Mapping,), 'keys and values', where), where)  # type: ignore[arg-type]
    return _convert_scalar(value, hint, where)


def _expect(value: Any, kinds: tuple[type, ...], description: str, where: str) -> Any:
    if not isinstance(value, kinds):
        raise ConfigError(f'{where}: expected {description}, found {value!r}.')
    return value


def _convert_literal(value: Any, choices: tuple[Any, ...], where: str) -> Any:
    if value not in choices:
        raise ConfigError(f'{where}: expected one of {list(choices)}, found {value!r}.')
    return value


def _convert_union(value: Any, arguments: tuple[Any, ...], where: str) -> Any:
    """Support ``X | None``, the one union that our schemas use."""
    if value is None and type(None) in arguments:
        return None
    (inner,) = [argument for argument in arguments if argument is not type(None)]
    return convert(value, inner, where)


def _convert_tuple(value: Any, arguments: tuple[Any, ...], where: str) -> tuple[Any, ...]:
    items = _expect(value, (list, tuple), 'a list', where)
    if len(arguments) == 2 and arguments[1] is Ellipsis:
        arguments = (arguments[0],) * len(items)
    if len(items) != len(arguments):
        raise ConfigError(f'{where}: expected {len(arguments)} values, found {value!r}.')
    pairs = zip(items, arguments, strict=True)
    return tuple(convert(item, hint, f'{where}[{i}]') for i, (item, hint) in enumerate(pairs))


def _convert_scalar(value: Any, hint: Any, where: str) -> Any:
    kinds = _SCALARS[hint]
    # bool is an int for Python, never for a reader of a YAML file.
    if not isinstance(value, kinds) or (isinstance(value, bool) and hint is not bool):
        raise ConfigError(f'{where}: expected {hint.__name__}, found {value!r}.')
    return hint(value)
