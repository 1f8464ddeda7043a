"""The exceptions that this package raises on purpose: one base class, few children."""


class Sim2RealError(Exception):
    """Base of every error that a user of this package can cause and repair."""


class ImageError(Sim2RealError):
    """An image or image message cannot be decoded, encoded or resized."""


class ConfigError(Sim2RealError):
    """A YAML file or a set of options does not describe what it should."""


class ModelError(Sim2RealError):
    """A model file or its card cannot be used: unreadable, unsafe, or of an unknown contract."""


class BackendError(Sim2RealError):
    """An inference runtime is missing, or failed while it loaded or ran a model."""


class DataError(Sim2RealError):
    """A bag, folder or video cannot be read or written."""


class TrainingError(Sim2RealError):
    """A run cannot start, go on or be read: its networks diverged, its folder is damaged."""
