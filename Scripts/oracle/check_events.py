"""Reads what the tool writes for TensorBoard with TensorBoard's own reader, and compares it with the run's other files.

Trainings of tiny-clip: one that runs through, and the same one killed and gone on with in three ways: with torn lines at the
end of its files, from the middle of an epoch, and from a checkpoint that many recorded steps are ahead of. Then the test
figures of `evaluate`, given twice. Each step must be there once, with the numbers of `steps.jsonl` and of the training that ran
through, and the grid of views must be a PNG that Pillow opens.
"""

import io
import json
import os
import pathlib
import re
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
    "train", "--data", "openclipart", "--classes", "base", "--method", "coop", "--shots", "8", "--epochs", "12", "--batch-size", "4",
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
    return scalars


def kill(run, after, *more):
    """Begins a training, kills it once it has recorded so many steps, and returns how many it has."""
    killed = subprocess.Popen([TOOL, *TRAIN, "--output", run.name, *more], cwd=run.parent, stderr=subprocess.DEVNULL)
    log = run / "steps.jsonl"
    while not log.exists() or len(log.read_text().splitlines()) < after:
        assert killed.poll() is None, "the training ended before it could be killed"
        time.sleep(0.002)
    os.kill(killed.pid, signal.SIGKILL)
    killed.wait()
    return len(log.read_text().splitlines())


def resume(run, whole, steps):
    """Goes on with a training and compares it with the one that ran through.

    Returns where it went on, as finished epochs, steps of the next one, and steps of an epoch. From its first checkpoint a
    training begins again, and its log does so too."""
    cocoop(*TRAIN, "--output", run.name, "--resume", cwd=run.parent)
    scalars = check(run, steps)
    for tag in ["loss", "accuracy", "learning-rate"]:
        assert scalars[f"training/{tag}"] == whole[f"training/{tag}"], f"{run.name}: {tag} of a training without a break"
    log = (run / "log.txt").read_text()
    found = re.search(r"goes on after epoch (\d+), step (\d+) of (\d+)", log)
    assert found or log.count(" epochs of ") == 2, log
    return tuple(map(int, found.groups())) if found else (0, 0, steps // 12)


def main():
    with tempfile.TemporaryDirectory() as folder:
        place = pathlib.Path(folder)
        images = json.loads(cocoop(*TRAIN, "--output", "whole", "--json", cwd=place))["images"]
        steps = 12 * (images // 4)
        whole = check(place / "whole", steps)

        # What a process leaves that dies within a line and within a record.
        torn = place / "torn"
        done = kill(torn, steps // 3)
        with (torn / "steps.jsonl").open("a") as file:
            file.write('{"accuracy":5')
        with sorted(torn.glob("events.out.tfevents.*"))[-1].open("ab") as file:
            file.write(bytes(range(13)))
        resume(torn, whole, steps)
        print(f"killed after {done} of {steps} steps, with torn files: TensorBoard reads each step once")

        within = place / "within"
        done = kill(within, steps // 2 + 9, "--checkpoint-every", "3")
        epochs, step, length = resume(within, whole, steps)
        assert 0 < step < length, f"went on after step {step} of {length}"
        print(f"gone on with after step {step} of {length} of epoch {epochs + 1}: TensorBoard reads each step once")

        ahead = place / "ahead"
        length = steps // 12
        done = kill(ahead, 5 * length + length // 2, "--checkpoint-every", "1000000")
        events = sum(len(curve) for tag, curve in read(ahead)[0].items() if tag == "training/loss")
        epochs, step, _ = resume(ahead, whole, steps)
        assert epochs * length + step < min(done, events), f"nothing was rolled back from {done} steps, {events} events"
        print(f"rolled back from step {events} to {epochs * length + step}: TensorBoard reads each step once")

        for _ in range(2):
            report = json.loads(cocoop("evaluate", "--run", "torn", "--json", cwd=place))
        scalars = check(torn, steps)
        name = "openclipart-base-test"
        for tag, key in {"accuracy": "accuracy", "top-5": "top5", "macro-f1": "macroF1", "ece": "ece"}.items():
            ((step, value),) = scalars[f"{name}/{tag}"]
            assert step == steps and abs(value - report[key]) < 1e-4, (tag, step, value, report[key])
        print("an evaluation, made twice, is read once")


if __name__ == "__main__":
    sys.exit(main())
