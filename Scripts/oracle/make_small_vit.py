"""Makes a small CLIP whose image tower is a vision transformer, for methods with prompts in it. It is kept nowhere.

    python make_small_vit.py --output small-vit [--steps 0] [--photos 16]

The text tower and the scale are the bundled CLIP's. The image tower answers as the bundled CLIP's does as far as it can,
from training photos of Caltech101 and of the bundled drawings without their labels; no test photo is read.

First without any training: principal components of squares of photos, whitened, become the patch embedding; blocks are
random; and the projection is the ridge regression of the teacher's features on the class token, both without their
means. Then `--steps` of
distillation, if any. Both towers divide a photo by 32, so each token learns the feature of its own square, and the
class token their mean, which is the image's. One random view of a photo is read by the teacher; the student sees parts
of it, mirrored or not. The folder that is written has open_clip's form, and `recipe.json` in it holds seed, versions and what was reached.
"""

import argparse
import importlib.metadata
import io
import json
import pathlib
import random
import time

import torchvision_names  # noqa: F401  before open_clip, which imports torchvision
import onnxruntime
import open_clip
import safetensors.torch
import torch
from torch.nn import functional
from torchvision import transforms
from torchvision.transforms import InterpolationMode

import fixture
import protocol
import reference

SEED, BATCH, RATE, WARM_UP, DECAY = 1, 64, 1e-3, 40, 0.05
SHRINKAGE, RIDGE = 0.1, 0.01
SIZE, PATCH, MARGIN = 224, 32, 1  # the teacher's view is larger by MARGIN squares
VISION = {"image_size": SIZE, "layers": 4, "width": 192, "head_width": 64, "patch_size": PATCH}
NAME = "open_clip_model.safetensors"


def photos_of(data: str, count: int) -> list[pathlib.Path]:
    """At most `count` training photos of each class: the labels decide how many, and are not used otherwise."""
    split_file, images = protocol.LOCATIONS[data]
    by_class: dict[int, list[pathlib.Path]] = {}
    for photo in protocol.read_split(split_file)["train"]:
        by_class.setdefault(photo.label, []).append(images / photo.path)
    return [path for paths in by_class.values() for path in paths[:count]]


def views(paths: list[pathlib.Path]) -> torch.Tensor:
    """One random view of each photo, in bytes: [photos, 3, S, S]."""
    side = SIZE + MARGIN * PATCH
    transform = transforms.Compose([
        transforms.RandomResizedCrop(side, scale=(0.4, 1), interpolation=InterpolationMode.BICUBIC),
        transforms.PILToTensor()])
    return torch.stack([transform(protocol.open_rgb(path)) for path in paths])


def normalised(pixels: torch.Tensor, mean, std) -> torch.Tensor:
    return transforms.functional.normalize(pixels.float() / 255, mean, std)


class Trunk(torch.nn.Module):
    """The teacher's convolutions: one vector for each square of 32 pixels."""

    def __init__(self, teacher):
        super().__init__()
        self.trunk = teacher.visual.trunk

    def forward(self, pixels):
        return self.trunk.forward_features(pixels)


@torch.inference_mode()
def squares(teacher, pixels: torch.Tensor, mean, std) -> torch.Tensor:
    """What the teacher says of each square: [photos, rows, columns, E]; their mean is the image's.

    onnxruntime computes it in half of torch's time.
    """
    graph = io.BytesIO()
    torch.onnx.export(Trunk(teacher).eval(), normalised(pixels[:2], mean, std), graph, dynamo=False,
                      input_names=["pixels"], dynamic_axes={"pixels": {0: "photos"}})
    settings = onnxruntime.SessionOptions()
    settings.intra_op_num_threads = torch.get_num_threads()
    session = onnxruntime.InferenceSession(graph.getvalue(), settings)
    parts = []
    for batch in pixels.split(32):
        maps = torch.from_numpy(session.run(None, {"pixels": normalised(batch, mean, std).numpy()})[0])
        parts.append(teacher.visual.head(maps.permute(0, 2, 3, 1)).half())
    return torch.cat(parts)


