"""Trains KgCoOp, TCP, MaPLe and PromptSRC twice, by this package and by the authors' own classes, on the same samples.

    python make_small_vit.py --output VIT
    python compare_trainings.py --model VIT --kgcoop DIR --tcp DIR --maple DIR --promptsrc DIR [--seeds 1 2 3]

DIR are clones, bare or not, of htyao89/KgCoOp (read at c43ccc3), htyao89/Textual-based_Class-aware_prompt_tuning
(bd97bec), muzairkhattak/multimodal-prompt-learning (69bce21) and muzairkhattak/PromptSRC (bb95c77). Their classes run
as in record_originals.py and record_image_originals.py: in float32 on a CPU, with the literals of ViT-B/16 replaced.

Both sides learn five classes of drawings, 16 of each, and name those and five others. The photos, their order, their
random views and the initial values are the package's draws, repeated by swift_random.py; SGD and Adam are torch's, and
the rates those of both sides. Prints the accuracies, their means with two standard errors of their difference, and by
what the logits of test photos differ at the end, all computed by the authors' classes: with their own learned values,
and with the package's. Appends a line of JSON to --output for each training; what is there is not done again.
"""

import argparse
import json
import math
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time
import types

import torchvision_names  # noqa: F401  before clip, which imports torchvision
import numpy
import safetensors.torch
import torch
from torch.nn import functional
from torchvision.transforms import functional as pictures

import protocol
import swift_random
from record_image_originals import WITHOUT_HALVES, configuration, of_both_towers, of_maple
from record_originals import checkout, on_path, stub_toolbox
from record_originals import configuration as configuration_of_texts
from record_whole_training import CLASSES, SHOTS, SIZE, view

COCOOP = protocol.ROOT / ".build/release/cocoop"
DEVIATION = 0.02
PLAIN = {"trainer": "IVLP", "vision_depth": 0, "language_depth": 0, "vision_ctx": 0, "language_ctx": 0}


class Model:
    """The small CLIP's folder, and what the authors' programs need to know of it."""

    def __init__(self, folder: pathlib.Path):
        self.folder = folder
        self.tensors = safetensors.torch.load_file(folder / "open_clip_model.safetensors")
        written = json.loads((folder / "open_clip_config.json").read_text())
        self.mean, self.std = (written["preprocess_cfg"][key] for key in ("mean", "std"))
        image, text = (written["model_cfg"][key] for key in ("vision_cfg", "text_cfg"))
        self.image_width, self.image_layers = image["width"], image["layers"]
        self.width, self.layers = text["width"], text["layers"]
        self.embedding = written["model_cfg"]["embed_dim"]
        self.shape = [
            self.embedding, SIZE, self.image_layers, self.image_width, image["patch_size"], text["context_length"],
            text["vocab_size"], self.width, text["heads"], self.layers]

    def load(self, module, *design):
        """The authors' CLIP with these weights: every tensor of the file must find its place."""
        model = module.CLIP(*self.shape, *design).float().eval()
        lost = model.load_state_dict(self.tensors, strict=False)
        assert not lost.unexpected_keys and all("VPT" in key for key in lost.missing_keys), lost
        return model


class Original:
    """A method of its authors: how its model is made, what it learns, its loss, and how both sides train it."""

    def __init__(self, model: Model):
        self.model = model

    def final(self, learned, after_epochs):
        """What an evaluation uses, from the values after each epoch."""
        return {name: [tensor.detach().clone() for tensor in tensors] for name, tensors in learned.items()}

    def optimizer(self, parameters):
        return torch.optim.SGD(parameters, lr=self.rate, momentum=0.9, weight_decay=5e-4)

    def loss(self, theirs, pixels, labels):
        return theirs(pixels, labels)

    def logits(self, theirs, pixels):
        theirs.eval()
        with torch.no_grad():
            return torch.cat([theirs(part) for part in pixels.split(50)])


