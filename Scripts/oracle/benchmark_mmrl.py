"""Times a training step of MMRL beside its authors' classes, at ViT-B/16 size with random weights.

    python benchmark_mmrl.py --repository DIR [--threads 2] [--repeats 3] [--classes 50]

DIR is a clone as record_image_originals.py takes it. Both sides compute in float32 on the same threads and class names,
in turns, with 4 images a step that are decoded already. Prints one line: medians, and their ratio.
"""

import argparse
import json
import statistics
import subprocess
import time
import types
from pathlib import Path

import torchvision_names  # noqa: F401  before clip, which imports torchvision
import torch

import protocol
from bench import caltech_names
from record_image_originals import configuration
from record_originals import checkout, on_path, stub_toolbox

COCOOP = protocol.ROOT / ".build/release/cocoop"
BATCH, SIZE = 4, 224


def vit_b16(model_module, design: dict):
    torch.manual_seed(1)
    return model_module.CLIP(512, SIZE, 12, 768, 16, 77, 49408, 512, 8, 12, design).eval()


def settings(section: str, **values):
    made = configuration(section, **values)
    made.INPUT = types.SimpleNamespace(SIZE=(SIZE, SIZE))
    return made


def mmrl_step(repository: Path, names: list[str]):
    on_path(checkout(repository, ["clip", "trainers"], {}))
    from clip import model_mmrl as clip_module
    from trainers import mmrl

    design = {"rep_tokens_layers": list(range(6, 13)), "n_rep_tokens": 5}
    plain = vit_b16(clip_module, design | {"model": "CLIP"}).requires_grad_(False)
    made = settings("MMRL", ALPHA=0.7, N_REP_TOKENS=5, REP_DIM=512, REP_LAYERS=design["rep_tokens_layers"])
    made.DATASET = types.SimpleNamespace(NAME="Caltech101")
    theirs = mmrl.CustomCLIP(made, names, vit_b16(clip_module, design | {"model": "MMRL"}))
    teacher = mmrl._get_text_base_features_zero_shot(made, names, plain, mmrl.TextEncoder_CLIP(plain))
    criterion = mmrl.MMRL_Loss(0.5, 0.7)

    def loss(pixels, labels):
        with torch.no_grad():
            frozen = plain.visual(pixels)
        logits, logits_rep, _, image, text = theirs(pixels)
        return criterion(logits, logits_rep, image, text, frozen, teacher, labels)

    learned = [*theirs.representation_learner.parameters(), theirs.image_encoder.proj_rep]
    return theirs, learned, loss


def seconds_of_theirs(repository: Path, names: list[str], repeats: int) -> list[float]:
    theirs, learned, loss = mmrl_step(repository, names)
    theirs.train()
    theirs.requires_grad_(False)
    for parameter in learned:
        parameter.requires_grad_(True)
    optimizer = torch.optim.SGD(learned, lr=1e-5, momentum=0.9, weight_decay=5e-4)
    pixels, labels = torch.randn(BATCH, 3, SIZE, SIZE), torch.arange(BATCH)
    times = []
    for _ in range(1 + repeats):
        begun = time.perf_counter()
        optimizer.zero_grad()
        loss(pixels, labels).backward()
        optimizer.step()
        times.append(time.perf_counter() - begun)
    return times[1:]


def seconds_of_ours(classes: int, threads: int) -> tuple[float, float]:
    run = subprocess.run(
        [COCOOP, "benchmark", "--method", "mmrl", "--classes", str(classes), "--threads", str(threads), "--json"],
        check=True, capture_output=True, text=True)
    figures = json.loads(run.stdout)
    return figures["stepSeconds"], figures["stepMemoryMiB"]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repository", type=Path, required=True)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--classes", type=int, default=50)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    stub_toolbox()
    names = caltech_names()[:options.classes]
    ours, memory = seconds_of_ours(options.classes, options.threads)
    theirs = statistics.median(seconds_of_theirs(options.repository, names, options.repeats))
    again, _ = seconds_of_ours(options.classes, options.threads)
    mine = statistics.median([ours, again])
    print(f"theirs {theirs:.2f} s, ours {ours:.2f} s before and {again:.2f} s after, {theirs / mine:.1f} times; "
          f"ours adds {memory:.0f} MiB")


if __name__ == "__main__":
    main()
