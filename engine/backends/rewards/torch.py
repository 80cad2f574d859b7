"""A local sequence classifier with one output."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import msgspec

from engine.backends.base import RewardBackend, Use
from engine.errors import BadInput
from engine.settings import Place

if TYPE_CHECKING:
    from typing import Self

    from engine.models.protocols import RewardModel, Text
    from engine.models.reward_training import Head


class ClassifierBackend(RewardBackend, frozen=True, kw_only=True, tag="torch"):
    """`allow_pickle` and `trust_remote_code` name the trusted model and revision,
    `MODEL@REVISION` or a folder."""

    can_continue: ClassVar[bool] = True
    model: str
    revision: str | None = None
    allow_pickle: str | bool = False
    trust_remote_code: str | bool = False

    def resolved(self, place: Place) -> Self:
        self._check_trust("allow_pickle", self.allow_pickle, place)
        self._check_trust("trust_remote_code", self.trust_remote_code, place)
        return msgspec.structs.replace(self, model=place.model(self.model))

    def result_settings(self) -> Self:
        # The content of foreign code is in the fingerprint of the model.
        return msgspec.structs.replace(self, trust_remote_code=False)

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
        from engine.models import fingerprints
        from engine.models.device import reward_dtype

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
        # Included only if set, so that other fingerprints stay the same.
        return {**content, "trust_remote_code": True} if foreign else content

    def build(self, use: Use, device: str) -> RewardModel:
        from engine.models.reward import SequenceClassifierReward

        return SequenceClassifierReward(
            self.model,
            device,
            use.dtype,
            self.revision,
            bool(self.allow_pickle),
            bool(self.trust_remote_code),
        )

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
            self.model,
            *pairs,
            groups,
            penalty,
            folder,
            device,
            self.revision,
            bool(self.allow_pickle),
            bool(self.trust_remote_code),
        )

    def trained(self, folder: Path) -> RewardBackend:
        return ClassifierBackend(model=str(folder))
