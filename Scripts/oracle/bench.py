"""Measures this package beside CoCoOp in PyTorch and writes the figures into docs/performance.md and docs/growth.svg.

    make bench              everything, about ten minutes
    python bench.py --skip-growth

Both sides take turns on the same machine, libtorch version, threads and class names; nothing else should run meanwhile.
"""

import argparse
import json
import os
import pathlib
import platform
import re
import subprocess
import sys
import tempfile

import torch

import growth_plot
import protocol

COCOOP = protocol.ROOT / ".build/release/cocoop"
DOCUMENT = protocol.ROOT / "docs/performance.md"
PLOT = protocol.ROOT / "docs/growth.svg"
PHOTO = protocol.EMBEDDED / "openclipart/images/bird/000.jpg"
BEGIN, END = "<!-- figures by make bench: begin -->", "<!-- figures by make bench: end -->"
CLASSES = [10, 20, 50, 100, 200, 500, 1000]
IMAGES = [1, 2, 4, 8, 16, 32]


def caltech_names() -> list[str]:
    source = (protocol.ROOT / "Sources/cocoop/Benchmark/BenchmarkNames.swift").read_text()
    return [name.replace("_", " ") for name in re.findall(r'"(\w+)"', source)]


def many_names() -> tuple[list[str], str]:
    """A thousand names: ImageNet's where its list is at hand, else pairs of Caltech101's."""
    listed = protocol.SHARED / "splits/imagenet_classnames.recovered.txt"
    if listed.exists():
        names = [line.split(" ", 1)[1] for line in listed.read_text().splitlines()]
        return list(dict.fromkeys(names)), "ImageNet"
    names = caltech_names()
    return [f"{a} and {b}" for a in names[:32] for b in names[32:64]][:1000], "pairs of Caltech101's"


def ours(*arguments: str, threads: int) -> dict:
    command = [COCOOP, "benchmark", "--json", "--quiet", "--device", "cpu", "--threads", str(threads), *arguments]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def theirs(names_file: pathlib.Path, classes: list[int], threads: int) -> list[dict]:
    script = pathlib.Path(__file__).parent / "benchmark_steps.py"
    command = [sys.executable, script, "--threads", str(threads), "--names", names_file, "--photo", PHOTO]
    command += ["--classes", *map(str, classes)]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)["results"]


def processor() -> str:
    for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines() if os.path.exists("/proc/cpuinfo") else []:
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.processor()


def row(*cells) -> str:
    return "| " + " | ".join(str(cell) for cell in cells) + " |"


def milliseconds(seconds: float) -> str:
    return f"{1000 * seconds:,.1f}" if seconds < 0.1 else f"{1000 * seconds:,.0f}"


def comparison(threads: int) -> list[str]:
    with tempfile.TemporaryDirectory() as folder:
        names_file = pathlib.Path(folder) / "names.txt"
        names_file.write_text("\n".join(caltech_names()))
        reference = {(r["backbone"], r["classes"]): r for r in theirs(names_file, [50, 100], threads)}
    lines = [
        row("model, classes", "figure", "PyTorch", "this package", "ratio"),
        row("---", "---", "---:", "---:", "---:"),
    ]
    limits = []
    for backbone in ("tiny-clip", "ViT-B/16"):
        for classes in (50, 100):
            mine = ours("--backbone", backbone, "--classes", str(classes), threads=threads)
            batch = ours("--backbone", backbone, "--classes", "2", "--images", "16", threads=threads)
            other = reference[backbone, classes]
            pairs = [
                ("text training step, one image", "textTrainStepSeconds", mine),
                ("text forward, one image", "textForwardSeconds", mine),
                ("whole training step with a fresh photo", "trainStepSeconds", mine),
            ]
            if classes == 50:
                pairs.append(("image forward, one image", "imageForwardSeconds", mine))
                mine["imageForward16Seconds"] = batch["imageForwardSeconds"]
                pairs.append(("image forward, 16 images", "imageForward16Seconds", mine))
                limits.append((backbone, mine))
            for title, key, values in pairs:
                ratio = other[key] / values[key]
                lines.append(
                    row(
                        f"{backbone}, {classes}",
                        title,
                        f"{milliseconds(other[key])} ms",
                        f"{milliseconds(values[key])} ms",
                        f"{ratio:.1f}",
                    )
                )
    lines += [
        "",
        row(
            "model, 50 classes", "text step, GFLOP/s", "matrix product", "share", "evaluation, images/s",
            "features at hand", "start to prediction", "peak memory", "of it the step",
        ),
        row("---", "---:", "---:", "---:", "---:", "---:", "---:", "---:", "---:"),
    ]
    for backbone, figures in limits:
        lines.append(
            row(
                backbone,
                f"{figures['textTrainGFLOPS']:.0f}",
                f"{figures['gemmPeakGFLOPS']:.0f}",
                f"{figures['rooflineFraction']:.2f}",
                f"{figures['evaluationImagesPerSecond']:.1f}",
                f"{figures['cachedEvaluationImagesPerSecond']:.0f}",
                f"{milliseconds(figures['startToPredictionSeconds'])} ms",
                f"{figures['peakMemoryMiB']:,.0f} MiB",
                f"{figures['textTrainMemoryMiB']:,.0f} MiB",
            )
        )
    return lines


def growth(threads: int) -> list[str]:
    names, source = many_names()
    series = {}
    with tempfile.TemporaryDirectory() as folder:

        def step(classes: int, images: int, threads: int) -> dict:
            file = pathlib.Path(folder) / "names.txt"
            file.write_text("\n".join(names[:classes]))
            return ours(
                "--backbone", "ViT-B/16", "--classes-file", str(file), "--images", str(images), "--text-only",
                threads=threads,
            )

        counts = [min(count, len(names)) for count in CLASSES]
        series["classes"] = [(count, step(count, 1, threads)) for count in counts]
        series["images"] = [(count, step(50, count, threads)) for count in IMAGES]
        series["threads"] = [(count, step(50, 1, count)) for count in range(1, threads + 1)]
    PLOT.write_text(growth_plot.svg(series, source))
    lines = []
    for axis, points in series.items():
        fixed = {"classes": "one image", "images": "50 classes", "threads": "50 classes, one image"}[axis]
        lines += [
            "",
            row(f"{axis} ({fixed})", "trie nodes", "text step", "text forward", "memory of the step"),
            row("---:", "---:", "---:", "---:", "---:"),
        ]
        lines += [
            row(
                count,
                f"{figures['trieNodes']:,}",
                f"{milliseconds(figures['textTrainStepSeconds'])} ms",
                f"{milliseconds(figures['textForwardSeconds'])} ms",
                f"{figures['textTrainMemoryMiB']:,.0f} MiB",
            )
            for count, figures in points
        ]
    return [f"Class names for the growth: {source}.", *lines]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--skip-growth", action="store_true")
    options = parser.parse_args()
    settings = (
        f"{processor()}, {options.threads} threads, float32, torch {torch.__version__}, medians; load before "
        f"{os.getloadavg()[0]:.1f}."
    )
    lines = [settings, "", *comparison(options.threads)]
    if not options.skip_growth:
        lines += ["", *growth(options.threads)]
    text = DOCUMENT.read_text()
    start, end = text.index(BEGIN) + len(BEGIN), text.index(END)
    DOCUMENT.write_text(text[:start] + "\n" + "\n".join(lines) + "\n" + text[end:])
    print("\n".join(lines))


if __name__ == "__main__":
    main()
