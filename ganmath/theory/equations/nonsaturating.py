"""Displayed equations."""

from ganmath.theory.equations.registry import Equation

EQUATIONS: tuple[Equation, ...] = ()
