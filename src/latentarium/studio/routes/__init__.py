"""The HTTP routes, one module per part of the page.

Each module of this package defines `router(services) -> APIRouter`. New modules, for instance for
a tool in Explore, are found automatically.
"""

import importlib
import pkgutil

from fastapi import APIRouter

from latentarium.studio.services import Services


def all_routers(services: Services) -> list[APIRouter]:
    """Return the routers of all modules in this package, in alphabetical order."""
    names = sorted(module.name for module in pkgutil.iter_modules(__path__))
    modules = [importlib.import_module(f"{__name__}.{name}") for name in names]
    return [module.router(services) for module in modules]
