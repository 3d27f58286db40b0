"""Records what scikit-learn's logistic regression makes of tiny-clip's image features: the linear probe of CoOp's folder
lpclip, with the penalty chosen as there.

    python record_linear_probe.py                       → Tests/PromptLearningTests/Fixtures/linear-probe.safetensors, .json
    python record_linear_probe.py --data caltech-101    prints test accuracies of 16 shots and seeds 1 to 3

The features are not brought to unit length, as there. Samples are those of the package (CPython's generator), where
lpclip draws with NumPy's.
"""

import argparse
import math
import random

import numpy as np
import sklearn
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import PredefinedSplit, cross_val_score

import fixture
import protocol
import reference

SHOTS = 4
TIGHT = 1e-9  # of the gradient: where the minimum itself is compared


def fit(features, labels, exponent: float, tolerance: float = 1e-4) -> LogisticRegression:
    return LogisticRegression(C=10.0**exponent, tol=tolerance, max_iter=1000 if tolerance == 1e-4 else 100_000).fit(
        features, labels
    )


def search(train, train_labels, val, val_labels):
    """Seven penalties far apart, then eight halvings of the range around the first of the best."""
    tried: dict[float, tuple[LogisticRegression, float]] = {}

    def at(exponent):
        if exponent not in tried:
            model = fit(train, train_labels, exponent)
            tried[exponent] = model, float((model.predict(val) == val_labels).mean())
        return tried[exponent]

    peak = max(range(6, -7, -2), key=lambda exponent: at(float(exponent))[1])  # the first of equal ones
    left, right = float(peak - 1), float(peak + 1)
    for _ in range(8):
        middle = (left + right) / 2
        if at(left)[1] < at(right)[1]:
            chosen, left = right, middle
        else:
            chosen, right = left, middle
    return chosen, tried


def cross_validate(train, labels, folds: int = 4) -> dict:
    """The accuracy of each part of the training images for fits to the others; the i-th of a class is in part i mod folds."""
    parts = np.array([int((labels[:index] == label).sum()) % folds for index, label in enumerate(labels)])
    accuracies = [
        {
            "exponent": exponent,
            "accuracies": cross_val_score(
                LogisticRegression(C=10.0**exponent, tol=1e-4, max_iter=1000), train, labels, cv=PredefinedSplit(parts)
            ).tolist(),
        }
        for exponent in (2.0, 0.0, -2.0, -4.0)
    ]
    return {"count": folds, "parts": parts.tolist(), "tried": accuracies}


@torch.no_grad()
def encode(model, transform, images, photos) -> torch.Tensor:
    parts = [
        model.encode_image(torch.stack([transform(protocol.open_rgb(images / p.path)) for p in photos[i : i + 32]]))
        for i in range(0, len(photos), 32)
    ]
    return torch.cat(parts)


def samples(split, shots: int, seed: int):
    generator = random.Random(seed)
    train = protocol.few_shot(split["train"], shots, generator)
    val = protocol.few_shot(split["val"], min(shots, 4), generator)
    labels = sorted({photo.label for photo in split["train"]})
    base = set(labels[: math.ceil(len(labels) / 2)])
    return [[photo for photo in part if photo.label in base] for part in (train, val, split["test"])]


def labels_of(photos) -> np.ndarray:
    return np.array([photo.label for photo in photos])


def record(model, transform):
    split_file, images = protocol.LOCATIONS["openclipart"]
    train, val, _ = samples(protocol.read_split(split_file), SHOTS, seed=1)
    # Halves on both sides, so that the file is small and the inputs are equal to the last bit.
    features = encode(model, transform, images, train).half()
    tested = encode(model, transform, images, val).half()
    x, y, v, w = features.double().numpy(), labels_of(train), tested.double().numpy(), labels_of(val)
    chosen, tried = search(x, y, v, w)
    tight = fit(x, y, 0.0, TIGHT)
    pair = y < 2
    two = fit(x[pair], y[pair], 0.0, TIGHT)
    fixture.write(
        "PromptLearningTests",
        "linear-probe",
        __file__,
        {
            "train": features,
            "val": tested,
            "chosen.weight": torch.tensor(tried[chosen][0].coef_).float(),
            "chosen.bias": torch.tensor(tried[chosen][0].intercept_).float(),
            "tight.weight": torch.tensor(tight.coef_).float(),
            "tight.bias": torch.tensor(tight.intercept_).float(),
            "two.weight": torch.tensor(two.coef_).float(),
            "two.bias": torch.tensor(two.intercept_).float(),
        },
        {
            "solver": f"sklearn.linear_model.LogisticRegression {sklearn.__version__}, lbfgs",
            "trainLabels": y.tolist(),
            "valLabels": w.tolist(),
            "chosen": chosen,
            "folds": cross_validate(x, y),
            "tolerance": {"chosen": 1e-4, "tight": TIGHT, "two": TIGHT},
            "tried": [
                {"exponent": exponent, "accuracy": accuracy, "iterations": int(model.n_iter_[0])}
                for exponent, (model, accuracy) in tried.items()
            ],
        },
    )


def measure(model, transform, data: str):
    split_file, images = protocol.LOCATIONS[data]
    split = protocol.read_split(split_file)
    test_features = None
    for seed in (1, 2, 3):
        train, val, test = samples(split, 16, seed)
        if test_features is None:
            test_features = encode(model, transform, images, test).double().numpy()
        x, v = (encode(model, transform, images, part).double().numpy() for part in (train, val))
        chosen, tried = search(x, labels_of(train), v, labels_of(val))
        accuracy = 100 * float((tried[chosen][0].predict(test_features) == labels_of(test)).mean())
        print(f"{data} seed {seed}: C = 10^{chosen}, validation {100 * tried[chosen][1]:.2f}, base {accuracy:.2f}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", choices=protocol.LOCATIONS)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    clip, mean, std = reference.tiny_clip()
    prepare = protocol.test_transform(mean, std)
    if arguments.data:
        measure(clip, prepare, arguments.data)
    else:
        record(clip, prepare)
