"""Times a training step of each method beside its authors' classes, at ViT-B/16 size with random weights.

    python benchmark_methods.py --repositories FOLDER [--threads 2] [--classes 50] [--only TEXT] [--write]

FOLDER holds clones as compat_methods.py takes them. Both sides compute in float32 on the same threads and class names,
at the method's own batch size, with images that are decoded already; each side is a process of its own, ours before and
after theirs. Text-side methods are timed twice: the step alone, where images are features already, and with the views'
own way through the image tower, which the originals take at every step. --write puts the table into
docs/performance.md.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

import torchvision_names  # noqa: F401  before clip, which imports torchvision
import torch
from torch import nn
from torch.nn import functional

import check_loaders
import protocol
from bench import caltech_names
from record_originals import stub_toolbox

COCOOP = protocol.ROOT / ".build/release/cocoop"
DOCUMENT = protocol.ROOT / "docs/performance.md"
BEGIN, END = "<!-- methods by make bench: begin -->", "<!-- methods by make bench: end -->"
# Images a step, as the authors configure them.
BATCHES = {"kgcoop": 128, "prograd": 32, "tcp": 32, "ivlp": 4, "vpt": 4, "maple": 4, "promptsrc": 4,
           "coprompt": 4, "mmrl": 4}
TEXT_SIDE = ("kgcoop", "prograd", "tcp")
DEPTHS = {"ivlp": (12, 12), "vpt": (0, 12), "maple": (9, 9), "promptsrc": (9, 9), "coprompt": (9, 9), "mmrl": (7, 7)}
FACTORIES = {make.__name__: make for make in check_loaders.ALL}
REPEATS, WORKER_LIMIT = 2, 1200


class Features(nn.Module):
    """An image tower whose images are features already."""

    input_resolution, output_dim = 224, 512

    def forward(self, features):
        return features


def loss_of(method: str, original):
    """The loss of one step, as each trainer's forward_backward has it."""
    def kgcoop(pixels, labels):
        logits, score = original(pixels)
        return functional.cross_entropy(logits, labels) + 8 * score

    def promptsrc(pixels, labels):
        entropy, text, fixed_text, fixed_image, image, fixed_logits, logits = original(pixels, labels)
        return entropy + 25 * functional.l1_loss(text, fixed_text) + 10 * functional.l1_loss(image, fixed_image) \
            + functional.kl_div(functional.log_softmax(logits, dim=1), functional.log_softmax(fixed_logits, dim=1),
                                reduction="sum", log_target=True) / logits.numel()

    def mmrl(pixels, labels):
        tower, text_teacher, criterion = original.kept
        with torch.no_grad():
            frozen = tower(pixels)
        logits, logits_rep, _, image, text = original(pixels)
        return criterion(logits, logits_rep, image, text, frozen, text_teacher, labels)

    return {
        "coprompt": lambda pixels, labels: original(pixels, pixels, labels), "mmrl": mmrl,
        "kgcoop": kgcoop, "tcp": lambda pixels, labels: original(pixels, labels)[1], "promptsrc": promptsrc,
        "ivlp": lambda pixels, labels: original(pixels, labels), "prograd": None,
        "vpt": lambda pixels, labels: original(pixels, labels, training=True),
        "maple": lambda pixels, labels: original(pixels, labels),
    }[method]


