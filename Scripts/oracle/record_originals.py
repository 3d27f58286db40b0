"""Records training steps of ProGrad, TCP and Tip-Adapter by their authors' own code, in float32 on a CPU.

    python record_originals.py --prograd DIR --tcp DIR --tip-adapter DIR
        → Tests/PromptLearningTests/Fixtures/{prograd,tcp,tip-adapter}-originals.safetensors and .json

DIR are clones, bare or not, of BeierZhu/Prompt-align (read at 1b76203), htyao89/Textual-based_Class-aware_prompt_tuning
(bd97bec) and gaopengcuhk/Tip-Adapter (d0e2d6f). Their classes and functions run as they are, but for what keeps them
from a CPU in float32 or from a small model, each a substitution below that must be found: `.cuda()` does nothing, the
literals of ViT-B/16 become the model's widths, and images are features already. The small CLIP has formula weights.

Each run of steps is repeated in float64, which bounds from below the tolerance of any comparison.
"""

import argparse
import ast
import random
import subprocess
import sys
import tempfile
import types
from pathlib import Path

import torchvision_names  # noqa: F401  before clip, which imports torchvision
import torch
from torch import nn
from torch.nn import functional

import fixture
import formula_weights

SEED, STEPS, WIDTH, LAYERS = 1, 30, 64, 12
RATE = 0.002
KEPT = (1, 10, 30)  # steps after which every learned tensor is recorded
NAMES = ["face", "grand piano", "water_lilly", "yin yang", "sea horse"]


def checkout(repository: Path, paths: list[str], substitutions: dict[str, list[tuple[str, str]]]) -> Path:
    """The paths of the repository's newest commit in a new folder, with texts of files replaced."""
    folder = Path(tempfile.mkdtemp())
    archive = subprocess.run(["git", "-C", repository, "archive", "HEAD", *paths], check=True, capture_output=True)
    subprocess.run(["tar", "-x", "-C", folder], input=archive.stdout, check=True)
    for name, changes in substitutions.items():
        text = (folder / name).read_text()
        for old, new in changes:
            assert text.count(old) >= 1, f"{name} has no {old!r}"
            text = text.replace(old, new)
        (folder / name).write_text(text)
    return folder


def stub_toolbox():
    """The names that the originals import from their toolbox; none of them computes anything here."""
    class Registry:
        def register(self):
            return lambda registered: registered

    modules = {
        "dassl": {}, "dassl.engine": {"TRAINER_REGISTRY": Registry(), "TrainerX": object},
        "dassl.metrics": {"compute_accuracy": None},
        "dassl.utils": {"load_pretrained_weights": None, "load_checkpoint": None},
        "dassl.optim": {"build_optimizer": None, "build_lr_scheduler": None},
    }
    for name, contents in modules.items():
        module = types.ModuleType(name)
        module.__dict__.update(contents)
        sys.modules[name] = module
    nn.Module.cuda = lambda self, *_: self
    torch.Tensor.cuda = lambda self, *_: self


def on_path(folder: Path, *forgotten: str):
    """Makes the folder's modules the ones that are imported."""
    for name in [name for name in sys.modules if name.split(".")[0] in {"clip", "trainers", "utils", *forgotten}]:
        del sys.modules[name]
    sys.path.insert(0, str(folder))


class Features(nn.Module):
    """An image tower whose images are features already."""

    input_resolution, output_dim = 32, WIDTH

    def forward(self, features):
        return features


