"""Records how torch.amp.GradScaler scales losses and skips steps: python Scripts/oracle/record_loss_scale.py

Needs torch==2.13.0+cpu. Writes Tests/PromptLearningTests/Fixtures/loss-scale.json: courses of steps whose gradients are
finite or not. Each has the factor and the tracker that the scaler begins with, runs of equal steps as [finite, count],
the factor and the tracker after the last step of each run, and the number of steps that the optimiser made in it.
"""
import json
import pathlib
import random

import torch

SEED = 20261129
FIXTURE = pathlib.Path(__file__).parents[2] / "Tests/PromptLearningTests/Fixtures/loss-scale.json"


def course(runs, scale=65536.0, tracker=0):
    parameter = torch.nn.Parameter(torch.zeros(1, dtype=torch.float64))
    optimizer = torch.optim.SGD([parameter], lr=1.0)
    scaler = torch.amp.GradScaler("cpu")
    scaler.load_state_dict({**scaler.state_dict(), "scale": scale, "_growth_tracker": tracker})
    begin = scaler.state_dict()
    after = []
    for finite, count in runs:
        before = parameter.item()
        for _ in range(count):
            scaler.scale(parameter.sum().detach())  # what makes the scaler ready for a step
            parameter.grad = torch.full_like(parameter, -scaler.get_scale() if finite else float("inf"))
            scaler.step(optimizer)
            scaler.update()
        # A gradient of -1 after its division: each step that is made adds 1.
        after.append({"scale": scaler.get_scale(), "tracker": scaler.state_dict()["_growth_tracker"],
                      "made": round(parameter.item() - before)})
    return {"scale": begin["scale"], "tracker": begin["_growth_tracker"], "runs": [list(run) for run in runs],
            "after": after}


def main():
    draw = random.Random(SEED)
    courses = [
        course([(True, 1), (False, 1), (True, 1), (False, 3), (True, 1999), (True, 1), (True, 1999), (False, 1),
                (True, 2000), (True, 2000), (False, 1)]),
        course([(False, 40), (True, 2000), (False, 1)]),  # far below 1
        course([(True, 1), (True, 2000)], scale=2.0 ** 126, tracker=1999),  # and no further than a float goes
        course([(finite, draw.randint(1, 2500 if finite else 9)) for finite in [True, False] * 5]),
    ]
    defaults = torch.amp.GradScaler("cpu").state_dict()
    FIXTURE.write_text(json.dumps({
        "recipe": f"Scripts/oracle/record_loss_scale.py, seed {SEED}, torch {torch.__version__}",
        "defaults": {"scale": defaults["scale"], "interval": defaults["growth_interval"]},
        "courses": courses}, indent=1) + "\n")


if __name__ == "__main__":
    main()
