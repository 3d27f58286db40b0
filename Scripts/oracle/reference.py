"""Zero-shot CLIP, CoOp and CoCoOp as the papers describe them, plainly: one forward pass per image over every position.

CoOp: Zhou, Yang, Loy, Liu, IJCV 2022. CoCoOp: the same authors, CVPR 2022. Written from the published facts, for any
text tower shaped like open_clip's or clip-anytorch's. It is what the Swift package is compared with, in values and in
speed, so it shares nothing between classes and nothing between images.

Axes: B images, C classes, L positions, M context vectors, D text width, E shared embedding.
"""

import math

import torch
import torchvision_names  # noqa: F401  before open_clip, which imports torchvision
import open_clip
from torch import nn
from torch.nn import functional

from protocol import EMBEDDED

TINY_CLIP = EMBEDDED / "tiny-clip"
TEMPLATE = "a photo of a {}."
LEARNING_RATE = 0.002
WARM_UP_LEARNING_RATE = 1e-5


def tiny_clip():
    """Returns the frozen model in float32 with the mean and the standard deviation of its pixels."""
    model, _, _ = open_clip.create_model_and_transforms(f"local-dir:{TINY_CLIP}", precision="fp32")
    return frozen(model), model.visual.image_mean, model.visual.image_std


def frozen(model: nn.Module) -> nn.Module:
    return model.eval().requires_grad_(False)


class TextTower:
    """The frozen half of CLIP that reads prompts, from embeddings on."""

    def __init__(self, model: nn.Module, positions: str = "all"):
        """`positions`: "all" reads the 77 of the model; "shortest" stops behind the longest prompt of the class list,
        which changes nothing, because attention is causal and the feature is read at the end of the text."""
        self.model = model
        self.positions = positions

    def tokens(self, texts: list[str]) -> torch.Tensor:
        """[C, L] token ids: start, text, end, zeros."""
        tokens = open_clip.tokenize(texts)
        return tokens if self.positions == "all" else tokens[:, : int(tokens.argmax(-1).max()) + 1]

    def embed(self, tokens: torch.Tensor) -> torch.Tensor:
        return self.model.token_embedding(tokens)

    def encode(self, embeddings: torch.Tensor, end_of_text: torch.Tensor) -> torch.Tensor:
        """[P, L, D] prompts and the position [P] of each end → [P, E] unit rows."""
        length = embeddings.shape[1]
        hidden = embeddings + self.model.positional_embedding[:length]
        if isinstance(self.model.transformer, open_clip.transformer.Transformer):
            hidden = self.model.transformer(hidden, attn_mask=self.model.attn_mask[:length, :length])
        else:  # clip-anytorch: positions first, and the mask lives in the layers
            hidden = self.model.transformer(hidden.permute(1, 0, 2)).permute(1, 0, 2)
        hidden = self.model.ln_final(hidden)
        features = hidden[torch.arange(len(hidden)), end_of_text] @ self.model.text_projection
        return functional.normalize(features, dim=-1)


class Prompts:
    """The prompts of a class list, with room for M context vectors at the end, in the middle or in front."""

    def __init__(self, tower: TextTower, class_names: list[str], context_length: int, name_position: str = "end"):
        self.tower = tower
        self.context_length = context_length
        self.name_position = name_position
        placeholder = " ".join(["X"] * context_length)
        tokens = tower.tokens([f"{placeholder} {name}." for name in class_names])
        self.end_of_text = tokens.argmax(-1)
        self.embeddings = tower.embed(tokens)  # [C, L, D]
        self.name_lengths = [len(open_clip.SimpleTokenizer().encode(name)) for name in class_names]

    def features(self, context: torch.Tensor) -> torch.Tensor:
        """[M, D] for all classes or [C, M, D] one for each → [C, E] unit rows."""
        return self.tower.encode(self.arranged(context), self.end_of_text)

    def arranged(self, context: torch.Tensor) -> torch.Tensor:
        if context.dim() == 2:
            context = context.expand(len(self.embeddings), -1, -1)
        start = self.embeddings[:, :1]
        rest = self.embeddings[:, 1 + self.context_length :]  # name, full stop, end of text, padding
        if self.name_position == "end":
            return torch.cat([start, context, rest], dim=1)
        before = self.context_length // 2 if self.name_position == "middle" else 0
        return torch.stack(
            [
                torch.cat([start[c], context[c, :before], rest[c, :n], context[c, before:], rest[c, n:]])
                for c, n in enumerate(self.name_lengths)
            ]
        )


class ZeroShot(nn.Module):
    """One template for every class; nothing learns."""

    def __init__(self, tower: TextTower, class_names: list[str], template: str = TEMPLATE):
        super().__init__()
        tokens = tower.tokens([template.format(name) for name in class_names])
        self.class_features = tower.encode(tower.embed(tokens), tokens.argmax(-1))
        self.logit_scale = tower.model.logit_scale.exp()

    def forward(self, image_features: torch.Tensor) -> torch.Tensor:
        return self.logit_scale * image_features @ self.class_features.T


