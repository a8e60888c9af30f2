"""Limits that the law sets for instalments of natural persons: dated data with its source, by country."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from datetime import date
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from domain.instalments import PersonLimits
from domain.vocabulary import CustomerKind

_DEFAULT = "default"


class InvalidPlanLaw(ValueError):
    """A file of limits that cannot be used; the message names file, place and reason."""


class _Limit(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    payments: Annotated[int, Field(ge=2, le=60)]
    months: Annotated[int, Field(ge=1, le=120)] | None = None
    since: date
    source: str


class PlanLaw(BaseModel):
    """Limits by ISO 3166 country; without any, persons are bound by the policy alone."""

    model_config = ConfigDict(frozen=True)

    countries: Mapping[str, _Limit] = {}

    def limits(self, kind: CustomerKind, country: str | None) -> PersonLimits | None:
        """The limits for a customer; None for a business, and where there are none."""
        if kind is CustomerKind.BUSINESS:
            return None
        limit = self.countries.get(country or _DEFAULT) or self.countries.get(_DEFAULT)
        return None if limit is None else PersonLimits(limit.payments, limit.months, limit.source)


def load_plan_law(text: str, filename: str) -> PlanLaw:
    """Read limits from TOML. Raises InvalidPlanLaw."""
    try:
        return PlanLaw.model_validate({"countries": tomllib.loads(text)})
    except tomllib.TOMLDecodeError as problem:
        raise InvalidPlanLaw(f"{filename}: not valid TOML: {problem}") from None
    except ValidationError as problem:
        lines = [
            f"{filename}: {'.'.join(str(part) for part in error['loc'][1:])}: {error['msg']}"
            for error in problem.errors()
        ]
        raise InvalidPlanLaw("\n".join(lines)) from None
