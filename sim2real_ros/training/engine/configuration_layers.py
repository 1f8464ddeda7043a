"""Layers of a configuration: what each says, where it comes from, and how they become one."""

import dataclasses
import difflib
import re
import types
import typing
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeVar

from sim2real_ros.config import from_mapping, parse_yaml_mapping
from sim2real_ros.errors import ConfigError
from sim2real_ros.training.options import DiscriminatorOptions, GeneratorOptions

Values = dict[str, Any]

Layer = tuple[str, Mapping[str, Any]]
"""Where it comes from, for messages, and nested values."""

T = TypeVar('T')

_NETWORKS = {'generator': GeneratorOptions, 'discriminator': DiscriminatorOptions}

_WITHOUT_NORM = ('refiner', 'local')
"""Networks that refuse a norm."""

_EXPONENT = re.compile(r'[-+]?\d+(\.\d*)?[eE][-+]?\d+')
"""Floats such as 1e-4, which YAML 1.1 takes for text."""

_NOWHERE = 'configuration'


def override_layer(text: str) -> Layer:
    """Read ``key=value`` with a dotted key and a YAML value.

    Raises:
        ConfigError: It is something else.
    """
    key, equals, value = text.partition('=')
    where = f'--set {key}'
    if not equals:
        raise ConfigError(f'--set {text!r}: expected key=value, such as generator.filters=32.')
    try:
        parsed = parse_yaml_mapping(f'value: {value}'.encode(), where)['value']
    except UnicodeEncodeError as error:
        raise ConfigError(f'{where}: {value!r} is no UTF-8; rename it.') from error
    return option_layer(where, key.strip(), parsed)


def option_layer(where: str, key: str, value: Any) -> Layer:
    """Return the layer that sets one dotted key."""
    for name in reversed(key.split('.')):
        value = {name: value}
    return where, value


def check_keys(cls: type[Any], layer: Layer) -> None:
    """Refuse unknown keys while it is known where they come from; values are checked later.

    Raises:
        ConfigError: There is one; the message names the nearest key of the configuration.
    """
    where, values = layer
    _check_keys(cls, values, where, list(_dotted_keys(cls)))


def joined(layers: Sequence[Layer]) -> Values:
    """Merge layers that are of one piece, such as the options of one command."""
    values: Values = {}
    for _, layer in layers:
        values = _merged(values, layer)
    return values


def changed(values: Values, layer: Mapping[str, Any]) -> Values:
    """Change complete values by what a layer says.

    Where it names another network, the values of the former one do not hold any more: how many
    blocks a resnet had says nothing about a U-Net. Only how weights start stays, and the norm,
    if the new network has one.
    """
    layer = _with_base_of_optional(values, layer)
    bases = {key: _base_of_network(key, values[key], layer.get(key)) for key in _NETWORKS}
    result: Values = _merged({**values, **bases}, layer)
    return result


def built(cls: type[T], values: Values, sources: Sequence[Layer]) -> T:
    """Build the configuration.

    Args:
        cls: Its class.
        values: All of them.
        sources: The layers that may be blamed for a wrong value.

    Raises:
        ConfigError: A value does not fit; the message begins with the layers that set it, or
            anything in its section.
    """
    try:
        return from_mapping(cls, values, _NOWHERE)
    except ConfigError as error:
        text = str(error).removeprefix(f'{_NOWHERE}: ')
        where = ', '.join(_culprits(text, values, sources)) or _NOWHERE
        raise ConfigError(f'{where}: {text}') from error


def plain(value: Any) -> Any:
    """Return nested values as YAML and JSON can hold them."""
    if isinstance(value, Mapping):
        return {key: plain(each) for key, each in value.items()}
    return [plain(each) for each in value] if isinstance(value, (list, tuple)) else value


def _check_keys(
    cls: type[Any], values: Mapping[str, Any], where: str, everywhere: Sequence[str]
) -> None:
    hints = typing.get_type_hints(cls)
    for key, value in values.items():
        if key not in hints:
            _refuse_key(cls, key, where, everywhere)
        if (nested := _nested_class(hints[key])) and isinstance(value, Mapping):
            _check_keys(nested, value, f'{where}: {key}', everywhere)


