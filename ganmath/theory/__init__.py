"""The mathematics of GAN losses in sympy, mpmath and numpy; nothing here imports torch on import."""
