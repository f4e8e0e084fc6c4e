"""The one door to Ultralytics: nothing else in the house imports it before this has run.

Ultralytics installs what it misses and fetches weights and fonts at run time unless told not to, and writes a settings
file. Here it is told: no installs, no network, settings in a folder of ours. Beside a CPU-only torch the torchvision
wheel of the package index cannot load its compiled operators; then a stand-in with the one operator that Ultralytics
calls (non-maximum suppression, by Ultralytics' own torch implementation) takes its place.
"""

from __future__ import annotations

import importlib
import importlib.machinery
import logging
import os
import sys
import tempfile
import threading
from pathlib import Path
from types import ModuleType, SimpleNamespace

_lock = threading.Lock()


def import_ultralytics() -> ModuleType:
    """Return the ``ultralytics`` package, prepared for work without a network; the first call takes seconds."""
    with _lock:
        if "ultralytics" in sys.modules and hasattr(sys.modules["ultralytics"], "YOLO"):
            ultralytics = sys.modules["ultralytics"]
        else:
            os.environ["YOLO_AUTOINSTALL"] = "False"
            os.environ["YOLO_OFFLINE"] = "True"
            os.environ.setdefault("YOLO_CONFIG_DIR", str(Path(tempfile.gettempdir()) / "skywarden-ultralytics"))
            Path(os.environ["YOLO_CONFIG_DIR"]).mkdir(parents=True, exist_ok=True)
            from PIL import Image

            pillow_open = Image.open
            ultralytics = importlib.import_module("ultralytics")
            importlib.import_module("ultralytics.utils.patches")
            Image.open = pillow_open  # Ultralytics replaces it with one that installs a HEIF reader
            logging.getLogger("ultralytics").setLevel(logging.WARNING)
        _mend_torchvision()
        return ultralytics


def _mend_torchvision() -> None:
    """Put a stand-in for torchvision in its place when its compiled operators cannot load beside this torch."""
    import torch

    if torch.version.cuda is not None or isinstance(
        getattr(sys.modules.get("torchvision"), "ops", None), SimpleNamespace
    ):
        return
    try:
        torchvision = importlib.import_module("torchvision")
        torchvision.ops.nms(torch.zeros(1, 4), torch.zeros(1), 0.5)
    except (ImportError, RuntimeError, AttributeError):
        from ultralytics.utils.nms import TorchNMS

        for name in [module for module in sys.modules if module.split(".")[0] == "torchvision"]:
            del sys.modules[name]
        stand_in = ModuleType("torchvision")
        stand_in.__spec__ = importlib.machinery.ModuleSpec("torchvision", None)
        stand_in.__dict__["ops"] = SimpleNamespace(nms=TorchNMS.nms)
        stand_in.__dict__["__version__"] = "0.0.0"
        sys.modules["torchvision"] = stand_in
