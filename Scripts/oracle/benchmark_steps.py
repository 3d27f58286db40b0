"""Times CoCoOp as published, in plain PyTorch, at the size of ViT-B/16 and with tiny-clip: what `make bench` compares with.

    python benchmark_steps.py --threads 2 --names names.txt --photo photo.jpg --classes 50 100

Prints one JSON document of median seconds: text step, text forward, image forward of 1 and 16 images, and a whole step
with a fresh photo (decoded by Pillow, augmented by torchvision, encoded, prompts trained by SGD).
"""

import argparse
import json
import pathlib
import statistics
import time

import torch
import torchvision_names  # noqa: F401
from clip.model import CLIP
from torch.nn import functional

import formula_weights
import protocol
import reference

WARM_UP = 2


def median_seconds(work, repeats: int) -> float:
    seconds = []
    for _ in range(WARM_UP + repeats):
        started = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - started)
    return statistics.median(seconds[WARM_UP:])


def models():
    model, mean, std = reference.tiny_clip()
    yield "tiny-clip", model, mean, std, 7
    model = CLIP(512, 224, 12, 768, 16, 77, 49408, 512, 8, 12)
    formula_weights.fill(model)
    mean, std = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)
    yield "ViT-B/16", reference.frozen(model), mean, std, 5


def measure(model, mean, std, repeats: int, names: list[str], photo: pathlib.Path) -> dict:
    learner = reference.CoCoOp(reference.TextTower(model), names)
    optimizer = reference.optimizer(learner)
    image = functional.normalize(formula_weights.values("features", (1, 512), 1.0), dim=-1)
    label = torch.tensor([0])
    transform = protocol.train_transform(mean, std)

    @torch.no_grad()
    def encoded(count: int) -> torch.Tensor:
        return functional.normalize(model.encode_image(pixels[:count]), dim=-1)

    def text_step():
        learner.zero_grad()
        reference.backward(learner, image, label)

    @torch.no_grad()
    def text_forward():
        learner(image)

    def whole_step():
        pixels = transform(protocol.open_rgb(photo))[None]
        with torch.no_grad():
            feature = functional.normalize(model.encode_image(pixels), dim=-1)
        reference.step(learner, optimizer, feature, label, 1e-5)

    pixels = torch.stack([transform(protocol.open_rgb(photo)) for _ in range(16)])
    return {
        "classes": len(names),
        "positions": learner.prompts.embeddings.shape[:2].numel(),
        "textTrainStepSeconds": median_seconds(text_step, repeats),
        "textForwardSeconds": median_seconds(text_forward, repeats),
        "imageForwardSeconds": median_seconds(lambda: encoded(1), 3 * repeats),
        "imageForward16Seconds": median_seconds(lambda: encoded(16), repeats),
        "trainStepSeconds": median_seconds(whole_step, repeats),
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--names", type=pathlib.Path, required=True, help="a file with one class name a line")
    parser.add_argument("--photo", type=pathlib.Path, required=True)
    parser.add_argument("--classes", type=int, nargs="+", default=[50])
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    names = options.names.read_text().splitlines()
    results = [
        {"backbone": name, **measure(model, mean, std, repeats, names[:count], options.photo)}
        for name, model, mean, std, repeats in models()
        for count in options.classes
    ]
    print(json.dumps({"threads": options.threads, "torch": torch.__version__, "results": results}))


if __name__ == "__main__":
    main()