def small_clip(model_module, layers: int = LAYERS, dtype=torch.float32) -> nn.Module:
    model = model_module.CLIP(WIDTH, 32, 1, WIDTH, 16, 77, 49408, WIDTH, WIDTH // 64, layers)
    formula_weights.fill(model)
    model = model.to(dtype).eval()
    model.visual = Features()
    model_module.LayerNorm.forward = nn.LayerNorm.forward  # the original's goes by way of float32
    type(model).dtype = property(lambda self: self.ln_final.weight.dtype)
    return model


def samples(dtype):
    """Features that lean towards a direction of their class, their labels, and the rows of each step's batch."""
    generator = random.Random(SEED)
    labels = torch.tensor([index % len(NAMES) for index in range(20)])
    features = formula_weights.values("features", [20, WIDTH], 1) + 0.5 * formula_weights.values(
        "directions", [len(NAMES), WIDTH], 1)[labels]
    order = torch.tensor([generator.sample(range(len(labels)), 8) for _ in range(STEPS)])
    return features.to(dtype), labels, order


def configuration(dataset: str, context_length: int, from_words: bool):
    section = types.SimpleNamespace(
        N_CTX=context_length, CTX_INIT=from_words, CSC=False, CLASS_TOKEN_POSITION="end", PREC="fp32", W=1.0)
    return types.SimpleNamespace(
        TRAINER=types.SimpleNamespace(COOP=section, COCOOP=types.SimpleNamespace(PREC="fp32")),
        MODEL=types.SimpleNamespace(BACKBONE=types.SimpleNamespace(NAME="small")),
        INPUT=types.SimpleNamespace(SIZE=(32, 32)), DATASET=types.SimpleNamespace(NAME=dataset))


def drift(values: dict, exact: dict) -> dict[str, float]:
    """By what the last of each recorded series differs from its repetition in float64."""
    return {
        key: (value.double() - exact[key].double()).abs().max().item()
        for key, value in values.items() if value.is_floating_point()
    }


# ProGrad

def update_of_prograd(folder: Path):
    """The toolbox's function that projects and steps, taken out of its class."""
    source = (folder / "Dassl.ProGrad.pytorch/dassl/engine/trainer.py").read_text()
    function = next(
        node for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.FunctionDef) and node.name == "prograd_backward_and_update")
    namespace = {"torch": torch}
    exec(compile(ast.Module([function], []), "trainer.py", "exec"), namespace)
    return namespace["prograd_backward_and_update"]


def prograd_steps(original, update, clip_module, dataset: str, weight: float, temperature: float, dtype):
    features, labels, order = samples(dtype)
    model, teacher = small_clip(clip_module, dtype=dtype), small_clip(clip_module, dtype=dtype)
    original.load_clip_to_cpu = lambda _: teacher
    settings = configuration(dataset, 16, True)
    zero_shot = original.CLIP(settings, NAMES)
    teacher.to(dtype)
    zero_shot.text_features = zero_shot.text_features.to(dtype)
    with torch.no_grad():
        if dtype == torch.float64:  # the original calls .float()
            tokens = torch.cat([original.clip.tokenize(
                original.CUSTOM_TEMPLATES[dataset].format(name.replace("_", " "))) for name in NAMES])
            text = teacher.encode_text(tokens)
            zero_shot.text_features = text / text.norm(dim=-1, keepdim=True)
    theirs = original.CustomCLIP(settings, NAMES, model)
    for name, parameter in theirs.named_parameters():
        parameter.requires_grad_("prompt_learner" in name)
    zero_shot.requires_grad_(False)
    context = theirs.prompt_learner.ctx
    optimizer = torch.optim.SGD([context], lr=RATE, momentum=0.9, weight_decay=5e-4)
    trainer = types.SimpleNamespace(
        _models={"prompt_learner": theirs.prompt_learner}, _optims={"prompt_learner": optimizer},
        get_model_names=lambda _: ["prompt_learner"], model_zero_grad=lambda _: optimizer.zero_grad(),
        detect_anomaly=lambda loss: None)
    criterion = original.ProGradLoss(T=temperature)
    values, entropies, guides, conflicts = {"step-0.ctx": context.detach().clone()}, [], [], 0
    for step, rows in enumerate(order):
        logits = theirs(features[rows])
        with torch.no_grad():
            known = zero_shot(features[rows])
        entropy, guide = criterion(logits, known.detach(), labels[rows])
        a, b = (torch.autograd.grad(loss, context, retain_graph=True)[0] for loss in (entropy, guide))
        conflicts += int((a * b).sum() < 0)
        update(trainer, entropy, guide, weight)
        entropies.append(entropy.item())
        guides.append(guide.item())
        if step == 0:
            values |= {
                "logits": logits.detach(), "teacher-logits": known, "gradient.cross-entropy": a, "gradient.guide": b,
                "gradient": context.grad.clone(),
            }
        if step + 1 in KEPT:
            values[f"step-{step + 1}.ctx"] = context.detach().clone()
    values |= {"losses": torch.tensor(entropies, dtype=dtype), "guides": torch.tensor(guides, dtype=dtype)}
    return values, conflicts


