"""Refusal of options that a network has no use for, rather than silence about them."""

from dataclasses import fields

from sim2real_ros.errors import ConfigError
from sim2real_ros.training.options import DiscriminatorOptions, GeneratorOptions

NOTHING = {'norm': 'none'}
"""What may be asked for besides the default, because it says that there is none."""


def refuse_unused(options: GeneratorOptions | DiscriminatorOptions, *names: str) -> None:
    """Check that options without effect stand at their defaults.

    Args:
        options: Of a network.
        names: Options that it has no use for.

    Raises:
        ConfigError: One of them was changed.
    """
    defaults = {each.name: each.default for each in fields(options)}
    for name in names:
        value = getattr(options, name)
        if value not in (defaults[name], NOTHING.get(name, defaults[name])):
            raise ConfigError(
                f'{options.name!r} has no use for {name}: found {value!r}; '
                f'leave it at {defaults[name]!r}'
            )
