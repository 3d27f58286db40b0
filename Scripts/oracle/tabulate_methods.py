"""Runs base-to-new for all methods, seeds 1 to 3, and prints one Markdown table beside the published figures.

    python make_small_vit.py --output VIT
    python tabulate_methods.py --vit VIT --output DIR [--datasets openclipart,caltech-101] [--plan] [--no-runs]

Methods without prompts in the image tower use the bundled CLIP; all of them the small vision transformer, so that
methods with image prompts have their baselines there. `cocoop reproduce` does the work, one thread, eight stored views
of a photo where the tower is frozen; what is done is kept under --output, and the same command goes on. The table is
made of what is there: a row says so where it has fewer seeds. --no-runs only prints. A new method needs its name in
TEXTS or IMAGES.
"""

import argparse
import json
import pathlib
import statistics
import subprocess

import protocol

COCOOP = protocol.ROOT / ".build/release/cocoop"
PUBLISHED = protocol.ROOT / "Sources/Reproduction/Resources/paper-results.json"

# In the order of their cost.
TEXTS = ["zero-shot", "zero-shot-ensemble", "linear-probe", "kgcoop", "tcp", "prograd", "tip-adapter", "tip-adapter-f",
         "coop", "cocoop"]
IMAGES = ["maple", "vpt", "ivlp", "promptsrc", "coprompt", "mmrl"]  # need the small vision transformer
BASE_ONLY = {"linear-probe", "tip-adapter", "tip-adapter-f"}
KEYS = {"zero-shot": "clip"}  # of the published figures, where it isn't the method's name
SEEDLESS = {"zero-shot", "zero-shot-ensemble"}
NAMES = {"openclipart": "openclipart", "caltech-101": "Caltech101"}


def data_of(name: str) -> str:
    return name if name == "openclipart" else str(protocol.LOCATIONS[name][0])


def run(model, datasets: list[str], methods: list[str], output: pathlib.Path, seeds: str, more: list[str]):
    subprocess.run(
        [COCOOP, "reproduce", "base-to-new", "--model", model, "--datasets", ",".join(map(data_of, datasets)),
         "--methods", ",".join(methods), "--seeds", seeds, "--image-views", "8", "--threads", "1",
         "--output", output, *more],
        check=True, cwd=protocol.ROOT)


def accuracies(folder: pathlib.Path, dataset: str, method: str, part: str) -> dict[str, float]:
    """By seed, of the trials that are finished."""
    files = folder.glob(f"units/{dataset}/{method}-seed*/evaluations/{dataset}-{part}-test/evaluation.json")
    return {
        file.parts[-4].rsplit("-seed", 1)[1]: json.loads(file.read_text())["evaluation"]["accuracy"]
        for file in files}


def cell(values: list[float]) -> str:
    if not values:
        return "–"
    return f"{statistics.mean(values):.1f}" + (f" ± {statistics.stdev(values):.1f}" if len(values) > 1 else "")


def harmonic(base: float, new: float) -> float:
    return 2 * base * new / (base + new) if base + new else 0


def cells(folder: pathlib.Path, dataset: str, method: str, count: int) -> list[str]:
    base, new = (accuracies(folder, dataset, method, part) for part in ("base", "new"))
    seeds = sorted(base if method in BASE_ONLY else base.keys() & new.keys())
    base, new = [base[seed] for seed in seeds], [new[seed] for seed in seeds if seed in new]
    if not seeds:
        return ["", "", ""]
    note = "" if len(seeds) == count or method in SEEDLESS else f" ({len(seeds)} of {count} seeds)"
    if method in BASE_ONLY:
        return [cell(base) + note, "–", "–"]
    return [cell(base) + note, cell(new), f"{harmonic(statistics.mean(base), statistics.mean(new)):.1f}"]


def table(output: pathlib.Path, datasets: list[str], count: int) -> str:
    published = json.loads(PUBLISHED.read_text())["baseToNew"]
    lines = ["| dataset | method | tiny-clip: base | new | H | small ViT: base | new | H | published, ViT-B/16 |",
             "|---|---|---:|---:|---:|---:|---:|---:|---:|"]
    for dataset in datasets:
        for method in TEXTS + IMAGES:
            mine = cells(output / "tiny-clip", NAMES[dataset], method, count)
            small = cells(output / "small-vit", NAMES[dataset], method, count)
            if not any(mine + small):
                continue
            paper = published.get(NAMES[dataset], {}).get(KEYS.get(method, method))
            known = "{base:.1f} / {new:.1f} / {h:.1f}".format(**paper) if paper else ""
            lines.append("| " + " | ".join([NAMES[dataset], method, *mine, *small, known]) + " |")
    return "\n".join(lines).replace("|  |", "| |").replace("|  |", "| |")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--vit", type=pathlib.Path, help="what make_small_vit.py has written")
    parser.add_argument("--output", type=pathlib.Path, required=True)
    parser.add_argument("--datasets", default="openclipart,caltech-101")
    parser.add_argument("--methods", help="of TEXTS and IMAGES, with commas between them")
    parser.add_argument("--seeds", default="1,2,3")
    parser.add_argument("--plan", action="store_true", help="print what there is to do")
    parser.add_argument("--no-runs", action="store_true", help="print the table of what is done")
    options = parser.parse_args()
    datasets, output = options.datasets.split(","), options.output.resolve()
    wanted = set(options.methods.split(",")) if options.methods else set(TEXTS + IMAGES)
    assert wanted <= set(TEXTS + IMAGES), f"unknown: {wanted - set(TEXTS + IMAGES)}"
    models = [("tiny-clip", "tiny-clip", TEXTS)]
    if options.vit:
        models.append(("small-vit", options.vit.resolve(), TEXTS + IMAGES))
    if not options.no_runs:
        for name, model, methods in models:
            methods = [method for method in methods if method in wanted]
            for dataset in datasets if methods else []:
                run(model, [dataset], methods, output / name, options.seeds, ["--plan"] if options.plan else [])
    if not options.plan:
        print(table(output, datasets, len(options.seeds.split(","))))


if __name__ == "__main__":
    main()
