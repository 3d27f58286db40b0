"""Holds the reference implementations of reference.py against the original authors' own classes.

    python check_originals.py --kgcoop DIR    DIR: a checkout of htyao89/KgCoOp (read at c43ccc3), folder KgCoOp/

The original runs unchanged but for what keeps it from a CPU in float32: `.cuda()` does nothing, and its own loader hands
over a small CLIP of random weights. 50 steps of SGD with the same initial context, features and order must agree.
"""

import argparse
import math
import random
import sys
import types
from pathlib import Path

import torchvision_names  # noqa: F401  before clip, which imports torchvision
import clip.model
import torch
from torch.nn import functional

import reference

NAMES = ["face", "grand piano", "ant", "water lilly", "stop sign", "yin yang", "sea horse"]
STEPS, BATCH, SEED, TOLERANCE = 50, 16, 1, 1e-5


def small_clip() -> torch.nn.Module:
    """OpenAI's architecture with embedding width 512, which the original has written into modules that it never uses."""
    torch.manual_seed(SEED)
    return clip.model.CLIP(512, 32, 2, 64, 16, 77, 49408, 64, 1, 3).float().eval()


def stub_toolbox():
    """The names that the original imports from its toolbox; none of them computes anything here."""
    class Registry:
        def register(self):
            return lambda registered: registered

    modules = {
        "dassl": {}, "dassl.engine": {"TRAINER_REGISTRY": Registry(), "TrainerX": object}, "dassl.metrics": {"compute_accuracy": None},
        "dassl.utils": {"load_pretrained_weights": None, "load_checkpoint": None},
        "dassl.optim": {"build_optimizer": None, "build_lr_scheduler": None},
    }
    for name, contents in modules.items():
        module = types.ModuleType(name)
        module.__dict__.update(contents)
        sys.modules[name] = module


def kgcoop(checkout: Path) -> float:
    """Returns the largest difference of a loss or a parameter over all steps."""
    stub_toolbox()
    sys.path.insert(0, str(checkout))
    for name in [name for name in sys.modules if name == "clip" or name.startswith("clip.")]:
        del sys.modules[name]  # the original brings its own
    from trainers import kgcoop as original

    model = small_clip()
    torch.nn.Module.cuda = lambda self, *_: self
    torch.Tensor.cuda = lambda self, *_: self
    original.load_clip_to_cpu = lambda _: model
    section = types.SimpleNamespace(N_CTX=4, CTX_INIT=True, CSC=False, CLASS_TOKEN_POSITION="end", PREC="fp32", W=8.0)
    configuration = types.SimpleNamespace(
        TRAINER=types.SimpleNamespace(COOP=section, COCOOP=types.SimpleNamespace(PREC="fp32")),
        INPUT=types.SimpleNamespace(SIZE=(32, 32)), DATASET=types.SimpleNamespace(NAME="Caltech101"),
    )
    theirs = original.CustomCLIP(configuration, NAMES, model)
    for name, parameter in theirs.named_parameters():
        parameter.requires_grad_("ctx" in name)
    ours = reference.KgCoOp(reference.TextTower(reference.frozen(model)), NAMES)
    context = theirs.prompt_learner.ctx.requires_grad_(True)
    optimizers = [torch.optim.SGD([context], lr=0.002, momentum=0.9, weight_decay=5e-4), reference.optimizer(ours)]

    generator = random.Random(SEED)
    images = torch.randn(40, 3, 32, 32, generator=torch.Generator().manual_seed(SEED))
    labels = torch.tensor([generator.randrange(len(NAMES)) for _ in images])
    with torch.no_grad():
        features = functional.normalize(model.encode_image(images), dim=-1)
    start = context.detach().clone()
    worst = (context - ours.context).abs().max().item()
    for _ in range(STEPS):
        rows = generator.sample(range(len(images)), BATCH)
        logits, score = theirs(images[rows])
        loss = functional.cross_entropy(logits, labels[rows]) + section.W * score
        optimizers[0].zero_grad()
        loss.backward()
        optimizers[0].step()
        own = reference.step(ours, optimizers[1], features[rows], labels[rows], 0.002)
        assert math.isfinite(own), "a loss is not finite, so nothing was compared"
        worst = max(worst, abs(own - loss.item()), (context - ours.context).abs().max().item())
    moved = (context - start).abs().max().item()
    assert moved > 100 * TOLERANCE, f"the contexts moved by {moved} only, so nothing was compared"
    print(f"KgCoOp: the contexts moved by {moved:.3f}, the last loss is {own:.4f}")
    return worst


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kgcoop", type=Path, required=True, help="the folder KgCoOp/ of its repository")
    difference = kgcoop(parser.parse_args().kgcoop.resolve())
    print(f"KgCoOp: {STEPS} steps, largest difference of a loss or a context number {difference:.2e}")
    assert difference <= TOLERANCE, f"more than {TOLERANCE}"


if __name__ == "__main__":
    main()
