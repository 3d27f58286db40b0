"""Records a whole CoCoOp training on tiny-clip: every step of the run that the package makes from one seed.

    python record_whole_training.py   → Tests/PromptLearningTests/Fixtures/cocoop-whole.safetensors and .json

Ten epochs of 80 photos: 16 drawings of each of five classes, tested on those classes and on five others. The initial
values, the order of the photos and their views are the package's draws, repeated by `swift_random.py`; all else is
Pillow, torchvision, open_clip and torch. The same steps are made again in float64: how far the two drift apart is what
rounding alone does, and it bounds from below the tolerance of any comparison.
"""

import json

import torch
import torchvision_names  # noqa: F401  before torchvision
from torch.nn import functional
from torchvision.transforms import InterpolationMode
from torchvision.transforms import functional as pictures

import fixture
import protocol
import reference
import swift_random

SHOTS, SEED, EPOCHS = 16, 1, 10
# Drawings of which there are 16 to learn from: five classes to learn, and five to name without having learned them.
CLASSES = ["arrow", "dessert", "flag", "fruit", "mammal"]
CLASSES += ["musical instrument", "playing card", "road sign", "sports", "star"]
SIZE = 224


def split_of_classes() -> dict:
    """The entries of openclipart's split file that belong to CLASSES, relabelled from 0."""
    parts = json.loads(protocol.LOCATIONS["openclipart"][0].read_text())
    return {
        part: [protocol.Photo(path, CLASSES.index(name), name) for path, _, name in entries if name in CLASSES]
        for part, entries in parts.items()
    }


def features(model, pictures_of_photos, mean, std) -> torch.Tensor:
    """Unit features of RGB squares, each encoded by itself."""
    rows = []
    for picture in pictures_of_photos:
        pixels = pictures.normalize(pictures.to_tensor(picture), mean, std)
        rows.append(functional.normalize(model.encode_image(pixels[None]), dim=-1)[0])
    return torch.stack(rows)


def view(picture, drawn):
    x, y, width, height, is_mirrored = drawn
    square = pictures.resized_crop(picture, y, x, height, width, [SIZE, SIZE], InterpolationMode.BICUBIC)
    return pictures.hflip(square) if is_mirrored else square


def learn(model, names, initial, views, labels, order):
    """The loss before each step, and the learner after the last."""
    learner = reference.CoCoOp(reference.TextTower(model), names)
    learner.meta_net.load_state_dict({name: torch.from_numpy(value) for name, value in initial.items()})
    learner.to(views.dtype)
    optimizer = reference.optimizer(learner)
    losses = []
    for epoch in range(EPOCHS):
        rate = reference.learning_rate(epoch, EPOCHS)
        for step, photo in enumerate(order[epoch]):
            losses.append(reference.step(learner, optimizer, views[epoch, step][None], labels[photo][None], rate))
    return losses, learner


@torch.no_grad()
def logits(learner, tower, names, image_features):
    learner.prompts = reference.Prompts(tower, names, len(learner.context))
    return torch.cat([learner(feature[None]) for feature in image_features])


def parameters(learner) -> dict[str, torch.Tensor]:
    return {("ctx" if name == "context" else name): value for name, value in learner.named_parameters()}


def main():
    torch.set_num_threads(1)
    model, mean, std = reference.tiny_clip()
    base, new = protocol.base_and_new(split_of_classes(), SHOTS, SEED)
    images = protocol.LOCATIONS["openclipart"][1]
    photos = [protocol.open_rgb(images / photo.path) for photo in base.train]
    labels = torch.tensor([photo.label for photo in base.train])

    drawn = list(swift_random.epochs(len(photos), EPOCHS, SEED))
    order = torch.tensor([[photo for photo, _ in epoch] for epoch in drawn])
    boxes = [[swift_random.view(*photos[photo].size, seed) for photo, seed in epoch] for epoch in drawn]
    embedding, width = model.text_projection.shape[1], model.token_embedding.weight.shape[1]
    initial = swift_random.meta_network(embedding, width, swift_random.Generator(SEED))
    with torch.no_grad():
        views = torch.stack(
            [
                features(model, [view(photos[p], box) for (p, _), box in zip(epoch, epoch_boxes)], mean, std)
                for epoch, epoch_boxes in zip(drawn, boxes)
            ]
        )  # [epochs, steps, E]
        transform = protocol.test_transform(mean, std)
        tested = {
            part: torch.cat(
                [
                    functional.normalize(model.encode_image(transform(protocol.open_rgb(images / p.path))[None]), dim=-1)
                    for p in subset.test
                ]
            )
            for part, subset in (("base", base), ("new", new))
        }

    losses, learner = learn(model, base.class_names, initial, views, labels, order)
    double_model = reference.tiny_clip()[0].double()
    exact_losses, exact = learn(double_model, base.class_names, initial, views.double(), labels, order)
    final, exact_final = parameters(learner), parameters(exact)

    tensors = {
        "order": order,
        "views": torch.tensor(boxes),
        "losses": torch.tensor(losses, dtype=torch.float32),
        **{f"initial.meta_net.{name}": torch.from_numpy(value) for name, value in initial.items()},
        **{f"final.{name}": value for name, value in final.items()},
    }
    accuracies, drift_of_logits = {}, {}
    for part, subset in (("base", base), ("new", new)):
        values = logits(learner, reference.TextTower(model), subset.class_names, tested[part])
        exact_values = logits(
            exact, reference.TextTower(double_model), subset.class_names, tested[part].double()
        )
        right = values.argmax(-1) == torch.tensor([photo.label for photo in subset.test])
        assert values.argmax(-1).equal(exact_values.argmax(-1)), part
        tensors[f"{part}.logits"] = values
        accuracies[part] = 100 * right.double().mean().item()
        drift_of_logits[part] = (values - exact_values).abs().max().item()
    drift = {
        "losses": max(abs(a - b) for a, b in zip(losses, exact_losses)),
        "logits": drift_of_logits,
        **{name: (value - exact_final[name]).abs().max().item() for name, value in final.items()},
    }
    recipe = {
        "model": "Sources/Embedded/Resources/tiny-clip",
        "precision": "float32",
        "sample": {"data": "openclipart", "classes": CLASSES, "shots": SHOTS, "seed": SEED},
        "baseNames": base.class_names,
        "newNames": new.class_names,
        "context": "a photo of a",
        "files": [photo.path for photo in base.train],
        "epochs": EPOCHS,
        "seed": SEED,
        "accuracies": accuracies,
        "driftFromFloat64": drift,
        "notes": {
            "order": "[epoch, step]: the photo of each step, an index into files",
            "views": "[epoch, step, 5]: x, y, width and height of the crop in pixels, and 1 where it is mirrored",
            "losses": "cross-entropy before each step, in nats",
            "initial.NAME, final.NAME": "parameters before the first step and after the last",
            "PART.logits": "of the test photos of the base and of the new classes, in the split's order",
        },
    }
    print(f"loss {losses[0]:.4f} → {sum(losses[-80:]) / 80:.4f}", accuracies, drift)
    fixture.write("PromptLearningTests", "cocoop-whole", __file__, tensors, recipe)


if __name__ == "__main__":
    main()
