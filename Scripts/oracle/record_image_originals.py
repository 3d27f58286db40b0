"""Records training steps of IVLP, VPT, MaPLe, PromptSRC, CoPrompt and MMRL by their authors' own classes, in float32 on
a CPU.

    python record_image_originals.py --maple DIR --promptsrc DIR --coprompt DIR --mmrl DIR
        → Tests/PromptLearningTests/Fixtures/{ivlp,vpt,maple,promptsrc,coprompt,mmrl}-originals.safetensors and .json

DIR are clones, bare or not, of muzairkhattak/multimodal-prompt-learning (read at 69bce21), muzairkhattak/PromptSRC
(bb95c77), ShuvenduRoy/CoPrompt (a2a6c12) and yunncheng/MMRL (27d8821). Their classes run as they are, but for what
keeps them from a CPU in float32 or from a small model, each a substitution below that must be found: `.half()` and
`.cuda()` do nothing, and the literals of ViT-B/16 become the model's widths. The small CLIP has formula weights, and so
have the images.

Learned tensors of several blocks are recorded as one, in the order of the blocks. Each run of steps is repeated in
float64, which bounds from below the tolerance of any comparison.
"""

import argparse
import json
import os
import random
import tempfile
import types
from pathlib import Path

import torchvision_names  # noqa: F401  before clip, which imports torchvision
import torch
from torch import nn
from torch.nn import functional

import fixture
import formula_weights
from record_originals import checkout, drift, on_path, stub_toolbox

SEED, STEPS, BATCH, EPOCHS = 1, 30, 4, 3
SIZE, PATCH, IMAGE_WIDTH, IMAGE_LAYERS = 32, 8, 128, 5
TEXT_WIDTH, TEXT_LAYERS, EMBEDDING = 64, 4, 64
KEPT = (1, 10, 30)  # steps after which every learned tensor is recorded
NAMES = ["face", "grand piano", "water_lilly", "yin yang", "sea horse"]


