"""Train losses on image data sets over seeds and write a run record and a sample grid for each.

    python tools/record_runs.py --losses minimax nonsaturating --data mnist --seeds 0 1 2 --steps 15000

Runs on the GPU where there is one. Several runs share it through --jobs processes. Each record
(JSON) and its grid of 64 samples (PNG) are written as soon as the run ends, so an interrupted grid of
runs keeps what is done. A run that diverges is recorded as diverged, with the state it reached.
"""

import argparse
import multiprocessing
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path
from typing import Any

BOOK = Path(__file__).parent.parent / "book"


def name_of(loss: str, data: str, seed: int, kind: str) -> str:
    """Name of a record, such as nonsaturating-mnist-cuda-seed0."""
    return f"{loss}-{data}-{kind}-seed{seed}"


def record_run(loss: str, data: str, seed: int, steps: int, width: int, out: Path) -> str:
    """Train once and write the record and the grid; returns a line about the run."""
    import torch

    import ganmath as gm
    from ganmath.records import save_record, summarise

    device = "cuda" if torch.cuda.is_available() else "cpu"
    if device == "cpu":
        torch.set_num_threads(max(1, torch.get_num_threads() // 2))
    train = gm.load(data, split="train", device=device)
    generator = gm.networks.dcgan_generator(train.shape, width=width)
    critic = gm.networks.dcgan_discriminator(train.shape, width=width)
    stopped = None
    try:
        run = gm.fit(
            gm.losses[loss], train, generator, critic, steps=steps, seed=seed, device=device, progress=False
        )
    except gm.TrainingDiverged as error:
        run, stopped = error.run, str(error)
    record: dict[str, Any] = {
        **run.record,
        "loss": loss,
        "data": data,
        "seed": seed,
        "diverged": stopped,
        "history": summarise(run.history),
        "metrics": metrics(run, data, device),
    }
    name = name_of(loss, data, seed, device)
    save_record(record, out / f"{name}.json")
    image = gm.plots.image_grid(run.sample(64), columns=16, alt="samples")
    (out / f"{name}.png").write_bytes(image.png)
    line = ", ".join(f"{k} {v:.4g}" for k, v in record["metrics"].items() if isinstance(v, float))
    return f"{name}: {record['seconds']:.0f} s, {record['images_per_second']:.0f} images/s, {line}"


def metrics(run: Any, data: str, device: str) -> dict[str, Any]:
    """Measures of 10,000 samples against the 10,000 test images, where the data set has a classifier."""
    import torch

    import ganmath as gm

    if data not in gm.metrics.CLASSIFIERS:
        return {}
    samples = run.sample(10_000)
    test = gm.load(data, split="test", device=device)
    balance = gm.metrics.class_balance(samples, data)
    train = gm.load(data, split="train", device=device)
    other = train.batch(torch.arange(10_000, device=device))
    return {
        "frechet_classifier_distance": gm.metrics.frechet_classifier_distance(samples, test, data),
        "frechet_of_training_images": gm.metrics.frechet_classifier_distance(other, test, data),
        "class_counts": [int(count) for count in balance.counts],
        "class_kl": balance.kl,
        "classes": balance.classes,
        "confidence": balance.confidence,
        "samples": 10_000,
    }


def main() -> None:
    """Parse the grid of runs and go through it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--losses", nargs="+", default=["minimax", "nonsaturating", "label-smoothing", "lsgan"]
    )
    parser.add_argument("--data", nargs="+", default=["mnist", "fashion-mnist"])
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--steps", type=int, default=15_000)
    parser.add_argument("--width", type=int, default=64)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--out", type=Path, default=BOOK / "records")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    grid = [(loss, data, seed) for data in args.data for seed in args.seeds for loss in args.losses]
    context = multiprocessing.get_context("spawn")  # CUDA does not survive a fork
    with ProcessPoolExecutor(args.jobs, mp_context=context) as pool:
        futures = [pool.submit(record_run, *point, args.steps, args.width, args.out) for point in grid]
        for future in as_completed(futures):
            print(future.result(), flush=True)


if __name__ == "__main__":
    main()
