"""Times a training step of CoCoOp in plain PyTorch on a device, at the size of ViT-B/16, beside `check-device`.

    python benchmark_device.py --device cuda [--classes 50 500] [--precisions float32 float16] [--output FILE]

It needs torch alone. The text tower is CLIP's (Radford et al., 2021) with random weights: 12 layers, 512 wide, 8 heads,
and 77 positions for every class of every image, as published (Zhou et al., CVPR 2022). The step is forward, backward
and SGD for one image whose feature is known. In float16 weights, activations and what is learned are float16, and layer
norms compute in float32, as CLIP's. Only the number of classes matters, so tokens are random.

Prints a table in Markdown: medians after warming up, and the memory that the step adds to that of the model.
"""

import argparse
import json
import statistics
import sys
import time

import torch
from torch import nn
from torch.nn import functional

POSITIONS, WIDTH, HEADS, LAYERS, SHARED, CONTEXTS, VOCABULARY = 77, 512, 8, 12, 512, 4, 49408
END = 12  # where a prompt ends; its place changes no time
WARM_UP, REPEATS, LIMIT = 3, 20, 30  # the last in seconds
PRECISIONS = {"float32": torch.float32, "float16": torch.float16}


class LayerNorm(nn.LayerNorm):
    """Computes in float32, whatever it is given."""

    def forward(self, hidden):
        return super().forward(hidden.float()).to(hidden.dtype)


class Block(nn.Module):
    """Attention over what came before, then a perceptron with QuickGELU, each beside a residual."""

    def __init__(self):
        super().__init__()
        self.attention = nn.MultiheadAttention(WIDTH, HEADS)
        self.norms = nn.ModuleList([LayerNorm(WIDTH), LayerNorm(WIDTH)])
        self.wide, self.narrow = nn.Linear(WIDTH, 4 * WIDTH), nn.Linear(4 * WIDTH, WIDTH)

    def forward(self, hidden, mask):  # [77, C, 512]
        normed = self.norms[0](hidden)
        hidden = hidden + self.attention(normed, normed, normed, need_weights=False, attn_mask=mask)[0]
        wide = self.wide(self.norms[1](hidden))
        return hidden + self.narrow(wide * torch.sigmoid(1.702 * wide))


class TextTower(nn.Module):
    """Prompts as embeddings [C, 77, 512] → unit rows [C, 512]."""

    def __init__(self):
        super().__init__()
        self.tokens = nn.Embedding(VOCABULARY, WIDTH)
        self.positions = nn.Parameter(torch.randn(POSITIONS, WIDTH) * 0.01)
        self.blocks = nn.ModuleList(Block() for _ in range(LAYERS))
        self.norm = LayerNorm(WIDTH)
        self.projection = nn.Parameter(torch.randn(WIDTH, SHARED) * WIDTH**-0.5)

    def forward(self, prompts):
        hidden = (prompts + self.positions).permute(1, 0, 2)
        mask = torch.full((POSITIONS, POSITIONS), float("-inf"), device=hidden.device, dtype=hidden.dtype).triu(1)
        for block in self.blocks:
            hidden = block(hidden, mask)
        hidden = self.norm(hidden.permute(1, 0, 2))
        return functional.normalize(hidden[:, END] @ self.projection, dim=-1)


