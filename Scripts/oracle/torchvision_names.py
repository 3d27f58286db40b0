"""Lets `import torchvision` work without its compiled operations.

torchvision registers shape rules for operations that its compiled library would declare. Its transforms, and timm's
models, need none of them, so this module declares the names alone. Import it before anything that imports torchvision.
"""

import importlib.util
import pathlib
import re

import torch


def declare() -> torch.library.Library:
    """Declares every operation that torchvision's `_meta_registrations.py` names; keep the result alive."""
    package = pathlib.Path(importlib.util.find_spec("torchvision").origin).parent
    source = (package / "_meta_registrations.py").read_text()
    names = re.findall(r'register_meta\("(\w+)"|torchvision::(\w+)', source)
    library = torch.library.Library("torchvision", "DEF")
    for name in sorted({first or second for first, second in names}):
        library.define(f"{name}(Tensor x) -> Tensor")
    return library


LIBRARY = declare()
