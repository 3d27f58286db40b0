"""Compares the package's random draws with torchvision's and torch's, jointly, and records the latter's moments.

    python record_draws.py   → Tests/ImagesTests/Fixtures/random-views.json
                               Tests/PromptLearningTests/Fixtures/initial-values.json

The package's draws are those of `swift_random.py`, which `record_whole_training.py` shows to be the package's own. Each
test compares 100,000 of its draws with 100,000 of the other's, or asks whether its own are independent, and prints a
p-value. With this many tests the smallest is expected near 1 / their number; the last line adjusts it for that (Šidák).
"""

import importlib.metadata
import itertools
import json
import math

import numpy
import torch
import torchvision_names  # noqa: F401  before torchvision
from PIL import Image
from scipy import stats
from torchvision.transforms import RandomResizedCrop

import swift_random
from protocol import ROOT

DRAWS, SEED, PHOTOS = 100_000, 1, 80
SIZES = [(500, 333), (32, 32), (300, 400), (60, 200)]
SCALE, RATIO = (0.08, 1.0), (3 / 4, 4 / 3)
LEVELS = [0.05, 0.25, 0.5, 0.75, 0.95]
NAMES = ["area", "log ratio", "x", "y", "mirrored"]
EMBEDDING, WIDTH, CONTEXTS = 512, 512, 4  # a meta-network at the size of ViT-B/16

results = []


def report(title: str, p: float):
    results.append(p)
    print(f"{p:8.4f}  {title}")


def described(boxes, width: int, height: int) -> numpy.ndarray:
    """[N, 5]: area as a share, log of width by height, place as a share of the room left (½ without room), mirrored."""
    x, y, w, h, mirrored = numpy.array(boxes, dtype=float).T
    rooms = [numpy.where(side > part, at / numpy.maximum(side - part, 1), 0.5)
             for at, part, side in ((x, w, width), (y, h, height))]
    return numpy.stack([w * h / (width * height), numpy.log(w / h), *rooms, mirrored], axis=1)


def torchvision_views(width: int, height: int) -> numpy.ndarray:
    picture = Image.new("L", (width, height))
    boxes = []
    for _ in range(DRAWS):
        top, left, h, w = RandomResizedCrop.get_params(picture, SCALE, RATIO)
        boxes.append((left, top, w, h, int(torch.rand(1).item() < 0.5)))
    return described(boxes, width, height)