class KgCoOp(Original):
    name, epochs, batch, rate, options = "kgcoop", 20, 32, 0.002, []

    def open(self, repository):
        on_path(checkout(repository, ["KgCoOp/clip", "KgCoOp/trainers"], {}) / "KgCoOp")
        from clip import model as module
        from trainers import kgcoop as original
        self.original, self.module = original, module

    def make(self, names):
        self.original.load_clip_to_cpu = lambda _: self.model.load(self.module)
        return self.original.CustomCLIP(self.settings(True), names, self.model.load(self.module))

    def settings(self, from_words):
        made = configuration_of_texts("Caltech101", 4, from_words)
        made.INPUT = types.SimpleNamespace(SIZE=(SIZE, SIZE))
        return made

    def learned(self, theirs):
        return {"ctx": [theirs.prompt_learner.ctx]}

    def initial(self, generator):
        return {}

    def loss(self, theirs, pixels, labels):
        logits, score = theirs(pixels)
        return functional.cross_entropy(logits, labels) + 8.0 * score

    def logits(self, theirs, pixels):
        theirs.eval()
        with torch.no_grad():
            return torch.cat([theirs(part)[0] for part in pixels.split(50)])


class TCP(KgCoOp):
    name, epochs, batch, rate, options = "tcp", 20, 32, 0.002, []

    def open(self, repository):
        folder = checkout(repository, ["clip", "trainers"], {
            "trainers/tcp.py": [(",-1,512)", ",-1,self.ctx.shape[1])")],
            "trainers/clip_text/model.py": [("layers=[8]", "layers=[BLOCK]")]})
        on_path(folder)
        (folder / "trainers/__init__.py").write_text("")
        from trainers import tcp as original
        from trainers.clip_text import model as module
        module.BLOCK = 2  # of 3 blocks of the text tower, as 8 of 12
        self.original, self.module = original, module

    def make(self, names):
        self.original.load_clip_to_cpu = lambda _: self.model.load(self.module)
        return self.original.CustomCLIP(self.settings(False), names, self.model.load(self.module))

    def learned(self, theirs):
        network = theirs.prompt_learner.meta_net
        return {"ctx": [theirs.prompt_learner.ctx]} | {
            f"meta_net.{name}": [parameter] for name, parameter in network.named_parameters()}

    def initial(self, generator):
        width, embedding = self.model.width, self.model.embedding
        values = {"ctx": swift_random.random_context(4, width, generator)}
        for name, inputs, outputs in (("linear1", embedding, embedding // 4), ("linear2", embedding // 4, 4 * width)):
            weight, bias = swift_random.linear(inputs, outputs, generator)
            values |= {f"meta_net.{name}.weight": weight, f"meta_net.{name}.bias": bias}
        return values

    def optimizer(self, parameters):
        return torch.optim.Adam(parameters, lr=self.rate, betas=(0.9, 0.999), eps=1e-3, weight_decay=5e-4)

    def loss(self, theirs, pixels, labels):
        return theirs(pixels, labels)[1]

    logits = Original.logits


def normal(shape: list[int], generator) -> numpy.ndarray:
    draws = [numpy.float32(generator.normal()) * numpy.float32(DEVIATION) for _ in range(math.prod(shape))]
    return numpy.array(draws, dtype=numpy.float32).reshape(shape)


class MaPLe(Original):
    name, epochs, batch, rate, options = "maple", 5, 4, 0.0035, []

    def open(self, repository):
        on_path(checkout(repository, ["clip", "trainers"], WITHOUT_HALVES | {"trainers/maple.py": [
            (".half()", ".float()"),
            ("nn.Linear(ctx_dim, 768)", "nn.Linear(ctx_dim, clip_model.visual.ln_post.bias.numel())"),
            ("torch.empty(n_ctx, 512)", "torch.empty(n_ctx, ctx_dim)")]}))
        from clip import model as module
        from trainers import maple as original
        self.original, self.module = original, module
        self.depth = min(9, self.model.layers, self.model.image_layers)

    def make(self, names):
        settings = configuration("MAPLE", N_CTX=2, PROMPT_DEPTH=self.depth)
        settings.INPUT = types.SimpleNamespace(SIZE=(SIZE, SIZE))
        return self.original.CustomCLIP(
            settings, names, self.model.load(self.module, PLAIN | {"trainer": "MaPLe", "maple_length": 2}))

    learned = staticmethod(of_maple)

    def initial(self, generator):
        width, image_width = self.model.width, self.model.image_width
        values = {"compound_prompts_text": normal([self.depth - 1, 2, width], generator)}
        values["proj.weight"], values["proj.bias"] = swift_random.linear(width, image_width, generator)
        weight, bias = swift_random.linear(width, image_width, generator)
        values["compound_prompt_projections.weight"] = numpy.stack([weight] * (self.depth - 1))
        values["compound_prompt_projections.bias"] = numpy.stack([bias] * (self.depth - 1))
        return values


class PromptSRC(Original):
    name, epochs, batch, rate = "promptsrc", 5, 4, 0.0025
    options = ["--option", "average-mean=4", "--option", "average-deviation=1"]

    def open(self, repository):
        on_path(checkout(repository, ["clip", "trainers"], WITHOUT_HALVES | {
            "trainers/promptsrc.py": [(".half()", ""), (".float().cuda()", ".cuda()")]}))
        from clip import model as module
        from trainers import promptsrc as original
        self.original, self.module = original, module
        self.depths = min(9, self.model.layers), min(9, self.model.image_layers)

    def make(self, names):
        self.original.load_clip_to_cpu = lambda *_: self.model.load(self.module, PLAIN)
        settings = configuration(
            "PROMPTSRC", N_CTX_TEXT=4, N_CTX_VISION=4, PROMPT_DEPTH_TEXT=self.depths[0])
        settings.INPUT = types.SimpleNamespace(SIZE=(SIZE, SIZE))
        return self.original.CustomCLIP(settings, names, self.model.load(self.module, PLAIN | {
            "language_depth": self.depths[0], "vision_depth": self.depths[1], "vision_ctx": 4, "language_ctx": 4}))

    learned = staticmethod(of_both_towers)

    def initial(self, generator):
        (text, image), model = self.depths, self.model
        return {
            "text_prompts": normal([text - 1, 4, model.width], generator),
            "VPT": normal([4, model.image_width], generator),
            "image_prompts": normal([image - 1, 4, model.image_width], generator),
        }

    def loss(self, theirs, pixels, labels):
        entropy, text, fixed_text, fixed_image, image, fixed_logits, logits = theirs(pixels, labels)
        return entropy + 25 * functional.l1_loss(text, fixed_text) + 10 * functional.l1_loss(image, fixed_image) \
            + functional.kl_div(functional.log_softmax(logits, dim=1), functional.log_softmax(fixed_logits, dim=1),
                                reduction="sum", log_target=True) / logits.numel()

    def final(self, learned, after_epochs):
        """The authors' mean over epochs, by their own functions."""
        trainer = types.SimpleNamespace()
        gauss = self.original.PromptSRC.get_gauss(trainer, 4, 1)
        shares = numpy.array([gauss(epoch) for epoch in range(1, self.epochs + 1)])
        total = None
        for share, values in zip(shares / sum(shares), after_epochs):
            flat = {(name, index): tensor for name, tensors in values.items() for index, tensor in enumerate(tensors)}
            part = self.original.PromptSRC.state_dict_weighting(trainer, flat, float(share))
            total = part if total is None else self.original.PromptSRC.state_dict_add(trainer, part, total)
        return {name: [total[name, index] for index in range(len(tensors))] for name, tensors in learned.items()}


METHODS = {method.name: method for method in (KgCoOp, TCP, MaPLe, PromptSRC)}


def write_values(learned: dict, values: dict):
    """Writes values, one tensor for a name or a stack for all blocks, into the authors' tensors."""
    for name, value in values.items():
        tensors = learned[name]
        value = [torch.as_tensor(part) for part in value] if len(tensors) > 1 or isinstance(value, list) else [
            torch.as_tensor(value).reshape(tensors[0].shape)]
        with torch.no_grad():
            for tensor, part in zip(tensors, value, strict=True):
                tensor.copy_(part)


def learning_rate(peak: float, epoch: int, epochs: int) -> float:
    """`epoch` counts from 0."""
    return 1e-5 if epoch == 0 else peak / 2 * (1 + math.cos(math.pi * (epoch - 1) / epochs))


def plan(photos: int, method: Original, seed: int):
    """For each epoch its steps: the photos of each, with the seeds of their views."""
    generator = swift_random.Generator(seed ^ swift_random.ORDER_AND_VIEWS)
    for _ in range(method.epochs):
        order = generator.shuffled(photos)
        steps = [order[first:first + method.batch] for first in range(0, photos, method.batch)]
        if len(steps) > 1 and len(steps[-1]) < method.batch:
            steps.pop()
        yield [[(photo, generator.next()) for photo in step] for step in steps]


def tensor_of(picture, model: Model) -> torch.Tensor:
    return pictures.normalize(pictures.to_tensor(picture), model.mean, model.std)


def theirs_trained(method: Original, base: protocol.Subset, photos, seed: int):
    """What the authors' classes have learned, and the mean loss of the last epoch."""
    torch.manual_seed(seed)
    theirs = method.make(base.class_names)
    learned = method.learned(theirs)
    write_values(learned, method.initial(swift_random.Generator(seed)))
    theirs.requires_grad_(False)
    parameters = [tensor.requires_grad_(True) for tensors in learned.values() for tensor in tensors]
    optimizer = method.optimizer(parameters)
    labels = torch.tensor([photo.label for photo in base.train])
    after = []
    for epoch, steps in enumerate(plan(len(photos), method, seed)):
        optimizer.param_groups[0]["lr"] = learning_rate(method.rate, epoch, method.epochs)
        losses = []
        for step in steps:
            pixels = torch.stack([
                tensor_of(view(photos[photo], swift_random.view(*photos[photo].size, draw)), method.model)
                for photo, draw in step])
            theirs.train()
            loss = method.loss(theirs, pixels, labels[[photo for photo, _ in step]])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        after.append({name: [tensor.detach().clone() for tensor in tensors] for name, tensors in learned.items()})
    return method.final(learned, after), statistics.mean(losses)


def cocoop(*arguments):
    made = subprocess.run([COCOOP, *map(str, arguments)], capture_output=True, text=True, cwd=protocol.ROOT)
    assert made.returncode == 0, made.stderr
    return made.stdout


def ours_trained(method: Original, split: pathlib.Path, run: pathlib.Path, seed: int):
    """What the package has learned, and its accuracies on the base and the new classes."""
    cocoop("train", split, "--model", method.model.folder.resolve(), "--method", method.name, "--classes", "base",
           "--seed", seed, "--shots", SHOTS, "--epochs", method.epochs, "--batch-size", method.batch, "--threads", 1,
           "--quiet", "--no-cache", "--output", run, *method.options)
    accuracies = [
        json.loads(cocoop("evaluate", "--run", run, "--classes", part, "--threads", 1, "--no-cache", "--json",
                          "--quiet"))["accuracy"]
        for part in ("base", "new")]
    return safetensors.torch.load_file(run / "prompts.safetensors"), accuracies


def compare(method: Original, seed: int, split: pathlib.Path, run: pathlib.Path) -> dict:
    images = protocol.LOCATIONS["openclipart"][1]
    base, new = protocol.base_and_new(protocol.read_split(split), SHOTS, seed)
    photos = [protocol.open_rgb(images / photo.path.split("/", 1)[-1]) for photo in base.train]
    begun = time.process_time()
    final, loss = theirs_trained(method, base, photos, seed)
    seconds = time.process_time() - begun
    learned, ours = ours_trained(method, split, run, seed)
    transform = protocol.test_transform(method.model.mean, method.model.std)
    result = {"method": method.name, "seed": seed, "lastLoss": loss, "theirSeconds": seconds, "ours": ours}
    accuracies, differences, changes = [], [], 0
    for subset in (base, new):
        pixels = torch.stack([
            transform(protocol.open_rgb(images / photo.path.split("/", 1)[-1])) for photo in subset.test])
        labels = torch.tensor([photo.label for photo in subset.test])
        logits = []
        for values in (final, {name: learned[name] for name in final}):
            theirs = method.make(subset.class_names)
            write_values(method.learned(theirs), values)
            logits.append(method.logits(theirs, pixels))
        accuracies.append(100 * (logits[0].argmax(-1) == labels).double().mean().item())
        differences.append((logits[0] - logits[1]).abs().max().item())
        changes += int((logits[0].argmax(-1) != logits[1].argmax(-1)).sum())
    worst = max(
        (torch.stack(list(value)) - learned[name].reshape(len(value), *value[0].shape)).abs().max().item()
        for name, value in final.items())
    return result | {
        "theirs": accuracies, "logitDifference": differences, "otherAnswers": changes, "parameterDifference": worst}


def split_of_classes(folder: pathlib.Path) -> pathlib.Path:
    """A split file of CLASSES, their images beside it."""
    source, images = protocol.LOCATIONS["openclipart"]
    parts = json.loads(source.read_text())
    entries = {
        part: [[f"images/{path}", CLASSES.index(name), name] for path, _, name in rows if name in CLASSES]
        for part, rows in parts.items()}
    (folder / "images").symlink_to(images)
    (folder / "split_drawings.json").write_text(json.dumps(entries))
    return folder / "split_drawings.json"


def summary(results: list[dict]) -> str:
    lines = ["| method | | base | new | largest difference of a logit | of a learned number |",
             "|---|---|---:|---:|---:|---:|"]
    for name in dict.fromkeys(result["method"] for result in results):
        rows = [result for result in results if result["method"] == name]

        def cells(side):
            return [f"{statistics.mean(column):.2f} ± {statistics.stdev(column) if len(column) > 1 else 0:.2f}"
                    for column in zip(*(row[side] for row in rows))]

        logit = max(max(row["logitDifference"]) for row in rows)
        number = max(row["parameterDifference"] for row in rows)
        lines.append(f"| {name} | this package | {' | '.join(cells('ours'))} | {logit:.1e} | {number:.1e} |")
        lines.append(f"| | the authors' classes | {' | '.join(cells('theirs'))} | | |")
        for part, ours, theirs in zip(
                ("base", "new"), zip(*(row["ours"] for row in rows)), zip(*(row["theirs"] for row in rows))):
            if len(rows) > 1:
                error = 2 * math.sqrt((statistics.variance(ours) + statistics.variance(theirs)) / len(rows))
                difference = statistics.mean(ours) - statistics.mean(theirs)
                print(f"{name}, {part}: difference {difference:+.2f}, two standard errors {error:.2f}",
                      file=sys.stderr)
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", type=pathlib.Path, required=True, help="what make_small_vit.py has written")
    for name in METHODS:
        parser.add_argument(f"--{name}", type=pathlib.Path, help="a clone of the authors' repository")
    parser.add_argument("--seeds", nargs="+", type=int, default=[1, 2, 3])
    parser.add_argument("--output", type=pathlib.Path, help="a file of JSON lines")
    options = parser.parse_args()
    torch.set_num_threads(1)
    stub_toolbox()
    model, done = Model(options.model), []
    if options.output and options.output.exists():
        done = [json.loads(line) for line in options.output.read_text().splitlines()]
    results = list(done)
    with tempfile.TemporaryDirectory() as folder:
        split = split_of_classes(pathlib.Path(folder))
        for name, kind in METHODS.items():
            if (repository := getattr(options, name)) is None:
                continue
            method = kind(model)
            method.open(repository)
            for seed in options.seeds:
                if any((result["method"], result["seed"]) == (name, seed) for result in done):
                    continue
                results.append(compare(method, seed, split, pathlib.Path(folder) / f"{name}-{seed}"))
                print(json.dumps(results[-1]), file=sys.stderr, flush=True)
                if options.output:
                    with options.output.open("a") as file:
                        file.write(json.dumps(results[-1]) + "\n")
    print(summary(sorted(results, key=lambda result: list(METHODS).index(result["method"]))))


if __name__ == "__main__":
    main()
