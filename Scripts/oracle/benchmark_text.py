"""Times the text side of the reference CoCoOp: 77 positions for each class and image, nothing shared.

    python benchmark_text.py --threads 2 [--towers tiny-clip vit-b16]

Prints one JSON document: median seconds of a training step's forward and backward (one image, no image tower, no SGD
update) and of the forward alone, over the first --classes classes of Caltech101's official split.
"""

import argparse
import json
import os
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
REPEATS = {"tiny-clip": 7, "vit-b16": 5}


def text_tower(name: str):
    if name == "tiny-clip":
        return reference.tiny_clip()[0]
    # The text tower of ViT-B/16 at full size; the image tower is never run, so it is as small as it can be.
    model = CLIP(512, 224, 1, 64, 224, 77, 49408, 512, 8, 12)
    formula_weights.fill(model)
    return reference.frozen(model)


def median_seconds(work, repeats: int) -> float:
    seconds = []
    for _ in range(WARM_UP + repeats):
        started = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - started)
    return statistics.median(seconds[WARM_UP:])


def measure(tower_name: str, class_names: list[str], positions: str) -> dict:
    learner = reference.CoCoOp(reference.TextTower(text_tower(tower_name), positions), class_names)
    image = functional.normalize(formula_weights.values("features", (1, 512), 1.0), dim=-1)
    label = torch.tensor([0])

    @torch.no_grad()
    def forward():
        learner(image)

    def training_step():
        learner.zero_grad()
        reference.backward(learner, image, label)

    repeats = REPEATS[tower_name]
    return {
        "tower": tower_name,
        "classes": len(class_names),
        "positions": learner.prompts.embeddings.shape[:2].numel(),
        "textTrainStepSeconds": median_seconds(training_step, repeats),
        "textForwardSeconds": median_seconds(forward, repeats),
        "repeats": repeats,
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--towers", nargs="+", choices=list(REPEATS), default=list(REPEATS))
    parser.add_argument("--classes", type=int, default=50)
    parser.add_argument("--positions", choices=["all", "shortest"], default="all")
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)

    photos = protocol.read_split(protocol.SHARED / "splits/split_zhou_Caltech101.json")["train"]
    names = {photo.label: photo.name.replace("_", " ") for photo in photos}
    class_names = [names[label] for label in sorted(names)][: options.classes]
    before = os.getloadavg()[0]
    results = [measure(tower, class_names, options.positions) for tower in options.towers]
    settings = {"threads": options.threads, "torch": torch.__version__, "loadBefore": before}
    print(json.dumps({**settings, "results": results}))


if __name__ == "__main__":
    main()
