"""Records which vocabulary entries lie nearest to vectors, as the reference's interpret_prompt.py finds them for a
context: Euclidean distances (torch.cdist) to every token embedding, sorted, with the spellings of CLIP's tokenizer.

    python record_words.py      → Tests/PromptLearningTests/Fixtures/nearest-words.safetensors, .json

The vectors are embeddings of tiny-clip with noise of growing size, the first without any. Distances are computed in 64 bits.
"""

import json

import torch

import torchvision_names  # noqa: F401  before open_clip
import fixture
import open_clip
from clip.simple_tokenizer import SimpleTokenizer
from protocol import ROOT

SEED = 5
COUNT = 6
IDS = [320, 1125, 539, 320, 2368, 269, 25000, 49405]
NOISE = [0.0, 0.001, 0.01, 0.02, 0.05, 0.1, 0.3, 1.0]

MODEL = ROOT / "Sources/Embedded/Resources/tiny-clip"


@torch.no_grad()
def main():
    embeddings = open_clip.create_model(f"local-dir:{MODEL}").token_embedding.weight  # [V, D]
    generator = torch.Generator().manual_seed(SEED)
    noise = torch.randn(len(IDS), embeddings.shape[1], generator=generator) * torch.tensor(NOISE)[:, None]
    vectors = embeddings[IDS] + noise
    distances = torch.cdist(vectors.double(), embeddings.double(), compute_mode="donot_use_mm_for_euclid_dist")
    nearest, ids = torch.sort(distances, dim=1, stable=True)
    tokens = SimpleTokenizer().decoder
    ids = ids[:, :COUNT]
    fixture.write(
        "PromptLearningTests", "nearest-words", __file__,
        {"vectors": vectors, "ids": ids, "distances": nearest[:, :COUNT]},
        {"seed": SEED, "tokens": [[tokens[int(i)] for i in row] for row in ids]},
    )


if __name__ == "__main__":
    main()
