"""Records what open_clip and timm compute with tiny-clip in float32, end to end and stage by stage.

    python record_tiny_clip.py      → Tests/CLIPTests/Fixtures/tiny-clip.safetensors and .json
"""

import torch
from torch.nn import functional

import fixture
import protocol
import reference

PHOTOS = 100
INPUTS = [0, 33, 66]  # photos whose preprocessed input is recorded
STRIDE = 4  # rows and columns of those inputs that are kept
STAGE_TEXT = 3  # whose layers are recorded


def summary(stage: torch.Tensor) -> torch.Tensor:
    """[18]: mean, standard deviation (population), first 16 values in row-major order of [channels, rows, columns]."""
    return torch.cat([stage.mean()[None], stage.std(correction=0)[None], stage.flatten()[:16]])


def image_stages(visual, pixels: torch.Tensor) -> dict[str, torch.Tensor]:
    trunk = visual.trunk
    hidden = trunk.bn1(trunk.conv_stem(pixels))  # timm's bn1 holds the activation
    stages = {"image.stem": summary(hidden)}
    for index, block in enumerate(trunk.blocks):
        hidden = block(hidden)
        stages[f"image.blocks.{index}"] = summary(hidden)
    hidden = trunk.bn2(trunk.conv_head(hidden))
    stages["image.head"] = summary(hidden)
    stages["image.pooled"] = trunk.global_pool(hidden)[0]
    return stages


def text_stages(model, tokens: torch.Tensor) -> dict[str, torch.Tensor]:
    end = int(tokens.argmax())
    hidden = model.token_embedding(tokens[None]) + model.positional_embedding
    stages = {"text.embedding": hidden[0, end]}
    for index, block in enumerate(model.transformer.resblocks):
        hidden = block(hidden, attn_mask=model.attn_mask)
        stages[f"text.layers.{index}"] = hidden[0, end]
    stages["text.final"] = model.ln_final(hidden)[0, end]
    return stages


@torch.no_grad()
def main():
    torch.set_num_threads(1)
    model, mean, std = reference.tiny_clip()
    split_file, images = protocol.LOCATIONS["openclipart"]
    split = protocol.read_split(split_file)
    test = split["test"]
    photos = [test[i * len(test) // PHOTOS] for i in range(PHOTOS)]
    transform = protocol.test_transform(mean, std)
    inputs = torch.stack([transform(protocol.open_rgb(images / photo.path)) for photo in photos])
    levels = ((inputs[0] * 0.5 + 0.5) * 255).round()
    assert torch.equal((levels / 255 - 0.5) / 0.5, inputs[0]), "levels do not give the input back"

    names = {photo.label: photo.name.replace("_", " ") for photo in split["train"]}
    class_names = [names[label] for label in sorted(names)]
    tokens = reference.TextTower(model).tokens([reference.TEMPLATE.format(name) for name in class_names])
    image_features = torch.cat([model.encode_image(image[None]) for image in inputs])
    text_features = model.encode_text(tokens)
    image_unit, text_unit = functional.normalize(image_features, dim=-1), functional.normalize(text_features, dim=-1)
    stages = image_stages(model.visual, inputs[:1]) | text_stages(model, tokens[STAGE_TEXT])
    torch.testing.assert_close(model.visual.head(stages["image.pooled"]), image_features[0])
    torch.testing.assert_close(stages["text.final"] @ model.text_projection, text_features[STAGE_TEXT])
    fixture.write(
        "CLIPTests",
        "tiny-clip",
        __file__,
        {
            "image.features": image_features,
            "image.unit": image_unit,
            "text.features": text_features,
            "text.unit": text_unit,
            "text.tokens": tokens[:, : int(tokens.argmax(-1).max()) + 1],
            "logits": model.logit_scale.exp() * image_unit @ text_unit.T,
            "logit_scale": model.logit_scale.exp(),
            "input.levels": levels.half(),
            "input.sampled": inputs[INPUTS, :, ::STRIDE, ::STRIDE],
            **stages,
        },
        {
            "model": "Sources/Embedded/Resources/tiny-clip",
            "precision": "float32",
            "images": "Sources/Embedded/Resources/openclipart/images",
            "files": [photo.path for photo in photos],
            "labels": [photo.label for photo in photos],
            "classNames": class_names,
            "template": reference.TEMPLATE,
            "inputFiles": [photos[i].path for i in INPUTS],
            "inputStride": STRIDE,
            "stageFile": photos[0].path,
            "stageText": reference.TEMPLATE.format(class_names[STAGE_TEXT]),
            "notes": {
                "input.levels": "pixels of files[0] after resize and crop, 0 to 255;"
                " input = (levels / 255 - 0.5) / 0.5",
                "input.sampled": "every 4th row and column, from the first, of the inputs of inputFiles",
                "image.stem, image.blocks.*, image.head": "mean, population standard deviation, first 16 values"
                " (row-major in channels, rows, columns) of stageFile's activations: after stem convolution, norm and"
                " activation; after each stage of blocks; after the head convolution, norm and activation",
                "image.pooled": "average over the head's positions, before the projection",
                "text.embedding, text.layers.*, text.final": "hidden state of stageText at its end-of-text position:"
                " token plus position, after each layer, after the final layer norm",
            },
        },
    )


if __name__ == "__main__":
    main()
