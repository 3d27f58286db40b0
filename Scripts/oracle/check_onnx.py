"""Checks what `cocoop export` writes: python Scripts/oracle/check_onnx.py [--models …] [--methods …] [--speed] [--record]

Trains each method for a moment with the built tool, exports it, and asks onnxruntime. Photos are prepared with Pillow as
preprocessing.json says, by a program that knows nothing else of the package. For every model and method

* onnx.checker passes, also its full check, which infers all shapes;
* probabilities are within 1e-5 of `cocoop predict`'s, on 100 photos;
* batches of 1, 3 and 8 photos give the same rows;
* for zero-shot and CoCoOp, weights in a file of their own give the same answers, and 16 bits nearly the same;
* no operator is used but those of OPERATORS.

With --speed, images a second of both, in turns, at batches of 1 and 8. Larger towers have random weights (open_clip,
seed 1), with the statistics of batch normalisation drawn too. `--models architectures` takes the small models of
record_architectures.py, which have one architectural option each. A CoCoOp run of tiny-clip is also asked for 400
classes, whose trie gathers ancestors. --record writes the structures of the graphs that were checked into
Tests/ExportTests/Fixtures/structures.json.
"""
import argparse
import hashlib
import json
import math
import os
import pathlib
import subprocess
import tempfile
import time

import numpy
import onnx
import onnxruntime
import safetensors.torch
import torch
from PIL import Image, ImageOps

import torchvision_names  # noqa: F401  before open_clip
import open_clip
from protocol import EMBEDDED, ROOT
from record_architectures import OPEN_CLIP, build

TOOL = ROOT / ".build/release/cocoop"
METHODS = ["zero-shot", "zero-shot-ensemble", "coop", "cocoop", "kgcoop", "linear-probe", "prograd", "tip-adapter", "tip-adapter-f", "tcp"]
# The methods whose graphs differ: class features that are the same for every image, and prompts conditioned on it.
STRUCTURES = ["zero-shot", "cocoop"]
PHOTOS = 100
TOLERANCE, TOLERANCE_OF_HALF, TOLERANCE_OF_BATCHES = 1e-5, 0.05, 1e-5
# A probe of a random tower has weights of length 138, which multiply all roundings: for ViT-B/32 `predict` is 8.7e-6 from
# what PyTorch computes in 64 bits and onnxruntime 9.3e-6, on two sides (8 drawings).
TOLERANCE_OF_RANDOM_PROBE = 3e-5
OPERATORS = set("""Add AveragePool Cast Clip Concat Conv Div Erf Exp Gather Identity LayerNormalization MatMul Mul Pad ReduceL2
    ReduceMean ReduceSum Relu Reshape Sigmoid Softmax Split Squeeze Sub Transpose Unsqueeze""".split())


# A cache of features for each model.
CACHE = None


def cocoop(*arguments):
    environment = os.environ | ({"XDG_CACHE_HOME": str(CACHE)} if CACHE else {})
    result = subprocess.run([TOOL, *map(str, arguments)], capture_output=True, text=True, env=environment)
    assert result.returncode == 0, result.stderr
    return result.stdout


