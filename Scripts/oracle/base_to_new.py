"""The base-to-new protocol with the reference algorithm: the accuracy and the speed that the Swift package must match.

Trains on a few photos of the base classes, tests on all test photos of the base classes and of the new ones, whose
names the learner has never seen. Appends one JSON line to --output for each method and seed as soon as it is finished.

    python base_to_new.py --data caltech-101 --seeds 1 2 3 --positions shortest --threads 1 --output caltech.jsonl

`cpu` figures are the process's own seconds; on a shared machine they say more than the clock.
"""

import argparse
import functools
import json
import pathlib
import statistics
import sys
import time

import torch
from torch.nn import functional

import protocol
import reference

SHOTS = 16
CACHED_VIEWS = 8  # of each photo, for CoOp: drawn once, encoded once, one chosen at each use
EPOCHS = {"coop": 200, "cocoop": 10}
BATCH_SIZE = {"coop": 32, "cocoop": 1}


class Stopwatch:
    """Seconds on the clock and seconds of this process, for work that is done again and again."""

    def __init__(self):
        self.wall, self.cpu = [], []

    def __enter__(self):
        self.started = time.perf_counter(), time.process_time()

    def __exit__(self, *_):
        self.wall.append(time.perf_counter() - self.started[0])
        self.cpu.append(time.process_time() - self.started[1])


class Bench:
    """The frozen model and the photos of one data set, each decoded and encoded no more often than needed."""

    def __init__(self, data: str, positions: str):
        split_file, self.images = protocol.LOCATIONS[data]
        self.split = protocol.read_split(split_file)
        self.model, mean, std = reference.tiny_clip()
        self.tower = reference.TextTower(self.model, positions)
        self.train_transform = protocol.train_transform(mean, std)
        self.test_transform = protocol.test_transform(mean, std)
        self.decoded = functools.cache(lambda path: protocol.open_rgb(self.images / path))
        self.test_feature = functools.cache(
            lambda path: self.encode(self.test_transform(protocol.open_rgb(self.images / path)))
        )

    @torch.no_grad()
    def encode(self, pixels: torch.Tensor) -> torch.Tensor:
        """[3, 224, 224] → unit [E]."""
        return functional.normalize(self.model.encode_image(pixels[None]), dim=-1)[0]

    def view(self, photo: protocol.Photo) -> torch.Tensor:
        return self.encode(self.train_transform(self.decoded(photo.path)))

    def test_set(self, subset: protocol.Subset) -> tuple[torch.Tensor, torch.Tensor]:
        features = torch.stack([self.test_feature(photo.path) for photo in subset.test])
        return features, torch.tensor([photo.label for photo in subset.test])


def batches(count: int, size: int):
    """Shuffled; the last batch is dropped if it is partial and not the only one."""
    order = torch.randperm(count).split(size)
    return order[:-1] if len(order) > 1 and len(order[-1]) < size else order


def train(method: str, bench: Bench, base: protocol.Subset, epochs: int) -> tuple[torch.nn.Module, dict]:
    """Trains on fresh views (CoCoOp) or on cached ones (CoOp); randomness is torch's, seeded by the caller."""
    learner = {"coop": reference.CoOp, "cocoop": reference.CoCoOp}[method](bench.tower, base.class_names)
    optimizer = reference.optimizer(learner)
    labels = torch.tensor([photo.label for photo in base.train])
    whole, text = Stopwatch(), Stopwatch()
    started = time.perf_counter()
    cached = None
    if method == "coop":
        cached = torch.stack([torch.stack([bench.view(p) for _ in range(CACHED_VIEWS)]) for p in base.train])
    encoded = time.perf_counter()
    for epoch in range(epochs):
        losses = []
        for chosen in batches(len(base.train), BATCH_SIZE[method]):
            with whole:
                if cached is None:
                    features = torch.stack([bench.view(base.train[i]) for i in chosen])
                else:
                    features = cached[chosen, torch.randint(CACHED_VIEWS, (len(chosen),))]
                with text:
                    losses.append(reference.backward(learner, features, labels[chosen]))
                reference.update(optimizer, reference.learning_rate(epoch, epochs))
        print(f"{method} epoch {epoch + 1}/{epochs} loss {statistics.mean(losses):.4f}", file=sys.stderr, flush=True)
    return learner, {
        "epochs": epochs,
        "steps": len(whole.wall),
        "lastEpochLoss": statistics.mean(losses),
        "trainSeconds": time.perf_counter() - started,
        "cachedViewSeconds": encoded - started if cached is not None else 0.0,
        "stepSeconds": statistics.median(whole.wall),
        "stepCPUSeconds": statistics.median(whole.cpu),
        "textStepSeconds": statistics.median(text.wall),
        "textStepCPUSeconds": statistics.median(text.cpu),
    }


