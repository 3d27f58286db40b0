"""Records what clip-anytorch computes with full-size ViT-B/32 and ViT-B/16 whose weights come from formula_weights.py,
and CoCoOp's logits and gradients over the text tower of ViT-B/16.

    python record_vit.py    → Tests/CLIPTests/Fixtures/vit.safetensors and .json
                              Tests/PromptLearningTests/Fixtures/cocoop-vit-b16.safetensors and .json
"""

import torch
import torchvision_names  # noqa: F401
from clip.model import CLIP
from torch.nn import functional

import fixture
import formula_weights
import reference

PATCH_SIZES = {"vit-b32": 32, "vit-b16": 16}
TEXTS = [
    "a photo of a dog.",
    "a photo of a cat.",
    "a photo of a grand piano.",
    "a photo of a stop sign on a rainy street, seen from a moving car.",
    "airplane",
    "",
]
CLASS_NAMES = [
    "face", "leopard", "motorbike", "accordion", "airplane", "car side", "ceiling fan", "cougar body", "cougar face",
    "crocodile head",
]  # fmt: skip
LABELS = [3, 7]
CONTEXT_SCALE = 0.05
IMAGE_SCALE = 2.0  # about the range of normalised pixels
FEATURE_SCALE = 1.0


def formula_clip(patch_size: int) -> CLIP:
    model = CLIP(
        embed_dim=512,
        image_resolution=224,
        vision_layers=12,
        vision_width=768,
        vision_patch_size=patch_size,
        context_length=77,
        vocab_size=49408,
        transformer_width=512,
        transformer_heads=8,
        transformer_layers=12,
    )
    formula_weights.fill(model)
    return reference.frozen(model)


@torch.no_grad()
def forward(model: CLIP, images: torch.Tensor, tokens: torch.Tensor) -> dict[str, torch.Tensor]:
    logits, _ = model(images, tokens)
    return {
        "image.features": model.encode_image(images),
        "text.features": model.encode_text(tokens),
        "logits": logits,
        "probabilities": logits.softmax(dim=-1),
    }


def cocoop(model: CLIP) -> tuple[dict[str, torch.Tensor], dict]:
    learner = reference.CoCoOp(reference.TextTower(model), CLASS_NAMES)
    with torch.no_grad():
        learner.context.copy_(formula_weights.values("ctx", learner.context.shape, CONTEXT_SCALE))
    formula_weights.fill(learner.meta_net, "meta_net.")
    features = functional.normalize(formula_weights.values("features", (2, 512), FEATURE_SCALE), dim=-1)
    learner.logit_scale = torch.tensor(100.0)
    logits = learner(features)
    loss = functional.cross_entropy(logits, torch.tensor(LABELS))
    loss.backward()
    parameters = {"ctx": learner.context} | {f"meta_net.{n}": p for n, p in learner.meta_net.named_parameters()}
    tensors = {"features": features, "logits": logits, "loss": loss}
    tensors |= {f"gradient.{name}": parameter.grad for name, parameter in parameters.items()}
    return tensors, {name: parameter.grad.norm().item() for name, parameter in parameters.items()}


def main():
    torch.set_num_threads(1)
    tokens = reference.open_clip.tokenize(TEXTS)
    images = formula_weights.values("image", (2, 3, 224, 224), IMAGE_SCALE)
    tensors = {"text.tokens": tokens}
    for name, patch_size in PATCH_SIZES.items():
        model = formula_clip(patch_size)
        tensors |= {f"{name}.{key}": value for key, value in forward(model, images, tokens).items()}
    formula = {"weights": formula_weights.__doc__.strip().splitlines(), "golden": formula_weights.golden()}
    fixture.write(
        "CLIPTests",
        "vit",
        __file__,
        tensors,
        {
            "models": list(PATCH_SIZES),
            "precision": "float32",
            "texts": TEXTS,
            "images": {"name": "image", "shape": [2, 3, 224, 224], "offset": 0, "scale": IMAGE_SCALE},
            **formula,
        },
    )
    tensors, norms = cocoop(model)  # the last model is ViT-B/16
    fixture.write(
        "PromptLearningTests",
        "cocoop-vit-b16",
        __file__,
        tensors,
        {
            "model": "vit-b16",
            "precision": "float32",
            "classNames": CLASS_NAMES,
            "labels": LABELS,
            "logitScale": 100,
            "ctx": {"name": "ctx", "shape": [4, 512], "offset": 0, "scale": CONTEXT_SCALE},
            "features": {"name": "features", "shape": [2, 512], "offset": 0, "scale": FEATURE_SCALE},  # then unit rows
            "gradientNorms": norms,
            **formula,
        },
    )


if __name__ == "__main__":
    main()
