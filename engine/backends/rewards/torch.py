"""A local sequence classifier, or a LoRA adapter of one."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import msgspec

from engine.backends.base import RewardBackend, Use
from engine.errors import BadInput
from engine.settings import Place, within

if TYPE_CHECKING:
    from typing import Self

    from engine.models.classifier import Source
    from engine.models.protocols import RewardModel, Text
    from engine.models.reward_config import Reading
    from engine.models.reward_training import Head

MIN_TOKENS = 16


class ClassifierBackend(RewardBackend, frozen=True, kw_only=True, tag="torch"):
    """`allow_pickle` and `trust_remote_code` name the trusted model and revision,
    `MODEL@REVISION` or a folder. `base` is the model that an adapter was trained on, if it is not
    where the adapter says. `max_noise` None: the default of the number format."""

    can_continue: ClassVar[bool] = True
    model: str
    revision: str | None = None
    allow_pickle: str | bool = False
    trust_remote_code: str | bool = False
    base: str | None = None
    output: int | None = None
    max_tokens: int | None = None
    merge_turns: bool = False
    fold_system: bool = False
    max_noise: float | None = None

    def resolved(self, place: Place) -> Self:
        self._check_trust("allow_pickle", self.allow_pickle, place)
        self._check_trust("trust_remote_code", self.trust_remote_code, place)
        for key, low in (("output", 0), ("max_tokens", MIN_TOKENS), ("max_noise", 0)):
            if (value := getattr(self, key)) is not None:
                within(place.key(key), value, low)
        base = None if self.base is None else place.model(self.base, "base")
        return msgspec.structs.replace(self, model=place.model(self.model), base=base)

    def result_settings(self) -> Self:
        # The content of foreign code is in the fingerprint of the model; a limit of noise changes
        # no reward.
        return msgspec.structs.replace(self, trust_remote_code=False, max_noise=None)

    def described(self) -> str:
        from engine.models import reward_adapter

        local = Path(self.model).is_dir()
        base = reward_adapter.base_of(self._source()) if local else self.base
        return self.title if base is None else f"{self.title}, an adapter of {base}"

    def noise_limit(self, use: Use) -> float:
        return super().noise_limit(use) if self.max_noise is None else self.max_noise

    def _check_trust(self, key: str, trusted: str | bool, place: Place) -> None:
        """Trust must name its model, so that a later edit of model or revision does not inherit
        it."""
        if trusted is False:
            return
        local = place.absolute(self.model, "model").is_dir()
        if not local and self.revision is None:
            fix = (
                f"set {place.key('revision')} to the commit that you reviewed, and {key} to "
                "MODEL@REVISION"
            )
        else:
            expected = self.model if local else f"{self.model}@{self.revision}"
            if trusted == expected:
                return
            fix = f'write {key} = "{expected}"'
        raise BadInput(f"{place.key(key)} must name the trusted model and revision: {fix}")

    def fingerprint(self, use: Use, device: str) -> dict[str, Any]:
        from engine.models import fingerprints, reward_adapter
        from engine.models.device import reward_dtype
        from engine.models.reward_config import changed_since_0_1_0

        foreign = bool(self.trust_remote_code)
        content = {
            "kind": "RewardSpec",  # as version 0.1.0 wrote it: stored results depend on it
            "model": self.model,
            "revision": self.revision,
            "allow_pickle": bool(self.allow_pickle),
            "prompts": None,
            "dtype": str(reward_dtype(use.dtype)),
            **fingerprints.weights("model", self.model, self.revision, foreign),
        }
        # What follows is included only if it applies, so that other fingerprints stay the same.
        if foreign:
            content["trust_remote_code"] = True
        if (base := reward_adapter.base_of(self._source())) is not None:
            content |= {"base": base, **fingerprints.weights("base", base)}
        elif changed_since_0_1_0(self.model, self.revision):
            content["inputs"] = 2
        return {**content, **self._reading().fingerprint()}

    def build(self, use: Use, device: str) -> RewardModel:
        from engine.models.reward import SequenceClassifierReward

        return SequenceClassifierReward(self._source(), device, use.dtype, self._reading())

    def _source(self) -> Source:
        from engine.models.classifier import Source

        return Source(
            self.model,
            self.revision,
            bool(self.allow_pickle),
            bool(self.trust_remote_code),
            self.base,
        )

    def _reading(self) -> Reading:
        from engine.models.reward_config import Reading

        return Reading(self.output, self.max_tokens, self.merge_turns, self.fold_system)

    def train(
        self,
        pairs: tuple[list[Text], list[Text]],
        groups: list[str],
        penalty: float,
        folder: Path,
        device: str,
    ) -> Head:
        from engine.models.reward_training import continue_training

        return continue_training(
            self._source(), *pairs, groups, penalty, folder, device, self._reading()
        )

    def trained(self, folder: Path) -> RewardBackend:
        """Its texts are read as those of this model are."""
        return ClassifierBackend(
            model=str(folder),
            max_tokens=self.max_tokens,
            merge_turns=self.merge_turns,
            fold_system=self.fold_system,
            max_noise=self.max_noise,
        )
