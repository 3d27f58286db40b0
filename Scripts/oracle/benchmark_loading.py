"""Seconds and memory to load a ViT-L/14 of random float16 weights, form by form, here and in the library of the form.

    python benchmark_loading.py [--runs 3]

Ours is the whole process of `cocoop predict` on one photo, from its start to the answer; the library's seconds are those
of its loading call alone, with all imports done before. Both read from the page cache, on as many threads as they
choose. Memory is the peak resident set of each process. Prints the table of docs/performance.md.
"""

import argparse
import os
import pathlib
import resource
import statistics
import subprocess
import sys
import tempfile
import time

import check_checkpoints as forms

PHOTO = forms.ROOT / "Sources/Embedded/Resources/openclipart/images/bird/000.jpg"
LOADING = {
    "open_clip": "import open_clip; load = lambda p: open_clip.create_model(f'local-dir:{p}', precision='fp32')",
    "file": "import open_clip; load = lambda p: open_clip.create_model('ViT-L-14-quickgelu', pretrained=p)",
    "TorchScript": "import open_clip.openai; load = lambda p: open_clip.openai.load_openai_model(p, precision='fp32')",
    "transformers": "import torch, transformers; "
    "load = lambda p: transformers.CLIPModel.from_pretrained(p, dtype=torch.float32)",
}
MEASURE = """
import sys, time, resource, logging; logging.disable(logging.WARNING)
import torchvision_names
{loading}
start = time.perf_counter()
load(sys.argv[1])
print(time.perf_counter() - start, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
"""


def theirs(kind: str, checkpoint: pathlib.Path) -> tuple[float, float]:
    """Seconds and MiB."""
    code = MEASURE.format(loading=LOADING[kind])
    output = subprocess.run(
        [sys.executable, "-c", code, checkpoint], capture_output=True, text=True, cwd=pathlib.Path(__file__).parent
    )
    assert output.returncode == 0, output.stderr
    seconds, memory = output.stdout.split()[-2:]
    return float(seconds), float(memory)


def ours(checkpoint: pathlib.Path) -> tuple[float, float]:
    """Seconds and MiB."""
    command = [forms.TOOL, "predict", "--model", checkpoint, "--classes", "bird,clock", PHOTO]
    start = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    assert status == 0, checkpoint
    return time.perf_counter() - start, usage.ru_maxrss / 1024


def checkpoints(folder: pathlib.Path):
    """Form, the library's way to load it, and where it lies; each is gone when the next one is asked for."""
    for library, name, chosen in [
        ("open_clip", "ViT-L-14-quickgelu", {"safetensors": "open_clip", "bin": "open_clip"}),
        ("transformers", "ViT-L-14", {"model.safetensors": "transformers", "shards": "transformers"}),
        ("openai", "ViT-L-14", {"state dict": "file", "TorchScript": "TorchScript"}),
    ]:
        model, _, saving = forms.MAKERS[library](name)
        elements = sum(p.numel() for p in model.parameters())
        for form, kind in chosen.items():
            target = folder / "checkpoint"
            target.mkdir()
            yield f"{library}, {form}", kind, saving[form](model.half(), target), elements
            subprocess.run(["rm", "-r", target], check=True)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--runs", type=int, default=3)
    runs = parser.parse_args().runs
    print("| form | this package | MiB | of float32 | the library | MiB |\n|---|---:|---:|---:|---:|---:|")
    with tempfile.TemporaryDirectory(prefix="loading-") as folder:
        for form, kind, checkpoint, elements in checkpoints(pathlib.Path(folder)):
            pairs = [(ours(checkpoint), theirs(kind, checkpoint)) for _ in range(runs)]
            seconds, memory = (statistics.median(run[0][i] for run in pairs) for i in (0, 1))
            their_seconds, their_memory = (statistics.median(run[1][i] for run in pairs) for i in (0, 1))
            share = memory * 2**20 / (4 * elements)
            print(
                f"| {form} | {seconds:.1f} s | {memory:,.0f} | {share:.2f} | {their_seconds:.1f} s |"
                f" {their_memory:,.0f} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
