"""Seconds of processor time and memory to load a ViT-L/14 of random float16 weights, form by form, here and in the
library of the form.

    python benchmark_loading.py [--runs 3]

Ours is a process of `cocoop predict` from its start to its answer on one photo, less the same process with tiny-clip in
place of the checkpoint and less what one more photo costs; the library's is its loading call alone, with all imports
done before. Both read from the page cache on one thread, and processor time is compared, so that other work on the
machine counts little. Memory is the peak resident set of the whole process. Prints the table of docs/performance.md.
"""

import argparse
import pathlib
import statistics
import subprocess
import sys
import tempfile

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
import sys, time, logging; logging.disable(logging.WARNING)
import torch, torchvision_names; torch.set_num_threads(1)
{loading}
start = time.process_time()
load(sys.argv[1])
seconds = time.process_time() - start
peak = next(line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM"))
print(seconds, int(peak) / 1024)
"""
# A process inherits the peak of the one that started it, so a small one stands between this script and the tool.
LAUNCH = """
import resource, subprocess, sys
subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL)
usage = resource.getrusage(resource.RUSAGE_CHILDREN)
print(usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)
"""


def measured(*arguments) -> tuple[float, float]:
    """Seconds and MiB, the last two words that a Python process prints."""
    output = subprocess.run(
        [sys.executable, "-c", *arguments], capture_output=True, text=True, cwd=pathlib.Path(__file__).parent
    )
    assert output.returncode == 0, output.stderr
    seconds, memory = output.stdout.split()[-2:]
    return float(seconds), float(memory)


def theirs(kind: str, checkpoint: pathlib.Path) -> tuple[float, float]:
    return measured(MEASURE.format(loading=LOADING[kind]), checkpoint)


def predicting(checkpoint, photos: int) -> tuple[float, float]:
    arguments = ["--model", checkpoint, "--classes", "bird,clock", "--threads", "1", *[PHOTO] * photos]
    return measured(LAUNCH, forms.TOOL, "predict", *arguments)


def ours(checkpoint: pathlib.Path) -> tuple[float, float]:
    seconds, memory = predicting(checkpoint, 1)
    photo = predicting(checkpoint, 2)[0] - seconds
    return seconds - photo - predicting("tiny-clip", 1)[0], memory


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
            model.half()
            yield f"{library}, {form}", kind, saving[form](target), elements
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
