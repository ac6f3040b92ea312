"""What `import ganmath` costs and promises."""

import subprocess
import sys

import ganmath as gm


def run(code: str) -> str:
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return result.stdout.strip()


def test_import_loads_neither_torch_nor_sympy():
    code = "import ganmath, sys; print([m for m in ('torch', 'sympy', 'matplotlib') if m in sys.modules])"
    assert run(code) == "[]"


def test_theory_never_imports_torch():
    code = (
        "import sys, ganmath as gm; [gm.derive(loss) for loss in gm.losses.values()];"
        "gm.verify(gm.losses['lsgan']); import ganmath.theory.equations as e; e.check_all();"
        "print('torch' in sys.modules)"
    )
    assert run(code) == "False"


def test_every_public_name_exists():
    for name in gm.__all__:
        assert getattr(gm, name) is not None
    assert set(gm.__all__) <= set(dir(gm))


def test_modules_load_when_they_are_first_named():
    code = (
        "import ganmath as gm; p, q = (0.5, 0.5), (0.9, 0.1);"
        "value = gm.theory.oracle.optimal_critic(gm.losses['minimax'], p, q)[1];"
        "print(hasattr(gm.theory, 'none'), hasattr(gm, 'none'), 0.9 < value < 1.3863)"
    )
    assert run(code) == "False False True"
