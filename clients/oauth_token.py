"""Tokens for SASL's OAUTHBEARER, requested with client id and secret and reused until shortly before they
expire.

The grant is OAuth 2.0's client credentials (RFC 6749, section 4.4). Kafka's Java client and librdkafka
request their tokens themselves; this is for kafka-python.
"""

from __future__ import annotations

import base64
import json
import threading
import time
from http.client import HTTPException
from urllib.parse import quote, urlencode
from urllib.request import Request, urlopen

from kafka.net.sasl.oauth import AbstractTokenProvider

from contracts.settings import KafkaSettings

_ANSWER_SECONDS = 10.0
_MOST_BYTES = 1 << 20
_USED_SHARE = 0.8  # the share of a token's lifetime after which the next one is requested
_LIFE_SECONDS = 300.0  # the lifetime of a token if its server does not name one


class TokenError(ConnectionError):
    """The server did not give a token. The message names the cure and contains no secret."""


class TokenSource(AbstractTokenProvider):  # type: ignore[misc]
    """Provides the tokens of one client. Safe for several threads."""

    def __init__(self, settings: KafkaSettings) -> None:
        super().__init__()
        self._settings, self._asking = settings, threading.Lock()
        self._token, self._until = "", 0.0

    def token(self) -> str:
        """A token that is still valid. Raises TokenError."""
        with self._asking:
            if time.monotonic() >= self._until:
                self._token, life = _ask(self._settings)
                self._until = time.monotonic() + life * _USED_SHARE
            return self._token


def _ask(settings: KafkaSettings) -> tuple[str, float]:
    """Request a token; returns it and its lifetime in seconds. Raises TokenError."""
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
    except (HTTPException, OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        reason = getattr(error, "reason", None) or type(error).__name__
        raise TokenError(
            f"{url} gave no token ({reason}): check KAFKA_OAUTH_TOKEN_URL, KAFKA_OAUTH_CLIENT_ID and "
            "KAFKA_OAUTH_CLIENT_SECRET"
        ) from error
