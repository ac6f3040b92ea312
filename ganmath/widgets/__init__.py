"""Figures and questions that readers work with: in the page, in Jupyter and in Colab alike.

Each widget is one HTML output with its script and style inside. Python draws its first state, so that
it can be read where no script runs: in a PDF, in a notebook that is not trusted.
"""

from ganmath.widgets.answers import Answer, answer
from ganmath.widgets.films import Film, Recorder, film, load_film
from ganmath.widgets.loss_figures import distribution_sliders, loss_sliders
from ganmath.widgets.sliders import Curve, Line, Panel, Point, Slider, sliders
from ganmath.widgets.trainer import Trainer, trainer

__all__ = [
    "Answer",
    "Curve",
    "Film",
    "Line",
    "Panel",
    "Point",
    "Recorder",
    "Slider",
    "Trainer",
    "answer",
    "distribution_sliders",
    "film",
    "load_film",
    "loss_sliders",
    "sliders",
    "trainer",
]
