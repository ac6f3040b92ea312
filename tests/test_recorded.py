"""The derivations that the package carries are those that the engine makes today, and read back whole.

Other tests take them as `derive` gives them, from the record: what they say holds of the engine through this.
"""

import json
from pathlib import Path

import pytest
import sympy as sp

import ganmath as gm
from ganmath.theory import recorded
from ganmath.theory.derive import derive_afresh
from ganmath.theory.divergence import Normal
from ganmath.theory.expression import c, softplus
from ganmath.theory.loss import GANLoss

RECORD = json.loads((Path(gm.__file__).parent / "_data" / "derivations.json").read_text(encoding="utf-8"))
LOSSES = [*gm.losses.values(), *(loss.at_defaults() for loss in gm.losses.values() if loss.parameters)]


@pytest.mark.parametrize("loss", LOSSES, ids=lambda loss: loss.label)
def test_record_is_what_the_engine_derives(loss, monkeypatch):
    """After a change of the theory or the catalogue: python tools/write_derivations.py."""
    fresh = derive_afresh(loss)
    data = recorded.encoded(fresh)
    if data is None:
        assert recorded.key(loss) not in RECORD
        return
    assert RECORD[recorded.key(loss)] == json.loads(json.dumps(data))
    monkeypatch.setattr(recorded, "_read", lambda: RECORD)
    read = recorded.look_up(loss)
    assert recorded.encoded(read) == data
    assert read._repr_markdown_().replace("_s", "s") == fresh._repr_markdown_().replace("_s", "s")
    assert read.loss is loss and read.check("critic_divergence") == fresh.check("critic_divergence")


def test_nothing_else_is_recorded():
    assert set(RECORD) <= {recorded.key(loss) for loss in LOSSES}


def test_closed_forms_come_back_with_the_name(monkeypatch):
    monkeypatch.setattr(recorded, "_read", lambda: RECORD)
    for name, divergence in (("minimax", "jensen-shannon"), ("exponential", "squared-hellinger")):
        found = recorded.look_up(gm.losses[name]).critic_divergence
        known = gm.divergences[divergence]
        if known.between_normals is None:
            assert found.between_normals is None
            continue
        pair = Normal(0, 1), Normal(2, 1)
        assert sp.simplify(found.between(*pair) - found.scale * known.between(*pair)) == 0


def test_another_loss_of_the_same_name_is_not_mistaken(monkeypatch):
    monkeypatch.setattr(recorded, "_read", lambda: RECORD)
    other = GANLoss("minimax", real=softplus(-c), fake=2 * softplus(c), gen=-softplus(c))
    assert recorded.look_up(other) is None and recorded.look_up(gm.losses["minimax"]) is not None
    assert recorded.look_up(gm.losses["lsgan"](a=-1, b=1, c=0)) is None


def test_text_in_a_record_cannot_call_python(monkeypatch):
    key = recorded.key(gm.losses["minimax"])
    monkeypatch.setattr(recorded, "_read", lambda: {key: {"sympy": "__import__('os').getcwd()"}})
    with pytest.raises(NameError):
        recorded.look_up(gm.losses["minimax"])
