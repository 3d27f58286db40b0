"""Times a training step of MaPLe, PromptSRC and MMRL beside their authors' classes, at ViT-B/16 size with random weights.

    python benchmark_image_methods.py --maple DIR --promptsrc DIR --mmrl DIR [--threads 2] [--repeats 3] [--classes 50]

DIR are clones as record_image_originals.py takes them; a method without one is left out. Both sides compute in float32 on the same threads and class
names, in turns, with 4 images a step that are decoded already. Prints a line for each method: medians, and their ratio.
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
from torch.nn import functional

import protocol
from bench import caltech_names
from record_image_originals import WITHOUT_HALVES, configuration, deep
from record_originals import checkout, on_path, stub_toolbox

COCOOP = protocol.ROOT / ".build/release/cocoop"
BATCH, SIZE = 4, 224
PLAIN = {"trainer": "IVLP", "vision_depth": 0, "language_depth": 0, "vision_ctx": 0, "language_ctx": 0}


def vit_b16(model_module, design: dict):
    torch.manual_seed(1)
    return model_module.CLIP(512, SIZE, 12, 768, 16, 77, 49408, 512, 8, 12, design).eval()


def settings(section: str, **values):
    made = configuration(section, **values)
    made.INPUT = types.SimpleNamespace(SIZE=(SIZE, SIZE))
    return made


def maple_step(repository: Path, names: list[str]):
    folder = checkout(repository, ["clip", "trainers"], WITHOUT_HALVES | {
        "trainers/maple.py": [(".half()", ".float()")]})
    on_path(folder)
    from clip import model as clip_module
    from trainers import maple

    theirs = maple.CustomCLIP(
        settings("MAPLE", N_CTX=2, PROMPT_DEPTH=9), names, vit_b16(clip_module, PLAIN | {
            "trainer": "MaPLe", "maple_length": 2}))
    learned = [parameter for name, parameter in theirs.named_parameters() if "prompt_learner" in name]
    return theirs, learned, lambda pixels, labels: theirs(pixels, labels)


def promptsrc_step(repository: Path, names: list[str]):
    folder = checkout(repository, ["clip", "trainers"], WITHOUT_HALVES | {
        "trainers/promptsrc.py": [(".half()", ""), (".float().cuda()", ".cuda()")]})
    on_path(folder)
    from clip import model as clip_module
    from trainers import promptsrc as original

    original.IMAGENET_TEMPLATES = original.IMAGENET_TEMPLATES[:1]  # a start-up cost that no step pays
    teacher = vit_b16(clip_module, PLAIN)
    original.load_clip_to_cpu = lambda *_: teacher
    theirs = original.CustomCLIP(
        settings("PROMPTSRC", N_CTX_TEXT=4, N_CTX_VISION=4, PROMPT_DEPTH_TEXT=9), names,
        vit_b16(clip_module, PLAIN | {
            "vision_depth": 9, "language_depth": 9, "vision_ctx": 4, "language_ctx": 4}))
    learned = [theirs.prompt_learner.ctx, theirs.image_encoder.VPT]
    learned += deep(theirs.text_encoder) + deep(theirs.image_encoder)

    def loss(pixels, labels):
        entropy, text, fixed_text, fixed_image, image, fixed_logits, logits = theirs(pixels, labels)
        return entropy + 25 * functional.l1_loss(text, fixed_text) + 10 * functional.l1_loss(image, fixed_image) \
            + functional.kl_div(functional.log_softmax(logits, dim=1), functional.log_softmax(fixed_logits, dim=1),
                                reduction="sum", log_target=True) / logits.numel()

    return theirs, learned, loss


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


def seconds_of_theirs(make, names: list[str], repeats: int) -> list[float]:
    theirs, learned, loss = make(names)
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


def seconds_of_ours(method: str, classes: int, threads: int) -> tuple[float, float]:
    run = subprocess.run(
        [COCOOP, "benchmark", "--method", method, "--classes", str(classes), "--threads", str(threads), "--json"],
        check=True, capture_output=True, text=True)
    figures = json.loads(run.stdout)
    return figures["stepSeconds"], figures["stepMemoryMiB"]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--maple", type=Path)
    parser.add_argument("--promptsrc", type=Path)
    parser.add_argument("--mmrl", type=Path)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--classes", type=int, default=50)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    stub_toolbox()
    names = caltech_names()[:options.classes]
    for method, make in (("maple", lambda names: maple_step(options.maple, names)),
                         ("promptsrc", lambda names: promptsrc_step(options.promptsrc, names)),
                         ("mmrl", lambda names: mmrl_step(options.mmrl, names))):
        if getattr(options, method) is None:
            continue
        ours, memory = seconds_of_ours(method, options.classes, options.threads)
        theirs = statistics.median(seconds_of_theirs(make, names, options.repeats))
        again, _ = seconds_of_ours(method, options.classes, options.threads)
        mine = statistics.median([ours, again])
        print(f"{method}: theirs {theirs:.2f} s, ours {ours:.2f} s before and {again:.2f} s after, "
              f"{theirs / mine:.1f} times; ours adds {memory:.0f} MiB", flush=True)


if __name__ == "__main__":
    main()
