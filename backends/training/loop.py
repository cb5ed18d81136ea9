"""The training loop of all families: seeded, resumable to the bit, with a running mean of the weights.

Nothing random outlives a step: batch, captions and noise of step n come from a generator seeded with (seed, n). So a
training that is killed and resumed gives the weights that one without a break would have given (on one machine, with
the same number of threads).
"""

from __future__ import annotations

import copy
import json
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

import torch
from torch import Tensor, nn

from backends.image.generator import Learner
from backends.training.checkpoint import read_state, restore_optimizer, write_state
from provenance.errors import ConfigError, GenerationError

__all__ = ["STATE", "Lesson", "M", "Plan", "Progress", "Source", "Trainer", "learning_rate"]

_VALIDATION = 128
STATE = "state.safetensors"


M = TypeVar("M", bound=Learner)  # the network that is trained
M_contra = TypeVar("M_contra", bound=Learner, contravariant=True)


class Lesson(Protocol[M_contra]):
    """A batch, and what a network is to make small on it: a number a sample."""

    def __len__(self) -> int: ...
    def dropped(self, generator: torch.Generator) -> Lesson[M_contra]: ...
    def loss(self, model: M_contra, generator: torch.Generator) -> Tensor: ...
    def critic_loss(self, model: M_contra, generator: torch.Generator) -> Tensor: ...


class Source(Protocol[M_contra]):
    """Where batches come from."""

    def draw(self, size: int, generator: torch.Generator) -> Lesson[M_contra]: ...
    def validation(self, limit: int) -> Lesson[M_contra]: ...


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """How to train. What is in here is written into the checkpoint and must be the same when it is resumed."""

    seed: int = 0
    batch: int = 64
    rate: float = 1e-3
    warmup: int = 200  # steps
    cooldown: float = 0.3  # the share of all steps over which the rate falls to nothing
    decay: float = 0.01
    ema: float = 0.999
    clip: float = 1.0
    beta1: float = 0.9  # of Adam; a game is played without momentum
    beta2: float = 0.95
    critic_rate: float = 1e-3
    data: str = ""  # digest of pictures, codec and sketch


@dataclass(frozen=True, kw_only=True, slots=True)
class Progress:
    """A line of the log."""

    step: int
    loss: float
    validation: float | None
    seconds: float  # spent in training, breaks not counted


def learning_rate(plan: Plan, step: int, steps: int) -> float:
    """Up in `warmup` steps, level, then straight down to nothing at the end.

    Example:
        >>> [round(learning_rate(Plan(rate=1.0, warmup=10), n, 100), 2) for n in (0, 9, 50, 85, 99)]
        [0.1, 1.0, 1.0, 0.5, 0.03]
    """
    falling = max(1.0, plan.cooldown * steps)
    return plan.rate * min(1.0, (step + 1) / plan.warmup, max(0.0, (steps - step) / falling))


