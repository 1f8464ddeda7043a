"""Configuration of a run: a method's defaults, below files and options that say what differs."""

import dataclasses
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml

from sim2real_ros.config import load_yaml_mapping
from sim2real_ros.errors import ConfigError
from sim2real_ros.files import sha256_of_bytes, write_atomically
from sim2real_ros.resources import share_folders
from sim2real_ros.training.engine.configuration_layers import (
    Layer,
    Values,
    built,
    changed,
    check_keys,
    joined,
    override_layer,
    plain,
)
from sim2real_ros.training.methods import METHODS
from sim2real_ros.training.options import TrainingConfig

_SHIPPED = 'config/train/{}.yaml'

_DATA_PATHS = ('root', 'sim', 'real', 'test_sim', 'test_real', 'masks', 'cache_folder')
_OWN_PATHS = ('vgg_weights',)
"""Names of fields that are paths: of the data, and of methods' own."""


def load_config(
    method: str = '',
    path: str | Path | None = None,
    overrides: Sequence[str | Layer] = (),
    *,
    beneath: Sequence[Layer] = (),
) -> TrainingConfig:
    """Put the configuration of a run together; what comes later wins.

    The method's own defaults, ``config/train/<method>.yaml``, the file, the overrides. Nested
    mappings are merged, so each of them says only what differs. Where one of them names another
    generator or discriminator, what those before it say of that network does not hold any more,
    but for ``initialisation`` and ``norm``; the overrides count as one.

    Args:
        method: A key of METHODS, or the name of a file in ``config/train``; '' = what the file
            says.
        path: YAML file of differences, or the complete ``config.yaml`` of a run.
        overrides: ``key=value`` with a dotted key and a YAML value, such as
            ``generator.filters=32``; or layers, of options that stand for keys.
        beneath: Layers that the file and the overrides win over.

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
    layers = [*beneath, *file]
    return _join(METHODS[key].Config, layers, overrides, (name, key), shipped=shipped)


def changed_config(config: TrainingConfig, overrides: Sequence[str | Layer]) -> TrainingConfig:
    """Return a configuration with some values replaced.

    Raises:
        ConfigError: As ``load_config``.
    """
    before = [('configuration', to_mapping(config))]
    return _join(type(config), (), overrides, (config.method,), shipped=before)


def method_names() -> list[str]:
    """List what can be trained: the methods, and the variants that come as files."""
    shipped = (
        path.stem for folder in share_folders() for path in folder.glob(_SHIPPED.format('*'))
    )
    return sorted({*METHODS, *shipped})


def to_mapping(config: TrainingConfig) -> Values:
    """Return all values, nested, as YAML and JSON can hold them."""
    values = plain(dataclasses.asdict(config))
    assert isinstance(values, dict)
    return values


def to_yaml(config: TrainingConfig) -> str:
    """Return all values as a YAML file that ``load_config`` takes."""
    return yaml.safe_dump(to_mapping(config), sort_keys=False, allow_unicode=True)


def write_config(config: TrainingConfig, path: Path) -> None:
    """Write all values; ``read_config`` gives an equal configuration back.

    Raises:
        DataError: The disk refuses.
    """
    write_atomically(path, to_yaml(config).encode())


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
    losses = config.extra_losses
    extra = replace(
        losses,
        region_mask=_absolute(losses.region_mask),
        sim_thresholds=_absolute_or_name(losses.sim_thresholds),
        real_thresholds=_absolute_or_name(losses.real_thresholds),
    )
    fields = [name for name in _OWN_PATHS if hasattr(config, name)]
    own: Values = {name: _absolute(getattr(config, name)) for name in fields}
    return replace(config, data=replace(config.data, **data), extra_losses=extra, **own)


def _absolute_or_name(thresholds: str) -> str:
    """Leave the name of a shipped file as it is, which is found from anywhere."""
    path = Path(thresholds)
    is_name = not path.suffix and len(path.parts) == 1 and not path.exists()
    return thresholds if is_name else _absolute(thresholds)


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
    return _changed_keys(to_mapping(before), to_mapping(after), '')


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
    overrides: Sequence[str | Layer],
    names: Sequence[str],
    *,
    shipped: Sequence[Layer] = (),
) -> TrainingConfig:
    """Merge the layers upon the defaults of ``cls``, whose method goes by any of the names.

    What is wrong with the result is never the fault of a shipped layer.
    """
    given = [override_layer(each) if isinstance(each, str) else each for each in overrides]
    for layer in (*shipped, *layers, *given):
        check_keys(cls, layer)
        where, found = layer[0], layer[1].get('method', names[0])
        if found not in names:
            raise ConfigError(f'{where}: the method is {found!r}, not {names[0]!r}.')
    values = to_mapping(cls())  # type: ignore[call-arg]
    for each in (*(layer for _, layer in (*shipped, *layers)), joined(given)):
        differences = {key: value for key, value in each.items() if key != 'method'}
        values = changed(values, differences)
    return built(cls, values, [*layers, *given])


def _changed_keys(before: Any, after: Any, where: str) -> list[str]:
    if not (isinstance(before, Mapping) and isinstance(after, Mapping)):
        return [] if before == after else [where]
    keys = dict.fromkeys([*before, *after])
    prefix = f'{where}.' if where else ''
    return [
        changed
        for key in keys
        for changed in _changed_keys(before.get(key), after.get(key), f'{prefix}{key}')
    ]