def record_prograd(repository: Path):
    folder = checkout(repository, ["ProGrad.public/clip", "ProGrad.public/trainers", "Dassl.ProGrad.pytorch"], {})
    on_path(folder / "ProGrad.public")
    from clip import model as clip_module
    from trainers import prograd as original

    clip_module.convert_weights = lambda _: None
    update = update_of_prograd(folder)
    features, labels, order = samples(torch.float32)
    tensors, runs = {"features": features, "labels": labels, "order": order}, {}
    for name, dataset, weight, temperature in [
        ("pets", "OxfordPets", 1.0, 1.0), ("caltech", "Caltech101", 1.0, 1.0), ("food", "Food101", 0.8, 2.0)
    ]:
        values, conflicts = prograd_steps(original, update, clip_module, dataset, weight, temperature, torch.float32)
        exact, _ = prograd_steps(original, update, clip_module, dataset, weight, temperature, torch.float64)
        assert 0 < conflicts, f"{name}: no step had anything to project"
        tensors |= {f"{name}.{key}": value for key, value in values.items()}
        losses = values["losses"]
        runs[name] = {
            "dataset": dataset, "lambda": weight, "temperature": temperature, "conflicts": conflicts,
            "driftFromFloat64": drift(values, exact),
        }
        print(f"ProGrad {name}: loss {losses[0]:.4f} → {losses[-1]:.4f}, {conflicts} of {STEPS} steps projected,",
              max(runs[name]["driftFromFloat64"].values()))
    write("prograd-originals", tensors, runs, {
        "optimizer": {"name": "sgd", "momentum": 0.9, "weightDecay": 5e-4, "learningRate": RATE}})


# TCP

def tcp_steps(original, clip_module, dataset: str, layers: int, dtype):
    features, labels, order = samples(dtype)
    model = small_clip(clip_module, layers, dtype)
    teacher = small_clip(clip_module, layers, dtype)
    # The second CLIP of the original reads whole sentences by the usual way through the same tower.
    original.load_clip_to_cpu = lambda _: teacher
    theirs = original.CustomCLIP(configuration(dataset, 4, False), NAMES, model).to(dtype)
    learner = theirs.prompt_learner
    with torch.no_grad():
        learner.ctx.copy_(formula_weights.values("ctx", [4, WIDTH], 0.035).to(dtype))
        for key, parameter in learner.meta_net.named_parameters():
            shape = list(parameter.shape)
            parameter.copy_(formula_weights.values(f"meta_net.{key}", shape, 0.125).to(dtype))
    for name, parameter in theirs.named_parameters():
        parameter.requires_grad_("prompt_learner" in name)
    theirs.train()
    named = {name: parameter for name, parameter in learner.named_parameters()}
    optimizer = torch.optim.Adam(named.values(), lr=RATE, betas=(0.9, 0.999), eps=1e-3, weight_decay=5e-4)
    values, losses = {}, []
    for step, rows in enumerate(order):
        logits, loss = theirs(features[rows], labels[rows])
        optimizer.zero_grad()
        loss.backward()
        if step == 0:
            entropy = functional.cross_entropy(logits, labels[rows])
            values |= {
                "logits": logits.detach(), "cross-entropy": entropy.detach(), "knowledge": (loss - entropy).detach(),
                "teacher": theirs.ori_embedding,
            } | {f"gradient.{key}": parameter.grad.clone() for key, parameter in named.items()}
        optimizer.step()
        losses.append(loss.item())
        if step + 1 in KEPT:
            values |= {f"step-{step + 1}.{key}": parameter.detach().clone() for key, parameter in named.items()
                       if step + 1 == KEPT[-1] or key == "ctx"}
    values["losses"] = torch.tensor(losses, dtype=dtype)
    return values


