"""Checks at full size that checkpoints of every form are read as the libraries that saved them mean them.

    python check_checkpoints.py [NAME…]     such as openai:RN50 open_clip:ViT-B-32 transformers:ViT-L-14; default: all

Each model gets random weights, computes the features of two images and three texts, and is saved by its own library.
Each file is then loaded by this package's tests (Tests/CLIPTests/FullSizeCheckpointTests.swift), which compare the
features; and `cocoop models convert` writes it anew in each form, which open_clip must load strictly and transformers
without a missing or unexpected key, with the same features. One model at a time; nothing stays on disk.
"""

import gc
import json
import logging
import os
import pathlib
import subprocess
import sys
import tempfile
import warnings

import torch
import torchvision_names  # noqa: F401
import clip.model
import open_clip
import transformers
from open_clip.push_to_hf_hub import save_for_hf
from safetensors.torch import save_file

import fixture
from reference import frozen

ROOT = fixture.ROOT
TOOL = ROOT / ".build/release/cocoop"
SEED = 1
TOLERANCE = 1e-4  # of unit features
TEXTS = ["a photo of a dog.", "a photo of a stop sign on a rainy street.", ""]

# What is changed in the vision_cfg of the configuration that open_clip ships.
OPEN_CLIP = {
    "ViT-B-32": {},
    "ViT-B-16-quickgelu": {},
    "ViT-L-14": {},
    "ViT-H-14": {},
    "RN50-quickgelu": {},
    "ViT-B-16": {"no_ln_pre": True, "ls_init_value": 0.5, "pool_type": "avg", "final_ln_after_pool": True},
}
# width, heads and layers of both towers, patch, embedding, activation
TRANSFORMERS = {
    "ViT-B-32": ((768, 12, 12), (512, 8, 12), 32, 512, "quick_gelu"),
    "ViT-B-16": ((768, 12, 12), (512, 8, 12), 16, 512, "gelu"),
    "ViT-L-14": ((1024, 16, 24), (768, 12, 12), 14, 768, "quick_gelu"),
    "ViT-H-14": ((1280, 16, 32), (1024, 16, 24), 14, 1024, "gelu"),
}
# How OpenAI spells the names that cannot be those of files.
PUBLISHED = {
    "ViT-B-32": "ViT-B/32", "ViT-B-16": "ViT-B/16", "ViT-L-14": "ViT-L/14", "ViT-L-14-336px": "ViT-L/14@336px",
}  # fmt: skip
# embedding, resolution, layers, width, patch, text width
OPENAI = {
    "RN50": (1024, 224, (3, 4, 6, 3), 64, None, 512),
    "RN101": (512, 224, (3, 4, 23, 3), 64, None, 512),
    "RN50x4": (640, 288, (4, 6, 10, 6), 80, None, 640),
    "RN50x16": (768, 384, (6, 8, 18, 8), 96, None, 768),
    "RN50x64": (1024, 448, (3, 15, 36, 10), 128, None, 1024),
    "ViT-B-32": (512, 224, 12, 768, 32, 512),
    "ViT-B-16": (512, 224, 12, 768, 16, 512),
    "ViT-L-14": (768, 224, 24, 1024, 14, 768),
    "ViT-L-14-336px": (768, 336, 24, 1024, 14, 768),
}


class NoTokenizer:
    """open_clip's saving function wants a tokenizer to save beside the model; none of ours reads it."""

    def save_pretrained(self, folder):
        pass


@torch.no_grad()
def randomize(model: torch.nn.Module) -> torch.nn.Module:
    """Random weights, biases and statistics that keep activations of ordinary size; halves hold them exactly."""
    generator = torch.Generator().manual_seed(SEED)
    for name, tensor in model.state_dict(keep_vars=True).items():
        if not tensor.is_floating_point() or name.endswith("attn_mask"):
            continue
        noise = torch.randn(tensor.shape, generator=generator)
        if name.endswith("logit_scale"):
            value = torch.tensor(4.5)
        elif name.endswith("running_var"):
            value = 1 + 0.1 * noise.abs()
        elif name.endswith("gamma"):  # of layer scale
            value = 0.5 + 0.1 * noise
        elif tensor.dim() < 2:
            value = 0.05 * noise + (1 if name.endswith("weight") and "norm" in name or ".ln_" in name else 0)
            if name.endswith("weight") and (".bn" in name or "downsample" in name):
                value = 1 + 0.1 * noise
        elif "embedding" in name and "patch" not in name:
            value = 0.05 * noise
        else:
            fan_in = tensor.shape[0] if name.endswith("proj") else tensor[0].numel()
            value = noise / fan_in**0.5
        tensor.copy_(value.half().float())
    return frozen(model)


