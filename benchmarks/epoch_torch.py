"""The steps of epoch.py in PyTorch alone; `epoch_torch.py STEPS ROUNDS` prints the best seconds."""

import json
import sys
import time

import torch
import torch.nn.functional as F
from torch import nn

BATCH, HIDDEN, LATENT = 128, 400, 20


class VAE(nn.Module):
    def __init__(self):
        super().__init__()
        self.encode, self.stats = nn.Linear(784, HIDDEN), nn.Linear(HIDDEN, 2 * LATENT)
        self.decode, self.out = nn.Linear(LATENT, HIDDEN), nn.Linear(HIDDEN, 784)

    def forward(self, x):
        mean, logvar = self.stats(F.relu(self.encode(x))).chunk(2, dim=-1)
        z = mean + torch.exp(0.5 * logvar) * torch.randn_like(mean)
        return self.out(F.relu(self.decode(z))), mean, logvar


def epoch(model, optimiser, image):
    """Every digit once: shuffled, binarised afresh, one step a batch."""
    order = torch.randperm(len(image))
    for start in range(0, len(image) - BATCH + 1, BATCH):
        x = torch.bernoulli(image[order[start : start + BATCH]].float() / 255)
        logits, mean, logvar = model(x)
        reconstruction = F.binary_cross_entropy_with_logits(logits, x, reduction="sum") / BATCH
        kl = 0.5 * (logvar.exp() + mean**2 - 1 - logvar).sum() / BATCH
        optimiser.zero_grad()
        (reconstruction + kl).backward()
        optimiser.step()


if __name__ == "__main__":
    torch.manual_seed(0)
    image = torch.randint(0, 256, (int(sys.argv[1]) * BATCH, 784), dtype=torch.uint8)
    all_threads = torch.get_num_threads()
    told = {"version": torch.__version__}
    for name, options in {"PyTorch": {}, "PyTorch, fused Adam": {"fused": True}}.items():
        model = VAE()
        optimiser = torch.optim.Adam(model.parameters(), lr=1e-3, **options)
        epoch(model, optimiser, image[: 20 * BATCH])
        best = []
        for threads in {1, all_threads}:
            torch.set_num_threads(threads)
            times = []
            while len(times) < int(sys.argv[2]) and sum(times) < 10:
                started = time.perf_counter()
                epoch(model, optimiser, image)
                times.append(time.perf_counter() - started)
            best.append(min(times))
        told[name] = min(best)
    print(json.dumps(told))
