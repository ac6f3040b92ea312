"""A panel that trains a small GAN: any discriminator objective with any generator objective, on a toy.

It needs a running kernel, so it is for Jupyter and Colab. On a page it leaves a sentence that says so.
"""

import html
import threading
from collections.abc import Sequence
from typing import Any

from ganmath.widgets.films import Recorder, film

#: So often a run redraws the panel; it can be stopped at least every so many steps.
DRAWINGS = 10
LONGEST = 50

_VIEW = "application/vnd.jupyter.widget-view+json"


def trainer(data: Any = "mixture", losses: Sequence[str] | None = None, steps: int = 1000) -> "Trainer":
    """A panel to choose objectives and settings, train, and watch; displays itself.

    Parameters: data, a toy on the line or in the plane, or its name in gm.toys. losses, names in
    gm.losses to choose from, default all; the first is chosen. steps, the number of generator steps
    first proposed.
    Raises: ModuleNotFoundError without ipywidgets; KeyError for an unknown name; ValueError for data
    that are neither on the line nor in the plane.
    """
    from ganmath.data import toys
    from ganmath.theory.catalogue import losses as catalogue

    toy = toys[data] if isinstance(data, str) else data
    if getattr(toy, "shape", None) not in ((1,), (2,)):
        raise ValueError("the panel trains on a toy on the line or in the plane: give one of gm.toys")
    names = list(catalogue if losses is None else losses)
    if not names:
        raise ValueError("losses is empty: give at least one name in gm.losses")
    return Trainer(toy, {name: catalogue[name] for name in names}, steps)


