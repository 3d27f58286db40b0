"""Holds files of prompts against the original authors' own classes and loaders, in both directions.

    python check_loaders.py --repositories FOLDER [--only TEXT]

FOLDER holds clones as compat_methods.py takes them. For each method, the built tool trains for a moment on images of
random pixels and exports. The authors' `load_model` reads that folder into their own class over the same small CLIP
(float32 on a CPU; the substitutions are those of the recording scripts): every learned tensor must be in the file and
nothing that the class does not know, and their logits must be ours. Then what was learned is replaced by other numbers,
saved as the authors' trainer saves it, imported, and asked again. Tip-Adapter's files are read and written as its
program does.
"""

import argparse
import json
import subprocess
import tempfile
import types
from pathlib import Path

import torchvision_names  # noqa: F401  before clip, which imports torchvision
import clip.model
import numpy
import torch
from PIL import Image
from torch import nn

import formula_weights
import record_image_originals as images
import record_originals as texts
from compat_methods import clone
from protocol import ROOT

TOOL = ROOT / ".build/release/cocoop"
NAMES = ["face", "grand piano", "sea horse", "stop sign", "yin yang"]
TOLERANCE = 1e-4
MEAN, DEVIATION = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)


def cocoop(*arguments):
    result = subprocess.run([TOOL, *map(str, arguments), "--json"], capture_output=True, text=True)
    assert result.returncode == 0, f"{arguments}: {result.stderr}"
    return json.loads(result.stdout)


class Scale:
    """The class names and the size of what is compared, with formula weights or others."""

    def __init__(self, names, embedding, size, image_layers, image_width, patch, width, layers, depths=None,
                 fill=formula_weights.fill):
        self.names, self.size, self.fill = names, size, fill
        self.numbers = (embedding, size, image_layers, image_width, patch, 77, 49408, width, width // 64, layers)
        self.depths = depths or {}  # by method: of the text tower, of the image tower

    def clip(self, model_module, *design) -> nn.Module:
        """The same weights for the tool and for each original's own code."""
        model = model_module.CLIP(*self.numbers, *design)
        self.fill(model)
        model_module.LayerNorm.forward = nn.LayerNorm.forward  # the original's goes by way of float32
        type(model).dtype = property(lambda self: self.ln_final.weight.dtype)
        return model.float().eval()

    def text_configuration(self, length: int, from_words: bool):
        settings = texts.configuration("Caltech101", length, from_words)
        settings.INPUT.SIZE = (self.size, self.size)
        return settings

    def image_configuration(self, section: str, values: dict):
        settings = images.configuration(section, **values)
        settings.INPUT.SIZE = (self.size, self.size)
        return settings

    def depth(self, method: str) -> tuple[int, int]:
        return self.depths.get(method, (3, 4))


SMALL = Scale(
    NAMES, 64, 32, 5, 128, 8, 64, 12, {"maple": (3, 3), "vpt": (0, 3), "coprompt": (3, 3), "mmrl": (3, 3)})


def write_images(folder: Path) -> list[Path]:
    generator = numpy.random.default_rng(1)
    for split, count in (("train", 2), ("val", 1), ("test", 2)):
        for name in NAMES:
            place = folder / split / name
            place.mkdir(parents=True)
            for number in range(count):
                pixels = generator.integers(0, 256, (SMALL.size, SMALL.size, 3), dtype=numpy.uint8)
                Image.fromarray(pixels).save(place / f"{number}.png")
    return sorted((folder / "test").glob("*/*.png"))


def pixels_of(files: list[Path]) -> torch.Tensor:
    pixels = torch.stack([torch.from_numpy(numpy.asarray(Image.open(file))).permute(2, 0, 1) for file in files]) / 255
    return (pixels - torch.tensor(MEAN).reshape(3, 1, 1)) / torch.tensor(DEVIATION).reshape(3, 1, 1)


class Original:
    """An original's trainer class, and its model of a method's usual settings over the small CLIP."""

    def __init__(self, method: str, folder: str, trainer: type, model: nn.Module, learned: set[str], options=()):
        self.method, self.folder, self.trainer, self.options = method, folder, trainer, list(options)
        self.model = model
        # What the trainer registers: the prompt learner alone, or the whole model.
        self.registered = model.prompt_learner if method in ("kgcoop", "prograd", "tcp") else model
        self.learned = {
            name for name, _ in self.registered.named_parameters()
            if any(part in name for part in learned) and "ZS_image_encoder" not in name}
        assert self.learned, method

    def load(self, output: Path, epoch: int):
        """By the trainer's own function, strict on what is learned."""
        plain, found = self.registered.load_state_dict, []
        self.registered.load_state_dict = lambda state, strict: found.append(plain(state, strict=strict))
        fake = types.SimpleNamespace(
            _models={self.folder: self.registered}, get_model_names=lambda: [self.folder])
        before = {name: value.detach().clone() for name, value in self.registered.named_parameters()}
        self.trainer.load_model(fake, str(output), epoch)
        self.registered.load_state_dict = plain
        missing, unexpected = found[0].missing_keys, found[0].unexpected_keys
        assert not unexpected, unexpected
        assert not self.learned & set(missing), self.learned & set(missing)
        after = dict(self.registered.named_parameters())
        moved = {name for name, value in after.items() if not torch.equal(before[name], value)}
        assert moved <= self.learned, moved - self.learned
        return len(moved)

    def log_probabilities(self, pixels: torch.Tensor) -> torch.Tensor:
        self.model.eval()
        self.model.text_features_for_inference = None  # MMRL's keeps those of its first test for good
        with torch.no_grad():
            logits = self.model(pixels)
        if isinstance(logits, tuple):
            logits = logits[2 if self.method == "mmrl" else 0]  # by both features, which answer about learned classes
        return logits.double().log_softmax(dim=-1)

    def scramble_and_save(self, output: Path, epoch: int):
        """Other numbers, and the file that the toolbox makes of the registered model."""
        with torch.no_grad():
            for name, parameter in self.registered.named_parameters():
                if name in self.learned:
                    scale = 0.09 if parameter.dim() == 2 and parameter.shape[0] > 16 else 0.035
                    parameter.copy_(formula_weights.values(f"other.{name}", list(parameter.shape), scale))
        folder = output / self.folder
        folder.mkdir(parents=True)
        optimizer = torch.optim.SGD(self.registered.parameters(), lr=0.002, momentum=0.9)
        scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda _: 1)
        torch.save({
            "state_dict": self.registered.state_dict(), "epoch": epoch, "optimizer": optimizer.state_dict(),
            "scheduler": scheduler.state_dict(), "val_result": None}, folder / f"model.pth.tar-{epoch}")
        (folder / "checkpoint").write_text(f"model.pth.tar-{epoch}\n")


