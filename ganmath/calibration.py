"""A discriminator as a probability: its distance from the optimal one, and its calibration.

The optimal discriminator p/(p + q) is the posterior probability of "real" when real and generated
samples are equally frequent (Goodfellow et al. 2014, proposition 1), so a learned one can be judged
as any probabilistic classifier is (DeGroot and Fienberg 1983).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import softplus

from ganmath.networks import logits
from ganmath.toy_data import Toy


@dataclass(frozen=True)
class CriticError:
    """How far a critic is from log p/q under the logistic loss, all means over m = (p + q)/2.

    excess: L_D minus its least value, in nats, never negative; least: that value, 2 log 2 - 2 JS;
    rms_logit: root of E_m (C - C*)^2; rms_probability: root of E_m (D - D*)^2.
    """

    excess: float
    least: float
    rms_logit: float
    rms_probability: float


@torch.no_grad()
def critic_error(
    critic: nn.Module | Callable[[Tensor], Tensor], p: Toy, q: Toy, n: int = 100_000, seed: int = 0
) -> CriticError:
    r"""Error of a critic between two toys with known densities, on n fresh samples of each.

    .. math:: L_D(C) - L_D(C^*) = 2\,E_m\bigl[\zeta(C) - \zeta(C^*) - \sigma(C^*)(C - C^*)\bigr],
        \quad \zeta(t) = \log(1 + e^t)

    Parameters: critic, points (n, d) to logits; p and q, toys whose supports are the whole space.
    The terms are nonnegative one by one and zero at C = C*, so that sampling cannot make a good
    critic look better than the optimum. Raises ValueError where log p/q is not finite.
    """
    weight = next(critic.parameters(), None) if isinstance(critic, nn.Module) else None
    device = torch.device("cpu") if weight is None else weight.device
    rng = torch.Generator(device=device).manual_seed(seed)
    x = torch.cat([d.sample(n, seed=rng) for d in (p, q)])
    best = p.log_density(x.double()) - q.log_density(x.double())  # (2n,)
    if not best.isfinite().all():
        raise ValueError("log p/q is infinite on some samples: the supports of p and q differ")
    learned = torch.cat([logits(critic, part).double() for part in x.split(10_000)])  # type: ignore[arg-type]
    gap = softplus(learned) - softplus(best) - best.sigmoid() * (learned - best)
    entropy = softplus(best) - best.sigmoid() * best
    d_gap = learned.sigmoid() - best.sigmoid()
    return CriticError(
        excess=2 * float(gap.mean()),
        least=2 * float(entropy.mean()),
        rms_logit=float((learned - best).square().mean().sqrt()),
        rms_probability=float(d_gap.square().mean().sqrt()),
    )


@dataclass(frozen=True)
class Reliability:
    """Observed against predicted probability of "real", by bins of the prediction.

    predicted, observed: (K,), over the K bins that hold samples; low, high: (K,), 95 % intervals of
    observed (Wilson 1927); mass: (K,), the share of samples in each bin; error: the expected
    calibration error, sum of mass |observed - predicted|.
    """

    predicted: np.ndarray
    observed: np.ndarray
    low: np.ndarray
    high: np.ndarray
    mass: np.ndarray
    error: float


def reliability(c_real: Any, c_fake: Any, bins: int = 10) -> Reliability:
    """Calibration of D = sigmoid(C) on samples the critic was not trained on.

    Parameters: c_real, c_fake, logits on real and on generated samples, as many of either
    (ValueError otherwise: the prior is then not 1/2); bins, of equal width on [0, 1].
    """
    real, fake = (torch.as_tensor(c).detach().double().cpu().flatten() for c in (c_real, c_fake))
    if len(real) != len(fake) or len(real) == 0:
        raise ValueError(
            f"{len(real)} real and {len(fake)} generated samples: take as many of either, since D* "
            "is the probability of real at a prior of 1/2"
        )
    d = torch.cat([real, fake]).sigmoid().numpy()
    is_real = np.repeat([1.0, 0.0], len(real))
    k = np.minimum((d * bins).astype(int), bins - 1)
    count = np.bincount(k, minlength=bins)
    used = count > 0
    n = count[used]
    predicted = np.bincount(k, d, bins)[used] / n
    observed = np.bincount(k, is_real, bins)[used] / n
    z = 1.959964  # of the standard normal distribution at 97.5 %
    centre = (observed + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z / (1 + z**2 / n) * np.sqrt(observed * (1 - observed) / n + z**2 / (4 * n**2))
    mass = n / len(d)
    error = float(np.sum(mass * np.abs(observed - predicted)))
    return Reliability(predicted, observed, centre - half, centre + half, mass, error)