def prepared(path, how):
    """One photo as `pixels` [3, H, W], by preprocessing.json alone."""
    image = ImageOps.exif_transpose(Image.open(path)).convert(how["colours"])
    size, (width, height) = how["size"], image.size
    ratio = {"shortest": size / min(width, height), "longest": size / max(width, height)}.get(how["resize"])
    if how["resize"] == "squash":
        edges = (size, size)
    elif how["resize"] == "shortest":
        edges = tuple(size if edge == min(width, height) else size * edge // min(width, height) for edge in image.size)
    else:
        edges = tuple(round(edge * ratio) for edge in image.size)
    image = image.resize(edges, getattr(Image.Resampling, how["interpolation"].upper()))
    # Halves are rounded to even where something is cut off, and down where black is added.
    left, top = (round((edge - size) / 2) if edge >= size else -((size - edge) // 2) for edge in edges)
    image = image.crop((left, top, left + size, top + size))  # outside of the picture Pillow crops black
    pixels = numpy.asarray(image, numpy.float32) * numpy.float32(how["scale"])
    return ((pixels - numpy.float32(how["mean"])) / numpy.float32(how["std"])).transpose(2, 0, 1)


def session(folder, threads=0):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(folder / "model.onnx", options, providers=["CPUExecutionProvider"])


@torch.no_grad()
def draw_statistics(model):
    model.logit_scale.fill_(math.log(100))
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.weight.uniform_(0.5, 1)
            module.bias.normal_(std=0.1)
            module.running_mean.normal_(std=0.1)
            module.running_var.uniform_(0.5, 1.5)


def random_checkpoint(name, place):
    """A checkpoint of open_clip's with random weights: with CLIP's scale, and with statistics that have something to fold."""
    torch.manual_seed(1)
    model = open_clip.create_model(name.replace("/", "-"), pretrained=None, force_quick_gelu=True)
    draw_statistics(model)
    file = place / (name.replace("/", "-") + ".pt")
    torch.save(model.state_dict(), file)
    return file


def architecture(name, place):
    """A small model of record_architectures.py as open_clip's folder, with random weights."""
    torch.manual_seed(1)
    configuration = OPEN_CLIP[name]
    model = build(dict(configuration))
    draw_statistics(model)
    folder = place / name
    folder.mkdir()
    whole = {"model_cfg": configuration, "preprocess_cfg": {"mean": [0.5] * 3, "std": [0.25] * 3, "interpolation": "bilinear",
                                                            "resize_mode": "squash" if "lite" in name else "longest"}}
    (folder / "open_clip_config.json").write_text(json.dumps(whole))
    safetensors.torch.save_file({k: v.contiguous() for k, v in model.state_dict().items()}, folder / "open_clip_model.safetensors")
    return folder


def photos(count):
    split = json.loads((EMBEDDED / "openclipart/split_openclipart.json").read_text())["test"]
    step = max(1, len(split) // count)
    return [EMBEDDED / "openclipart/images" / path for path, _, _ in split[::step]][:count]


def structure(folder):
    """What ExportTests compare: the operators, and a digest of all nodes with their edges and all constants without their values."""
    graph = onnx.load(folder / "model.onnx", load_external_data=False).graph
    lines = [f"{node.op_type} {' '.join(node.input)} -> {' '.join(node.output)}\n" for node in graph.node]
    lines += [f"{tensor.name} {tensor.data_type} {list(tensor.dims)}\n" for tensor in graph.initializer]
    operators = [node.op_type for node in graph.node]
    return {"operators": {name: operators.count(name) for name in sorted(set(operators))},
            "digest": hashlib.sha256("".join(lines).encode()).hexdigest()}


def check(model, model_path, method, place, speed, other_classes=None):
    """Checks a method's run, over other classes than its own where they are given; returns the structures of its graphs."""
    run, exported = place / "run", place / "exported"
    classes = []
    if other_classes:
        (place / "classes.txt").write_text("".join(f"{name}\n" for name in other_classes))
        classes = ["--classes-file", place / "classes.txt"]
    training = ["--epochs", 1, "--image-views", 1] if method not in ("zero-shot", "zero-shot-ensemble", "linear-probe", "tip-adapter") else []
    cocoop("train", "openclipart", "--model", model_path, "--method", method, "--shots", 1, "--output", run, "--no-test", "--quiet",
           "--force", *training)
    summary = json.loads(cocoop("export", "--run", run, "--output", exported, "--force", "--json", *classes))
    onnx.checker.check_model(exported / "model.onnx", full_check=True)
    assert set(summary["operators"]) <= OPERATORS, set(summary["operators"]) - OPERATORS

    labels = (exported / "labels.txt").read_text().splitlines()
    how = json.loads((exported / "preprocessing.json").read_text())
    files = photos(PHOTOS)
    pixels = numpy.stack([prepared(file, how) for file in files])
    ours = json.loads(cocoop("predict", "--run", run, "--top", len(labels), "--json", "--quiet", *classes, *files))
    expected = numpy.array([[{c["class"]: c["probability"] for c in entry["top"]}[label] for label in labels] for entry in ours])

    def probabilities(folder, batch=8):
        runtime = session(folder)
        return numpy.concatenate([runtime.run(["probabilities"], {"pixels": pixels[i:i + batch]})[0] for i in range(0, len(pixels), batch)])

    found = probabilities(exported)
    difference = numpy.abs(found - expected).max()
    batches = max(numpy.abs(probabilities(exported, batch)[:24] - found[:24]).max() for batch in (1, 3))
    print(f"{model} {method}: probabilities differ by {difference:.1e} on {len(files)} photos, batches by {batches:.1e}; "
          f"{summary['files']['model.onnx'] / 1e6:.1f} MB, {len(labels)} classes, largest probability {expected.max():.2f}", flush=True)
    is_random_probe = method == "linear-probe" and model != "tiny-clip"
    assert difference <= (TOLERANCE_OF_RANDOM_PROBE if is_random_probe else TOLERANCE) and batches <= TOLERANCE_OF_BATCHES
    if method not in STRUCTURES:  # the others have the same towers
        return {}

    apart, half = place / "apart", place / "half"
    cocoop("export", "--run", run, "--output", apart, "--force", "--external-data", *classes)
    onnx.checker.check_model(apart / "model.onnx", full_check=True)
    assert (apart / "model.onnx.data").stat().st_size > 0.9 * summary["files"]["model.onnx"]
    assert (probabilities(apart) == found).all()
    small = json.loads(cocoop("export", "--run", run, "--output", half, "--force", "--precision", "float16", "--json", *classes))
    onnx.checker.check_model(half / "model.onnx", full_check=True)
    halved = probabilities(half)
    difference, same = numpy.abs(halved - expected).max(), (halved.argmax(1) == expected.argmax(1)).mean()
    print(f"{model} {method}, 16 bits: probabilities differ by {difference:.1e}, the first class is the same for {100 * same:.0f} %; "
          f"{small['files']['model.onnx'] / 1e6:.1f} MB", flush=True)
    assert difference <= TOLERANCE_OF_HALF
    if speed:
        measure(model, method, exported, half, pixels, exported / "labels.txt")
    return {"float32": structure(exported), "float16": structure(half)}


def measure(model, method, exported, half, pixels, labels):
    """Images a second of both, on one thread, so that others on the machine disturb both alike."""
    threads = 1
    runtimes = {"onnxruntime": session(exported, threads), "onnxruntime 16 bits": session(half, threads)}
    for batch in (1, 8):
        figures = json.loads(cocoop("benchmark", "--backbone", model, "--classes-file", labels, "--images", batch, "--threads", threads, "--json"))
        seconds = {"cocoop": figures["imageForwardSeconds"] + (figures["textForwardSeconds"] if method == "cocoop" else 0)}
        feed = {"pixels": numpy.resize(pixels, (batch, *pixels.shape[1:]))}
        for name, runtime in runtimes.items():
            times = []
            for _ in range(9):
                start = time.perf_counter()
                runtime.run(["probabilities"], feed)
                times.append(time.perf_counter() - start)
            seconds[name] = sorted(times[2:])[3]
        rates = ", ".join(f"{name} {batch / s:.1f}" for name, s in seconds.items())
        print(f"{model} {method}, batch {batch}, one thread: images/s {rates}; onnxruntime / cocoop "
              f"{seconds['cocoop'] / seconds['onnxruntime']:.2f}", flush=True)


def record(structures):
    file = ROOT / "Tests/ExportTests/Fixtures/structures.json"
    known = json.loads(file.read_text()) if file.exists() else {}
    file.write_text(json.dumps(known | structures, indent=1, sort_keys=True) + "\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--models", default="tiny-clip,ViT-B/32,RN50,architectures")
    parser.add_argument("--methods", default=",".join(METHODS))
    parser.add_argument("--speed", action="store_true")
    parser.add_argument("--record", action="store_true")
    arguments = parser.parse_args()
    print(f"onnx {onnx.__version__}, onnxruntime {onnxruntime.__version__}")
    global CACHE
    for model in arguments.models.replace("architectures", ",".join(OPEN_CLIP)).split(","):
        with tempfile.TemporaryDirectory() as place:
            place = pathlib.Path(place)
            CACHE = place / "cache"
            make = architecture if model in OPEN_CLIP else random_checkpoint
            path = model if model == "tiny-clip" else make(model, place)
            for method in STRUCTURES if model in OPEN_CLIP else arguments.methods.split(","):
                found = check(model, path, method, place, arguments.speed)
                if arguments.record and model not in OPEN_CLIP:
                    record({f"{model} {method} {precision}": value for precision, value in found.items()})
                if method == "cocoop" and model == "tiny-clip":
                    check(model, path, method, place, False, [f"thing {number}" for number in range(400)])


if __name__ == "__main__":
    main()