def ours(run: Path, files: list[Path], names: list[str]) -> torch.Tensor:
    answers = cocoop("predict", "--run", run, "--top", len(names), *files)
    rows = [{top["class"]: top["probability"] for top in answer["top"]} for answer in answers]
    return torch.tensor([[row[name] for name in names] for row in rows], dtype=torch.float64).log()


def difference(theirs: torch.Tensor, mine: torch.Tensor) -> float:
    """The largest, of answers that a probability in 32 bits can hold."""
    return (theirs - mine)[theirs > -60].abs().max().item()


def kgcoop(folder: Path, scale: Scale) -> Original:
    code = texts.checkout(clone(folder, "htyao89+KgCoOp"), ["KgCoOp/clip", "KgCoOp/trainers"], {}) / "KgCoOp"
    texts.on_path(code)
    from trainers import kgcoop as original
    from clip import model as module

    return of_text(scale, "kgcoop", original, original.KgCoOp, module, 4, True)


def prograd(folder: Path, scale: Scale) -> Original:
    code = texts.checkout(
        clone(folder, "BeierZhu+Prompt-align"), ["ProGrad.public/clip", "ProGrad.public/trainers"], {})
    texts.on_path(code / "ProGrad.public")
    from trainers import prograd as original
    from clip import model as module

    return of_text(scale, "prograd", original, original.ProGrad, module, 16, True)


def tcp(folder: Path, scale: Scale) -> Original:
    code = texts.checkout(clone(folder, "htyao89+Textual-based_Class-aware_prompt_tuning"), ["clip", "trainers"], {
        "trainers/tcp.py": [(",-1,512)", ",-1,self.ctx.shape[1])")]})
    (code / "trainers/__init__.py").write_text("")
    texts.on_path(code)
    from trainers import tcp as original
    from trainers.clip_text import model as module

    return of_text(scale, "tcp", original, original.TCP, module, 4, False)


def of_text(scale, method: str, original, trainer: type, module, length: int, from_words: bool) -> Original:
    original.load_clip_to_cpu = lambda *_: scale.clip(module)
    original.load_checkpoint = lambda path: torch.load(path, map_location="cpu")
    model = original.CustomCLIP(
        scale.text_configuration(length, from_words), scale.names, scale.clip(module)).float()
    learned = {"ctx"} | ({name for name, _ in model.prompt_learner.named_parameters()} if method == "tcp" else set())
    return Original(method, "prompt_learner", trainer, model, learned)


