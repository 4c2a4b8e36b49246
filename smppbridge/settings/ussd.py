"""USSD in the configuration: the account of each service code, and the limits of dialogues."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, ValidationInfo, model_validator

from smppbridge.settings.section import Section, wrong
from smppbridge.settings.values import (
    Count,
    Duration,
    KnownAccount,
    Off,
    SecretText,
    Text,
    context_of,
)

_CODE = re.compile(r"[0-9*#]{1,20}")
_KEY = re.compile(r"[A-Za-z0-9._~-]+")


def _code(value: str) -> str:
    if not _CODE.fullmatch(value) or not value.strip("*#"):
        raise ValueError('must be a service code such as "*384*77#", 20 characters at most')
    return value


ServiceCode = Annotated[Text, AfterValidator(_code)]
OpCode = Annotated[int, Field(ge=0, le=255)]


class UssdSection(Section):
    """Dialogues of phones with ESMEs, brought by one USSD provider."""

    codes: dict[ServiceCode, KnownAccount] = Field(
        default={},
        description='Whose service codes they are, as {"*384*77#": bank}; these accounts get USSD',
    )
    key: Annotated[SecretText | None, Off] = Field(
        default=None,
        repr=False,
        description="Secret part of the URL that the provider calls, /ussd/<key> on the callbacks"
        " listener: at least 16 letters and digits",
    )
    input: Literal["cumulative", "last"] = Field(
        default="cumulative",
        description="What a request brings: cumulative (all that was typed, joined by *) or last",
    )
    session: Literal["its_session_info", "user_message_reference"] = Field(
        default="its_session_info",
        description="The TLV that names a dialogue: its_session_info or user_message_reference",
    )
    deadline: Duration = Field(
        default=8.0,
        description="How long an ESME may take for a screen: less than the network waits",
    )
    lifetime: Duration = Field(
        default=180.0, description="How long a phone may take for its next input"
    )
    max_dialogues: Count = Field(default=10_000, description="Dialogues at once")
    max_characters: Count = Field(
        default=182, description="Characters of a screen; more get ESME_RINVMSGLEN"
    )
    abort_op: OpCode = Field(
        default=18,
        description="ussd_service_op of the empty deliver_sm that tells an ESME of an end",
    )
    timeout_text: Text = Field(
        default="No answer in time. Please try again.",
        description="Last screen when the ESME is late",
    )
    unavailable_text: Text = Field(
        default="Service not available. Please try again later.",
        description="Last screen when the ESME is not there or its answer is no screen",
    )

    @model_validator(mode="after")
    def _suits(self, info: ValidationInfo) -> Self:
        faults = list(self._faults(callbacks=context_of(info).callbacks))
        if faults:
            raise wrong(faults)
        return self

    def _faults(self, *, callbacks: bool) -> Iterator[tuple[str | int, str]]:
        if self.codes and not self.key:
            yield "key", "is required where there are service codes"
        if self.codes and not callbacks:
            yield "codes", "the provider calls, and there is no section callbacks"
        if self.key and not _KEY.fullmatch(self.key):
            yield "key", "must be letters, digits, . _ ~ or -, to stand in a URL as it is"
        bare = [code.strip("*#") for code in self.codes]
        if len(set(bare)) < len(bare):
            yield "codes", "the same service code stands here twice"
