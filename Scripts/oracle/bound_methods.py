"""Says what bounds a training step with prompts in both towers: counts what it must compute, and times the products.

    python bound_methods.py --repositories FOLDER [--methods maple,promptsrc] [--threads 2] [--classes 50]

FOLDER is that of benchmark_methods.py, whose two sides are timed here. Counted are multiplications and additions of
linear layers, attention and the patches' convolution at ViT-B/16's size, forward, and backward to whatever a learned
number changes. Ours are those of the prompt trie, and of rows that somebody reads; the authors' those of every
position. Norms, activations and the loss are not counted. The products are timed with the shapes of the image tower's
blocks, forward and back, as libtorch and as oneDNN with a weight laid out for it compute them, by all threads together
and by each with its own images, with the weights of eight blocks, before and after the steps. The best possible ratio
is the authors' time by the time of our operations at the fastest that any of these ever was.
"""

import argparse
import threading
import time
from pathlib import Path

import benchmark_methods
from bench import caltech_names
import clip
import torch

BLOCKS, PATCHES, IMAGE, TEXT, WIDTH, POSITIONS = 12, 196, 768, 512, 512, 77
IMAGES, ROUNDS, WEIGHTS = 4, 3, 8
# Prompts in each block, blocks that have their own, and whether frozen CLIP sees the images too.
METHODS = {"maple": (2, 9, False), "promptsrc": (4, 9, True), "coprompt": (2, 9, True)}


def attention(queries: int, keys: int, width: int) -> int:
    return 4 * queries * keys * width