PLAIN = {"vision_depth": 0, "language_depth": 0, "vision_ctx": 0, "language_ctx": 0}


def of_images(scale, method: str, section: str, original, trainer: type, module, folder: str, design: dict,
              values: dict, learned: set[str], options: dict) -> Original:
    original.load_checkpoint = lambda path: torch.load(path, map_location="cpu")
    model = original.CustomCLIP(
        scale.image_configuration(section, values), scale.names, scale.clip(module, PLAIN | design)).float()
    return Original(method, folder, trainer, model, learned, [
        text for name, value in options.items() for text in ("--option", f"{name}={value}")])


def multimodal(folder: Path):
    code = texts.checkout(
        clone(folder, "muzairkhattak+multimodal-prompt-learning"), ["clip", "trainers"], images.WITHOUT_HALVES | {
            "trainers/maple.py": [
                (".half()", ".float()"),
                ("nn.Linear(ctx_dim, 768)", "nn.Linear(ctx_dim, clip_model.visual.ln_post.bias.numel())"),
                ("torch.empty(n_ctx, 512)", "torch.empty(n_ctx, ctx_dim)")]})
    texts.on_path(code)
    from clip import model as module
    from trainers import independentVL, maple as coupled, vpt as vision

    return module, independentVL, coupled, vision


BOTH = {"prompt_learner.ctx", "image_encoder.VPT", "VPT_shallow"}


def ivlp(folder: Path, scale: Scale) -> Original:
    module, original, _, _ = multimodal(folder)
    text, image = scale.depth("ivlp")
    return of_images(
        scale, "ivlp", "IVLP", original, original.IVLP, module, "VLPromptLearner",
        {"trainer": "IVLP", "vision_depth": image, "language_depth": text, "vision_ctx": 2, "language_ctx": 2},
        {"N_CTX_TEXT": 2, "N_CTX_VISION": 2, "PROMPT_DEPTH_TEXT": text}, BOTH,
        {"text-depth": text, "image-depth": image})


def vpt(folder: Path, scale: Scale) -> Original:
    module, _, _, original = multimodal(folder)
    depth = scale.depth("vpt")[1]
    return of_images(
        scale, "vpt", "VPT", original, original.VPT, module, "prompt_learner",
        {"trainer": "VPT", "vision_depth": depth, "vision_ctx": 8}, {"N_CTX_VISION": 8},
        {"image_encoder.VPT", "VPT_shallow"}, {"image-depth": depth})


def maple(folder: Path, scale: Scale) -> Original:
    module, _, original, _ = multimodal(folder)
    depth = scale.depth("maple")[0]
    return of_images(
        scale, "maple", "MAPLE", original, original.MaPLe, module, "MultiModalPromptLearner",
        {"trainer": "MaPLe", "maple_length": 2}, {"N_CTX": 2, "PROMPT_DEPTH": depth},
        {"prompt_learner.ctx", "prompt_learner.proj", "compound_prompt"}, {"depth": depth})


def promptsrc(folder: Path, scale: Scale) -> Original:
    code = texts.checkout(
        clone(folder, "muzairkhattak+PromptSRC"), ["clip", "trainers"], images.WITHOUT_HALVES | {
            "trainers/promptsrc.py": [(".half()", ""), (".float().cuda()", ".cuda()")]})
    texts.on_path(code)
    from clip import model as module
    from trainers import promptsrc as original

    original.load_clip_to_cpu = lambda *_: scale.clip(module, {"trainer": "IVLP"} | PLAIN)
    text, image = scale.depth("promptsrc")
    return of_images(
        scale, "promptsrc", "PROMPTSRC", original, original.PromptSRC, module, "VLPromptLearner",
        {"trainer": "IVLP", "vision_depth": image, "language_depth": text, "vision_ctx": 4, "language_ctx": 4},
        {"N_CTX_TEXT": 4, "N_CTX_VISION": 4, "PROMPT_DEPTH_TEXT": text}, BOTH,
        {"text-depth": text, "image-depth": image, "average-mean": 2, "average-deviation": 1})