def pixels(size: int) -> torch.Tensor:
    return torch.randn(2, 3, size, size, generator=torch.Generator().manual_seed(SEED + 1))


@torch.no_grad()
def features(model, size: int) -> dict[str, torch.Tensor]:
    tokens = open_clip.tokenize(TEXTS)
    if isinstance(model, transformers.CLIPModel):
        image = model.get_image_features(pixel_values=pixels(size)).pooler_output
        # Padding comes after the end of the text, where nothing looks.
        text = model.get_text_features(input_ids=tokens).pooler_output
    else:
        image, text = model.encode_image(pixels(size)), model.encode_text(tokens)
    return {"image": torch.nn.functional.normalize(image), "text": torch.nn.functional.normalize(text)}


# --- Saving by the libraries -----------------------------------------------------------------------------------------


def transformers_model(name: str):
    (width, heads, layers), (text_width, text_heads, text_layers), patch, embedding, activation = TRANSFORMERS[name]

    def tower(width, heads, layers, **more):
        return dict(
            hidden_size=width, intermediate_size=4 * width, num_attention_heads=heads, num_hidden_layers=layers,
            hidden_act=activation, projection_dim=embedding, **more,
        )  # fmt: skip

    configuration = transformers.CLIPConfig(
        projection_dim=embedding, vision_config=tower(width, heads, layers, patch_size=patch),
        text_config=tower(text_width, text_heads, text_layers),
    )  # fmt: skip
    model = randomize(transformers.CLIPModel(configuration))

    def whole(folder):
        model.save_pretrained(folder)
        transformers.CLIPImageProcessor().save_pretrained(folder)
        return folder

    def shards(folder):
        model.save_pretrained(folder, max_shard_size="200MB")
        transformers.CLIPImageProcessor().save_pretrained(folder)
        assert (folder / "model.safetensors.index.json").exists()
        return folder

    def pickle(folder):  # as transformers wrote it until version 5, with an end-of-text id of before 2023
        whole(folder)
        (folder / "model.safetensors").unlink()
        torch.save(model.state_dict(), folder / "pytorch_model.bin")
        config = json.loads((folder / "config.json").read_text())
        config["text_config"]["eos_token_id"] = 2
        (folder / "config.json").write_text(json.dumps(config))
        return folder

    return model, 224, {"model.safetensors": whole, "shards": shards, "pytorch_model.bin": pickle}


def open_clip_model(name: str):
    configuration = open_clip.get_model_config(name)
    configuration["vision_cfg"] |= OPEN_CLIP.get(name, {})
    model = randomize(open_clip.create_model(name, vision_cfg=configuration["vision_cfg"]))

    def save(safe):
        def write(folder):
            save_for_hf(model, NoTokenizer(), configuration, str(folder), safe_serialization=safe)
            return folder

        return write

    return model, configuration["vision_cfg"]["image_size"], {"safetensors": save(True), "bin": save(False)}


def openai_model(name: str):
    embedding, resolution, layers, width, patch, text_width = OPENAI[name]
    model = randomize(clip.model.CLIP(
        embedding, resolution, layers, width, patch, 77, 49408, text_width, text_width // 64, 12
    ))  # fmt: skip

    def state_dict(folder):
        torch.save(model.state_dict(), folder / "state.pt")
        return folder / "state.pt"

    def trained(folder):  # float16, as DataParallel names it, with an optimizer beside it
        state = {f"module.{k}": v.half() if v.is_floating_point() else v for k, v in model.state_dict().items()}
        optimizer = torch.optim.SGD(model.parameters(), lr=1, momentum=0.9).state_dict()
        torch.save({"epoch": 3, "state_dict": state, "optimizer": optimizer}, folder / "trained.pth.tar")
        return folder / "trained.pth.tar"

    def old(folder):
        torch.save(model.state_dict(), folder / "old.pth", _use_new_zipfile_serialization=False)
        return folder / "old.pth"

    def script(folder):  # float16 with three sizes among the tensors, as OpenAI's archives
        for key, value in [("input_resolution", resolution), ("context_length", 77), ("vocab_size", 49408)]:
            vars(model).pop(key, None)
            model.register_buffer(key, torch.tensor(value))
        example = pixels(resolution)[:1], open_clip.tokenize(TEXTS[:1])
        torch.jit.trace(model.float(), example, check_trace=False).half().save(str(folder / "script.pt"))
        return folder / "script.pt"

    return model, resolution, {"state dict": state_dict, "training": trained, "legacy": old, "TorchScript": script}