class Trainer:
    """The panel and what it has trained.

    run: the last run, also of a training that was stopped or that diverged (its last good state); None
    before the first reading. film: its frames, so far. Both can be used in the next cell, as in
    ``panel.film.show(alt="…")``. The controls are attributes: critic and generator (objectives),
    lr_critic, lr_generator, n_critic, steps, seed, train and stop (buttons), status.
    """

    def __init__(self, data: Any, losses: dict[str, Any], steps: int):
        ipywidgets = _ipywidgets()
        wide = {"description_width": "initial"}
        named = [(loss.title or name, name) for name, loss in losses.items()]

        def control(kind: str, description: str, width: str, **settings: Any) -> Any:
            layout = ipywidgets.Layout(width=width, max_width="calc(100% - 4px)")
            make = getattr(ipywidgets, kind)
            return make(description=description, style=wide, layout=layout, **settings)

        self.data, self.losses = data, losses
        self.run: Any = None
        self.film: Recorder | None = None
        self.critic = control("Dropdown", "discriminator’s objective", "34em", options=named)
        self.generator = control("Dropdown", "generator’s objective", "34em", options=named)
        self.lr_critic = control("FloatText", "its learning rate", "14em", value=1e-3, step=1e-4)
        self.lr_generator = control("FloatText", "its learning rate", "14em", value=1e-3, step=1e-4)
        self.n_critic = control("IntText", "discriminator’s steps (n_critic)", "19em", value=1)
        self.steps = control("IntText", "steps", "10em", value=steps)
        self.seed = control("IntText", "seed", "9em", value=0)
        self.train = ipywidgets.Button(description="Train", button_style="primary")
        self.stop = ipywidgets.Button(description="Stop", disabled=True)
        self.status = ipywidgets.HTML()
        # side by side in a wide panel, below one another in a narrow one
        half = ipywidgets.Layout(width="30em", max_width="calc(100% - 4px)")
        self._picture, self._losses = (ipywidgets.HTML(layout=half) for _ in range(2))
        self.train.on_click(lambda _: self._start())
        self.stop.on_click(lambda _: self._stopped.set())
        self._stopped: threading.Event = threading.Event()
        self._thread: threading.Thread | None = None
        row = ipywidgets.Layout(display="flex", flex_flow="row wrap", align_items="center")
        rows = [
            [self.critic, self.lr_critic],
            [self.generator, self.lr_generator],
            [self.n_critic, self.steps, self.seed],
            [self.train, self.stop, self.status],
            [self._picture, self._losses],
        ]
        self.panel = ipywidgets.VBox([ipywidgets.Box(children, layout=row) for children in rows])

    def __repr__(self) -> str:
        return f"Trainer(data={self.data.name!r})"

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        """The panel for a kernel that runs; a sentence for a page, where no panel can."""
        view = {"version_major": 2, "version_minor": 0, "model_id": self.panel.model_id}
        sentence = (
            "*Run this cell in Jupyter or Colab to choose a discriminator’s and a generator’s objective, "
            f"learning rates and steps, and to train on the toy “{self.data.name}”.*"
        )
        return {"text/plain": repr(self), "text/markdown": sentence, _VIEW: view}

    def wait(self) -> None:
        """Return when the training that was started is over."""
        if self._thread is not None:
            self._thread.join()

    # --- training ---------------------------------------------------------------------------------

    def _start(self) -> None:
        """Train beside the kernel's own thread, so that the kernel hears the button that stops it."""
        if self._thread is not None and self._thread.is_alive():
            return
        self._stopped.clear()
        self.train.disabled, self.stop.disabled = True, False
        self._say("Starting.")
        self._thread = threading.Thread(target=self._train, daemon=True)
        self._thread.start()

    def _train(self) -> None:
        from ganmath.training import TrainingDiverged

        try:
            self._fit()
            self._say(f"Done: {_figures(self.run)}")
        except _Stopped:
            self._say(f"Stopped: {_figures(self.run)}")
        except TrainingDiverged as error:
            if error.run.step:
                self.run = error.run
            self._say(
                f"Diverged: a loss or a weight was not finite after step {error.run.step}, the last that "
                "is kept. A smaller learning rate usually helps."
            )
        except Exception as error:  # whatever it is, the reader must see it, in the panel
            self._say(f"Not trained: {error if isinstance(error, ValueError) else repr(error)}")
        finally:
            self.train.disabled, self.stop.disabled = False, True

    def _fit(self) -> None:
        from ganmath.theory.loss import GANLoss
        from ganmath.training import fit

        critic, generator = self.losses[self.critic.value], self.losses[self.generator.value]
        loss = critic if critic is generator else GANLoss.pair(critic, generator)
        steps = self.steps.value
        every = max(1, -(-steps // DRAWINGS))
        recorder = film(loss, self.data)

        def watch(run: Any) -> None:
            self.run, self.film = run, recorder
            if run.step % every < min(every, LONGEST) or run.step == steps or self._stopped.is_set():
                self._draw(run, recorder)
            self._say(_figures(run))
            if self._stopped.is_set():
                raise _Stopped

        fit(
            loss,
            self.data,
            steps=steps,
            batch_size=256,
            seed=self.seed.value,
            n_critic=self.n_critic.value,
            lr=(self.lr_generator.value, self.lr_critic.value),
            log_every=min(every, LONGEST),
            progress=False,
            callback=[recorder, watch],
        )

    def _draw(self, run: Any, recorder: Recorder) -> None:
        from ganmath.plots import history
        from ganmath.widgets.film_page import last_frame

        on = f"on the toy {self.data.name}, after step {run.step}"
        self._picture.value = last_frame(recorder.film, f"Critic and samples {on}.")
        self._losses.value = history(run, alt=f"Losses of critic and generator {on}.").svg

    def _say(self, text: str) -> None:
        self.status.value = f'<span role="status">{html.escape(text)}</span>'


class _Stopped(Exception):
    """The reader has asked to stop."""


def _figures(run: Any) -> str:
    """Where a run stands, in words."""
    critic, generator = (run.history[name][-1] for name in ("critic_loss", "generator_loss"))
    return f"step {run.step}, critic loss {critic:.3f}, generator loss {generator:.3f}"


def _ipywidgets() -> Any:
    try:
        import ipywidgets
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            "gm.widgets.trainer needs ipywidgets: install it with `%pip install ipywidgets`"
        ) from error
    return ipywidgets
