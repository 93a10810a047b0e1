"""Lets Keras open saved models that hold layers of tfapps, after nothing but `import tfapps`.

Keras finds the classes of a `.keras` file in its register of custom objects, never by their
module, and tfapps does not import Keras. So the layers are imported, and register themselves, as
soon as somebody else has imported Keras.
"""

from __future__ import annotations

import importlib
import importlib.abc
import importlib.machinery
import importlib.util
import pkgutil
import sys
from collections.abc import Sequence
from types import ModuleType

# The package of our own layers, and the module of the quantized ones of Keras.
LAYERS, QUANTIZED = "tfapps.layers", "tfapps.compress.stock.quantize"


def register_with_keras() -> None:
    """Register the layers of tfapps with Keras: now if it is imported, else when it is."""
    if "keras" in sys.modules:
        import_layers()
    elif not any(isinstance(finder, _AfterKeras) for finder in sys.meta_path):
        sys.meta_path.insert(0, _AfterKeras())


def import_layers() -> None:
    """Import every layer that a saved model may hold."""
    folder = importlib.import_module(LAYERS).__path__
    for module in pkgutil.iter_modules(folder):
        importlib.import_module(f"{LAYERS}.{module.name}")
    importlib.import_module(QUANTIZED)


class _AfterKeras(importlib.abc.MetaPathFinder):
    """Finds `keras` as Python does, once, and imports the layers of tfapps behind it."""

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if name != "keras":
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(name)
        if spec is not None and spec.loader is not None:
            spec.loader = _Loader(spec.loader)
        return spec


class _Loader(importlib.abc.Loader):
    """The loader of Keras, followed by the layers of tfapps."""

    def __init__(self, loader: importlib.abc.Loader) -> None:
        self.loader = loader

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> ModuleType | None:
        return self.loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        module.__spec__.loader = module.__loader__ = self.loader
        self.loader.exec_module(module)
        import_layers()