def _refuse_key(cls: type[Any], key: Any, where: str, everywhere: Sequence[str]) -> None:
    names = list(dict.fromkeys(dotted.rpartition('.')[2] for dotted in everywhere))
    nearest = difflib.get_close_matches(str(key)[:100], names, n=1)
    if nearest and nearest[0] not in typing.get_type_hints(cls):
        meant = [repr(each) for each in everywhere if each.rpartition('.')[2] == nearest[0]]
        raise ConfigError(f'{where}: unknown key {key!r}. Did you mean {" or ".join(meant)}?')
    # For its message, which names the nearest key in this section.
    from_mapping(cls, {key: None}, where)


def _dotted_keys(cls: type[Any], prefix: str = '') -> Iterator[str]:
    for key, hint in typing.get_type_hints(cls).items():
        yield prefix + key
        if nested := _nested_class(hint):
            yield from _dotted_keys(nested, f'{prefix}{key}.')


def _nested_class(hint: Any) -> type[Any] | None:
    """Return the dataclass that a field holds, also where it may be None."""
    options = typing.get_args(hint) if isinstance(hint, types.UnionType) else (hint,)
    return next((x for x in options if isinstance(x, type) and dataclasses.is_dataclass(x)), None)


def _base_of_network(key: str, before: Any, change: Any) -> Any:
    """Return the values that a change of a network is merged upon."""
    if not (isinstance(before, Mapping) and isinstance(change, Mapping)):
        return before
    name = change.get('name', before['name'])
    if name == before['name']:
        return before
    kept = ['initialisation'] if name in _WITHOUT_NORM else ['initialisation', 'norm']
    usual: Values = plain(dataclasses.asdict(_NETWORKS[key]()))
    return {**usual, **{option: before[option] for option in kept}}


def _with_base_of_optional(values: Values, layer: Mapping[str, Any]) -> Mapping[str, Any]:
    """Let a first word about the discriminator's optimiser differ from the generator's."""
    key = 'discriminator_optimiser'
    if values.get(key) is None and isinstance(layer.get(key), Mapping):
        base = _merged(values['optimiser'], layer.get('optimiser', {}))
        return {**layer, key: _merged(base, layer[key])}
    return layer


def _merged(base: Any, change: Any) -> Any:
    if isinstance(base, Mapping) and isinstance(change, Mapping):
        return {**base, **{key: _merged(base.get(key), change[key]) for key in change}}
    if isinstance(base, float) and isinstance(change, str) and _EXPONENT.fullmatch(change):
        return float(change)
    if isinstance(base, list) and isinstance(change, list) and len(base) == len(change):
        return [_merged(*pair) for pair in zip(base, change, strict=True)]
    return change


def _culprits(text: str, values: Values, sources: Sequence[Layer]) -> list[str]:
    """Name the sources of the value, or of values of the section, that a message is about."""
    path: list[str] = []
    found: Any = values
    parts = text.split(': ')
    # Of lists the message tells which item.
    while isinstance(found, Mapping) and (key := parts[0].partition('[')[0]) in found:
        path.append(key)
        found, parts = found[key], parts[1:] or ['']
    if not isinstance(found, Mapping):
        # The last word on a single value is the one that counts.
        return _names(sources, [path])[-1:]
    words = set(re.findall(r'\w+', ' '.join(parts)))
    mentioned = _names(sources, [[*path, key] for key in found if key in words])
    return mentioned or (_names(sources, [path]) if path else [])


def _names(sources: Sequence[Layer], paths: Sequence[Sequence[str]]) -> list[str]:
    """Name the sources that set any of the paths."""
    found = (name for name, layer in sources if any(_sets(layer, path) for path in paths))
    return list(dict.fromkeys(found))


def _sets(layer: Any, path: Sequence[str]) -> bool:
    for key in path:
        if not isinstance(layer, Mapping) or key not in layer:
            return False
        layer = layer[key]
    return True
