"""Base classes of back ends. Your own labeler is a subclass of `LabelerBackend` in your package.

The fields of the class are its settings: they are validated, sent to the worker and stored with the
run. `tag` is the name in the study file. Import torch and other heavy libraries only in `build`,
because studies are also read by processes that never load a model.
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
    """The maximum number of rows and characters in a batch. Progress, commits and the loss in a
    crash are per batch, so it should take well under a minute on a slow machine."""

    rows: int
    characters: int


@dataclass(frozen=True)
class Use:
    """The settings of a study that affect a model, besides the model's own."""

    features: tuple[Feature, ...] = ()
    dtype: str = "auto"
    scope: str = "response"


class Backend(Section, frozen=True, kw_only=True, tag_field="backend"):
    """Base of every back end. `needs`: what it requires to produce results."""

    needs: ClassVar[Needs]

    @property
    def backend(self) -> str:
        """Its name in the study file."""
        return str(type(self).__struct_config__.tag)

    @property
    def title(self) -> str:
        """The source of the results, as shown to users."""
        return self.backend

    def described(self) -> str:
        """The source of the results and what else is loaded for it, for a check before a run. Reads
        local files only."""
        return self.title

    def resolved(self, place: Place) -> Self:
        """A copy with absolute paths and all defaults. Called when the study file is read.

        Raises BadInput for an invalid setting; the message starts with the path of the key.
        """
        return self

    def missing(self) -> str | None:
        """What is missing on this machine, and how to get it, in one line; None if nothing is."""
        return None

    def result_settings(self) -> Self:
        """A copy with only the settings that affect results."""
        return self


class ModelBackend(Backend, frozen=True, kw_only=True):
    """A back end whose results are computed by a model in a worker, batch by batch."""

    needs: ClassVar[Needs] = "device"
    shape: ClassVar[Shape] = Shape(64, 80_000)

    @property
    def remote(self) -> bool:
        """Whether the model runs on a server, not on a device of this machine."""
        return self.needs == "endpoint"

    @property
    def title(self) -> str:
        return last_name(str(getattr(self, "model", self.backend)))

    @property
    def source(self) -> str:
        """Where answers come from, as shown to users while they wait for one."""
        return self.title

    def fingerprint(self, use: Use, device: str) -> dict[str, Any]:
        """Everything that determines the results, as JSON; results are stored under its digest.

        Called in a worker. Add what is not in the settings, such as the version of your code or the
        digest of your weights: {**super().fingerprint(use, device), "version": 2}.
        """
        settings: dict[str, Any] = msgspec.to_builtins(self)
        return {**settings, **({} if self.remote else {"dtype": use.dtype})}

    @required
    def build(self, use: Use, device: str) -> Any:
        """Load the model. Called in a worker. Raises MachineError with a one-line message."""
        raise NotImplementedError


class LabelerBackend(ModelBackend, frozen=True, kw_only=True):
    def fingerprint(self, use: Use, device: str) -> dict[str, Any]:
        features = [asdict(feature) for feature in use.features]
        return {**super().fingerprint(use, device), "kind": "labeler", "features": features}

    @required
    def build(self, use: Use, device: str) -> Labeler:
        """Load a labeler for `use.features`."""
        raise NotImplementedError


class RewardSettings(Backend, frozen=True, kw_only=True):
    """Base of every source of rewards. `lineage` describes the model's relation to the other
    one."""

    may_be_empty = frozenset({"lineage"})
    lineage: str = ""

    @property
    def origin(self) -> str:
        """How the model was produced, according to the study; empty if not stated."""
        return self.lineage


class RewardBackend(RewardSettings, ModelBackend, frozen=True, kw_only=True):
    """`can_continue`: whether `train` is implemented, to train another model from this one."""

    can_continue: ClassVar[bool] = False

    def noise_limit(self, use: Use) -> float:
        """How far the reward of one text may depend on the texts beside it, as a share of the
        median margin of a pair. A run whose noise is larger stops.

        In float32 what is left is rounding. Formats of half the width round rewards themselves.
        """
        return 0.01 if use.dtype in ("auto", "float32") else 0.25

    def fingerprint(self, use: Use, device: str) -> dict[str, Any]:
        content = {**super().fingerprint(use, device), "kind": "reward"}
        return {key: value for key, value in content.items() if key != "lineage"}

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
        """Continue training on (chosen, rejected) and save the new model in `folder`. Called in a
        worker."""
        raise NotImplementedError

    def trained(self, folder: Path) -> RewardBackend:
        """The model that `train` saved in this folder."""
        raise NotImplementedError


class RewriterBackend(ModelBackend, frozen=True, kw_only=True):
    """Its fingerprint excludes strategies; the `instruction` of each is added to it."""

    shape: ClassVar[Shape] = Shape(32, 12_000)

    def fingerprint(self, use: Use, device: str) -> dict[str, Any]:
        return {**super().fingerprint(use, device), "kind": "rewriter", "scope": use.scope}

    @required
    def instruction(self, strategy: Strategy) -> str:
        """The complete instructions for this strategy, without the passage. Other instructions give
        other rewrites."""
        raise NotImplementedError

    @required
    def build(self, use: Use, device: str) -> Rewriter:
        """Load a rewriter for `use.scope`."""
        raise NotImplementedError


class EmbedderBackend(ModelBackend, frozen=True, kw_only=True):
    def fingerprint(self, use: Use, device: str) -> dict[str, Any]:
        return {**super().fingerprint(use, device), "kind": "embedder"}

    @required
    def build(self, use: Use, device: str) -> Embedder:
        raise NotImplementedError


def last_name(model: str) -> str:
    """The name of a file or folder without its location; other model names unchanged."""
    return Path(model).name if Path(model).is_absolute() else model


@dataclass(frozen=True)
class Model:
    """A back end with the settings of a study: plain data that is sent to a worker."""

    backend: ModelBackend
    use: Use

    @property
    def name(self) -> str:
        """The model for a message: a folder with its location."""
        return str(getattr(self.backend, "model", self.backend.backend))

    def fingerprint(self, device: str) -> dict[str, Any]:
        return self.backend.fingerprint(self.use, device)

    def build(self, device: str) -> Any:
        return self.backend.build(self.use, device)


class Absent(Backend, frozen=True, kw_only=True):
    """A back end that this installation does not have, or not with these settings. Its run folder
    can be read; `problem` says why it cannot be run."""

    needs: ClassVar[Needs] = "nothing"
    if TYPE_CHECKING:  # fields of the subclasses: two bases of a struct cannot both have fields
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

    def missing(self) -> str | None:
        return self.problem


class AbsentModel(Absent, frozen=True, kw_only=True):
    """An absent labeler, rewriter or embedder."""

    settings: dict[str, Any]
    problem: str


class AbsentReward(RewardSettings, Absent, frozen=True, kw_only=True):
    """Absent rewards."""

    settings: dict[str, Any]
    problem: str

    @property
    def origin(self) -> str:
        return str(self.settings.get("lineage", ""))
