"""Speed of gm.fit beside a plain eager loop in the style of PyTorch's DCGAN example.

Same functions (DCGAN 28x28), loss (non-saturating), Adam settings, batch size, threads and images on
both sides; the two are timed in turn, round by round, in one process, each after warm-up steps. The
peer reads torchvision's Fashion-MNIST through a DataLoader with ToTensor and Normalize, calls
backward three times, lets the critic's weights collect gradients in the generator step, and keeps its
losses with .item(). gm.fit does more: it also averages the generator and checks for NaN.

Usage: GANMATH_DATA=FOLDER python benchmarks/training_speed.py [--width 32] [--rounds 7] [--out FILE]
"""

import argparse
import os
import time
from pathlib import Path

import numpy as np
import torch
import torchvision
from torch import nn
from torchvision import transforms

import ganmath as gm
from ganmath.networks import dcgan_discriminator, dcgan_generator
from ganmath.records import environment, save_record

BATCH, WARM_UP = 64, 20
OUT = Path(__file__).parents[1] / "book" / "records" / "benchmark-training-speed.json"


def example_networks(width: int) -> tuple[nn.Module, nn.Module]:
    """Generator and discriminator written as in the example, for 28x28: the functions, layer by layer,
    and the numbers of weights are those of ganmath's dcgan_generator and dcgan_discriminator."""
    w = width
    generator = nn.Sequential(
        nn.ConvTranspose2d(64, 4 * w, 7, 1, 0, bias=False),
        nn.BatchNorm2d(4 * w),
        nn.ReLU(True),
        nn.ConvTranspose2d(4 * w, 2 * w, 4, 2, 1, bias=False),
        nn.BatchNorm2d(2 * w),
        nn.ReLU(True),
        nn.ConvTranspose2d(2 * w, 1, 4, 2, 1),
        nn.Tanh(),
    )
    discriminator = nn.Sequential(
        nn.Conv2d(1, w, 4, 2, 1),
        nn.LeakyReLU(0.2, inplace=True),
        nn.Conv2d(w, 2 * w, 4, 2, 1, bias=False),
        nn.BatchNorm2d(2 * w),
        nn.LeakyReLU(0.2, inplace=True),
        nn.Conv2d(2 * w, 1, 7, 1, 0),
        nn.Flatten(0),
    )
    return generator, discriminator


def example_init(module: nn.Module) -> None:
    name = type(module).__name__
    if "Conv" in name:
        nn.init.normal_(module.weight, 0.0, 0.02)
    elif "BatchNorm" in name:
        nn.init.normal_(module.weight, 1.0, 0.02)
        nn.init.zeros_(module.bias)


def plain_loop(width: int, workers: int, steps: int, device: torch.device) -> float:
    """Images per second of the peer over `steps` steps after the warm-up."""
    torch.manual_seed(0)
    prepare = transforms.Compose([transforms.ToTensor(), transforms.Normalize((0.5,), (0.5,))])
    data = torchvision.datasets.FashionMNIST(os.environ["GANMATH_DATA"], transform=prepare)
    loader = torch.utils.data.DataLoader(
        data, batch_size=BATCH, shuffle=True, num_workers=workers, drop_last=True
    )
    net_g, net_d = (net.to(device).apply(example_init) for net in example_networks(width))
    criterion = nn.BCEWithLogitsLoss()
    optimizer_d = torch.optim.Adam(net_d.parameters(), lr=2e-4, betas=(0.5, 0.999))
    optimizer_g = torch.optim.Adam(net_g.parameters(), lr=2e-4, betas=(0.5, 0.999))
    ones, zeros = torch.ones(BATCH, device=device), torch.zeros(BATCH, device=device)
    losses: list[tuple[float, float]] = []
    started = 0.0
    for i, (images, _) in enumerate(loader):
        if i == WARM_UP:
            started = time.perf_counter()
        if i == WARM_UP + steps:
            break
        net_d.zero_grad()
        error_real = criterion(net_d(images.to(device)), ones)
        error_real.backward()
        fake = net_g(torch.randn(BATCH, 64, 1, 1, device=device))
        error_fake = criterion(net_d(fake.detach()), zeros)
        error_fake.backward()
        optimizer_d.step()
        net_g.zero_grad()
        error_g = criterion(net_d(fake), ones)
        error_g.backward()
        optimizer_g.step()
        losses.append(((error_real + error_fake).item(), error_g.item()))
    return steps * BATCH / (time.perf_counter() - started)


def ganmath_loop(width: int, data: gm.data.Dataset, steps: int) -> float:
    """Images per second of gm.fit over `steps` steps after the warm-up."""
    clock: dict[int, float] = {}
    gm.fit(
        gm.losses["nonsaturating"],
        data,
        dcgan_generator(width=width),
        dcgan_discriminator(width=width),
        steps=WARM_UP + steps,
        batch_size=BATCH,
        log_every=WARM_UP,
        autocast=False,
        progress=False,
        callback=lambda run: clock.update({run.step: time.perf_counter()}),
    )
    return steps * BATCH / (clock[WARM_UP + steps] - clock[WARM_UP])


def spread(values: list[float]) -> dict[str, float | int]:
    """n, mean, sample standard deviation, smallest and largest."""
    x = np.asarray(values)
    return {
        "n": len(x),
        "mean": round(float(x.mean()), 3),
        "std": round(float(x.std(ddof=1)), 3),
        "min": round(float(x.min()), 3),
        "max": round(float(x.max()), 3),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--width", type=int, default=32)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--steps", type=int, default=60)
    parser.add_argument("--workers", type=int, nargs="+", default=[0, 2], help="the peer's best counts")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--out", type=Path, default=OUT)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    device = torch.device(arguments.device)
    data = gm.load("fashion-mnist", device=device)
    for a, b in zip(
        example_networks(arguments.width),
        (dcgan_generator(width=arguments.width), dcgan_discriminator(width=arguments.width)),
        strict=True,
    ):
        assert sum(w.numel() for w in a.parameters()) == sum(w.numel() for w in b.parameters())
    speeds: dict[str, list[float]] = {"ganmath": []} | {f"peer-{w}": [] for w in arguments.workers}
    for round_ in range(arguments.rounds):
        speeds["ganmath"].append(ganmath_loop(arguments.width, data, arguments.steps))
        for w in arguments.workers:
            speeds[f"peer-{w}"].append(plain_loop(arguments.width, w, arguments.steps, device))
        print(round_, {k: round(v[-1]) for k, v in speeds.items()}, flush=True)
    best = max((k for k in speeds if k != "ganmath"), key=lambda k: np.mean(speeds[k]))
    ratio = [a / b for a, b in zip(speeds["ganmath"], speeds[best], strict=True)]
    record = {
        "what": "training speed, images per second; the peer is its faster number of loader workers",
        "images_per_second": {k: spread(v) for k, v in speeds.items()},
        "peer": best,
        "ratio": spread(ratio),
        "settings": {
            "network": "DCGAN 28x28",
            "width": arguments.width,
            "batch_size": BATCH,
            "steps_per_round": arguments.steps,
            "warm_up_steps": WARM_UP,
        },
        "environment": environment(device),
    }
    save_record(record, arguments.out)
    print(f"ganmath / {best}: {record['ratio']}")


if __name__ == "__main__":
    main()
