"""Reads what the tool writes for TensorBoard with TensorBoard's own reader, and compares it with the run's other files.

Three trainings of tiny-clip: one that runs through, the same one killed after some steps and gone on with, and the test
figures of `evaluate`, given twice. Each step must be there once, with the numbers of `steps.jsonl`, and the grid of
views must be a PNG that Pillow opens.
"""

import io
import json
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import time

import PIL.Image
from tensorboard.backend.event_processing import event_accumulator, event_multiplexer  # noqa: F401

ROOT = pathlib.Path(__file__).resolve().parents[2]
TOOL = ROOT / ".build/release/cocoop"
TRAIN = [
    "train", "--data", "openclipart", "--method", "coop", "--shots", "8", "--epochs", "12", "--batch-size", "4",
    "--image-views", "1", "--seed", "3", "--threads", "1",
]
TAGS = {
    "loss": "loss", "accuracy": "accuracy", "learning-rate": "learningRate", "images-per-second": "imagesPerSecond",
}


def cocoop(*arguments, **options):
    return subprocess.run([TOOL, *arguments], check=True, capture_output=True, text=True, **options).stdout


def read(run):
    """The folder's scalars by tag as (step, value), and its images, as TensorBoard shows them."""
    accumulator = event_accumulator.EventAccumulator(str(run), size_guidance={"scalars": 0, "images": 0, "tensors": 0})
    accumulator.Reload()
    tags = accumulator.Tags()
    scalars = {tag: [(event.step, event.value) for event in accumulator.Scalars(tag)] for tag in tags["scalars"]}
    images = {tag: accumulator.Images(tag) for tag in tags["images"]}
    return scalars, images


def check(run, steps):
    """Compares the curves with `steps.jsonl`, and returns them."""
    lines = [json.loads(line) for line in (run / "steps.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines] == list(range(1, steps + 1)), "steps.jsonl has each step once"
    scalars, images = read(run)
    for tag, key in TAGS.items():
        curve = scalars[f"training/{tag}"]
        assert [step for step, _ in curve] == list(range(1, steps + 1)), f"{tag}: {[step for step, _ in curve]}"
        for (_, value), line in zip(curve, lines, strict=True):
            assert abs(value - line[key]) <= 1e-6 * max(1, abs(line[key])), (tag, value, line)
    (grid,) = images["training/views"]
    picture = PIL.Image.open(io.BytesIO(grid.encoded_image_string))
    assert picture.format == "PNG" and picture.size == (grid.width, grid.height) and picture.size == (4 * 112, 4 * 112)
    return [line["loss"] for line in lines], scalars


def main():
    with tempfile.TemporaryDirectory() as folder:
        place = pathlib.Path(folder)
        cocoop(*TRAIN, "--output", "whole", cwd=place)
        images = json.loads(cocoop(*TRAIN, "--output", "again", "--json", cwd=place))["images"]
        steps = 12 * (images // 4)
        losses, _ = check(place / "whole", steps)

        killed = subprocess.Popen([TOOL, *TRAIN, "--output", "killed"], cwd=place, stderr=subprocess.DEVNULL)
        log = place / "killed/steps.jsonl"
        while not log.exists() or len(log.read_text().splitlines()) < steps // 3:
            assert killed.poll() is None, "the training ended before it could be killed"
            time.sleep(0.005)
        os.kill(killed.pid, signal.SIGKILL)
        killed.wait()
        done = len(log.read_text().splitlines())
        # What a process leaves that dies within a line and within a record.
        with log.open("a") as torn:
            torn.write('{"accuracy":5')
        events = sorted((place / "killed").glob("events.out.tfevents.*"))[-1]
        with events.open("ab") as torn:
            torn.write(bytes(range(13)))
        cocoop(*TRAIN, "--output", "killed", "--resume", cwd=place)
        resumed, _ = check(place / "killed", steps)
        assert resumed == losses, "a resumed training has the same losses"

        for _ in range(2):
            report = json.loads(cocoop("evaluate", "--run", "killed", "--json", cwd=place))
        _, scalars = check(place / "killed", steps)
        name = "openclipart-base-test"
        for tag, key in {"accuracy": "accuracy", "top-5": "top5", "macro-f1": "macroF1", "ece": "ece"}.items():
            ((step, value),) = scalars[f"{name}/{tag}"]
            assert step == steps and abs(value - report[key]) < 1e-4, (tag, step, value, report[key])
        print(f"TensorBoard reads {steps} steps of each curve once, killed after {done} of them and gone on with")


if __name__ == "__main__":
    sys.exit(main())
