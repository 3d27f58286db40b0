"""Records what open_clip and clip-anytorch compute with small models that have one architectural option each, whose
weights come from formula_weights.py.

    python record_architectures.py    → Tests/CLIPTests/Fixtures/architectures.safetensors and .json
"""

import torch
import torchvision_names  # noqa: F401
from clip.model import CLIP as OpenAICLIP
from open_clip.model import CLIP, CustomTextCLIP
from open_clip.tokenizer import SimpleTokenizer

import fixture
import formula_weights
import reference

TEXTS = ["a photo of a dog.", "airplane", "the dark side of a small cat"]
IMAGE_SCALE = 2.0  # about the range of normalised pixels
CLASSIC = {"mean": [0.5, 0.5, 0.5], "std": [0.5, 0.5, 0.5], "interpolation": "bicubic", "resize_mode": "shortest"}

VISION = {"image_size": 48, "patch_size": 16, "width": 64, "head_width": 32, "layers": 2}
TEXT = {"context_length": 16, "vocab_size": 49408, "width": 32, "heads": 2, "layers": 2}
RESNET = {"image_size": 64, "width": 16, "layers": [1, 2, 1, 1], "patch_size": None}


def lite(variant: int, **options) -> dict:
    return {"image_size": 64, "timm_model_name": f"tf_efficientnet_lite{variant}", "timm_model_pretrained": False, **options}


def model(embed_dim: int = 32, vision: dict = VISION, text: dict = TEXT, **options) -> dict:
    return {"embed_dim": embed_dim, "vision_cfg": vision, "text_cfg": text, **options}


OPEN_CLIP = {
    "gelu": model(),
    "quick-gelu": model(quick_gelu=True),
    "no-ln-pre": model(vision={**VISION, "no_ln_pre": True}),
    "layer-scale": model(vision={**VISION, "ls_init_value": 1e-4}, text={**TEXT, "ls_init_value": 1.0}),
    "mlp-ratio": model(vision={**VISION, "mlp_ratio": 4.9231}, text={**TEXT, "mlp_ratio": 2.3}),
    "average-pool": model(vision={**VISION, "pool_type": "avg"}),
    "average-pool-then-norm": model(vision={**VISION, "pool_type": "avg", "final_ln_after_pool": True}),
    "class-token-then-norm": model(vision={**VISION, "pool_type": "tok", "final_ln_after_pool": True}),
    "global-average-pool": model(vision={**VISION, "global_average_pool": True}),
    "norm-epsilon": model(
        vision={**VISION, "norm_kwargs": {"eps": 1e-2}}, text={**TEXT, "norm_kwargs": {"eps": 3e-2}}
    ),
    "left-over-pixels": model(vision={**VISION, "image_size": 58}),
    "head-width": model(vision={**VISION, "width": 96, "head_width": 48}, text={**TEXT, "width": 48, "heads": 3}),
    "without-effect": model(
        vision={**VISION, "patch_dropout": 0.5, "pos_embed_type": "sin_cos_2d", "block_type": "custom"},
        text={**TEXT, "pad_id": 1, "block_type": "custom", "final_ln_after_pool": True},
    ),
    "text-sizes": model(text={**TEXT, "context_length": 11, "vocab_size": 49500, "layers": 1, "heads": 1}),
    "text-without-projection": model(text={**TEXT, "proj_type": "none"}),
    "text-projection-with-bias": model(text={**TEXT, "proj_bias": True}),
    "text-end-of-sequence": model(text={**TEXT, "pool_type": "eos", "eos_id": 49407}),
    "custom-text": model(custom_text=True),
    "resnet": model(vision=RESNET, quick_gelu=True),
    "resnet-head-width": model(vision={**RESNET, "image_size": 96, "width": 24, "head_width": 48}),
    "lite0-bias": model(vision=lite(0, timm_pool="avg", timm_proj="linear", timm_proj_bias=True)),
    "lite1-classifier": model(vision=lite(1, timm_pool="avg", timm_proj=None)),
    "lite2-default-pool": model(vision=lite(2, timm_pool="", timm_proj="linear", timm_drop=0.2)),
    "lite3-none": model(embed_dim=1280, vision=lite(3, timm_pool="avg", timm_proj="none")),
    "lite4": model(vision=lite(4, timm_pool="avg", timm_proj="linear")),
}

OPENAI = {
    "openai-vit": {"image_resolution": 48, "vision_layers": 2, "vision_width": 64, "vision_patch_size": 16},
    "openai-resnet": {"image_resolution": 64, "vision_layers": (1, 2, 1, 1), "vision_width": 16, "vision_patch_size": None},
}  # fmt: skip


def build(config: dict) -> torch.nn.Module:
    config = {**config, "vision_cfg": dict(config["vision_cfg"])}
    averages_all = config["vision_cfg"].pop("global_average_pool", False)
    network = (CustomTextCLIP if config.pop("custom_text", False) else CLIP)(**config)
    if averages_all:  # open_clip 2.16 and 2.20: the mean of all tokens, then the norm
        network.visual._pool = lambda x: (network.visual.ln_post(x.mean(dim=1)), x)
    return network


@torch.no_grad()
def features(name: str, network: torch.nn.Module, size: int, context_length: int) -> dict[str, torch.Tensor]:
    formula_weights.fill(network)
    reference.frozen(network)
    images = formula_weights.values("image", (2, 3, size, size), IMAGE_SCALE)
    tokens = SimpleTokenizer(context_length=context_length)(TEXTS)
    return {f"{name}.image": network.encode_image(images), f"{name}.text": network.encode_text(tokens)}


def elements(network: torch.nn.Module) -> int:
    return sum(tensor.numel() for tensor in network.state_dict().values() if tensor.is_floating_point())


def main():
    torch.set_num_threads(1)
    tensors, models, openai = {}, [], []
    for name, config in OPEN_CLIP.items():
        network = build(config)
        size, length = config["vision_cfg"]["image_size"], config["text_cfg"]["context_length"]
        tensors |= features(name, network, size, length)
        written = {"model_cfg": config, "preprocess_cfg": CLASSIC}
        models.append({"name": name, "elements": elements(network), "config": written})
    for name, sizes in OPENAI.items():
        network = OpenAICLIP(
            embed_dim=32, context_length=16, vocab_size=49408, transformer_width=64, transformer_heads=1,
            transformer_layers=2, **sizes,
        )  # fmt: skip
        tensors |= features(name, network, sizes["image_resolution"], 16)
        shapes = {key: list(tensor.shape) for key, tensor in network.state_dict().items()}
        openai.append({"name": name, "elements": elements(network), "shapes": shapes})
    fixture.write(
        "CLIPTests",
        "architectures",
        __file__,
        tensors,
        {
            "precision": "float32",
            "texts": TEXTS,
            "images": {"name": "image", "shape": "[2, 3, size, size]", "offset": 0, "scale": IMAGE_SCALE},
            "openCLIP": models,
            "openAI": openai,
        },
    )


if __name__ == "__main__":
    main()