def record_tcp(repository: Path):
    literals = {
        "trainers/tcp.py": [(",-1,512)", ",-1,self.ctx.shape[1])")],
        "trainers/clip_text/model.py": [("layers=[8]", "layers=[BLOCK]")],
    }
    folder = checkout(repository, ["clip", "trainers"], literals)
    on_path(folder)
    (folder / "trainers/__init__.py").write_text("")
    from trainers import tcp as original
    from trainers.clip_text import model as clip_module

    features, labels, order = samples(torch.float32)
    tensors, runs = {"features": features, "labels": labels, "order": order}, {}
    for name, dataset, layers, block in [
        ("caltech", "Caltech101", 12, 8), ("pets", "OxfordPets", 12, 8), ("ucf", "UCF101", 3, 2)
    ]:
        clip_module.BLOCK = block
        values = tcp_steps(original, clip_module, dataset, layers, torch.float32)
        exact = tcp_steps(original, clip_module, dataset, layers, torch.float64)
        tensors |= {f"{name}.{key}": value for key, value in values.items()}
        losses = values["losses"]
        runs[name] = {
            "dataset": dataset, "layers": layers, "block": block, "driftFromFloat64": drift(values, exact)}
        print(f"TCP {name}: loss {losses[0]:.4f} → {losses[-1]:.4f},", max(runs[name]["driftFromFloat64"].values()))
    write("tcp-originals", tensors, runs, {
        "initial": {"ctx": 0.035, "meta_net": 0.125},
        "optimizer": {"name": "adam", "betas": [0.9, 0.999], "epsilon": 1e-3, "weightDecay": 5e-4,
                      "learningRate": RATE}})


# Tip-Adapter

class Epochs:
    """A loader that gives its batches epoch by epoch."""

    def __init__(self, epochs):
        self.epochs, self.next = epochs, 0

    def __len__(self):
        return len(self.epochs[0])

    def __iter__(self):
        self.next += 1
        return iter(self.epochs[self.next - 1])


def tip_steps(modules, dtype):
    """Cache, search, and all of -F: 10 epochs of 12 images in batches of 5, the last smaller."""
    main, utils = modules
    generator = random.Random(SEED)
    classes, shots, passes, epochs, size = 4, 3, 10, 10, 5
    labels = torch.arange(classes).repeat_interleave(shots)
    directions = formula_weights.values("directions", [classes, WIDTH], 1)

    def images(name, labels):
        return (formula_weights.values(name, [len(labels), WIDTH], 2.5) + directions[labels]).to(dtype)

    views = torch.stack([images(f"view-{index}", labels) for index in range(passes)])  # raw, not of unit length
    text = functional.normalize(
        formula_weights.values("common", [WIDTH], 1) + 0.05 * directions
        + 0.1 * formula_weights.values("text", [classes, WIDTH], 1), dim=-1).to(dtype)
    held_labels = torch.tensor([index % classes for index in range(30)])
    held = functional.normalize(images("held", held_labels), dim=-1)
    order = torch.tensor([generator.sample(range(len(labels)), len(labels)) for _ in range(epochs)])
    fresh = torch.stack([images(f"fresh-{index}", labels) for index in range(epochs)])
    model = types.SimpleNamespace(encode_image=lambda images: images.clone(), dtype=dtype)
    folder = tempfile.mkdtemp()
    settings = {
        "cache_dir": folder, "load_cache": False, "augment_epoch": passes, "shots": shots, "search_hp": True,
        "search_scale": [7, 3], "search_step": [200, 20], "init_beta": 1, "init_alpha": 1.17, "lr": 1e-3,
        "train_epoch": epochs,
    }
    keys, votes = utils.build_cache_model(settings, model, Epochs([[(view, labels)] for view in views]))
    votes = votes.to(dtype)
    begun = keys.clone()  # -F trains them in place
    # Of the cache; further below of the last epoch's keys.
    found = [utils.search_hp(settings, keys, votes, held, held_labels, text.T)]

    parameters, losses, logits = [], [], []

    class Recording(torch.optim.AdamW):
        def step(self, *arguments):
            super().step(*arguments)
            parameters.append(self.param_groups[0]["params"][0].detach().clone())

    plain = functional.cross_entropy

    def recording(output, target):
        loss = plain(output, target)
        losses.append(loss.item())
        logits.append(output.detach().clone())
        return loss

    batches = [
        [(view[rows], labels[rows]) for rows in sequence.split(size)] for view, sequence in zip(fresh, order)]
    torch.optim.AdamW, before = Recording, torch.optim.AdamW
    main.F = types.SimpleNamespace(cross_entropy=recording)
    # The original chooses an epoch on its test set, and searches with that one's keys: here the last epoch's follow.
    main.run_tip_adapter_F(
        settings, keys, votes, held, held_labels, held, held_labels, text.T, model, Epochs(batches))
    torch.optim.AdamW = before
    found.append(utils.search_hp(settings, parameters[-1].T, votes, held, held_labels, text.T))
    values = {
        "views": views, "labels": labels, "text": text, "held": held, "held-labels": held_labels, "fresh": fresh,
        "order": order, "keys": begun.T.contiguous(), "losses": torch.tensor(losses, dtype=dtype), "logits": logits[0],
    } | {f"step-{step}.keys": parameters[step - 1] for step in KEPT}
    affinity = held @ begun
    values["cache-logits"] = (-(1 - affinity)).exp() @ votes * 1.17 + 100 * held @ text.T
    return values, found