def package_views(width: int, height: int) -> numpy.ndarray:
    """As a training draws them: [epochs, photos, 5], photos in their own order."""
    epochs = numpy.empty((DRAWS // PHOTOS, PHOTOS, 5))
    for number, epoch in enumerate(swift_random.epochs(PHOTOS, len(epochs), SEED)):
        boxes = [None] * PHOTOS
        for photo, seed in epoch:
            boxes[photo] = swift_random.view(width, height, seed)
        epochs[number] = described(boxes, width, height)
    return epochs


def strata(views: numpy.ndarray, edges: numpy.ndarray) -> numpy.ndarray:
    return numpy.searchsorted(edges, views[:, 0])


def compare_views(size, ours: numpy.ndarray, theirs: numpy.ndarray):
    name = f"{size[0]}×{size[1]}"
    for column, title in enumerate(NAMES[:4]):
        report(f"{name}: {title}, two-sample Kolmogorov–Smirnov", stats.ks_2samp(ours[:, column], theirs[:, column]).pvalue)
    counts = [[side[:, 4].sum(), (1 - side[:, 4]).sum()] for side in (ours, theirs)]
    report(f"{name}: share of mirrored views, χ²", stats.chi2_contingency(counts).pvalue)
    edges = numpy.quantile(theirs[:, 0], [0.2, 0.4, 0.6, 0.8])
    for stratum, column in itertools.product(range(5), (1, 2, 3)):
        sides = [side[strata(side, edges) == stratum, column] for side in (ours, theirs)]
        report(f"{name}: {NAMES[column]} given area, fifth {stratum + 1}, Kolmogorov–Smirnov", stats.ks_2samp(*sides).pvalue)
    # All five together: quartiles of area and of ratio, thirds of both places, mirrored or not.
    cuts = [numpy.unique(numpy.quantile(theirs[:, c], q)) for c, q in
            ((0, [0.25, 0.5, 0.75]), (1, [0.25, 0.5, 0.75]), (2, [1 / 3, 2 / 3]), (3, [1 / 3, 2 / 3]))] + [numpy.array([0.5])]
    cells = [sum(numpy.searchsorted(cut, side[:, c], side="right") * 5**c for c, cut in enumerate(cuts)) for side in (ours, theirs)]
    table = numpy.array([numpy.bincount(cell, minlength=5**5) for cell in cells])
    table = table[:, table.sum(0) >= 10]
    report(f"{name}: all together, χ² over {table.shape[1]} cells", stats.chi2_contingency(table).pvalue)


def independence(title: str, first: numpy.ndarray, second: numpy.ndarray):
    report(title, stats.pearsonr(first, second).pvalue)


def check_independence(epochs: numpy.ndarray):
    for a, b in itertools.product(range(5), repeat=2):
        independence(f"{NAMES[a]} and {NAMES[b]} in the photo's next epoch, correlation",
                     epochs[:-1, :, a].ravel(), epochs[1:, :, b].ravel())
    for column, title in enumerate(NAMES):
        independence(f"{title} of one photo and of the next in one epoch, correlation",
                     epochs[:, :-1, column].ravel(), epochs[:, 1:, column].ravel())
        # Do photos differ from one another in the mean over all epochs?
        report(f"{title}: means of the {PHOTOS} photos, analysis of variance", stats.f_oneway(*epochs[:, :, column].T).pvalue)


def check_order():
    places = numpy.array([[photo for photo, _ in epoch] for epoch in swift_random.epochs(PHOTOS, DRAWS // PHOTOS, SEED)])
    counts = numpy.array([numpy.bincount(places[:, step], minlength=PHOTOS) for step in range(PHOTOS)])
    expected = len(places) / PHOTOS
    report("order: every photo at every step, χ²", stats.chi2.sf(((counts - expected) ** 2 / expected).sum(), (PHOTOS - 1) ** 2))
    where = numpy.argsort(places, axis=1)
    independence("order: a photo's step and its step in the next epoch, correlation", where[:-1].ravel(), where[1:].ravel())


def package_network(seed: int) -> list[numpy.ndarray]:
    return list(swift_random.meta_network(EMBEDDING, WIDTH, swift_random.Generator(seed)).values())


def torch_network() -> list[numpy.ndarray]:
    layers = torch.nn.Linear(EMBEDDING, EMBEDDING // 16), torch.nn.Linear(EMBEDDING // 16, WIDTH)
    return [value.detach().numpy() for layer in layers for value in (layer.weight, layer.bias)]


def check_initial_values() -> dict:
    names = ["linear1.weight", "linear1.bias", "linear2.weight", "linear2.bias"]
    count = math.ceil(DRAWS / (EMBEDDING * EMBEDDING // 16))  # networks that hold that many weights
    ours, theirs = [package_network(seed) for seed in range(1, count + 1)], [torch_network() for _ in range(count)]
    recorded = {}
    for index, name in enumerate(names):
        sides = [numpy.concatenate([network[index].ravel() for network in side]) for side in (ours, theirs)]
        if index % 2:  # biases are few: more networks' worth of torch's, and of ours from further layers
            inputs, outputs = (EMBEDDING, EMBEDDING // 16) if index == 1 else (EMBEDDING // 16, WIDTH)
            generator = swift_random.Generator(1000 + index)
            bound = numpy.float32(1) / numpy.sqrt(numpy.float32(inputs))
            sides[0] = numpy.concatenate([sides[0], [numpy.float32(2 * generator.uniform() - 1) * bound for _ in range(DRAWS)]])
            sides[1] = numpy.concatenate([torch.nn.Linear(inputs, outputs).bias.detach().numpy() for _ in range(DRAWS // outputs)])
        report(f"{name}: two-sample Kolmogorov–Smirnov over {len(sides[0]):,} and {len(sides[1]):,}", stats.ks_2samp(*sides).pvalue)
        independence(f"{name}: a value and the next, correlation", sides[0][:-1], sides[0][1:])
        recorded[name] = {
            "deviation": float(sides[1].std()), "largest": float(numpy.abs(sides[1]).max()),
            "quantiles": numpy.quantile(sides[1], LEVELS).tolist(),
        }
    for norm_of, axis in (("rows", 1), ("columns", 0)):
        norms = [numpy.concatenate([numpy.linalg.norm(network[0], axis=axis) for network in side]) for side in (ours, theirs)]
        report(f"linear1.weight: norms of {norm_of}, Kolmogorov–Smirnov", stats.ks_2samp(*norms).pvalue)
    flat = numpy.array([numpy.concatenate([values.ravel() for values in network]) for network in ours])
    independence("networks of a seed and of the next, correlation", flat[:-1].ravel(), flat[1:].ravel())

    seeds = math.ceil(DRAWS / (CONTEXTS * WIDTH))
    contexts = numpy.array([swift_random.random_context(CONTEXTS, WIDTH, swift_random.Generator(s)).ravel() for s in range(1, seeds + 1)])
    normal = torch.nn.init.normal_(torch.empty(seeds * CONTEXTS * WIDTH), std=0.02).numpy()
    report("random contexts: two-sample Kolmogorov–Smirnov", stats.ks_2samp(contexts.ravel(), normal).pvalue)
    independence("random contexts: a value and the next, correlation", contexts.ravel()[:-1], contexts.ravel()[1:])
    independence("random contexts of a seed and of the next, correlation", contexts[:-1].ravel(), contexts[1:].ravel())
    recorded["ctx"] = {"deviation": float(normal.std()), "largest": float(numpy.abs(normal).max()),
                       "quantiles": numpy.quantile(normal, LEVELS).tolist()}
    return recorded


def recorded_views(size, views: numpy.ndarray) -> dict:
    edges = numpy.quantile(views[:, 0], [0.2, 0.4, 0.6, 0.8])
    return {
        "from": list(size), "areaEdges": edges.tolist(), "mirrored": float(views[:, 4].mean()),
        "correlations": numpy.corrcoef(views[:, :4].T).tolist(),
        "givenArea": [
            {NAMES[c]: numpy.quantile(views[strata(views, edges) == s, c], LEVELS).tolist() for c in (1, 2, 3)} for s in range(5)
        ],
    }


def write(target: str, name: str, content: dict):
    versions = {package: importlib.metadata.version(package) for package in ("torch", "torchvision", "numpy", "scipy")}
    recipe = {"script": "Scripts/oracle/record_draws.py", "seed": SEED, "draws": DRAWS, "levels": LEVELS, "versions": versions}
    path = ROOT / "Tests" / target / "Fixtures" / f"{name}.json"
    path.write_text(json.dumps(recipe | content, indent=1) + "\n")
    print(f"{path.relative_to(ROOT)}: {path.stat().st_size:,} bytes")


def main():
    torch.set_num_threads(1)
    torch.manual_seed(SEED)
    views = []
    for size in SIZES:
        theirs, epochs = torchvision_views(*size), package_views(*size)
        compare_views(size, epochs.reshape(-1, 5), theirs)
        views.append(recorded_views(size, theirs))
        if size == SIZES[0]:
            check_independence(epochs)
    check_order()
    values = check_initial_values()
    smallest, count = min(results), len(results)
    print(f"{count} tests; the smallest p is {smallest:.4f}, adjusted for their number {1 - (1 - smallest) ** count:.3f};"
          f" {sum(p < 0.05 for p in results)} are below 0.05, where {0.05 * count:.1f} are expected")
    write("ImagesTests", "random-views", {"views": views})
    write("PromptLearningTests", "initial-values", {"embeddingWidth": EMBEDDING, "width": WIDTH, "contexts": CONTEXTS, "values": values})


if __name__ == "__main__":
    main()
