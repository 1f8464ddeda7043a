"""Turn YAML into frozen dataclasses, strictly: an unknown key or a wrong type is an error.

The dataclass is the schema. Supported field types: ``str``, ``int``, ``float``, ``bool``,
``Literal``, ``X | None``, ``tuple[...]`` (fixed or ``tuple[X, ...]``), ``list[X]``,
``dict[str, X]`` and nested dataclasses.
"""

import dataclasses
import difflib
import types
import typing
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

import yaml

from sim2real_ros.errors import ConfigError

T = TypeVar('T')

MAX_YAML_BYTES = 2**20
"""Largest file to read: a thousand times what people write by hand."""

MAX_SHOWN_CHARS = 300
"""Longest part of a message that is quoted from a file."""

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
    return parse_yaml(cls, _read(path), str(path), overrides=overrides)


def load_yaml_mapping(path: str | Path) -> Mapping[Any, Any]:
    """Read one YAML file whose keys somebody else will check.

    Raises:
        ConfigError: The file cannot be read, or is no YAML mapping.
    """
    return parse_yaml_mapping(_read(path), str(path))


def parse_yaml(
    cls: type[T], content: bytes, where: str, *, overrides: Mapping[str, Any] | None = None
) -> T:
    """Read YAML into the dataclass ``cls``.

    Args:
        cls: A dataclass; fields without a default are required.
        content: The YAML in UTF-8; nothing stands for ``{}``.
        where: What it came from, for error messages.
        overrides: Top-level keys that replace those of the content.

    Raises:
        ConfigError: The content is no YAML mapping or does not fit ``cls``.
    """
    mapping = parse_yaml_mapping(content, where)
    return from_mapping(cls, {**mapping, **(overrides or {})}, where)


def parse_yaml_mapping(content: bytes, where: str) -> Mapping[Any, Any]:
    """Read YAML of somebody else's layout, as strictly as our own: no aliases, no repeated keys.

    Args:
        content: The YAML in UTF-8; nothing stands for ``{}``.
        where: What it came from, for error messages.

    Raises:
        ConfigError: The content is no YAML mapping.
    """
    try:
        parsed = yaml.load(content.decode('utf-8'), _StrictLoader)
    # PyYAML's constructors let the errors of int(), date() and the like through.
    except (yaml.YAMLError, ValueError, TypeError, LookupError, AttributeError) as error:
        raise ConfigError(f'{where!r} is not valid YAML: {_one_line(error)}') from error
    except (RecursionError, OverflowError) as error:
        raise ConfigError(f'{where!r} nests too deep or has absurd numbers.') from error
    return _as_mapping(parsed, where)


def _read(path: str | Path) -> bytes:
    try:
        with Path(path).open('rb') as file:
            content = file.read(MAX_YAML_BYTES + 1)
    except (OSError, ValueError) as error:
        raise ConfigError(f'Cannot read {str(path)!r}: {_one_line(error)}.') from error
    if len(content) > MAX_YAML_BYTES:
        raise ConfigError(f'{str(path)!r} is larger than {MAX_YAML_BYTES} bytes.')
    return content


class _StrictLoader(yaml.SafeLoader):
    """Plain YAML without its two traps: aliases that expand to gigabytes, and repeated keys."""

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            event = self.peek_event()  # type: ignore[no-untyped-call]
            raise yaml.MarkedYAMLError(
                problem=f'aliases such as *{event.anchor} are not supported, write the value out',
                problem_mark=event.start_mark,
            )
        return super().compose_node(parent, index)

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
        mapping = super().construct_mapping(node, deep=deep)
        if len(mapping) < len(node.value):
            counts = Counter(self.construct_object(key) for key, _ in node.value)
            ((repeated, _),) = counts.most_common(1)
            raise yaml.MarkedYAMLError(
                problem=f'the key {_shown(repeated)} appears twice', problem_mark=node.start_mark
            )
        return mapping


def _one_line(error: Exception) -> str:
    return _cut(' '.join(str(error).split()))


def _cut(text: str) -> str:
    return text if len(text) <= MAX_SHOWN_CHARS else f'{text[:MAX_SHOWN_CHARS]}...'


def _shown(value: object) -> str:
    return _cut(repr(value))


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
            raise ConfigError(
                f'{where}: unknown key {_shown(key)}. {_suggestion(key, list(fields))}'
            )
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
    nearest = difflib.get_close_matches(_cut(str(key)), known, n=1)
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
        return {_key(k, where): convert(v, arguments[1], f'{where}.{k}') for k, v in items.items()}
    if dataclasses.is_dataclass(hint):
        return from_mapping(hint, _expect(value, (Mapping,), 'keys and values', where), where)  # type: ignore[arg-type]
    return _convert_scalar(value, hint, where)


def _expect(value: Any, kinds: tuple[type, ...], description: str, where: str) -> Any:
    if not isinstance(value, kinds):
        raise ConfigError(f'{where}: expected {description}, found {_shown(value)}.')
    return value


def _key(key: object, where: str) -> str:
    """Accept numbers too: ONNX names are often such. What YAML reads `on` as is a surprise."""
    if isinstance(key, bool) or not isinstance(key, str | int):
        raise ConfigError(f'{where}: expected text as key, found {_shown(key)}; quote it.')
    return str(_convert_scalar(str(key), str, where))


def _convert_literal(value: Any, choices: tuple[Any, ...], where: str) -> Any:
    if value not in choices:
        raise ConfigError(f'{where}: expected one of {list(choices)}, found {_shown(value)}.')
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
        raise ConfigError(f'{where}: expected {len(arguments)} values, found {_shown(value)}.')
    pairs = zip(items, arguments, strict=True)
    return tuple(convert(item, hint, f'{where}[{i}]') for i, (item, hint) in enumerate(pairs))


def _convert_scalar(value: Any, hint: Any, where: str) -> Any:
    kinds = _SCALARS[hint]
    # bool is an int for Python, never for a reader of a YAML file.
    if not isinstance(value, kinds) or (isinstance(value, bool) and hint is not bool):
        raise ConfigError(f'{where}: expected {hint.__name__}, found {_shown(value)}.')
    try:
        if hint is str:
            # Half of a surrogate pair is no text: nobody could print or send it.
            str(value).encode('utf-8')
        return hint(value)
    except (OverflowError, UnicodeEncodeError) as error:
        raise ConfigError(f'{where}: {_shown(value)} cannot be used: {error}.') from error