class Student(torch.nn.Module):
    """open_clip's vision transformer, of which every token is read: the image's first, then the squares'."""

    def __init__(self, embedding: int):
        super().__init__()
        self.tower = open_clip.model._build_vision_tower(
            embedding, open_clip.model.CLIPVisionCfg(**VISION), quick_gelu=True)
        self.tower.output_tokens = True

    def forward(self, pixels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        image, tokens = self.tower(pixels)
        return image, tokens @ self.tower.proj


@torch.no_grad()
def begin(student: Student, pixels, targets, mean, std):
    """The values that need no training."""
    tower, generator = student.tower, torch.Generator().manual_seed(SEED)
    tower.class_embedding.zero_()
    tower.positional_embedding.normal_(std=0.1, generator=generator)
    for block in tower.transformer.resblocks:
        for layer in (block.attn.out_proj, block.mlp.c_fc, block.mlp.c_proj):
            layer.weight.normal_(std=layer.weight.shape[1] ** -0.5, generator=generator)
    # Principal components of squares at half their size: [count, 3 · 16 · 16].
    half = functional.avg_pool2d(normalised(pixels[::4], mean, std), 2)
    parts = functional.unfold(half, PATCH // 2, stride=PATCH // 2).transpose(1, 2).flatten(0, 1)
    centred = parts - parts.mean(0)
    values, vectors = torch.linalg.eigh(centred.T @ centred / len(centred))
    values, vectors = values[-VISION["width"]:], vectors[:, -VISION["width"]:]
    rotation = torch.linalg.qr(torch.randn(2 * [VISION["width"]], generator=generator))[0]
    components = rotation @ (vectors / (values + SHRINKAGE * values.mean()).sqrt()).T
    small = components.reshape(VISION["width"], 3, PATCH // 2, PATCH // 2) / 4
    tower.conv1.weight.copy_(small.repeat_interleave(2, 2).repeat_interleave(2, 3))
    # The projection, by ridge regression on each part of each view.
    width = VISION["width"]
    tower.proj.copy_(torch.eye(*tower.proj.shape))
    rows, wanted = [], []
    for corner in ((0, 0), (MARGIN, MARGIN)):
        seen, part_of = cut(pixels, targets, *corner)
        rows += [tower(normalised(batch, mean, std))[0][:, :width] for batch in seen.split(64)]
        wanted.append(part_of.float().mean((1, 2)))
    rows, wanted = torch.cat(rows), torch.cat(wanted)
    tower.ln_post.bias.sub_(rows.mean(0))
    rows -= rows.mean(0)
    gram = rows.T @ rows
    gram += RIDGE * gram.diagonal().mean() * torch.eye(len(gram))
    tower.proj.copy_(torch.linalg.solve(gram, rows.T @ wanted))
    answers = rows @ tower.proj
    explained = 1 - (answers - wanted).var() / wanted.var()
    similar = functional.cosine_similarity(answers, wanted, dim=-1).mean()
    print(f"without training: {explained:.3f} of the variance, cosine {similar:.3f},",
          f"{time.process_time():.0f} s of a processor", flush=True)


def rate(step: int, steps: int) -> float:
    return RATE * min((step + 1) / WARM_UP, 1 - step / steps)


def cut(pixels, targets, row: int, column: int):
    """The same part of views and of their targets, from a square on."""
    count = SIZE // PATCH
    pixels = pixels[:, :, row * PATCH:, column * PATCH:][:, :, :SIZE, :SIZE]
    return pixels, targets[:, row:row + count, column:column + count]


def part(pixels, targets, generator: random.Random):
    """A random part, mirrored or not."""
    pixels, targets = cut(pixels, targets.float(), *(generator.randrange(MARGIN + 1) for _ in range(2)))
    return (pixels.flip(3), targets.flip(2)) if generator.random() < 0.5 else (pixels, targets)


def learn(student: Student, pixels, targets, mean, std, steps: int):
    """Distils for some steps of BATCH photos; returns the last loss, None without any."""
    loss = None
    generator = random.Random(SEED)
    spread = targets.float().var()
    optimizer = torch.optim.AdamW(student.parameters(), lr=RATE, betas=(0.9, 0.98), weight_decay=DECAY)
    student.train()
    order, begun = [], time.perf_counter()
    for step in range(steps):
        if len(order) < BATCH:
            order = torch.randperm(len(pixels)).tolist()
        rows, order = order[:BATCH], order[BATCH:]
        seen, wanted = part(pixels[rows], targets[rows], generator)
        wanted = wanted.flatten(1, 2)
        image, tokens = student(normalised(seen, mean, std))
        similar = functional.cosine_similarity(image, wanted.mean(1), dim=-1).mean()
        loss = functional.mse_loss(tokens, wanted) / spread + 4 * (1 - similar)
        optimizer.param_groups[0]["lr"] = rate(step, steps)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(student.parameters(), 1)
        optimizer.step()
        if step % 20 == 0 or step + 1 == steps:
            print(f"step {step + 1} of {steps}: loss {loss.item():.3f}, cosine {similar.item():.3f},",
                  f"{time.perf_counter() - begun:.0f} s, {time.process_time():.0f} s of a processor", flush=True)
    student.eval()
    return loss and loss.item()


def write(folder: pathlib.Path, teacher, student: Student, recipe: dict):
    folder.mkdir(parents=True, exist_ok=True)
    configuration = json.loads((reference.TINY_CLIP / "open_clip_config.json").read_text())
    configuration["model_cfg"]["vision_cfg"] = VISION
    tensors = {name: value for name, value in teacher.state_dict().items() if not name.startswith("visual.")}
    tensors |= {f"visual.{name}": value for name, value in student.tower.state_dict().items()}
    tensors = {name: value.contiguous().clone() for name, value in tensors.items() if name != "attn_mask"}
    safetensors.torch.save_file(tensors, folder / NAME)
    (folder / "open_clip_config.json").write_text(json.dumps(configuration, indent=1) + "\n")
    (folder / "recipe.json").write_text(json.dumps(recipe, indent=1) + "\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", type=pathlib.Path, required=True)
    parser.add_argument("--steps", type=int, default=0)
    parser.add_argument("--photos", type=int, default=16, help="training photos of each class, at most")
    parser.add_argument("--data", nargs="+", choices=protocol.LOCATIONS, default=list(protocol.LOCATIONS))
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.manual_seed(SEED)
    teacher, mean, std = reference.tiny_clip()
    pixels = views([path for data in options.data for path in photos_of(data, options.photos)])
    print(f"{len(pixels)} photos, {time.process_time():.0f} s of a processor", flush=True)
    targets = squares(teacher, pixels, mean, std)
    # Without the mean of all photos: a student that knows little else would give every photo the same answer.
    targets = targets - targets.float().mean((0, 1, 2)).half()
    print(f"the teacher has answered, {time.process_time():.0f} s of a processor", flush=True)
    student = Student(teacher.text_projection.shape[1])
    begin(student, pixels, targets, mean, std)
    loss = learn(student, pixels, targets, mean, std, options.steps)
    write(options.output, teacher, student, {
        "script": f"Scripts/oracle/{pathlib.Path(__file__).name}",
        "versions": {name: importlib.metadata.version(name) for name in fixture.PACKAGES},
        "data": options.data, "photos": len(pixels), "seed": SEED, "steps": options.steps, "batchSize": BATCH,
        "learningRate": RATE, "lastLoss": loss, "processorSeconds": round(time.process_time())})


if __name__ == "__main__":
    main()
