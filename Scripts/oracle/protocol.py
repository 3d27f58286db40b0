"""Images, labels and samples of the base-to-new protocol: which photos, which classes, in which order.

The facts are those of the reference implementation (Zhou et al., CVPR 2022, and its toolbox); the code is written anew.
"""

import dataclasses
import json
import math
import pathlib
import random

import torchvision_names  # noqa: F401  before torchvision
from PIL import Image
from torchvision import transforms
from torchvision.transforms import InterpolationMode

ROOT = pathlib.Path(__file__).resolve().parents[2]
EMBEDDED = ROOT / "Sources/Embedded/Resources"
SHARED = ROOT.parent / "shared"

# Where each data set keeps its split file and its images.
LOCATIONS = {
    "openclipart": (EMBEDDED / "openclipart/split_openclipart.json", EMBEDDED / "openclipart/images"),
    "caltech-101": (
        SHARED / "data/caltech-101/split_zhou_Caltech101.json",
        SHARED / "data/caltech-101/101_ObjectCategories",
    ),
}


@dataclasses.dataclass(frozen=True)
class Photo:
    path: str  # as the split file spells it
    label: int
    name: str  # of the class, underscores included


@dataclasses.dataclass(frozen=True)
class Subset:
    """Some classes, relabelled from 0, with their photos."""

    class_names: list[str]  # spaces for underscores
    train: list[Photo]
    test: list[Photo]


def read_split(path) -> dict[str, list[Photo]]:
    parts = json.loads(pathlib.Path(path).read_text())
    return {part: [Photo(*entry) for entry in entries] for part, entries in parts.items()}


def few_shot(photos: list[Photo], shots: int, generator: random.Random) -> list[Photo]:
    """Draws `shots` photos of each class, classes in order of first appearance, as CPython's `random.sample` does.

    A class with fewer photos gives all of them and draws nothing.
    """
    by_class: dict[int, list[Photo]] = {}
    for photo in photos:
        by_class.setdefault(photo.label, []).append(photo)
    sampled = []
    for members in by_class.values():
        sampled += generator.sample(members, shots) if len(members) >= shots else members
    return sampled


def base_and_new(split: dict[str, list[Photo]], shots: int, seed: int) -> tuple[Subset, Subset]:
    """Samples all classes with one generator, and only then separates base (the first half of the labels) from new.

    The reference goes on to draw validation photos from the same generator; as nothing is drawn after them and no
    method here looks at validation photos, they are left out.
    """
    train = few_shot(split["train"], shots, random.Random(seed))
    labels = sorted({photo.label for photo in split["train"]})
    half = math.ceil(len(labels) / 2)
    return subset(train, split["test"], labels[:half]), subset(train, split["test"], labels[half:])


def subset(train: list[Photo], test: list[Photo], labels: list[int]) -> Subset:
    names = {photo.label: photo.name for photo in train}
    position = {label: index for index, label in enumerate(labels)}

    def relabelled(photos):
        return [dataclasses.replace(p, label=position[p.label]) for p in photos if p.label in position]

    return Subset([names[label].replace("_", " ") for label in labels], relabelled(train), relabelled(test))


def open_rgb(path) -> Image.Image:
    with Image.open(path) as image:
        return image.convert("RGB")


def test_transform(mean, std, size: int = 224):
    return transforms.Compose(
        [
            transforms.Resize(size, interpolation=InterpolationMode.BICUBIC),
            transforms.CenterCrop(size),
            transforms.ToTensor(),
            transforms.Normalize(mean, std),
        ]
    )


def train_transform(mean, std, size: int = 224):
    return transforms.Compose(
        [
            transforms.RandomResizedCrop(
                size, scale=(0.08, 1), ratio=(3 / 4, 4 / 3), interpolation=InterpolationMode.BICUBIC
            ),
            transforms.RandomHorizontalFlip(),
            transforms.ToTensor(),
            transforms.Normalize(mean, std),
        ]
    )
