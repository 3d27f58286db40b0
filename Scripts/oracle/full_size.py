"""Compares models at full size with clip-anytorch and open_clip: random weights, one model at a time.

    python full_size.py [NAME…]    of OpenAI's nine ("RN50" … "ViT-L/14@336px") and of OPEN_CLIP below; all without names

For each, the library builds the model, gives it random weights and random batch statistics (seed 1), and saves it and its
features of two images and six texts into a temporary folder, which is removed afterwards. The package's test
`FullSizeParityTests` then loads the folder and writes how far its own features are away. The tests must have been built
(`make parity` does); ViT-H-14 needs 9 GB of memory and 4 GB of disk.
"""

import gc
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time

import torch
import torchvision_names  # noqa: F401
import clip.model
import open_clip
import safetensors.torch

import formula_weights
import reference
from protocol import ROOT

TEXTS = [
    "a photo of a dog.",
    "a photo of a cat.",
    "a photo of a grand piano.",
    "a photo of a stop sign on a rainy street, seen from a moving car.",
    "airplane",
    "",
]
IMAGE_SCALE = 2.0
TOLERANCE = 1e-4


def resnet(embed: int, size: int, blocks: tuple, width: int, text: int) -> dict:
    return {"embed_dim": embed, "image_resolution": size, "vision_layers": blocks, "vision_width": width,
            "vision_patch_size": None, "transformer_width": text}  # fmt: skip


def vit(embed: int, size: int, patch: int, width: int, layers: int, text: int) -> dict:
    return {"embed_dim": embed, "image_resolution": size, "vision_layers": layers, "vision_width": width,
            "vision_patch_size": patch, "transformer_width": text}  # fmt: skip


OPENAI = {
    "RN50": resnet(1024, 224, (3, 4, 6, 3), 64, 512),
    "RN101": resnet(512, 224, (3, 4, 23, 3), 64, 512),
    "RN50x4": resnet(640, 288, (4, 6, 10, 6), 80, 640),
    "RN50x16": resnet(768, 384, (6, 8, 18, 8), 96, 768),
    "RN50x64": resnet(1024, 448, (3, 15, 36, 10), 128, 1024),
    "ViT-B/32": vit(512, 224, 32, 768, 12, 512),
    "ViT-B/16": vit(512, 224, 16, 768, 12, 512),
    "ViT-L/14": vit(768, 224, 14, 1024, 24, 768),
    "ViT-L/14@336px": vit(768, 336, 14, 1024, 24, 768),
}

# Names of configurations that open_clip ships, and what is changed in their vision_cfg.
OPEN_CLIP = {
    "ViT-B-32": ("ViT-B-32", {}),
    "ViT-B-16": ("ViT-B-16", {}),
    "ViT-L-14": ("ViT-L-14", {}),
    "ViT-H-14": ("ViT-H-14", {}),
    "RN50-quickgelu": ("RN50-quickgelu", {}),
    "ViT-B-16-average": (
        "ViT-B-16",
        {"no_ln_pre": True, "ls_init_value": 0.5, "pool_type": "avg", "final_ln_after_pool": True},
    ),
}


@torch.no_grad()
def randomize(model: torch.nn.Module) -> torch.nn.Module:
    """Random statistics and factors of batch norms, some of which are 0 at first; random layer scales and embeddings."""
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.weight.uniform_(0.5, 1.5)
            module.bias.normal_(0, 0.1)
            module.running_mean.normal_(0, 0.1)
            module.running_var.uniform_(0.5, 1.5)
        elif isinstance(module, torch.nn.LayerNorm):
            module.weight.uniform_(0.8, 1.2)
            module.bias.normal_(0, 0.1)
        elif isinstance(module, open_clip.transformer.LayerScale):
            module.gamma.uniform_(0.2, 0.8)
    return reference.frozen(model)


def build(name: str, folder: pathlib.Path) -> tuple[torch.nn.Module, int]:
    """The model, whose configuration is written where open_clip has one, and the edge of its images."""
    torch.manual_seed(1)
    if name in OPENAI:
        sizes = OPENAI[name]
        model = clip.model.CLIP(
            context_length=77, vocab_size=49408, transformer_layers=12,
            transformer_heads=sizes["transformer_width"] // 64, **sizes,
        )  # fmt: skip
        return randomize(model), sizes["image_resolution"]
    base, changes = OPEN_CLIP[name]
    config = open_clip.get_model_config(base)
    config["vision_cfg"] |= changes
    written = {"model_cfg": config, "preprocess_cfg": {"mean": [0.5] * 3, "std": [0.5] * 3}}
    (folder / "open_clip_config.json").write_text(json.dumps(written))
    return randomize(open_clip.model.CLIP(**config)), config["vision_cfg"]["image_size"]


@torch.no_grad()
def prepare(name: str, folder: pathlib.Path) -> None:
    model, size = build(name, folder)
    images = formula_weights.values("image", (2, 3, size, size), IMAGE_SCALE)
    tokens = open_clip.tokenize(TEXTS)
    features = {"image": model.encode_image(images), "text": model.encode_text(tokens)}
    safetensors.torch.save_file(features, folder / "expected.safetensors")
    (folder / "recipe.json").write_text(json.dumps({"name": name, "texts": TEXTS, "imageScale": IMAGE_SCALE}))
    tensors = {key: value for key, value in model.state_dict().items()}
    safetensors.torch.save_file(tensors, folder / "open_clip_model.safetensors")


def compare(name: str) -> bool:
    start = time.monotonic()
    with tempfile.TemporaryDirectory() as path:
        folder = pathlib.Path(path)
        prepare(name, folder)
        gc.collect()
        prepared = time.monotonic()
        command = ["swift", "test", "--configuration", "release", "--skip-build", "--filter", "FullSizeParityTests"]
        environment = os.environ | {"COCOOP_PARITY_FOLDER": path}
        run = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
        measured = folder / "measured.json"
        if not measured.exists():
            print(f"{name}: no figures\n{run.stdout[-2000:]}\n{run.stderr[-2000:]}")
            return False
        figures = json.loads(measured.read_text())
    far = {key: value for key, value in figures.items() if not value <= TOLERANCE}
    print(
        f"{name:18} " + "  ".join(f"{key} {value:.1e}" for key, value in sorted(figures.items()))
        + f"  ({prepared - start:.0f} s in Python, {time.monotonic() - prepared:.0f} s in Swift)"
        + (f"  TOO FAR: {', '.join(far)}" if far or run.returncode else ""),
        flush=True,
    )  # fmt: skip
    return not far and run.returncode == 0


def main():
    names = sys.argv[1:] or [*OPENAI, *OPEN_CLIP]
    unknown = [name for name in names if name not in OPENAI and name not in OPEN_CLIP]
    if unknown:
        sys.exit(f"full_size: no model {', '.join(unknown)}; there are {', '.join([*OPENAI, *OPEN_CLIP])}")
    print("largest differences: of raw features as a share of the largest, and of unit features")
    if not all([compare(name) for name in names]):
        sys.exit(1)


if __name__ == "__main__":
    main()
