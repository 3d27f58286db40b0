"""Records every model configuration that open_clip ships: the file, which of its keys ask for something that this
package refuses, and otherwise the sizes of the model that open_clip builds from it (without memory, on torch's "meta" device).

    python record_open_clip_configs.py    → Tests/CLIPTests/Fixtures/open-clip-configs.json
"""

import importlib.metadata
import json
import pathlib

import torch
import torchvision_names  # noqa: F401
import open_clip
from open_clip.model import CLIP

from protocol import ROOT

# What a CLIP over a prompt trie cannot be: another tokenizer or text model, attention to what follows, a feature that
# is not read at the end of the text, another image tower, another activation, a bias on the logits.
REFUSED = {
    "": ["multimodal_cfg", "init_logit_bias"],
    "text_cfg": [
        "hf_model_name", "hf_tokenizer_name", "no_causal_mask", "embed_cls", "tokenizer_kwargs", "act_kwargs",
    ],
    "vision_cfg": ["attentional_pool", "act_kwargs", "timm_model_name"],
}  # fmt: skip


def refused(config: dict) -> list[str]:
    keys = []
    for section, names in REFUSED.items():
        values = config[section] if section else config
        keys += [f"{section}.{name}".strip(".") for name in names if values.get(name)]
    text = config["text_cfg"]
    if text.get("pool_type", "argmax") != "argmax":
        keys.append("text_cfg.eos_id" if text["pool_type"] == "eos" else "text_cfg.pool_type")
    if text.get("vocab_size", 49408) < 49408:
        keys.append("text_cfg.vocab_size")
    return keys


def blocks(transformer) -> dict:
    block = transformer.resblocks[0]
    return {
        "width": transformer.width,
        "layers": transformer.layers,
        "heads": block.attn.num_heads,
        "mlpWidth": block.mlp.c_fc.out_features,
        "hasLayerScale": hasattr(block.ls_1, "gamma"),
        "normEpsilon": block.ln_1.eps,
        "activation": type(block.mlp.gelu).__name__,
    }


def sizes(config: dict) -> dict:
    with torch.device("meta"):
        model = CLIP(**{key: value for key, value in config.items() if key != "custom_text"})
    visual = model.visual
    if isinstance(config["vision_cfg"]["layers"], list):
        image = {
            "size": visual.image_size,
            "width": visual.conv3.out_channels,
            "blocks": [len(stage) for stage in (visual.layer1, visual.layer2, visual.layer3, visual.layer4)],
            "heads": visual.attnpool.num_heads,
        }
    else:
        image = {
            "size": visual.image_size[0],
            "patchSize": visual.patch_size[0],
            **blocks(visual.transformer),
            "hasInputNorm": not isinstance(visual.ln_pre, torch.nn.Identity),
            "pooling": visual.pool_type,
            "normalizesAfterPooling": visual.final_ln_after_pool,
        }
    text = {"tokenLimit": model.context_length, "vocabularySize": model.vocab_size, **blocks(model.transformer)}
    return {"embeddingWidth": model.text_projection.shape[1], "image": image, "text": text}


def main():
    folder = pathlib.Path(open_clip.__file__).parent / "model_configs"
    models = []
    for path in sorted(folder.glob("*.json")):
        config = json.loads(path.read_text())
        keys = refused(config)
        models.append({"name": path.stem, "config": config, "refused": keys} | ({} if keys else {"sizes": sizes(config)}))
    lines = ",\n".join(json.dumps(model) for model in models)
    recipe = {
        "script": f"Scripts/oracle/{pathlib.Path(__file__).name}",
        "versions": {package: importlib.metadata.version(package) for package in ["torch", "open-clip-torch"]},
    }
    output = ROOT / "Tests/CLIPTests/Fixtures/open-clip-configs.json"
    output.write_text(json.dumps(recipe)[:-1] + f', "models": [\n{lines}\n]}}\n')
    supported = [model["name"] for model in models if "sizes" in model]
    print(f"{output.relative_to(ROOT)}: {len(models)} configurations, {len(supported)} supported")
    print(" ".join(supported))


if __name__ == "__main__":
    main()
