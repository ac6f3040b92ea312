"""Train losses x data sets x seeds, and write one record and one sample grid for each run.

Usage: python tools/record_runs.py --losses minimax nonsaturating --data mnist fashion-mnist \
           --seeds 0 1 2 --steps 20000 --out book/records/runs

A run whose record exists is skipped, so the command can be given again after an interruption.
Record: settings, environment, timing, history of 200 points; Fréchet distance in classifier features
of 10,000 samples to the test set, class counts, KL to uniform, confidence. A run that diverges is
recorded as such, with the metrics of its last good state.
"""

import argparse
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

import ganmath as gm
from ganmath.metrics import class_balance, features, frechet_distance
from ganmath.networks import dcgan_discriminator, dcgan_generator
from ganmath.records import save_record, summarise

SAMPLES = 10_000


def sample_grid(images: torch.Tensor, path: Path, side: int = 8) -> None:
    """side x side images (N, C, H, W) in [-1, 1] as one PNG of 16 grey levels (64 colours)."""
    _, c, h, w = images.shape
    levels = images[: side * side].float().cpu().clamp(-1, 1).add(1).mul(127.5).round().byte()
    tiles = levels.reshape(side, side, c, h, w).permute(0, 3, 1, 4, 2).reshape(side * h, side * w, c)
    picture = Image.fromarray(tiles.squeeze(-1).numpy())
    picture.quantize(16 if c == 1 else 64).save(path, optimize=True)


def measure(images: torch.Tensor, name: str, reference: np.ndarray) -> dict[str, Any]:
    """The metrics of a record, on samples (N, 1, 28, 28)."""
    balance = class_balance(images, name)
    return {
        "frechet_classifier_distance": frechet_distance(features(images, name), reference),
        "samples": len(images),
        "class_counts": balance.counts.tolist(),
        "kl_to_uniform": balance.kl,
        "confidence": balance.confidence,
    }


def run_one(loss_name: str, data: gm.data.Dataset, seed: int, options: argparse.Namespace) -> dict:
    """Train once; the record without its measurements, and the run under "run"."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        networks = (
            dcgan_generator(data.shape, latent=options.latent, width=options.width),
            dcgan_discriminator(data.shape, width=options.width, norm=options.norm),
        )
    diverged = None
    try:
        run = gm.fit(
            gm.losses[loss_name],
            data,
            *networks,
            steps=options.steps,
            batch_size=options.batch_size,
            seed=seed,
            progress=options.progress,
            log_every=100,
        )
    except gm.TrainingDiverged as error:
        run, diverged = error.run, str(error)
    history = summarise(run.history) if run.step else {}
    return {"run": run, "record": {**run.record, "diverged": diverged, "history": history}}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--losses", nargs="+", required=True)
    parser.add_argument("--data", nargs="+", required=True, choices=["mnist", "fashion-mnist"])
    parser.add_argument("--seeds", nargs="+", type=int, default=[0])
    parser.add_argument("--steps", type=int, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--width", type=int, default=64)
    parser.add_argument("--latent", type=int, default=64)
    parser.add_argument("--norm", default="batch", choices=["batch", "none", "spectral"])
    parser.add_argument("--sample", action="store_true", help="the embedded sample of Fashion-MNIST")
    parser.add_argument("--progress", action="store_true")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    for name in options.data:
        load = {"device": options.device, "sample": options.sample}
        data, test = gm.load(name, "train", **load), gm.load(name, "test", **load)
        reference = features(test, name)
        # what a perfect generator would score: as many real training images as there are samples
        floor = frechet_distance(features(data.images[:SAMPLES], name), reference)
        for loss_name, seed in product(options.losses, options.seeds):
            stem = f"{name}-{loss_name}-seed{seed}"
            if (options.out / f"{stem}.json").exists():
                print(f"{stem}: recorded already", flush=True)
                continue
            done = run_one(loss_name, data, seed, options)
            images = done["run"].sample(SAMPLES, seed=seed)
            metrics = measure(images, name, reference)
            metrics["frechet_classifier_distance_of_training_images"] = floor
            sample_grid(images, options.out / f"{stem}.png")
            record = {**done["record"], "loss": loss_name, "seed": seed, "metrics": metrics}
            save_record(record, options.out / f"{stem}.json")
            print(
                f"{stem}: distance {metrics['frechet_classifier_distance']:.2f} (real images "
                f"{floor:.2f}), KL {metrics['kl_to_uniform']:.3f}, "
                f"{record['images_per_second']:.0f} images/s, {record['seconds']:.0f} s"
                + (" DIVERGED" if record["diverged"] else ""),
                flush=True,
            )


if __name__ == "__main__":
    main()
