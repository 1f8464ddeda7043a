"""Configuration of a run: a method's defaults, below files and options that say what differs."""

import dataclasses
import json
import re
import types
import typing
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml

from sim2real_ros.config import from_mapping, load_yaml_mapping, parse_yaml_mapping
from sim2real_ros.errors import ConfigError
from sim2real_ros.files import sha256_of_bytes, write_atomically
from sim2real_ros.resources import share_folders
from sim2real_ros.training.methods import METHODS
from sim2real_ros.training.options import TrainingConfig

Values = dict[str, Any]
Layer = tuple[str, Mapping[str, Any]]

_SHIPPED = 'config/train/{}.yaml'

_DATA_PATHS = ('root', 'sim', 'real', 'test_sim', 'test_real', 'masks', 'cache_folder')
_OWN_PATHS = ('vgg_weights',)
"""Names of fields that are paths: of the data, and of methods' own."""

_EXPONENT = re.compile(r'[-+]?\d+(\.\d*)?[eE][-+]?\d+')
"""Floats such as 1e-4, which YAML 1.1 takes for text."""


def load_config(
    method: str = '', path: str | Path | None = None, overrides: Sequence[str] = ()
) -> TrainingConfig:
    """Put the configuration of a run together; what comes later wins.

    The method's own defaults, ``config/train/<method>.yaml``, the file, the overrides. Nested
    mappings are merged, so each of them says only what differs.

    Args:
        method: A key of METHODS, or the name of a file in ``config/train``; '' = what the file
            says.
        path: YAML file of differences, or the complete ``config.yaml`` of a run.
        overrides: ``key=value`` with a dotted key and a YAML value, such as
            ``generator.filters=32``.

    Raises:
        ConfigError: No such method, an unknown key (the message names the nearest one), a value
            that does not fit, or a file that cannot be read.
    """
    file = [] if path is None else [(str(path), load_yaml_mapping(path))]
    name = method or str(file[0][1].get('method', '') if file else '')
    if not name:
        raise ConfigError(
            f'Which method is to be trained? Name one of {", ".join(method_names())}, or write '
            "the key 'method' into the file."
        )
    shipped = _shipped_layer(name)
    key = str(shipped[0][1].get('method', name) if shipped else name)
    if key not in METHODS:
        raise ConfigError(f'No method {key!r}; expected one of {", ".join(method_names())}.')
    return _join(METHODS[key].Config, [*shipped, *file], overrides, names=(name, key))


def changed_config(config: TrainingConfig, overrides: Sequence[str]) -> TrainingConfig:
    """Return a configuration with some values replaced.

    Raises:
        ConfigError: As ``load_config``.
    """
    return _join(
        type(config), [('configuration', to_mapping(config))], overrides, (config.method,)
    )


def method_names() -> list[str]:
    """List what can be trained: the methods, and the variants that come as files."""
    shipped = (
        path.stem for folder in share_folders() for path in folder.glob(_SHIPPED.format('*'))
    )
    return sorted({*METHODS, *shipped})


def to_mapping(config: TrainingConfig) -> Values:
    """Return all values, nested, as YAML and JSON can hold them."""
    values = _plain(dataclasses.asdict(config))
    assert isinstance(values, dict)
    return values


def write_config(config: TrainingConfig, path: Path) -> None:
    """Write all values; ``read_config`` gives an equal configuration back.

    Raises:
        DataError: The disk refuses.
    """
    text = yaml.safe_dump(to_mapping(config), sort_keys=False, allow_unicode=True)
    write_atomically(path, text.encode())


def read_config(path: Path) -> TrainingConfig:
    """Read what ``write_config`` wrote; today's defaults stand for keys that are younger.

    Raises:
        ConfigError: It cannot be read, or does not fit its method.
    """
    mapping = load_yaml_mapping(path)
    name = mapping.get('method')
    if name not in METHODS:
        raise ConfigError(f'{str(path)!r}: the method {name!r} is none of {sorted(METHODS)}.')
    return _join(METHODS[str(name)].Config, [(str(path), mapping)], (), (str(name),))


def with_absolute_paths(config: TrainingConfig) -> TrainingConfig:
    """Return the configuration with paths that hold wherever the run is resumed from."""
    data: Values = {name: _absolute(getattr(config.data, name)) for name in _DATA_PATHS}
    extra = replace(config.extra_losses, region_mask=_absolute(config.extra_losses.region_mask))
    fields = [name for name in _OWN_PATHS if hasattr(config, name)]
    own: Values = {name: _absolute(getattr(config, name)) for name in fields}
    return replace(config, data=replace(config.data, **data), extra_losses=extra, **own)