def for_classes(method: str, learner, bench: Bench, class_names: list[str]) -> torch.nn.Module:
    """What was learned, over another list of classes."""
    if method == "zero-shot":
        return reference.ZeroShot(bench.tower, class_names)
    learner.prompts = reference.Prompts(bench.tower, class_names, len(learner.context))
    return learner


def run(method: str, seed: int, bench: Bench, epochs: int | None) -> dict:
    base, new = protocol.base_and_new(bench.split, SHOTS, seed)
    torch.manual_seed(seed)
    learner, figures = None, {}
    if method != "zero-shot":
        learner, figures = train(method, bench, base, epochs or EPOCHS[method])
    test_sets = [bench.test_set(subset) for subset in (base, new)]
    evaluation = Stopwatch()
    with evaluation:
        on_base, on_new = (
            reference.accuracy(for_classes(method, learner, bench, subset.class_names), *test_set)
            for subset, test_set in zip((base, new), test_sets)
        )
    return {
        "method": method,
        "seed": seed,
        "base": on_base,
        "new": on_new,
        "harmonicMean": 2 * on_base * on_new / (on_base + on_new),
        "shots": SHOTS,
        "trainPhotos": len(base.train),
        "testPhotos": [len(base.test), len(new.test)],
        **figures,
        "evaluationSeconds": evaluation.wall[0],
        "evaluationCPUSeconds": evaluation.cpu[0],
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", choices=protocol.LOCATIONS, default="openclipart")
    parser.add_argument("--methods", nargs="+", choices=["zero-shot", *EPOCHS], default=["zero-shot", *EPOCHS])
    parser.add_argument("--seeds", nargs="+", type=int, default=[1, 2, 3])
    parser.add_argument("--epochs", type=int, help="instead of the method's own (200 for CoOp, 10 for CoCoOp)")
    parser.add_argument("--positions", choices=["all", "shortest"], default="all")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--output", type=pathlib.Path, required=True)
    options = parser.parse_args()

    torch.set_num_threads(options.threads)
    bench = Bench(options.data, options.positions)
    for subset in protocol.base_and_new(bench.split, SHOTS, options.seeds[0]):
        reference.check_positions(bench.model, subset.class_names)
    settings = {key: getattr(options, key) for key in ("data", "positions", "threads")} | {"torch": torch.__version__}
    options.output.parent.mkdir(parents=True, exist_ok=True)
    # Zero-shot for all seeds first: it costs nothing. Then seed by seed, so that a run cut short has whole seeds.
    tasks = [(seed, "zero-shot") for seed in options.seeds if "zero-shot" in options.methods]
    tasks += [(seed, method) for seed in options.seeds for method in EPOCHS if method in options.methods]
    for seed, method in tasks:
        result = {**settings, **run(method, seed, bench, options.epochs)}
        with options.output.open("a") as file:
            file.write(json.dumps(result) + "\n")
        print(json.dumps(result), flush=True)


if __name__ == "__main__":
    main()