class CoOp(nn.Module):
    """Context vectors that learn, the same for every image."""

    def __init__(self, tower, class_names, words="a photo of a", name_position="end", class_specific=False):
        super().__init__()
        context = word_embeddings(tower, words)
        self.prompts = Prompts(tower, class_names, len(context), name_position)
        self.context = nn.Parameter(context.repeat(len(class_names), 1, 1) if class_specific else context)
        self.logit_scale = tower.model.logit_scale.exp()

    def forward(self, image_features: torch.Tensor) -> torch.Tensor:
        return self.logit_scale * image_features @ self.prompts.features(self.context).T


class KgCoOp(CoOp):
    """CoOp whose class features are pulled towards those of a hand-written sentence (Yao, Zhang, Xu, CVPR 2023)."""

    def __init__(self, tower, class_names, words="a photo of a", template=TEMPLATE, weight=8.0):
        super().__init__(tower, class_names, words)
        with torch.no_grad():
            self.teacher = ZeroShot(tower, class_names, template).class_features
        self.weight = weight

    def loss(self, image_features: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        class_features = self.prompts.features(self.context)
        logits = self.logit_scale * image_features @ class_features.T
        distance = 1 - functional.cosine_similarity(class_features, self.teacher, dim=1).mean()
        return functional.cross_entropy(logits, labels) + self.weight * distance


class MetaNetwork(nn.Module):
    def __init__(self, embedding: int, width: int):
        super().__init__()
        self.linear1 = nn.Linear(embedding, embedding // 16)
        self.linear2 = nn.Linear(embedding // 16, width)

    def forward(self, image_features: torch.Tensor) -> torch.Tensor:
        return self.linear2(functional.relu(self.linear1(image_features)))


class CoCoOp(nn.Module):
    """Context vectors shifted by a token computed from the image, so every image reads every prompt anew."""

    def __init__(self, tower, class_names, words="a photo of a"):
        super().__init__()
        self.context = nn.Parameter(word_embeddings(tower, words))
        self.meta_net = MetaNetwork(tower.model.text_projection.shape[1], self.context.shape[1])
        self.prompts = Prompts(tower, class_names, len(self.context))
        self.logit_scale = tower.model.logit_scale.exp()

    def forward(self, image_features: torch.Tensor) -> torch.Tensor:
        rows = []
        for feature, shift in zip(image_features, self.meta_net(image_features)):
            class_features = self.prompts.features(self.context + shift)
            rows.append(self.logit_scale * feature @ class_features.T)
        return torch.stack(rows)


def word_embeddings(tower: TextTower, words: str) -> torch.Tensor:
    """[M, D]: one vector a token of `words`."""
    tokens = tower.tokens([words])
    return tower.embed(tokens)[0, 1 : int(tokens.argmax(-1))].clone()


def optimizer(learner: nn.Module) -> torch.optim.SGD:
    return torch.optim.SGD(learner.parameters(), lr=LEARNING_RATE, momentum=0.9, weight_decay=5e-4)


def learning_rate(epoch: int, epochs: int) -> float:
    """`epoch` counts from 0: one of warm-up, then a cosine over all `epochs` that starts late and never reaches 0."""
    if epoch == 0:
        return WARM_UP_LEARNING_RATE
    return 0.5 * LEARNING_RATE * (1 + math.cos(math.pi * (epoch - 1) / epochs))


def step(learner, optimizer, image_features, labels, learning_rate: float) -> float:
    """One step of SGD; returns the loss before it."""
    loss = backward(learner, image_features, labels)
    update(optimizer, learning_rate)
    return loss


def backward(learner, image_features, labels) -> float:
    """The text side of a step: forward through every prompt, the learner's loss or the mean cross-entropy, backward."""
    own = getattr(learner, "loss", None)
    loss = own(image_features, labels) if own else functional.cross_entropy(learner(image_features), labels)
    loss.backward()
    return loss.item()


def update(optimizer, learning_rate: float):
    for group in optimizer.param_groups:
        group["lr"] = learning_rate
    optimizer.step()
    optimizer.zero_grad()


@torch.no_grad()
def accuracy(learner, image_features, labels, batch_size: int = 100) -> float:
    """Per cent of the images whose best class is their own."""
    predictions = [learner(batch).argmax(-1) for batch in image_features.split(batch_size)]
    return 100 * (torch.cat(predictions) == labels).double().mean().item()


@torch.no_grad()
def check_positions(model, class_names: list[str], words: str = "a photo of a") -> float:
    """Asserts that leaving out the positions behind the longest prompt changes no feature; returns the difference."""
    learners = [CoOp(TextTower(model, positions), class_names, words) for positions in ("all", "shortest")]
    full, short = (learner.prompts.features(learner.context) for learner in learners)
    difference = (full - short).abs().max().item()
    assert difference < 1e-6, f"features at 77 positions and at the shortest length differ by {difference}"
    return difference