class CoCoOp(nn.Module):
    """Contexts, each shifted by what the meta-network makes of the image."""

    def __init__(self, tower, classes):
        super().__init__()
        self.frozen = [tower]  # in a list, so that it is no part of what is learned
        tokens = torch.randint(VOCABULARY, (classes, POSITIONS), device=tower.positions.device)
        with torch.no_grad():
            self.embeddings = tower.tokens(tokens)
        self.context = nn.Parameter(torch.randn(CONTEXTS, WIDTH) * 0.02)
        self.meta = nn.Sequential(nn.Linear(SHARED, SHARED // 16), nn.ReLU(), nn.Linear(SHARED // 16, WIDTH))

    def forward(self, images):  # [B, 512], unit rows
        contexts = self.context + self.meta(images).unsqueeze(1)  # [B, 4, 512]
        logits = []
        for image, context in zip(images, contexts):
            context = context.expand(len(self.embeddings), -1, -1)
            prompts = torch.cat([self.embeddings[:, :1], context, self.embeddings[:, 1 + CONTEXTS:]], dim=1)
            logits.append(100 * image @ self.frozen[0](prompts).T)
        return torch.stack(logits)


def measure(device, precision, classes):
    """The figures of one learner; `None` for seconds and memory where the device has too little memory."""
    torch.manual_seed(1)
    result = {"precision": precision, "classes": classes, "stepSeconds": None, "stepMemoryMiB": None}
    tower = TextTower().requires_grad_(False).to(device, PRECISIONS[precision])
    for module in tower.modules():
        if isinstance(module, LayerNorm):
            module.float()
    learner = CoCoOp(tower, classes).to(device, PRECISIONS[precision])
    optimizer = torch.optim.SGD(learner.parameters(), lr=1e-5, momentum=0.9, weight_decay=5e-4)
    image = functional.normalize(torch.randn(1, SHARED), dim=-1).to(device, PRECISIONS[precision])
    label = torch.tensor([0], device=device)

    def step():
        optimizer.zero_grad()
        loss = functional.cross_entropy(learner(image), label)
        loss.backward()
        optimizer.step()
        loss.item()  # waits
        if device.type == "cuda":
            torch.cuda.synchronize(device)

    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
        before = torch.cuda.memory_allocated(device)
    begun, seconds = time.perf_counter(), []
    try:
        while len(seconds) < WARM_UP + REPEATS and (len(seconds) < 2 or time.perf_counter() - begun < LIMIT):
            started = time.perf_counter()
            step()
            seconds.append(time.perf_counter() - started)
    except torch.OutOfMemoryError:
        return result
    result["stepSeconds"] = statistics.median(seconds[min(WARM_UP, len(seconds) - 1):])
    if device.type == "cuda":
        result["stepMemoryMiB"] = (torch.cuda.max_memory_allocated(device) - before) / 2**20
    return result


def row(result):
    seconds, memory = result["stepSeconds"], result["stepMemoryMiB"]
    return (
        f"| {result['precision']} | {result['classes']} | "
        f"{'out of memory' if seconds is None else f'{1000 * seconds:.2f} ms'} | "
        f"{'–' if memory is None else f'{memory:,.0f} MiB'} |"
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cuda", help="cuda, cuda:1, cpu: 50 classes in float32 alone unless given")
    parser.add_argument("--classes", type=int, nargs="+")
    parser.add_argument("--precisions", nargs="+", choices=list(PRECISIONS))
    parser.add_argument("--output", help="write the figures here as JSON, too")
    options = parser.parse_args()
    device = torch.device(options.device)
    if device.type == "cuda" and not torch.cuda.is_available():
        sys.exit(f"benchmark_device: torch {torch.__version__} finds no GPU. Install a driver and a torch with CUDA.")
    is_accelerator = device.type != "cpu"
    classes = options.classes or ([50, 500] if is_accelerator else [50])
    precisions = options.precisions or (list(PRECISIONS) if is_accelerator else ["float32"])
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else f"{torch.get_num_threads()} threads"
    print(f"CoCoOp in plain PyTorch {torch.__version__}, ViT-B/16 with random weights, {device} ({name})\n")
    print("| precision | class names | training step | memory of the step |\n|---|---:|---:|---:|")
    results = []
    for precision in precisions:
        for count in classes:
            results.append(measure(device, precision, count))
            print(row(results[-1]), flush=True)
    if options.output:
        with open(options.output, "w", encoding="utf-8") as file:
            json.dump({"torch": torch.__version__, "device": f"{device} ({name})", "figures": results}, file, indent=2)
            file.write("\n")


if __name__ == "__main__":
    main()