class Trainer(Generic[M]):
    """Trains one network in one folder: `state.safetensors`, `log.jsonl`.

    Raises:
        ConfigError: If the folder holds a training with another plan.
    """

    def __init__(self, model: M, source: Source[M], folder: Path, plan: Plan) -> None:
        self.model, self.source, self.folder, self.plan = model, source, folder, plan
        self.averaged = copy.deepcopy(model).eval()
        self.step, self.seconds = 0, 0.0
        self._optimizers = {"optimizer": _adam(model, plan.rate, plan)}
        if model.critic is not None:
            self._optimizers["critic_optimizer"] = _adam(model.critic, plan.critic_rate, plan)
        if self.state_path.is_file():
            self._resume()

    @property
    def state_path(self) -> Path:
        """Where the checkpoint lies."""
        return self.folder / STATE

    def run(
        self,
        steps: int,
        *,
        save_every: int = 500,
        say: Callable[[Progress], None] = lambda _progress: None,
        stop: Callable[[], bool] = lambda: False,
        on_save: Callable[[Trainer[M]], None] = lambda _trainer: None,
    ) -> None:
        """Train until `steps` steps were made in all, or `stop` says so; a checkpoint is there in either case.

        Raises:
            GenerationError: If the loss is no number any more; the last checkpoint is left as it was.
        """
        total, counted = 0.0, 0
        while self.step < steps and not stop():
            began = time.monotonic()
            loss = self._one(steps)
            self.seconds += time.monotonic() - began
            total, counted = total + loss, counted + 1
            self.step += 1
            if self.step % save_every == 0 or self.step == steps:
                self._note(Progress(**self._line(total / counted)), say)
                total, counted = 0.0, 0
                self.save()
                on_save(self)
        self.save()

    def save(self) -> None:
        """Write the checkpoint."""
        note = {"step": self.step, "seconds": self.seconds, "plan": asdict(self.plan)}
        write_state(self.state_path, self._modules(), self._optimizers, note)

    def validate(self) -> float | None:
        """The loss of the averaged weights on pictures that are never trained on, with the same noise every time.

        None where there are no such pictures.
        """
        batch = self.source.validation(_VALIDATION)
        if not len(batch):
            return None
        with torch.no_grad():
            return float(batch.loss(self.averaged.eval(), _seeded(0, 0)).mean())

    def _one(self, steps: int) -> float:
        generator = _seeded(self.plan.seed, self.step)
        batch = self.source.draw(self.plan.batch, generator).dropped(generator)
        share = learning_rate(self.plan, self.step, steps) / self.plan.rate
        if self.model.critic is not None:
            self._descend("critic_optimizer", self.plan.critic_rate * share, batch, generator)
        loss = self._descend("optimizer", self.plan.rate * share, batch, generator)
        decay = min(self.plan.ema, (1 + self.step) / (10 + self.step))
        with torch.no_grad():
            for mean, now in zip(self.averaged.parameters(), self.model.parameters(), strict=True):
                mean.lerp_(now, 1 - decay)
        return loss

    def _descend(self, which: str, rate: float, batch: Lesson[M], generator: torch.Generator) -> float:
        optimizer = self._optimizers[which]
        loss_of = batch.critic_loss if which == "critic_optimizer" else batch.loss
        for group in optimizer.param_groups:
            group["lr"] = rate
        loss = loss_of(self.model, generator).mean()
        if not torch.isfinite(loss):
            raise GenerationError(
                f"The loss is no number any more at step {self.step}.",
                hint="Go on from the checkpoint, slower (--rate).",
            )
        self.model.zero_grad(set_to_none=True)
        if self.model.critic is not None:
            self.model.critic.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        parameters = [p for group in optimizer.param_groups for p in group["params"]]
        torch.nn.utils.clip_grad_norm_(parameters, self.plan.clip)
        optimizer.step()
        return float(loss.detach())

    def _line(self, loss: float) -> dict[str, Any]:
        # A game has no validation loss: it depends on the critic of the moment.
        validation = self.validate() if self.model.critic is None else None
        return {"step": self.step, "loss": loss, "validation": validation, "seconds": self.seconds}

    def _note(self, progress: Progress, say: Callable[[Progress], None]) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / "log.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps(asdict(progress)) + "\n")
        say(progress)

    def _modules(self) -> dict[str, nn.Module]:
        modules: dict[str, nn.Module] = {"model": self.model, "averaged": self.averaged}
        if self.model.critic is not None:
            modules["critic"] = self.model.critic
        return modules

    def _resume(self) -> None:
        tensors, note = read_state(self.state_path)
        if note["plan"] != asdict(self.plan):
            raise ConfigError(
                "This folder holds a training with another plan.", hint="Choose another folder, or the same options."
            )
        for name, module in self._modules().items():
            module.load_state_dict(tensors[name])
        for name, optimizer in self._optimizers.items():
            restore_optimizer(optimizer, tensors.get(name, {}))
        self.step, self.seconds = int(note["step"]), float(note["seconds"])


def _adam(module: nn.Module, rate: float, plan: Plan) -> torch.optim.Optimizer:
    matrices = [p for p in module.parameters() if p.ndim >= 2]
    others = [p for p in module.parameters() if p.ndim < 2]
    groups = [{"params": matrices, "weight_decay": plan.decay}, {"params": others, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=rate, betas=(plan.beta1, plan.beta2), foreach=True)


def _seeded(seed: int, step: int) -> torch.Generator:
    return torch.Generator().manual_seed((seed * 1_000_003 + step) % 2**63)
