"""What a back end is. A labeler of your own is a subclass of `LabelerBackend` in your package.

Settings are the fields of the class: they are checked, travel to the worker and are stored with the
run. `tag` is the name in the study file. Import torch and its like inside `build` alone: a study is
also read where no model is ever loaded.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, NamedTuple

import msgspec

from engine.registry import required
from engine.settings import Place, Section
from engine.taxonomy import Feature

if TYPE_CHECKING:
    from typing import Self

    from engine.models.protocols import Embedder, Labeler, RewardModel, Rewriter, Text
    from engine.models.reward_training import Head
    from engine.strategies import Strategy

Needs = Literal["device", "endpoint", "file", "nothing"]


class Shape(NamedTuple):
    """The most rows and the most characters of one batch. A batch is also the step of progress, of
    commit and of what a crash costs, so it stays well under a minute on a slow machine."""

    rows: int
    characters: int


@dataclass(frozen=True)
class Use:
    """What a study asks of a model beside the model's own settings."""

    features: tuple[Feature, ...] = ()
    dtype: str = "auto"
    scope: str = "response"


class Backend(Section, frozen=True, kw_only=True, tag_field="backend"):
    """Base of every back end. `needs`: what it takes to get results from it."""

    needs: ClassVar[Needs]

    @property
    def backend(self) -> str:
        """Its name in the study file."""
        return str(type(self).__struct_config__.tag)

    @property
    def title(self) -> str:
        """What a reader is told that the results come from."""
        return self.backend

    def resolved(self, place: Place) -> Self:
        """The same with absolute paths and defaults filled in, as the study file is read.

        Raises BadInput, the key's path first, for what is wrong.
        """
        return self

    def lacking(self) -> str | None:
        """What is missing on this machine and how to get it, in one line; None when nothing is."""
        return None

    def result_settings(self) -> Self:
        """A copy with only the settings that affect results."""
        return self


class ModelBackend(Backend, frozen=True, kw_only=True):
    """Results are computed by a model in a worker, batch by batch."""

    needs: ClassVar[Needs] = "device"
    shape: ClassVar[Shape] = Shape(64, 80_000)

    @property
    def remote(self) -> bool:
        """Whether the model runs elsewhere, so that no device of this machine is at work."""
        return self.needs == "endpoint"

    @property
    def title(self) -> str:
        return last_name(str(getattr(self, "model", self.backend)))

    def fingerprint(self, use: Use, device: str) -> dict[str, Any]:
        """All that makes the results what they are, as JSON; results are stored under its digest.

        Called in a worker. Add what the settings do not say, such as the version of your code or
        the digest of your weights: {**super().fingerprint(use, device), "version": 2}.
        """
        settings: dict[str, Any] = msgspec.to_builtins(self)
        return {**settings, **({} if self.remote else {"dtype": use.dtype})}

    @required
    def build(self, use: Use, device: str) -> Any:
        """The model, loaded. Called in a worker. Raises MachineError with one line for a person."""
        raise NotImplementedError


class LabelerBackend(ModelBackend, frozen=True, kw_only=True):
    def fingerprint(self, use: Use, device: str) -> dict[str, Any]:
        features = [asdict(feature) for feature in use.features]
        return {**super().fingerprint(use, device), "kind": "labeler", "features": features}

    @required
    def build(self, use: Use, device: str) -> Labeler:
        """A labeler of `use.features`."""
        raise NotImplementedError


class RewardSettings(Backend, frozen=True, kw_only=True):
    """Base of all that gives rewards. `lineage` is what the model is to the other one, in words."""

    may_be_empty = frozenset({"lineage"})
    lineage: str = ""

    @property
    def origin(self) -> str:
        """How the model came about, as far as the study says; empty where nothing is stated."""
        return self.lineage


class RewardBackend(RewardSettings, ModelBackend, frozen=True, kw_only=True):
    """`can_continue`: whether `train` is there, so that another can be trained from this model."""

    can_continue: ClassVar[bool] = False

    def fingerprint(self, use: Use, device: str) -> dict[str, Any]:
        whole = {**super().fingerprint(use, device), "kind": "reward"}
        return {key: value for key, value in whole.items() if key != "lineage"}

    @required
    def build(self, use: Use, device: str) -> RewardModel:
        raise NotImplementedError

    def train(
        self,
        pairs: tuple[list[Text], list[Text]],
        groups: list[str],
        penalty: float,
        folder: Path,
        device: str,
    ) -> Head:
        """Continue on (chosen, rejected) and save the new model in `folder`. Called in a worker."""
        raise NotImplementedError

    def trained(self, folder: Path) -> RewardBackend:
        """The model that `train` has saved in this folder."""
        raise NotImplementedError


class RewriterBackend(ModelBackend, frozen=True, kw_only=True):
    """Its fingerprint is without strategies: `instruction` stands for each of them."""

    shape: ClassVar[Shape] = Shape(32, 12_000)

    def fingerprint(self, use: Use, device: str) -> dict[str, Any]:
        return {**super().fingerprint(use, device), "kind": "rewriter", "scope": use.scope}

    @required
    def instruction(self, strategy: Strategy) -> str:
        """All that the model is told for this strategy, beside the passage; other words make other
        rewrites."""
        raise NotImplementedError

    @required
    def build(self, use: Use, device: str) -> Rewriter:
        """A rewriter of `use.scope`."""
        raise NotImplementedError


class EmbedderBackend(ModelBackend, frozen=True, kw_only=True):
    def fingerprint(self, use: Use, device: str) -> dict[str, Any]:
        return {**super().fingerprint(use, device), "kind": "embedder"}

    @required
    def build(self, use: Use, device: str) -> Embedder:
        raise NotImplementedError


def last_name(model: str) -> str:
    """A file or folder by its name: where it lies is no part of what it is."""
    return Path(model).name if Path(model).is_absolute() else model


@dataclass(frozen=True)
class Model:
    """A back end as a study uses it: plain data that travels to a worker."""

    backend: ModelBackend
    use: Use

    def fingerprint(self, device: str) -> dict[str, Any]:
        return self.backend.fingerprint(self.use, device)

    def build(self, device: str) -> Any:
        return self.backend.build(self.use, device)


class Absent(Backend, frozen=True, kw_only=True):
    """A back end of a run folder that this installation does not have, or not with these settings.
    The folder can be read; `problem` says why it cannot be run."""

    needs: ClassVar[Needs] = "nothing"
    settings: dict[str, Any]
    problem: str

    @property
    def backend(self) -> str:
        return str(self.settings.get("backend"))

    @property
    def title(self) -> str:
        return last_name(
            str(self.settings.get("model") or self.settings.get("path") or self.backend)
        )

    def lacking(self) -> str | None:
        return self.problem


class AbsentReward(RewardSettings, frozen=True, kw_only=True):
    """The same for rewards."""

    needs: ClassVar[Needs] = "nothing"
    settings: dict[str, Any]
    problem: str

    @property
    def backend(self) -> str:
        return str(self.settings.get("backend"))

    @property
    def title(self) -> str:
        return last_name(
            str(self.settings.get("model") or self.settings.get("path") or self.backend)
        )

    @property
    def origin(self) -> str:
        return str(self.settings.get("lineage", ""))

    def lacking(self) -> str | None:
        return self.problem
