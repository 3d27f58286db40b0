"""Loads clip-anytorch's tokenizer without importing torch and torchvision, which the package itself pulls in."""

import importlib.util
import sysconfig
from pathlib import Path


def load_tokenizer_module():
    path = Path(sysconfig.get_paths()["purelib"]) / "clip" / "simple_tokenizer.py"
    specification = importlib.util.spec_from_file_location("simple_tokenizer", path)
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module
