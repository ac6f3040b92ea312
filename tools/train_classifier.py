"""Train the classifiers whose features ganmath.metrics uses, and record their test accuracy.

Usage: python tools/train_classifier.py mnist fashion-mnist [--epochs 8] [--threads 2]
Writes ganmath/_data/classifier_NAME.safetensors (weights in float16; the accuracy is that of the
rounded weights) and classifier_NAME.json. The test set is looked at once, at the end.
"""

import argparse
import time
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor
from torch.nn import functional as F

import ganmath as gm
from ganmath.metrics import Classifier
from ganmath.records import environment, save_record

OUT = Path(__file__).parents[1] / "ganmath" / "_data"
SETTINGS = {"batch_size": 128, "lr": 4e-3, "weight_decay": 5e-3, "max_shift": 2, "seed": 0}
FLIPS = {"mnist": False, "fashion-mnist": True}  # a mirrored shoe is a shoe, a mirrored 2 is no digit


def augment(x: Tensor, max_shift: int, flip: bool) -> Tensor:
    """Shift each image (N, 1, H, W) by up to `max_shift` pixels, and mirror half of them."""
    n, _, h, w = x.shape
    padded = F.pad(x[:, 0], (max_shift,) * 4, value=-1.0)
    dy, dx = torch.randint(0, 2 * max_shift + 1, (2, n, 1, 1), device=x.device)
    rows = dy + torch.arange(h, device=x.device)[None, :, None]  # (N, H, 1)
    columns = torch.arange(w, device=x.device)[None, None, :].expand(n, 1, w)
    if flip:
        mirror = torch.rand(n, 1, 1, device=x.device) < 0.5
        columns = torch.where(mirror, w - 1 - columns, columns)
    return padded[torch.arange(n, device=x.device)[:, None, None], rows, columns + dx][:, None]


@torch.no_grad()
def accuracy(network: Classifier, data: gm.data.Dataset) -> float:
    """Fraction of the images of `data` that `network` sorts rightly."""
    network.eval()
    index = torch.arange(len(data), device=data.raw.device).split(1000)
    hits = [network(data.batch(i)).argmax(1) == data.labels[i] for i in index]
    return torch.cat(hits).double().mean().item()


def train(name: str, epochs: int, device: str) -> None:
    torch.manual_seed(SETTINGS["seed"])
    data = gm.load(name, "train", device=device)
    network = Classifier().to(device, memory_format=torch.channels_last)
    optimizer = torch.optim.AdamW(
        network.parameters(), lr=SETTINGS["lr"], weight_decay=SETTINGS["weight_decay"]
    )
    n = SETTINGS["batch_size"]
    total = epochs * (len(data) // n)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, SETTINGS["lr"], total_steps=total)
    started = time.perf_counter()
    for epoch in range(epochs):
        network.train()
        order = torch.randperm(len(data), device=device)
        mean = torch.zeros((), device=device)
        for chosen in order[: len(data) // n * n].split(n):
            x = augment(data.batch(chosen), SETTINGS["max_shift"], FLIPS[name])
            loss = F.cross_entropy(network(x), data.labels[chosen])
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
            schedule.step()
            mean += loss.detach() / (len(data) // n)
        print(f"{name} epoch {epoch + 1}/{epochs}: loss {mean:.4f}", flush=True)
    seconds = time.perf_counter() - started
    weights = {
        k: (v.half() if v.is_floating_point() else v).cpu().contiguous()
        for k, v in network.state_dict().items()
    }
    network.load_state_dict({k: v.float() if v.is_floating_point() else v for k, v in weights.items()})
    stem = f"classifier_{name.replace('-', '_')}"
    record = {
        "data": name,
        "test_accuracy": accuracy(network, gm.load(name, "test", device=device)),
        "train_accuracy": accuracy(network, data),
        "parameters": sum(w.numel() for w in network.parameters()),
        "settings": {**SETTINGS, "epochs": epochs, "flip": FLIPS[name]},
        "seconds": seconds,
        "environment": environment(device),
    }
    save_file(weights, OUT / f"{stem}.safetensors")
    save_record(record, OUT / f"{stem}.json")
    print(f"{name}: test accuracy {record['test_accuracy']:.4f}, {seconds:.0f} s", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="+", choices=list(FLIPS))
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    for name in arguments.names:
        train(name, arguments.epochs, arguments.device)


if __name__ == "__main__":
    main()
