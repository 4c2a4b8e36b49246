"""Our identity to a provider: an Authorization header, or a login that yields one."""

from __future__ import annotations

from base64 import b64encode

from smppbridge.providers.oauth import ClientCredentials
from smppbridge.providers.template.placeholders import (
    Escape,
    Pattern,
    Scope,
    as_is,
    in_header,
    in_url,
)
from smppbridge.providers.template.sections import Auth, Basic, Described, OAuth2
from smppbridge.providers.template.written import header_patterns, joined_url, url_fault

_NOWHERE = "https://nowhere.invalid"  # stands in for a base_url that is a fault already


class Identity:
    """The base URL, headers and login of all requests, and the secrets in them.

    The names of placeholders are recorded in the scope's *used*.
    """

    def __init__(self, described: Described, scope: Scope) -> None:
        self.login: ClientCredentials | None = None
        self.headers: dict[str, Pattern] = {}
        self.hidden = [*described.secrets.values(), described.callback_url]
        self._scope = scope
        self.base_url = self._plain("base_url", described.base_url, in_url)
        if self.base_url and (fault := url_fault(self.base_url)):
            scope.wrong("base_url", fault)
            self.base_url = _NOWHERE
        self._identify(described.auth)
        self.headers |= header_patterns(described.headers, "headers", scope)

    def _plain(self, key: str, text: str, escape: Escape = as_is, *, secret: bool = False) -> str:
        """Return a text whose placeholders can only be the names of secrets."""
        parts = self._scope.parts(text, key, escape)
        if secret and "{" not in text:
            message = "stands here in clear: name it under secrets, and write {its_name} here"
            self._scope.wrong(key, message)
        return "".join(part for part in parts if isinstance(part, str))

    def _identify(self, auth: Auth) -> None:
        if sum(each is not None for each in (auth.basic, auth.bearer, auth.oauth2)) > 1:
            self._scope.wrong("auth", "has more than one of basic, bearer and oauth2")
        elif auth.bearer is not None:
            token = self._plain("auth.bearer", auth.bearer, in_header, secret=True)
            self._authorize(f"Bearer {token}")
        elif auth.basic is not None:
            self._authorize_basic(auth.basic)
        elif auth.oauth2 is not None:
            self.login = self._oauth2(auth.oauth2)

    def _authorize(self, value: str) -> None:
        self.headers["Authorization"] = Pattern([value])

    def _authorize_basic(self, basic: Basic) -> None:
        username = self._plain("auth.basic.username", basic.username)
        password = self._plain("auth.basic.password", basic.password, secret=True)
        if ":" in username:
            self._scope.wrong("auth.basic.username", "has a colon, which ends it")
        pair = b64encode(f"{username}:{password}".encode("utf-8", "replace")).decode()
        self.hidden.append(pair)
        self._authorize(f"Basic {pair}")

    def _oauth2(self, oauth2: OAuth2) -> ClientCredentials | None:
        token_url = joined_url(
            self.base_url, self._plain("auth.oauth2.token_url", oauth2.token_url)
        )
        if fault := url_fault(token_url):
            self._scope.wrong("auth.oauth2.token_url", fault)
        try:
            return ClientCredentials(
                token_url=token_url,
                client_id=self._plain("auth.oauth2.client_id", oauth2.client_id),
                client_secret=self._plain(
                    "auth.oauth2.client_secret", oauth2.client_secret, secret=True
                ),
                scope=oauth2.scope,
                credentials=oauth2.credentials,
            )
        except ValueError as error:
            self._scope.wrong("auth.oauth2", str(error))
            return None
