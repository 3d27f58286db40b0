"""Writes a fixture: tensors in safetensors, and beside them the recipe that made them in JSON."""

import importlib.metadata
import json
import pathlib
import platform

import safetensors.torch
import torch

from protocol import ROOT

PACKAGES = ["torch", "torchvision", "timm", "open-clip-torch", "clip-anytorch", "pillow", "numpy"]


def write(target: str, name: str, script: str, tensors: dict[str, torch.Tensor], recipe: dict) -> pathlib.Path:
    """Tests/`target`/Fixtures/`name`.safetensors and .json; the recipe gets versions and the shape of every tensor."""
    path = ROOT / "Tests" / target / "Fixtures" / f"{name}.safetensors"
    tensors = {key: tensor.detach().contiguous().clone() for key, tensor in tensors.items()}
    for key, tensor in tensors.items():
        assert not tensor.is_floating_point() or tensor.isfinite().all(), key
    path.write_bytes(safetensors.torch.save(tensors))
    recipe = {
        "script": f"Scripts/oracle/{pathlib.Path(script).name}",
        "versions": {"python": platform.python_version()} | {p: importlib.metadata.version(p) for p in PACKAGES},
        **recipe,
        "tensors": {key: [str(tensor.dtype).removeprefix("torch."), *tensor.shape] for key, tensor in tensors.items()},
    }
    path.with_suffix(".json").write_text(json.dumps(recipe, indent=1, ensure_ascii=False) + "\n")
    print(f"{path.relative_to(ROOT)}: {len(tensors)} tensors, {path.stat().st_size:,} bytes")
    return path