MAKERS = {"openai": openai_model, "open_clip": open_clip_model, "transformers": transformers_model}
NAMES = [
    *(f"openai:{n}" for n in OPENAI),
    *(f"open_clip:{n}" for n in OPEN_CLIP),
    *(f"transformers:{n}" for n in TRANSFORMERS),
]


# --- Checking --------------------------------------------------------------------------------------------------------


def check_by_tests(expected: pathlib.Path, checkpoint: pathlib.Path, architecture: str | None):
    """Runs the package's test that loads the checkpoint, compares its features and, where a name is given, finds that
    the architecture inferred from the tensors is the one of that name."""
    check = {"texts": TEXTS, "checkpoint": str(checkpoint), "architecture": architecture}
    (expected / "check.json").write_text(json.dumps(check))
    command = ["swift", "test", "--skip-build", "-c", "release", "--filter", "FullSizeCheckpointTests"]
    environment = os.environ | {"COCOOP_CHECKPOINTS": str(expected)}
    result = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert result.returncode == 0 and "1 test" in result.stdout + result.stderr, result.stdout + result.stderr
    return [line for line in result.stdout.splitlines() if line.startswith("largest difference")]


def check_conversion(source: pathlib.Path, form: str, folder: pathlib.Path, size: int, expected: dict) -> float:
    converted = folder / form
    subprocess.run([TOOL, "models", "convert", source, converted, "--form", form], check=True, capture_output=True)
    if form == "open-clip":
        model = frozen(open_clip.create_model(f"local-dir:{converted}"))  # strict
    else:
        model, report = transformers.CLIPModel.from_pretrained(converted, output_loading_info=True)
        assert not any(report.values()), report
        tokens = transformers.CLIPTokenizer.from_pretrained(converted)(TEXTS)["input_ids"]
        ours = [row[: row.index(49407) + 1] for row in open_clip.tokenize(TEXTS).tolist()]
        assert tokens == ours, (tokens, ours)
        frozen(model)
    found = features(model, size)
    subprocess.run(["rm", "-r", converted], check=True)
    difference = max((found[key] - expected[key]).abs().max().item() for key in expected)
    assert difference < TOLERANCE, (source, form, difference)
    return difference


def check(name: str, folder: pathlib.Path):
    library, model_name = name.split(":")
    architecture = PUBLISHED.get(model_name, model_name) if library == "openai" else None
    model, size, forms = MAKERS[library](model_name)
    expected = features(model, size)
    save_file({**expected, "pixels": pixels(size)}, folder / "expected.safetensors")
    for form, save in forms.items():
        target = folder / "checkpoint"
        target.mkdir()
        checkpoint = save(target)
        for line in check_by_tests(folder, checkpoint, architecture):
            print(f"{name}, {form}: {line}", flush=True)
        if form == next(iter(forms)):
            # CLIPModel has neither residual networks nor layer scale and averaging.
            has_form = not model_name.startswith("RN") and not (library == "open_clip" and OPEN_CLIP[model_name])
            for converted in ["open-clip"] + ["hugging-face"] * has_form:
                difference = check_conversion(checkpoint, converted, folder, size, expected)
                print(f"{name}, {form} → {converted}: largest difference {difference:.1e}", flush=True)
        subprocess.run(["rm", "-r", target], check=True)
    del model, forms
    gc.collect()


def main():
    logging.disable(logging.WARNING)
    warnings.filterwarnings("ignore")
    transformers.utils.logging.disable_progress_bar()
    torch.set_grad_enabled(False)
    for name in sys.argv[1:] or NAMES:
        with tempfile.TemporaryDirectory(prefix="checkpoints-") as folder:
            check(name, pathlib.Path(folder))
    print("check_checkpoints: every form is read and written as its library means it")


if __name__ == "__main__":
    main()
