"""The one way to translate whatever there is: a folder, an image, a video or a bag."""

import dataclasses
from pathlib import Path

from sim2real_ros.bags import accepts_bag
from sim2real_ros.data.video_source import VideoSource
from sim2real_ros.errors import ConfigError, DataError
from sim2real_ros.resources import model_path
from sim2real_ros.runtime.model_file import open_model
from sim2real_ros.translation.bag import BagTranslation
from sim2real_ros.translation.folder import FolderTranslation
from sim2real_ros.translation.image_file import FORMAT_OF_SUFFIX
from sim2real_ros.translation.options import TranslateOptions
from sim2real_ros.translation.report import (
    ProgressCallback,
    TranslationPlan,
    TranslationReport,
)
from sim2real_ros.translation.video import FramesTranslation, VideoTranslation

_MEANT_FOR = {
    'topics': ('--topic', ('bag',)),
    'on_failure': ('--on-failure', ('bag',)),
    'only': ('--only', ('folder',)),
    'frames': ('--frames', ('frames',)),
    'temporal_smoothing_s': ('--temporal-smoothing', ('folder', 'video', 'frames', 'bag')),
    'image_format': ('--format', ('folder', 'image', 'frames')),
}
"""Options that mean nothing for other kinds of sources."""


def translate(
    source: str | Path,
    output: str | Path,
    options: TranslateOptions,
    progress: ProgressCallback | None = None,
) -> TranslationReport:
    """Translate a folder of images, an image, a video or a bag.

    After an accident the same call goes on where the last one was stopped.

    Args:
        source: What to translate; it is never changed.
        output: What to write: a folder for images, a file or folder of the same kind as the
            source for videos and bags.
        options: How.
        progress: Called with every image that is done.

    Raises:
        Sim2RealError: Source, output or model cannot be used; the message says what to do.
    """
    return plan_translation(source, output, options).run(progress)


def plan_translation(
    source: str | Path, output: str | Path, options: TranslateOptions
) -> TranslationPlan:
    """Look at everything that a translation needs, and write nothing.

    Raises:
        Sim2RealError: As in ``translate``.
    """
    source, output = Path(source).expanduser(), Path(output).expanduser()
    if not source.exists():
        raise DataError(f'{str(source)!r} does not exist: expected a folder, image, video or bag.')
    model = open_model(model_path(options.model))
    if accepts_bag(source):
        _check_options(source, 'bag', options)
        return BagTranslation(source, output, model, options)
    if VideoSource.accepts(source):
        _check_options(source, 'frames' if options.frames else 'video', options)
        kind = FramesTranslation if options.frames else VideoTranslation
        return kind(source, output, model, options)
    if source.is_dir() or source.suffix.lower() in FORMAT_OF_SUFFIX:
        _check_options(source, 'folder' if source.is_dir() else 'image', options)
        return FolderTranslation(source, output, model, options)
    raise DataError(
        f'{str(source)!r} cannot be translated: expected a folder of images, an image (.png, .jpg '
        '...), a video (.mp4, .avi ...), a ROS 1 .bag, or a ROS 2 bag (.mcap, .db3 or its folder).'
    )


def _check_options(source: Path, kind: str, options: TranslateOptions) -> None:
    for field in dataclasses.fields(options):
        name, kinds = _MEANT_FOR.get(field.name, ('', (kind,)))
        if kind not in kinds and getattr(options, field.name) != field.default:
            raise ConfigError(
                f'The option {field.name} ({name}) has no meaning for {str(source)!r}, which is '
                f'read as {kind}: leave it out.'
            )