def small_clip(model_module, design: dict, dtype, image_layers: int = IMAGE_LAYERS) -> nn.Module:
    model = model_module.CLIP(
        EMBEDDING, SIZE, image_layers, IMAGE_WIDTH, PATCH, 77, 49408, TEXT_WIDTH, TEXT_WIDTH // 64, TEXT_LAYERS, design)
    formula_weights.fill(model)
    model_module.LayerNorm.forward = nn.LayerNorm.forward  # the original's goes by way of float32
    return model.to(dtype).eval()


def samples(dtype):
    """Images as normalised pixels, their labels, and the rows of each step's batch."""
    generator = random.Random(SEED)
    labels = torch.tensor([index % len(NAMES) for index in range(20)])
    pixels = formula_weights.values("pixels", [20, 3, SIZE, SIZE], 1.5)
    order = torch.tensor([generator.sample(range(len(labels)), BATCH) for _ in range(STEPS)])
    return pixels.to(dtype), labels, order


def configuration(section: str, **values):
    trainer = types.SimpleNamespace(**{section: types.SimpleNamespace(CTX_INIT="a photo of a", PREC="fp32", **values)})
    return types.SimpleNamespace(
        TRAINER=trainer, INPUT=types.SimpleNamespace(SIZE=(SIZE, SIZE)), OPTIM=types.SimpleNamespace(MAX_EPOCH=EPOCHS),
        MODEL=types.SimpleNamespace(BACKBONE=types.SimpleNamespace(NAME="small")))


def deep(tower) -> list:
    return [block.VPT_shallow for block in tower.transformer.resblocks if hasattr(block, "VPT_shallow")]


def of_both_towers(theirs) -> dict[str, list]:
    return {
        "ctx": [theirs.prompt_learner.ctx], "text_prompts": deep(theirs.text_encoder),
        "VPT": [theirs.image_encoder.VPT], "image_prompts": deep(theirs.image_encoder),
    }


def of_images(theirs) -> dict[str, list]:
    return {"VPT": [theirs.image_encoder.VPT], "image_prompts": deep(theirs.image_encoder)}


def of_maple(theirs) -> dict[str, list]:
    learner = theirs.prompt_learner
    layers = list(learner.compound_prompt_projections)
    return {
        "ctx": [learner.ctx], "compound_prompts_text": list(learner.compound_prompts_text),
        "proj.weight": [learner.proj.weight], "proj.bias": [learner.proj.bias],
        "compound_prompt_projections.weight": [layer.weight for layer in layers],
        "compound_prompt_projections.bias": [layer.bias for layer in layers],
    }


def of_mmrl(theirs) -> dict[str, list]:
    learner = theirs.representation_learner
    return {
        "compound_rep_tokens": [learner.compound_rep_tokens],
        "compound_rep_tokens_r2vproj.weight": [layer.weight for layer in learner.compound_rep_tokens_r2vproj],
        "compound_rep_tokens_r2vproj.bias": [layer.bias for layer in learner.compound_rep_tokens_r2vproj],
        "compound_rep_tokens_r2tproj.weight": [layer.weight for layer in learner.compound_rep_tokens_r2tproj],
        "compound_rep_tokens_r2tproj.bias": [layer.bias for layer in learner.compound_rep_tokens_r2tproj],
        "proj_rep": [theirs.image_encoder.proj_rep],
    }


def of_coprompt(theirs) -> dict[str, list]:
    return of_maple(theirs) | {
        name: [getattr(theirs, name.split(".")[0]).fc[int(name.split(".")[2])].weight] for name in ADAPTERS}


ADAPTERS = [f"adapter_{tower}.fc.{layer}.weight" for tower in ("image", "text") for layer in (0, 2)]
SINGLE = {"ctx", "VPT", "proj.weight", "proj.bias", "compound_rep_tokens", "proj_rep", *ADAPTERS}


def sgd(parameters: list, rate: float):
    return torch.optim.SGD(parameters, lr=rate, momentum=0.9, weight_decay=5e-4)


def adamw(parameters: list, rate: float):
    return torch.optim.AdamW(parameters, lr=rate, betas=(0.9, 0.999), weight_decay=5e-4)


def joined(name: str, tensors: list) -> torch.Tensor:
    return (tensors[0] if name in SINGLE else torch.stack(tensors)).detach().clone()


def steps(theirs, learned: dict[str, list], rate: float, terms, dtype, average=None, rule=sgd):
    """The recorded values of a training.

    `terms` gives the parts of the loss by name, and the logits; `average` is called after each of EPOCHS equal parts of
    the steps, and after the last gives what was learned.
    """
    pixels, labels, order = samples(dtype)
    with torch.no_grad():  # the originals draw; the first contexts are words already
        for name, tensors in learned.items():
            for index, tensor in enumerate(tensors):
                if name != "ctx":
                    scale = 0.035 if tensor.shape[0] < 16 and tensor.dim() == 2 else 0.09
                    tensor.copy_(formula_weights.values(f"learned.{name}.{index}", list(tensor.shape), scale))
    parameters = [tensor for tensors in learned.values() for tensor in tensors]
    theirs.requires_grad_(False)
    for parameter in parameters:
        parameter.requires_grad_(True)
    optimizer = rule(parameters, rate)
    values = {f"step-0.{name}": joined(name, tensors) for name, tensors in learned.items()}
    losses = []
    for step, rows in enumerate(order):
        parts, logits, more = terms(theirs, pixels[rows], labels[rows])
        loss = sum(parts.values())
        optimizer.zero_grad()
        loss.backward()
        if step == 0:
            values |= {"logits": logits.detach()} | {name: part.detach() for name, part in parts.items()} | {
                f"gradient.{name}": joined(name, [tensor.grad for tensor in tensors])
                for name, tensors in learned.items()
            } | {name: value.detach() for name, value in more.items()}
        optimizer.step()
        losses.append(loss.item())
        if step + 1 in KEPT:
            values |= {f"step-{step + 1}.{name}": joined(name, tensors) for name, tensors in learned.items()
                       if step + 1 == KEPT[-1] or tensors[0].numel() < 1000}
        if average and (step + 1) % (STEPS // EPOCHS) == 0:
            average()
    values["losses"] = torch.tensor(losses, dtype=dtype)
    return values


def cross_entropy(theirs, pixels, labels):
    theirs.train()
    loss = theirs(pixels, labels)
    theirs.eval()
    with torch.no_grad():
        logits = theirs(pixels)
    theirs.train()
    return {"cross-entropy": loss}, logits, {}


def cross_entropy_of_vpt(theirs, pixels, labels):
    with torch.no_grad():
        logits = theirs(pixels)
    return {"cross-entropy": theirs(pixels, labels, training=True)}, logits, {}


def record(name: str, runs: dict, start, rate: float, terms, more: dict, learned, rule=sgd):
    """`start` makes the authors' model of a run's settings."""
    _, labels, order = samples(torch.float32)
    tensors, recipes, keys = {"labels": labels, "order": order}, {}, {}
    for run, settings in runs.items():
        values, exact = ({}, {})
        for dtype, target in ((torch.float32, values), (torch.float64, exact)):
            theirs, average = start(settings, dtype)
            target |= steps(theirs, learned(theirs), rate, terms, dtype, average and average["after"], rule)
            if average:
                target |= {f"average.{key}": joined(key, value) for key, value in average["final"]().items()}
        keys = {key: list(value.shape) for key, value in theirs.state_dict().items()}
        tensors |= {f"{run}.{key}": value for key, value in values.items()}
        recipes[run] = settings | {"driftFromFloat64": drift(values, exact), "keys": keys}
        print(f"{name} {run}: loss {values['losses'][0]:.4f} → {values['losses'][-1]:.4f},",
              max(recipes[run]["driftFromFloat64"].values()))
    fixture.write("PromptLearningTests", f"{name}-originals", __file__, tensors, {
        "model": {
            "weights": "formula_weights.py", "imageSize": SIZE, "patchSize": PATCH, "imageWidth": IMAGE_WIDTH,
            "imageLayers": IMAGE_LAYERS, "textWidth": TEXT_WIDTH, "textLayers": TEXT_LAYERS, "embedding": EMBEDDING,
        },
        "precision": "float32", "classNames": NAMES, "steps": STEPS,
        "optimizer": {"name": rule.__name__, "weightDecay": 5e-4, "learningRate": rate} | (
            {"momentum": 0.9} if rule is sgd else {"betas": [0.9, 0.999]}), **more,
        "runs": recipes})


WITHOUT_HALVES = {"clip/model.py": [(".half()", "")]}


def record_maple(repository: Path):
    folder = checkout(repository, ["clip", "trainers"], WITHOUT_HALVES | {
        "trainers/maple.py": [
            (".half()", ".float()"),
            ("nn.Linear(ctx_dim, 768)", "nn.Linear(ctx_dim, clip_model.visual.ln_post.bias.numel())"),
            ("torch.empty(n_ctx, 512)", "torch.empty(n_ctx, ctx_dim)")],
    })
    on_path(folder)
    from clip import model as clip_module
    from trainers import independentVL, maple, vpt

    def design(trainer, **values):
        return {"trainer": trainer, "vision_depth": 0, "language_depth": 0, "vision_ctx": 0, "language_ctx": 0} | values

    def ivlp(settings, dtype):
        model = small_clip(clip_module, design(
            "IVLP", vision_depth=settings["imageDepth"], language_depth=settings["textDepth"],
            vision_ctx=settings["imageTokens"], language_ctx=settings["tokens"]), dtype)
        theirs = independentVL.CustomCLIP(configuration(
            "IVLP", N_CTX_TEXT=settings["tokens"], N_CTX_VISION=settings["imageTokens"],
            PROMPT_DEPTH_TEXT=settings["textDepth"]), NAMES, model)
        return theirs.to(dtype), None

    record("ivlp", {
        "middle": {"tokens": 2, "imageTokens": 2, "textDepth": 3, "imageDepth": 4},
        "whole": {"tokens": 4, "imageTokens": 3, "textDepth": TEXT_LAYERS, "imageDepth": IMAGE_LAYERS},
        "shallow": {"tokens": 2, "imageTokens": 2, "textDepth": 1, "imageDepth": 2},
    }, ivlp, 0.0035, cross_entropy, {}, lambda theirs: {
        name: tensors for name, tensors in of_both_towers(theirs).items() if tensors})

    def of_vpt(settings, dtype):
        model = small_clip(clip_module, design(
            "VPT", vision_depth=settings["imageDepth"], vision_ctx=settings["imageTokens"]), dtype)
        theirs = vpt.CustomCLIP(configuration("VPT", N_CTX_VISION=settings["imageTokens"]), NAMES, model)
        return theirs.to(dtype), None

    record("vpt", {
        "middle": {"imageTokens": 8, "imageDepth": 3}, "whole": {"imageTokens": 2, "imageDepth": IMAGE_LAYERS},
    }, of_vpt, 0.0025, cross_entropy_of_vpt, {}, of_images)

    def of_coupled(settings, dtype):
        model = small_clip(clip_module, design("MaPLe", maple_length=settings["tokens"]), dtype)
        theirs = maple.CustomCLIP(configuration(
            "MAPLE", N_CTX=settings["tokens"], PROMPT_DEPTH=settings["depth"]), NAMES, model)
        return theirs.to(dtype), None

    record("maple", {
        "middle": {"tokens": 2, "depth": 3}, "whole": {"tokens": 3, "depth": TEXT_LAYERS},
    }, of_coupled, 0.0035, cross_entropy, {}, of_maple)


def record_promptsrc(repository: Path):
    folder = checkout(repository, ["clip", "trainers"], WITHOUT_HALVES | {
        "trainers/promptsrc.py": [(".half()", ""), (".float().cuda()", ".cuda()")]})
    on_path(folder)
    from clip import model as clip_module
    from trainers import promptsrc as original
    import numpy

    weights = (25.0, 10.0)

    def start(settings, dtype):
        plain = {"trainer": "IVLP", "vision_depth": 0, "language_depth": 0, "vision_ctx": 0, "language_ctx": 0}
        teacher = small_clip(clip_module, plain, dtype)
        original.load_clip_to_cpu = lambda *_: teacher
        model = small_clip(clip_module, plain | {
            "vision_depth": settings["imageDepth"], "language_depth": settings["textDepth"],
            "vision_ctx": settings["imageTokens"], "language_ctx": settings["tokens"]}, dtype)
        theirs = original.CustomCLIP(configuration(
            "PROMPTSRC", N_CTX_TEXT=settings["tokens"], N_CTX_VISION=settings["imageTokens"],
            PROMPT_DEPTH_TEXT=settings["textDepth"]), NAMES, model).to(dtype)
        theirs.train()
        # The original's own functions for the mean over epochs.
        trainer = types.SimpleNamespace()
        gauss = original.PromptSRC.get_gauss(trainer, settings["mean"], settings["deviation"])
        shares = numpy.array([gauss(epoch) for epoch in range(1, EPOCHS + 1)])
        shares = shares / sum(shares)
        state = {"sum": None, "epoch": 0}

        def after():
            current = {key: value.clone() for key, value in theirs.state_dict().items()}
            weighted = original.PromptSRC.state_dict_weighting(trainer, current, float(shares[state["epoch"]]))
            state["epoch"] += 1
            state["sum"] = weighted if state["sum"] is None else original.PromptSRC.state_dict_add(
                trainer, weighted, state["sum"])

        def final():
            theirs.load_state_dict(state["sum"])
            return of_both_towers(theirs)

        return theirs, {"after": after, "final": final}

    def terms(theirs, pixels, labels):
        entropy, text, fixed_text, fixed_image, image, fixed_logits, logits = theirs(pixels, labels)
        # The three terms, as forward_backward of the original has them.
        return {
            "cross-entropy": entropy,
            "text": functional.l1_loss(text, fixed_text, reduction="mean") * weights[0],
            "image": functional.l1_loss(image, fixed_image, reduction="mean") * weights[1],
            "answers": functional.kl_div(
                functional.log_softmax(logits, dim=1), functional.log_softmax(fixed_logits, dim=1), reduction="sum",
                log_target=True) / logits.numel(),
        }, logits, {"teacher-classes": fixed_text, "teacher-images": fixed_image}

    record("promptsrc", {
        "peaked": {"tokens": 4, "imageTokens": 4, "textDepth": 3, "imageDepth": 3, "mean": 2, "deviation": 1},
        "wide": {"tokens": 4, "imageTokens": 4, "textDepth": 4, "imageDepth": 5, "mean": 30, "deviation": 30},
    }, start, 0.0025, terms, {"epochs": EPOCHS}, of_both_towers)


# Of this script: the authors' own were written by a language model.
SENTENCES = [
    "a small picture of the {}.", "the {} can be told by its shape", "there is a {} in the middle, seen from above."]


def record_coprompt(repository: Path):
    folder = checkout(repository, ["clip", "trainers"], WITHOUT_HALVES | {
        "trainers/coprompt.py": [
            ("nn.Linear(ctx_dim, 768)", "nn.Linear(ctx_dim, clip_model.visual.ln_post.bias.numel())"),
            ("torch.empty(n_ctx, 512)", "torch.empty(n_ctx, ctx_dim)"),
            ("Adapter(512, 4)", f"Adapter({EMBEDDING}, 4)")],
    })
    on_path(folder)
    from clip import model as clip_module
    from trainers import coprompt as original

    sentences = {name.replace("_", " "): [text.format(name.replace("_", " ")) for text in SENTENCES] for name in NAMES}
    rows = [random.Random(SEED + step).randrange(len(SENTENCES)) for step in range(STEPS)]
    others = formula_weights.values("other-pixels", [20, 3, SIZE, SIZE], 1.5)
    seen = []

    def watched(function):
        """The function, with its results kept: the model returns their sum alone."""
        def call(*arguments, **options):
            seen.append(function(*arguments, **options))
            return seen[-1]
        return call

    plain_entropy, plain_cosine = functional.cross_entropy, nn.CosineSimilarity.forward

    def start(settings, dtype):
        plain = {"vision_depth": 0, "language_depth": 0, "vision_ctx": 0, "language_ctx": 0}
        teacher = small_clip(clip_module, plain | {"trainer": "CoOp"}, dtype)
        model = small_clip(
            clip_module, plain | {"trainer": "CoPrompt", "maple_length": settings["tokens"]}, dtype)
        made = configuration("CoPrompt", N_CTX=settings["tokens"], PROMPT_DEPTH=settings["depth"])
        made.DATASET = types.SimpleNamespace(NAME="Caltech101")
        made.TRAINER.DISTILL, made.TRAINER.W = "cosine", settings["weight"]
        here = os.getcwd()
        with tempfile.TemporaryDirectory() as scratch:  # it keeps its features in a folder of where it stands
            os.chdir(scratch)
            features = original.gpt_clip_classifier(NAMES, json.loads(json.dumps(sentences)), teacher, "Caltech101")
            os.chdir(here)
        theirs = original.CustomCLIP(made, NAMES, model, teacher, features).to(dtype)
        theirs.__dict__["kept"] = (settings["weight"], features, iter(rows), iter(samples(dtype)[2]))
        theirs.train()
        return theirs, None

    def terms(theirs, pixels, labels):
        weight, features, drawn, order = theirs.kept
        row, images = next(drawn), others[next(order)].to(pixels.dtype)
        original.random.randint = lambda low, high: row
        theirs.eval()
        with torch.no_grad():
            logits = theirs(pixels)
            fixed = theirs.model_distill.encode_image(images)
        theirs.train()
        seen.clear()
        original.F.cross_entropy = watched(plain_entropy)
        nn.CosineSimilarity.forward = watched(plain_cosine)
        loss = theirs(pixels, images, labels)
        original.F.cross_entropy, nn.CosineSimilarity.forward = plain_entropy, plain_cosine
        entropy, text, image = seen
        parts = {"cross-entropy": entropy, "texts": weight * (1 - text.mean()), "images": weight * (1 - image.mean())}
        assert torch.allclose(loss, sum(parts.values()), atol=1e-6)
        return parts, logits, {
            "teacher-classes": features, "teacher-images": fixed / fixed.norm(dim=-1, keepdim=True)}

    record("coprompt", {
        "middle": {"tokens": 2, "depth": 3, "weight": 4.0}, "whole": {"tokens": 4, "depth": TEXT_LAYERS, "weight": 8.0},
    }, start, 0.0035, terms, {"sentences": sentences, "rows": rows}, of_coprompt)


def record_mmrl(repository: Path):
    folder = checkout(repository, ["clip", "trainers"], {})
    on_path(folder)
    from clip import model_mmrl as clip_module
    from trainers import mmrl

    def start(settings, dtype):
        design = {"rep_tokens_layers": settings["layers"], "n_rep_tokens": settings["tokens"]}
        plain = small_clip(clip_module, design | {"model": "CLIP"}, dtype, settings["imageLayers"])
        model = small_clip(clip_module, design | {"model": "MMRL"}, dtype, settings["imageLayers"])
        made = configuration("MMRL", ALPHA=0.7, N_REP_TOKENS=settings["tokens"], REP_DIM=settings["width"],
                             REP_LAYERS=settings["layers"])
        made.DATASET = types.SimpleNamespace(NAME=settings["dataset"])
        theirs = mmrl.CustomCLIP(made, NAMES, model).to(dtype)
        teacher = mmrl._get_text_base_features_zero_shot(made, NAMES, plain, mmrl.TextEncoder_CLIP(plain))
        # No modules of the model, so that its keys stay the authors'.
        theirs.__dict__["kept"] = (
            plain.visual, teacher / teacher.norm(dim=-1, keepdim=True), mmrl.MMRL_Loss(settings["weight"], 0.7),
            settings["weight"])
        theirs.train()
        return theirs, None

    def terms(theirs, pixels, labels):
        tower, text_teacher, criterion, weight = theirs.kept
        with torch.no_grad():
            image_teacher = tower(pixels)
            image_teacher = image_teacher / image_teacher.norm(dim=-1, keepdim=True)
        logits, logits_rep, fused, image, text = theirs(pixels)
        # The four parts of MMRL_Loss, whose sum must be the original's.
        parts = {
            "class-feature": 0.7 * functional.cross_entropy(logits, labels),
            "representation": (1 - 0.7) * functional.cross_entropy(logits_rep, labels),
            "images": weight * (1 - functional.cosine_similarity(image, image_teacher, dim=1).mean()),
            "texts": weight * (1 - functional.cosine_similarity(text, text_teacher, dim=1).mean()),
        }
        whole = criterion(logits, logits_rep, image, text, image_teacher, text_teacher, labels)
        assert torch.allclose(whole, sum(parts.values()), atol=1e-6)
        return parts, fused, {
            "class-logits": logits, "representation-logits": logits_rep, "classes": text,
            "teacher-classes": text_teacher, "teacher-images": image_teacher}

    settings = {"tokens": 5, "width": 48, "imageLayers": TEXT_LAYERS, "dataset": "Caltech101", "weight": 0.5}
    record("mmrl", {
        "upper": settings | {"layers": [2, 3, 4]},
        "whole": settings | {"layers": [1, 2, 3, 4], "tokens": 3, "width": 32, "imageLayers": IMAGE_LAYERS,
                             "dataset": "OxfordPets", "weight": 6.0},
        "last": settings | {"layers": [4], "width": 16, "imageLayers": IMAGE_LAYERS},
    }, start, 0.001, terms, {}, of_mmrl, adamw)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--maple", type=Path, help="a clone of muzairkhattak/multimodal-prompt-learning")
    parser.add_argument("--promptsrc", type=Path, help="a clone of muzairkhattak/PromptSRC")
    parser.add_argument("--coprompt", type=Path, help="a clone of ShuvenduRoy/CoPrompt")
    parser.add_argument("--mmrl", type=Path, help="a clone of yunncheng/MMRL")
    options = parser.parse_args()
    torch.set_num_threads(1)
    stub_toolbox()
    if options.maple:
        record_maple(options.maple)
    if options.promptsrc:
        record_promptsrc(options.promptsrc)
    if options.coprompt:
        record_coprompt(options.coprompt)
    if options.mmrl:
        record_mmrl(options.mmrl)
    if not any(vars(options).values()):
        # The parity script runs every recorder; these need the originals.
        print("nothing is recorded: give the originals (--help)")


if __name__ == "__main__":
    main()