def image_pass(prompts: int, depth: int) -> tuple[int, int]:
    """Of one image, where prompts are keys and values alone as long as they are replaced: forward, and back to them."""
    rows, layer = 1 + PATCHES, 2 * IMAGE * IMAGE
    forward, backward = 2 * PATCHES * 3 * 16 * 16 * IMAGE, 0
    for block in range(BLOCKS - 1):
        mine = rows if block + 1 < depth else rows + prompts
        pairs = attention(mine, rows + prompts, IMAGE)
        forward += 12 * layer * mine + pairs
        # The first block's patches are constant, so that no gradient goes to its queries, keys and values.
        backward += (12 if block else 9) * layer * mine + (2 * pairs if block else pairs // 2)
    last = layer * (2 * (rows + prompts) + 10) + attention(1, rows + prompts, IMAGE) + 2 * IMAGE * WIDTH
    return forward + last, backward + last if prompts else 0


def text_pass(names: list[str]) -> int:
    """Of the trie of all prompts, forward."""
    paths = [tuple(row[: row.argmax() + 1].tolist()) for row in clip.tokenize([f"a photo of a {n}." for n in names])]
    nodes = {path[:end] for path in paths for end in range(1, len(path) + 1)}
    pairs, at_ends, layer = sum(map(len, nodes)), sum(map(len, set(paths))), 2 * TEXT * TEXT
    return (BLOCKS - 1) * (12 * layer * len(nodes) + 4 * pairs * TEXT) + 2 * layer * len(nodes) \
        + 10 * layer * len(set(paths)) + 4 * at_ends * TEXT + 2 * len(set(paths)) * TEXT * WIDTH


def ours(method: str, names: list[str], has_stored_views: bool) -> tuple[int, int]:
    """Of the image tower, and of the text tower; with stored views frozen CLIP's features are known."""
    prompts, depth, compares = METHODS[method]
    frozen = image_pass(0, 0)[0] if compares and not has_stored_views else 0
    return IMAGES * (sum(image_pass(prompts, depth)) + frozen), 2 * text_pass(names)


def theirs(method: str, classes: int) -> tuple[int, int]:
    prompts, _, compares = METHODS[method]

    def tower(rows: int, width: int) -> int:
        return BLOCKS * (24 * width * width * rows + attention(rows, rows, width))

    image = tower(1 + PATCHES + prompts, IMAGE)
    back = image + BLOCKS * attention(1 + PATCHES + prompts, 1 + PATCHES + prompts, IMAGE)
    frozen = tower(1 + PATCHES, IMAGE) if compares else 0
    text = classes * (2 * tower(POSITIONS, TEXT) + BLOCKS * attention(POSITIONS, POSITIONS, TEXT))
    return IMAGES * (image + back + frozen), text


def products(threads: int) -> dict[str, float]:
    """The most operations a second of the products of an image tower's blocks, by who computes them."""
    shapes = [(768, 2304), (768, 768), (768, 3072), (3072, 768)]
    shapes += [(output, width) for width, output in shapes]  # of the gradient
    plain = [[torch.randn(output, width) for width, output in shapes] for _ in range(WEIGHTS)]
    laid_out = [[torch.ops.mkldnn._reorder_linear_weight(weight, None) for weight in block] for block in plain]
    count = sum(2 * width * output for width, output in shapes) * WEIGHTS * IMAGES * (1 + PATCHES)

    def chain(images: int, each: int, is_laid_out: bool):
        torch.set_num_threads(each)
        inputs = {width: torch.randn(images * (1 + PATCHES), width) for width, _ in shapes}
        with torch.no_grad():
            for block in laid_out if is_laid_out else plain:
                for (width, _), weight in zip(shapes, block):
                    if is_laid_out:
                        torch.ops.mkldnn._linear_pointwise(inputs[width], weight, None, "none", [], "")
                    else:
                        torch.nn.functional.linear(inputs[width], weight)

    rates: dict[str, float] = {}
    for _ in range(ROUNDS):
        for is_laid_out in (True, False):
            for workers in (threads, 1):
                arguments = (IMAGES // workers, threads // workers, is_laid_out)
                running = [threading.Thread(target=chain, args=arguments) for _ in range(workers)]
                begun = time.perf_counter()
                for worker in running:
                    worker.start()
                for worker in running:
                    worker.join()
                name = f"{'laid out' if is_laid_out else 'plain'}, {workers} at a time"
                rates[name] = max(rates.get(name, 0), count / (time.perf_counter() - begun))
    return rates


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repositories", type=Path, required=True)
    parser.add_argument("--methods", default="maple,promptsrc")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--classes", type=int, default=50)
    options = parser.parse_args()
    names = [name.replace("_", " ") for name in caltech_names()[: options.classes]]
    rates = [products(options.threads)]
    taken = []
    for method in options.methods.split(","):
        before = benchmark_methods.ours(method, options)
        there = benchmark_methods.theirs(method, options, False)["seconds"]
        after = benchmark_methods.ours(method, options)
        for key in ("stepSeconds", "storedViewStepSeconds"):
            if before.get(key):
                taken.append((method, key != "stepSeconds", (before[key] + after[key]) / 2, there))
                print(f"{method}: {before[key]:.2f} and {after[key]:.2f} s here, {there:.2f} the authors'", flush=True)
    rates.append(products(options.threads))
    fastest = {name: max(found[name] for found in rates) for name in rates[0]}
    for name, rate in fastest.items():
        print(f"products, {name}: {rate / 1e9:.0f} GFLOP/s")
    peak = max(fastest.values())
    for method, has_stored_views, here, there in taken:
        mine, original = ours(method, names, has_stored_views), theirs(method, options.classes)
        title = method + (" with stored views" if has_stored_views else "")
        for side, counts, seconds in (("here", mine, here), ("the authors'", original, there)):
            print(f"{title}, {side}: {counts[0] / 1e9:.0f} GFLOP of images and {counts[1] / 1e9:.0f} of texts in "
                  f"{seconds:.2f} s, {sum(counts) / seconds / 1e9:.0f} GFLOP/s")
        print(f"{title}: measured ratio {there / here:.1f}, at {peak / 1e9:.0f} GFLOP/s "
              f"{there * peak / sum(mine):.1f}; for 6 times as fast our operations need "
              f"{6 * sum(mine) / there / 1e9:.0f} GFLOP/s")


if __name__ == "__main__":
    main()