def resident(field: str = "VmRSS") -> int:
    """In KiB."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(field))


def worker(method: str, repositories: Path, classes: int, are_features: bool):
    """Prints the median seconds of the original's step and the memory that it adds."""
    stub_toolbox()
    torch.manual_seed(1)
    scale = check_loaders.Scale(
        [name.replace("_", " ") for name in caltech_names()[:classes]], 512, 224, 12, 768, 16, 512, 12, DEPTHS,
        fill=lambda model: None)
    with open(os.devnull, "w") as nowhere:
        shown, sys.stdout = sys.stdout, nowhere
        original = FACTORIES[method](repositories, scale)
        sys.stdout = shown
    model = original.model
    model.train()
    model.requires_grad_(False)
    learned = [value for name, value in original.registered.named_parameters() if name in original.learned]
    for parameter in learned:
        parameter.requires_grad_(True)
    if are_features:
        model.image_encoder = Features()
    count = BATCHES[method]
    pixels = torch.randn(count, 512) if are_features else torch.randn(count, 3, 224, 224)
    labels = torch.arange(count) % classes
    optimizer = torch.optim.SGD(learned, lr=1e-5, momentum=0.9, weight_decay=5e-4)
    loss = loss_of(method, model)
    teacher = model.image_encoder
    before, times = resident(), []
    Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
    for _ in range(1 + REPEATS if are_features or count < 32 else 1):
        begun = time.perf_counter()
        optimizer.zero_grad()
        if method == "prograd":  # a second CLIP on the same images, and a second way back through the text tower
            logits = model(pixels)
            with torch.no_grad():
                known = 100 * functional.normalize(teacher(pixels), dim=-1) @ torch.randn(512, classes)
            guide = -(known.softmax(-1) * functional.log_softmax(logits, -1)).sum(1).mean()
            torch.autograd.grad(guide, learned, retain_graph=True)
            value = functional.cross_entropy(logits, labels)
        else:
            value = loss(pixels, labels)
        value.backward()
        optimizer.step()
        times.append(time.perf_counter() - begun)
    memory = (resident("VmHWM") - before) / 1024
    print(json.dumps({"seconds": statistics.median(times[1:] or times), "memory": memory}))


def theirs(method: str, options, are_features: bool) -> dict:
    command = [sys.executable, __file__, "--worker", method, "--repositories", options.repositories, "--classes",
               str(options.classes), "--threads", str(options.threads)]
    run = subprocess.run(
        [*map(str, command), *(["--features"] if are_features else [])], check=True, capture_output=True, text=True,
        timeout=WORKER_LIMIT)
    return json.loads(run.stdout.splitlines()[-1])


def ours(method: str, options) -> dict:
    run = subprocess.run(
        [COCOOP, "benchmark", "--method", method, "--classes", str(options.classes), "--threads", str(options.threads),
         "--images", str(BATCHES[method]), "--device", "cpu", "--json"], check=True, capture_output=True, text=True)
    return json.loads(run.stdout)


def seconds(value: float) -> str:
    return f"{1000 * value:,.0f} ms" if value < 1 else f"{value:,.1f} s"


def row(method: str, options) -> str:
    before = ours(method, options)
    is_text = method in TEXT_SIDE
    step = theirs(method, options, True) if is_text else None
    whole = theirs(method, options, False)
    after = ours(method, options)
    mine = statistics.median([before["stepSeconds"], after["stepSeconds"]])
    mine_whole = mine + statistics.median([before["encodingSeconds"], after["encodingSeconds"]]) if is_text else mine
    cells = [f"`{method}`", BATCHES[method]]
    cells += [seconds(step["seconds"]), seconds(mine), f"{step['seconds'] / mine:.1f}"] if step else ["–", "–", "–"]
    cells += [seconds(whole["seconds"]), seconds(mine_whole), f"{whole['seconds'] / mine_whole:.1f}"]
    cells += [f"{(step or whole)['memory']:,.0f}", f"{before['stepMemoryMiB']:,.0f}"]
    text = "| " + " | ".join(map(str, cells)) + " |"
    stored = before.get("storedViewStepSeconds")
    if stored:
        text += (f"\n| … with stored views | {BATCHES[method]} | – | – | – | {seconds(whole['seconds'])} | "
                 f"{seconds(stored)} | {whole['seconds'] / stored:.1f} | | |")
    return text


def table(options) -> list[str]:
    lines = [
        "| method | images | text side, authors | here | ratio | whole step, authors | here | ratio "
        "| memory, authors, MiB | here |",
        "|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for method in BATCHES:
        if options.only in method:
            lines += row(method, options).split("\n")
            print("\n".join(lines[-2:]), flush=True)
    return lines


def write(lines: list[str]):
    text = DOCUMENT.read_text()
    start, end = text.index(BEGIN) + len(BEGIN), text.index(END)
    DOCUMENT.write_text(text[:start] + "\n" + "\n".join(lines) + "\n" + text[end:])


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repositories", type=Path, required=True)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--classes", type=int, default=50)
    parser.add_argument("--only", default="")
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--worker", help=argparse.SUPPRESS)
    parser.add_argument("--features", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    if options.worker:
        return worker(options.worker, options.repositories, options.classes, options.features)
    lines = table(options)
    if options.write:
        write(lines)


if __name__ == "__main__":
    main()
