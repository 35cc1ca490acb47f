"""Tokens for SASL's OAUTHBEARER: asked for by client id and secret, and kept until shortly before their end.

The grant is OAuth 2.0's client credentials (RFC 6749, section 4.4), as Kafka's Java client and librdkafka
ask for it by themselves.
"""

from __future__ import annotations

import base64
import json
import threading
import time
from urllib.error import URLError
from urllib.parse import quote, urlencode
from urllib.request import Request, urlopen

from kafka.net.sasl.oauth import AbstractTokenProvider

from contracts.settings import KafkaSettings

_ANSWER_SECONDS = 10.0
_MOST_BYTES = 1 << 20
_USED_SHARE = 0.8  # of a token's life; then the next one is asked for
_LIFE_SECONDS = 300.0  # of a token whose server does not say


class TokenError(ConnectionError):
    """The token's server gave none; the message names the cure and no secret."""


class TokenSource(AbstractTokenProvider):  # type: ignore[misc]
    """The tokens of one client; several threads may ask."""

    def __init__(self, settings: KafkaSettings) -> None:
        super().__init__()
        self._settings, self._asking = settings, threading.Lock()
        self._token, self._until = "", 0.0

    def token(self) -> str:
        """A token that is still good. Raises TokenError."""
        with self._asking:
            if time.monotonic() >= self._until:
                self._token, life = _ask(self._settings)
                self._until = time.monotonic() + life * _USED_SHARE
            return self._token


def _ask(settings: KafkaSettings) -> tuple[str, float]:
    """A token and for how many seconds it is good."""
    form = {"grant_type": "client_credentials"}
    if settings.kafka_oauth_scope:
        form["scope"] = settings.kafka_oauth_scope
    secret = settings.kafka_oauth_client_secret
    words = (settings.kafka_oauth_client_id, secret.get_secret_value() if secret else "")
    basic = base64.b64encode(":".join(quote(word, safe="") for word in words).encode()).decode()
    headers = {"Authorization": f"Basic {basic}", "Accept": "application/json"}
    url = settings.kafka_oauth_token_url
    try:
        request = Request(url, urlencode(form).encode(), headers)
        with urlopen(request, timeout=_ANSWER_SECONDS) as answer:
            said = json.loads(answer.read(_MOST_BYTES))
        return str(said["access_token"]), float(said.get("expires_in") or _LIFE_SECONDS)
    except (URLError, OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        reason = getattr(error, "reason", None) or type(error).__name__
        raise TokenError(
            f"{url} gave no token ({reason}): check KAFKA_OAUTH_TOKEN_URL, KAFKA_OAUTH_CLIENT_ID and "
            "KAFKA_OAUTH_CLIENT_SECRET"
        ) from error
