"""Records SGD steps of CoOp, CoCoOp and KgCoOp on tiny-clip from given values, given image features and a given order.

    python record_training.py   → Tests/PromptLearningTests/Fixtures/{coop,cocoop,kgcoop}-50-steps.safetensors and .json

Each run is repeated in float64: how far the two drift apart is what rounding alone does, and it bounds from below the
tolerance of any comparison.
"""

import random
import sys

import torch
from torch.nn import functional

import fixture
import formula_weights
import protocol
import reference

SHOTS, SEED = 4, 1
STEPS_PER_EPOCH = 5  # of the runs that follow the schedule: 10 epochs of 5 steps
KEPT = (1, 10, 50)  # steps after which every parameter is recorded

# name: method, steps, batch size, learning rate, further arguments of the learner
RUNS = {
    "coop-50-steps": {
        "end": ("coop", 50, 32, "constant", {}),
        "end-schedule": ("coop", 50, 32, "schedule", {}),
        "middle": ("coop", 10, 32, "constant", {"name_position": "middle"}),
        "front": ("coop", 10, 32, "constant", {"name_position": "front"}),
        "class-specific": ("coop", 10, 32, "constant", {"class_specific": True}),
    },
    "cocoop-50-steps": {
        "batch-1": ("cocoop", 50, 1, "constant", {}),
        "batch-1-schedule": ("cocoop", 50, 1, "schedule", {}),
        "batch-4": ("cocoop", 50, 4, "constant", {}),
    },
    "kgcoop-50-steps": {
        "weight-8": ("kgcoop", 50, 32, "constant", {}),
        "weight-2": ("kgcoop", 50, 32, "schedule", {"weight": 2.0}),
    },
}


def rates(kind: str, steps: int) -> list[float]:
    if kind == "constant":
        return [reference.LEARNING_RATE] * steps
    return [reference.learning_rate(step // STEPS_PER_EPOCH, steps // STEPS_PER_EPOCH) for step in range(steps)]


def parameters(learner) -> dict[str, torch.Tensor]:
    """Under the names that the published checkpoints use."""
    named = {"ctx" if name == "context" else name: value for name, value in learner.named_parameters()}
    return {name: value.detach().clone() for name, value in named.items()}


def learn(model, class_names, features, labels, run, order) -> tuple[list[float], dict[int, dict]]:
    """Loss before each step, and the parameters before the first step (0) and after those in KEPT."""
    method, steps, _, schedule, arguments = run
    tower = reference.TextTower(model)
    makers = {"coop": reference.CoOp, "cocoop": reference.CoCoOp, "kgcoop": reference.KgCoOp}
    learner = makers[method](tower, class_names, **arguments)
    if method == "cocoop":
        learner.meta_net.to(features.dtype)
        formula_weights.fill(learner.meta_net, "meta_net.")
    optimizer = reference.optimizer(learner)
    losses, kept = [], {0: parameters(learner)}
    for index, rate in enumerate(rates(schedule, steps)):
        losses.append(reference.step(learner, optimizer, features[order[index]], labels[order[index]], rate))
        if index + 1 in KEPT:
            kept[index + 1] = parameters(learner)
    return losses, kept


def record(name: str, model, double_model, base, features, files):
    labels = torch.tensor([photo.label for photo in base.train])
    tensors = {"features": features, "labels": labels}
    recipes = {}
    for run_name, run in RUNS[name].items():
        method, steps, batch_size, schedule, arguments = run
        generator = random.Random(SEED)
        order = torch.tensor([generator.sample(range(len(labels)), batch_size) for _ in range(steps)])
        losses, kept = learn(model, base.class_names, features, labels, run, order)
        exact_losses, exact = learn(double_model, base.class_names, features.double(), labels, run, order)
        tensors[f"{run_name}.order"] = order
        tensors[f"{run_name}.losses"] = torch.tensor(losses, dtype=torch.float32)
        for step, values in kept.items():
            if step == 0 and method == "cocoop":
                values = {"ctx": values["ctx"]}  # the meta-network's come from the formula
            tensors |= {f"{run_name}.step-{step}.{key}": value for key, value in values.items()}
        drift = {key: (value - exact[steps][key]).abs().max().item() for key, value in kept[steps].items()}
        recipes[run_name] = {
            "method": method,
            "steps": steps,
            "batchSize": batch_size,
            "namePosition": arguments.get("name_position", "end"),
            "classSpecific": arguments.get("class_specific", False),
            **({"weight": arguments.get("weight", 8.0)} if method == "kgcoop" else {}),
            "learningRates": rates(schedule, steps),
            "driftFromFloat64": {"losses": max(abs(a - b) for a, b in zip(losses, exact_losses)), **drift},
        }
        print(f"{name} {run_name}: loss {losses[0]:.4f} → {losses[-1]:.4f}", recipes[run_name]["driftFromFloat64"])
    recipe = {
        "model": "Sources/Embedded/Resources/tiny-clip",
        "precision": "float32",
        "classNames": base.class_names,
        "context": "a photo of a",
        "files": files,
        "sample": {"data": "openclipart", "classes": "base", "shots": SHOTS, "seed": SEED},
        "optimizer": {"momentum": 0.9, "weightDecay": 5e-4, "dampening": 0, "nesterov": False},
        "runs": recipes,
        "notes": {
            "features": "unit image features of the photos' test crops, in the order of files; labels alike",
            "RUN.order": "rows of features that make up the batch of each step",
            "RUN.losses": "loss of each batch before its step",
            "RUN.step-N.NAME": "parameter after N steps; step-0 is the initial value",
        },
    }
    if name.startswith("cocoop"):
        recipe["metaNetwork"] = "initial values from formula_weights.py under the names meta_net.linear1.weight, …"
        recipe["golden"] = formula_weights.golden()
    fixture.write("PromptLearningTests", name, __file__, tensors, recipe)


def main():
    torch.set_num_threads(1)
    model, mean, std = reference.tiny_clip()
    double_model = reference.tiny_clip()[0].double()
    split_file, images = protocol.LOCATIONS["openclipart"]
    base, _ = protocol.base_and_new(protocol.read_split(split_file), SHOTS, SEED)
    transform = protocol.test_transform(mean, std)
    files = [photo.path for photo in base.train]
    with torch.no_grad():
        pixels = [transform(protocol.open_rgb(images / file))[None] for file in files]
        features = torch.cat([functional.normalize(model.encode_image(image), dim=-1) for image in pixels])
    for name in sys.argv[1:] or RUNS:
        record(name, model, double_model, base, features, files)


if __name__ == "__main__":
    main()
