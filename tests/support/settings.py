"""The classes of settings."""

from latentarium.config import Settings


def settings_classes(base: type = Settings) -> list[type]:
    """Return all loaded classes derived from `Settings`."""
    derived = base.__subclasses__()
    return [*derived, *(kind for child in derived for kind in settings_classes(child))]