def record_tip_adapter(repository: Path):
    folder = checkout(repository, ["main.py", "utils.py", "clip"], {
        "utils.py": [(".half()", ".float()"), (".sum(0, keepdim=True).cpu().numpy())", ".sum().item())")]})
    on_path(folder, "main", "datasets")
    datasets = types.ModuleType("datasets")
    datasets.build_dataset = None
    loaders = types.ModuleType("datasets.utils")
    loaders.build_data_loader = None
    sys.modules |= {"datasets": datasets, "datasets.utils": loaders}
    import main as original
    import utils

    values, found = tip_steps((original, utils), torch.float32)
    exact, _ = tip_steps((original, utils), torch.float64)
    losses = values["losses"]
    print(f"Tip-Adapter: loss {losses[0]:.4f} → {losses[-1]:.4f},", found, max(drift(values, exact).values()))
    runs = {
        name: {"beta": beta, "alpha": alpha} for name, (beta, alpha) in zip(["cache", "last"], found)
    }
    runs["cache"]["driftFromFloat64"] = drift(values, exact)
    write("tip-adapter-originals", values, runs, {
        "batchSize": 5, "epochs": 10, "scales": {"beta": 7, "alpha": 3}, "initial": {"beta": 1, "alpha": 1.17},
        "optimizer": {"name": "adamw", "betas": [0.9, 0.999], "epsilon": 1e-4, "weightDecay": 0.01,
                      "learningRate": 1e-3}})


def write(name: str, tensors: dict, runs: dict, more: dict):
    fixture.write("PromptLearningTests", name, __file__, tensors, {
        "model": {"weights": "formula_weights.py", "width": WIDTH, "layers": LAYERS},
        "precision": "float32", "classNames": NAMES, "steps": STEPS, **more, "runs": runs})


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--prograd", type=Path, help="a clone of BeierZhu/Prompt-align")
    parser.add_argument("--tcp", type=Path, help="a clone of htyao89/Textual-based_Class-aware_prompt_tuning")
    parser.add_argument("--tip-adapter", type=Path, help="a clone of gaopengcuhk/Tip-Adapter")
    options = parser.parse_args()
    torch.set_num_threads(1)
    stub_toolbox()
    if options.prograd:
        record_prograd(options.prograd)
    if options.tcp:
        record_tcp(options.tcp)
    if options.tip_adapter:
        record_tip_adapter(options.tip_adapter)
    if not any(vars(options).values()):
        # The parity script runs every recorder; these need the originals.
        print("nothing is recorded: give the originals (--help)")


if __name__ == "__main__":
    main()
