"""Shapes, logits and initialisation of the networks."""

import pytest
import torch

from ganmath.networks import (
    MLP,
    build,
    dcgan_discriminator,
    dcgan_generator,
    latent_size,
    logits,
)


@pytest.mark.parametrize("shape", [(1, 28, 28), (3, 32, 32)])
@pytest.mark.parametrize("norm", ["batch", "none", "spectral"])
def test_dcgan_shapes(shape, norm):
    generator = dcgan_generator(shape, latent=5, width=4)
    critic = dcgan_discriminator(shape, width=4, norm=norm)
    x = generator(torch.randn(3, 5))
    assert x.shape == (3, *shape) and x.abs().max() < 1  # tanh
    assert critic(x).shape == (3,)


def test_critic_output_is_a_logit():
    """Scaling the last layer scales the output: no squashing follows it."""
    critic = dcgan_discriminator((1, 28, 28), width=4, norm="none")
    x = torch.randn(4, 1, 28, 28)
    before = critic(x)
    with torch.no_grad():
        critic[-2].weight.mul_(1e4)
    assert torch.allclose(critic(x), 1e4 * before, rtol=1e-4)


def test_first_layer_is_the_transposed_convolution_of_dcgan():
    generator = dcgan_generator((1, 28, 28), latent=5, width=4)
    z = torch.randn(3, 5)
    linear = generator[0]
    convolution = torch.nn.ConvTranspose2d(5, 16, 7, bias=False)
    with torch.no_grad():
        convolution.weight.copy_(linear.weight.view(7, 7, 16, 5).permute(3, 2, 0, 1))
    expected = convolution(z[:, :, None, None])
    assert torch.allclose(generator[:3](z), expected, atol=1e-6)


def test_last_layer_is_the_convolution_of_dcgan():
    critic = dcgan_discriminator((1, 28, 28), width=4, norm="none")
    hidden = torch.randn(3, 8, 7, 7)
    convolution = torch.nn.Conv2d(8, 1, 7)
    with torch.no_grad():
        convolution.weight.copy_(critic[-2].weight.view(1, 7, 7, 8).permute(0, 3, 1, 2))
        convolution.bias.copy_(critic[-2].bias)
    assert torch.allclose(critic[-4:](hidden), convolution(hidden).flatten(), atol=1e-6)


def test_initialisation_is_that_of_dcgan():
    torch.manual_seed(0)
    weight = dcgan_generator((1, 28, 28), latent=64, width=32)[0].weight
    assert abs(weight.std().item() - 0.02) < 2e-4 and abs(weight.mean().item()) < 2e-4


def test_spectral_norm_bounds_every_layer():
    torch.manual_seed(0)
    critic = dcgan_discriminator((1, 28, 28), width=4, norm="spectral")
    with torch.no_grad():
        for module in critic:
            if hasattr(module, "weight"):
                module.parametrizations.weight.original.mul_(50)
    for _ in range(100):
        critic(torch.randn(2, 1, 28, 28))  # one power iteration each
    largest = [torch.linalg.matrix_norm(m.weight.flatten(1), 2) for m in critic if hasattr(m, "weight")]
    assert torch.allclose(torch.stack(largest), torch.ones(3), atol=1e-3)


@pytest.mark.parametrize(
    "network",
    [
        MLP(2, 7, 3, slope=0.1),
        dcgan_generator((3, 32, 32), latent=6, width=2),
        dcgan_discriminator((3, 32, 32), width=2, norm="none"),
    ],
)
def test_spec_rebuilds_the_network(network):
    again = build(network.spec)
    again.load_state_dict(network.state_dict())
    x = torch.randn(3, *((6,) if network.latent == 6 else (2,) if network.latent else (3, 32, 32)))
    assert torch.equal(again.eval()(x), network.eval()(x))


def test_logits_shape():
    x = torch.randn(4, 2)
    assert logits(MLP(2, 1), x).shape == (4,)
    with pytest.raises(ValueError, match=r"one logit per sample.*returned \(4, 2\)"):
        logits(MLP(2, 2), x)


def test_latent_size():
    assert latent_size(torch.nn.Sequential(torch.nn.Linear(9, 2))) == 9
    with pytest.raises(ValueError, match="attribute `latent`"):
        latent_size(torch.nn.Sequential(torch.nn.Conv2d(1, 1, 3)))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: dcgan_generator((1, 64, 64)), "resize the images"),
        (lambda: dcgan_discriminator(norm="layer"), "batch, none, spectral"),
        (lambda: MLP(3), "two or more"),
        (lambda: build({"builder": "ResNet"}), "no network builder"),
    ],
)
def test_bad_arguments(make, message):
    with pytest.raises(ValueError, match=message):
        make()
