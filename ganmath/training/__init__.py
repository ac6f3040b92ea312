"""Training: a critic step and a generator step, one loop around them, and files of runs.

`steps` holds what one step does, `loop` repeats it and reads the history, `fit` sets up both for a
generator with its critic or for a critic alone, `checkpoints` saves, `batches` draws.
"""

from ganmath.training.checkpoints import CheckpointError as CheckpointError
from ganmath.training.checkpoints import CriticRun as CriticRun
from ganmath.training.checkpoints import Run as Run
from ganmath.training.checkpoints import TrainingDiverged as TrainingDiverged
from ganmath.training.checkpoints import load_run as load_run
from ganmath.training.fit import fit as fit
from ganmath.training.fit import fit_critic as fit_critic
from ganmath.training.steps import critic_step as critic_step
from ganmath.training.steps import frozen as frozen
from ganmath.training.steps import generator_step as generator_step
from ganmath.training.steps import update_average as update_average