def coprompt(folder: Path, scale: Scale) -> Original:
    code = texts.checkout(
        clone(folder, "ShuvenduRoy+CoPrompt"), ["clip", "trainers"], images.WITHOUT_HALVES | {
            "trainers/coprompt.py": [
                ("nn.Linear(ctx_dim, 768)", "nn.Linear(ctx_dim, clip_model.visual.ln_post.bias.numel())"),
                ("torch.empty(n_ctx, 512)", "torch.empty(n_ctx, ctx_dim)"),
                ("Adapter(512, 4)", f"Adapter({scale.numbers[0]}, 4)")]})
    texts.on_path(code)
    from clip import model as module
    from trainers import coprompt as original

    original.load_checkpoint = lambda path: torch.load(path, map_location="cpu")
    depth, count = scale.depth("coprompt")[0], 3
    settings = scale.image_configuration("CoPrompt", {"N_CTX": 2, "PROMPT_DEPTH": depth})
    settings.DATASET = types.SimpleNamespace(NAME="Caltech101")
    settings.TRAINER.DISTILL, settings.TRAINER.W = "cosine", 1.0
    teacher = scale.clip(module, {"trainer": "CoOp"} | PLAIN).requires_grad_(False)
    # Features of sentences, of which a step takes one of each class.
    sentences = torch.randn(count, len(scale.names), scale.numbers[0])
    model = original.CustomCLIP(
        settings, scale.names, scale.clip(module, PLAIN | {"trainer": "CoPrompt", "maple_length": 2}), teacher,
        sentences).float()
    return Original(
        "coprompt", "MultiModalPromptLearner", original.CoPrompt, model,
        {"prompt_learner.ctx", "prompt_learner.proj", "compound_prompt", "adapter_"},
        ["--option", f"depth={depth}", "--option", "operations=1"])


def mmrl(folder: Path, scale: Scale) -> Original:
    texts.on_path(texts.checkout(clone(folder, "yunncheng+MMRL"), ["clip", "trainers"], {}))
    from clip import model_mmrl as module
    from trainers import mmrl as original

    original.load_checkpoint = lambda path: torch.load(path, map_location="cpu")
    # The blocks of the text tower end with the image tower's here, and theirs are counted in both from the first.
    last = min(scale.numbers[2], scale.numbers[9])
    depth = scale.depth("mmrl")[0]
    layers = list(range(last - depth + 1, last + 1))
    design = {"rep_tokens_layers": layers, "n_rep_tokens": 5}
    settings = scale.image_configuration(
        "MMRL", {"ALPHA": 0.7, "N_REP_TOKENS": 5, "REP_DIM": 512, "REP_LAYERS": layers})
    settings.DATASET = types.SimpleNamespace(NAME="Caltech101")
    plain = scale.clip(module, design | {"model": "CLIP"}).requires_grad_(False)
    model = original.CustomCLIP(settings, scale.names, scale.clip(module, design | {"model": "MMRL"})).float()
    teacher = original._get_text_base_features_zero_shot(
        settings, scale.names, plain, original.TextEncoder_CLIP(plain))
    model.__dict__["kept"] = plain.visual, teacher, original.MMRL_Loss(0.5, 0.7)
    return Original(
        "mmrl", "MultiModalRepresentationLearner", original.MMRL, model,
        {"representation_learner.compound", "image_encoder.proj_rep"}, ["--option", f"depth={depth}"])


ALL = (kgcoop, prograd, tcp, ivlp, vpt, maple, promptsrc, coprompt, mmrl)


def check(original: Original, place: Path, model: Path, data: Path, files: list[Path]):
    method = original.method
    run, output = place / method, place / f"{method}-exported"
    cocoop("train", data, "--model", model, "--method", method, "--epochs", 3, "--batch-size", 2, "--shots", 2,
           "--learning-rate", 0.02, "--output", run, "--quiet", *original.options)
    assert json.loads((run / "run.json").read_text())["classNames"] == NAMES
    cocoop("prompts", "export", "--run", run, output)
    moved = original.load(output, 3)
    pixels = pixels_of(files)
    out = difference(original.log_probabilities(pixels), ours(run, files, NAMES))
    saved, back = place / f"{method}-saved", place / f"{method}-imported"
    original.scramble_and_save(saved, 7)
    cocoop("prompts", "import", saved, "--method", method, "--model", model, "--data", data, "--classes", "all",
           "--output", back)
    into = difference(original.log_probabilities(pixels), ours(back, files, NAMES))
    print(f"check: {method}: load_model takes {len(original.learned)} learned tensors, of which {moved} had moved; "
          f"logits differ by {out:.1e}, and after an import by {into:.1e}", flush=True)
    assert max(out, into) <= TOLERANCE


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repositories", type=Path, required=True)
    parser.add_argument("--only", default="")
    options = parser.parse_args()
    torch.set_num_threads(1)
    texts.stub_toolbox()
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        model, data = place / "small.pt", place / "photos"
        torch.save(SMALL.clip(clip.model).state_dict(), model)
        files = write_images(data)
        for make in ALL:
            if options.only in make.__name__:
                check(make(options.repositories, SMALL), place, model, data, files)


if __name__ == "__main__":
    main()
