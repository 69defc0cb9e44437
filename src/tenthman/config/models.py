"""models.yaml: the signal model, how it is tuned, promoted and watched, the language model and the embedder."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from tenthman.config.fields import Depth, Fraction, PositiveFloat, PositiveInt, Seconds, Section


class WalkForwardSettings(Section):
    folds: Annotated[int, Field(ge=2, le=50)]
    window: Literal["expanding", "rolling"]


class TuningSettings(Section):
    """Lowest and highest value that tuning may try."""

    max_depth: tuple[Depth, Depth]
    learning_rate: tuple[Fraction, Fraction]
    min_child_weight: tuple[PositiveFloat, PositiveFloat]
    subsample: tuple[Fraction, Fraction]
    colsample: tuple[Fraction, Fraction]

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        for name in type(self).model_fields:
            lowest, highest = getattr(self, name)
            if highest < lowest:
                raise ValueError(f"the second of `{name}` must be at least the first {lowest}, was {highest}")
        return self


class SignalModelSettings(Section):
    seed: Annotated[int, Field(ge=0, lt=2**31)]
    features: Annotated[tuple[str, ...], Field(min_length=1)] | None = None
    labels: Literal["barrier", "thirds"] = "barrier"
    scaling: Literal["ranks", "winsorised", "robust"] = "ranks"
    history_sessions: Annotated[int, Field(ge=50, le=10_000)]
    min_history_sessions: Annotated[int, Field(ge=50, le=10_000)]
    validation_fraction: Annotated[float, Field(gt=0.0, lt=0.5)]
    embargo_sessions: Annotated[int, Field(ge=0, le=250)]
    max_rounds: Annotated[int, Field(ge=1, le=5000)]
    early_stopping_rounds: PositiveInt | None
    max_depth: Depth
    learning_rate: Fraction
    min_child_weight: Annotated[float, Field(ge=0.0)]
    subsample: Fraction
    colsample: Fraction
    threads: Annotated[int, Field(ge=1, le=256)]
    entry_fraction: Annotated[float, Field(gt=0.0, le=0.5)]
    exit_fraction: Annotated[float, Field(gt=0.0, le=0.5)]
    retrain_sessions: Annotated[int, Field(ge=1, le=2600)] | None
    expires_after_sessions: Annotated[int, Field(ge=1, le=2600)]
    calibration: Literal["temperature", "none"]
    walk_forward: WalkForwardSettings
    tuning: TuningSettings

    @model_validator(mode="after")
    def _history(self) -> Self:
        if self.min_history_sessions > self.history_sessions:
            raise ValueError(
                f"`min_history_sessions` must be at most `history_sessions` {self.history_sessions}, "
                f"was {self.min_history_sessions}"
            )
        return self


class LanguageModelSettings(Section):
    backend: Literal["embedded", "ollama", "openai"]
    model: str
    base_url: str | None
    prose: bool
    context_tokens: Annotated[int, Field(ge=512, le=131_072)]
    threads: Annotated[int, Field(ge=1, le=256)]
    parallel: Annotated[int, Field(ge=1, le=64)]
    temperature: Annotated[float, Field(ge=0.0, le=2.0)]
    seed: Annotated[int, Field(ge=0, lt=2**31)]
    connect_timeout_s: Seconds
    reply_timeout_s: Seconds

    @model_validator(mode="after")
    def _address(self) -> Self:
        if self.backend != "embedded" and self.base_url is None:
            raise ValueError(f"`base_url` must be given when `backend` is {self.backend!r}")
        return self


class EmbeddingSettings(Section):
    backend: Literal["embedded", "ollama"]
    model: str | None = None
    base_url: str | None = None
    threads: Annotated[int, Field(ge=1, le=256)]
    reply_timeout_s: Seconds = 60

    @model_validator(mode="after")
    def _ollama_is_named(self) -> Self:
        if self.backend == "ollama" and not (self.model and self.base_url):
            raise ValueError("`model` and `base_url` must be given for backend 'ollama'")
        return self


class PromotionSettings(Section):
    min_deflated_sharpe: Annotated[float, Field(ge=0.5, lt=1.0)]
    max_calibration_error: Fraction
    min_rank_ic: Annotated[float, Field(ge=0.0, lt=1.0)]
    min_worst_fold_rank_ic: Annotated[float, Field(ge=-1.0, lt=1.0)]


class DriftSettings(Section):
    recent_sessions: Annotated[int, Field(ge=10, le=500)]
    max_psi: Annotated[float, Field(gt=0.0, le=10.0)]
    max_rank_ic_decay: Annotated[float, Field(ge=0.0, le=2.0)]


class Models(Section):
    """models.yaml"""

    signal: SignalModelSettings
    promotion: PromotionSettings
    drift: DriftSettings
    language: LanguageModelSettings
    embedding: EmbeddingSettings
