"""One package per source system, found by its name: adding the package adds the source."""

from pkgutil import iter_modules

SOURCE_NAMES = tuple(sorted(module.name for module in iter_modules(__path__) if module.ispkg))