def _absolute(path: str) -> str:
    if not path:
        return ''
    try:
        return str(Path(path).expanduser().absolute())
    except RuntimeError:  # ~somebody who does not exist here: a folder may be called so.
        return str(Path(path).absolute())


def config_sha256(config: TrainingConfig) -> str:
    """Return a checksum of all values."""
    return sha256_of_bytes(json.dumps(to_mapping(config), sort_keys=True).encode())


def changed_keys(before: TrainingConfig, after: TrainingConfig) -> list[str]:
    """List the dotted keys whose values differ."""
    return _changed(to_mapping(before), to_mapping(after), '')


def _shipped_layer(name: str) -> list[Layer]:
    # A name with a path in it names no file of ours.
    if re.fullmatch(r'[\w-]+', name):
        for folder in share_folders():
            if (path := folder / _SHIPPED.format(name)).is_file():
                return [(str(path), load_yaml_mapping(path))]
    return []


def _join(
    cls: type[TrainingConfig],
    layers: Sequence[Layer],
    overrides: Sequence[str],
    names: Sequence[str],
) -> TrainingConfig:
    """Merge the layers upon the defaults of ``cls``, whose method goes by any of the names."""
    values = to_mapping(cls())  # type: ignore[call-arg]
    layers = [*layers, *(_override_layer(text) for text in overrides)]
    for where, layer in layers:
        _check_keys(cls, layer, where)
        if layer.get('method', names[0]) not in names:
            raise ConfigError(f'{where}: the method is {layer["method"]!r}, not {names[0]!r}.')
        differences = {key: value for key, value in layer.items() if key != 'method'}
        values = _merged(values, _with_base_of_optional(values, differences))
    where = ', '.join(dict.fromkeys(where for where, _ in layers))
    return from_mapping(cls, values, where or f'defaults of {names[0]}')


def _check_keys(cls: type[Any], layer: Mapping[str, Any], where: str) -> None:
    """Refuse unknown keys while it is known where they come from; values are checked later."""
    hints = typing.get_type_hints(cls)
    for key, value in layer.items():
        if key not in hints:
            # For its message, which names the nearest key.
            from_mapping(cls, {key: value}, where)
        if (nested := _nested_class(hints[key])) and isinstance(value, Mapping):
            _check_keys(nested, value, f'{where}: {key}')


def _with_base_of_optional(values: Values, layer: Mapping[str, Any]) -> Mapping[str, Any]:
    """Let a first word about the discriminator's optimiser differ from the generator's."""
    key = 'discriminator_optimiser'
    if values.get(key) is None and isinstance(layer.get(key), Mapping):
        base = _merged(values['optimiser'], layer.get('optimiser', {}))
        return {**layer, key: _merged(base, layer[key])}
    return layer


def _override_layer(text: str) -> Layer:
    key, equals, value = text.partition('=')
    where = f'--set {key}'
    if not equals:
        raise ConfigError(f'--set {text!r}: expected key=value, such as generator.filters=32.')
    try:
        parsed: Any = parse_yaml_mapping(f'value: {value}'.encode(), where)['value']
    except UnicodeEncodeError as error:
        raise ConfigError(f'{where}: {value!r} is no UTF-8; rename it.') from error
    for name in reversed(key.strip().split('.')):
        parsed = {name: parsed}
    return where, parsed


def _nested_class(hint: Any) -> type[Any] | None:
    """Return the dataclass that a field holds, also where it may be None."""
    options = typing.get_args(hint) if isinstance(hint, types.UnionType) else (hint,)
    return next((x for x in options if isinstance(x, type) and dataclasses.is_dataclass(x)), None)


def _merged(base: Any, change: Any) -> Any:
    if isinstance(base, Mapping) and isinstance(change, Mapping):
        return {**base, **{key: _merged(base.get(key), change[key]) for key in change}}
    if isinstance(base, float) and isinstance(change, str) and _EXPONENT.fullmatch(change):
        return float(change)
    if isinstance(base, list) and isinstance(change, list) and len(base) == len(change):
        return [_merged(*pair) for pair in zip(base, change, strict=True)]
    return change


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _plain(each) for key, each in value.items()}
    return [_plain(each) for each in value] if isinstance(value, (list, tuple)) else value


def _changed(before: Any, after: Any, where: str) -> list[str]:
    if not (isinstance(before, Mapping) and isinstance(after, Mapping)):
        return [] if before == after else [where]
    keys = dict.fromkeys([*before, *after])
    prefix = f'{where}.' if where else ''
    return [
        changed
        for key in keys
        for changed in _changed(before.get(key), after.get(key), f'{prefix}{key}')
    ]
