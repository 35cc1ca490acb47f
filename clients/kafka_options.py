"""Translates the settings of the Kafka connection into options of each client and of Spark's source.

Options of Spark hold passwords and keys. They travel as options of a source, never on a command line, and
Spark's plans and log lines hide them (clients/spark_session.py).
"""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import Any, TypeAlias

from pydantic import SecretStr

from contracts.settings import KafkaSettings

Servers: TypeAlias = KafkaSettings | str  # a str is the address of a broker without TLS and SASL

# Options whose values Spark's plans and log lines must hide, those that it hides by default included.
HIDDEN_OPTIONS = r"(?i)secret|password|passphrase|token|access[.]?key|jaas|keystore[.]key|url"
_OAUTH_CALLBACK = "org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginCallbackHandler"
_LOGIN_MODULES = {
    "PLAIN": "org.apache.kafka.common.security.plain.PlainLoginModule",
    "SCRAM-SHA-256": "org.apache.kafka.common.security.scram.ScramLoginModule",
    "SCRAM-SHA-512": "org.apache.kafka.common.security.scram.ScramLoginModule",
    "OAUTHBEARER": "org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule",
}


class KafkaFileError(OSError):
    """A certificate or key file cannot be used; the message names the setting and the cure.

    It is an OSError, like that of an absent broker, so that callers who retry also wait for a file being
    replaced.
    """


def connection(servers: Servers) -> KafkaSettings:
    """The settings of a connection. A mere address means no TLS and no SASL, whatever the environment
    says."""
    if isinstance(servers, KafkaSettings):
        return servers
    return KafkaSettings.model_construct(kafka_bootstrap_servers=servers)


def for_kafka_python(settings: KafkaSettings) -> dict[str, Any]:
    """Keyword arguments of kafka-python's clients."""
    options: dict[str, Any] = {
        "bootstrap_servers": settings.kafka_bootstrap_servers.split(","),
        "security_protocol": settings.kafka_security_protocol,
    }
    if settings.kafka_uses_tls:
        options |= {
            "ssl_cafile": settings.kafka_ssl_ca_file or None,
            "ssl_certfile": settings.kafka_ssl_certificate_file or None,
            "ssl_keyfile": settings.kafka_ssl_key_file or None,
            "ssl_password": _plain(settings.kafka_ssl_key_password) or None,
            "ssl_check_hostname": settings.kafka_ssl_check_hostname,
        }
    if not settings.kafka_uses_sasl:
        return options
    options["sasl_mechanism"] = settings.kafka_sasl_mechanism
    if settings.kafka_sasl_mechanism == "OAUTHBEARER":
        # Imported here because it needs kafka-python, which need not be installed to send with librdkafka.
        from clients.oauth_token import TokenSource

        return options | {"sasl_oauth_token_provider": TokenSource(settings)}
    return options | {
        "sasl_plain_username": settings.kafka_sasl_username,
        "sasl_plain_password": _plain(settings.kafka_sasl_password),
    }


def for_confluent(settings: KafkaSettings) -> dict[str, Any]:
    """The configuration of librdkafka."""
    options: dict[str, Any] = {
        "bootstrap.servers": settings.kafka_bootstrap_servers,
        "security.protocol": settings.kafka_security_protocol,
    }
    if settings.kafka_uses_tls:
        options |= {
            "ssl.ca.location": settings.kafka_ssl_ca_file,
            "ssl.certificate.location": settings.kafka_ssl_certificate_file,
            "ssl.key.location": settings.kafka_ssl_key_file,
            "ssl.key.password": _plain(settings.kafka_ssl_key_password),
            "ssl.endpoint.identification.algorithm": "https" if settings.kafka_ssl_check_hostname else "none",
        }
    if settings.kafka_uses_sasl:
        options["sasl.mechanism"] = settings.kafka_sasl_mechanism
        if settings.kafka_sasl_mechanism == "OAUTHBEARER":
            options |= {
                "sasl.oauthbearer.method": "oidc",
                "sasl.oauthbearer.token.endpoint.url": settings.kafka_oauth_token_url,
                "sasl.oauthbearer.client.id": settings.kafka_oauth_client_id,
                "sasl.oauthbearer.client.secret": _plain(settings.kafka_oauth_client_secret),
                "sasl.oauthbearer.scope": settings.kafka_oauth_scope,
            }
        else:
            options |= {
                "sasl.username": settings.kafka_sasl_username,
                "sasl.password": _plain(settings.kafka_sasl_password),
            }
    return {name: value for name, value in options.items() if value != ""}


def for_spark(settings: KafkaSettings) -> dict[str, str]:
    """Options of Spark's Kafka source and sink, which hand them to Kafka's Java client.

    Certificates and key are passed by content, so that an executor needs no file. Raises KafkaFileError.
    """
    options = {
        "bootstrap.servers": settings.kafka_bootstrap_servers,
        "security.protocol": settings.kafka_security_protocol,
    }
    if settings.kafka_uses_tls:
        options |= _java_tls(settings)
    if settings.kafka_uses_sasl:
        options |= {"sasl.mechanism": settings.kafka_sasl_mechanism, "sasl.jaas.config": _jaas(settings)}
        if settings.kafka_sasl_mechanism == "OAUTHBEARER":
            options["sasl.oauthbearer.token.endpoint.url"] = settings.kafka_oauth_token_url
            options["sasl.login.callback.handler.class"] = _OAUTH_CALLBACK
    return {f"kafka.{name}": value for name, value in options.items()}


def tls_context(settings: KafkaSettings) -> ssl.SSLContext:
    """The TLS context for a test connection that finds out why a handshake fails. Raises KafkaFileError."""
    try:
        context = ssl.create_default_context(cafile=settings.kafka_ssl_ca_file or None)
        context.check_hostname = settings.kafka_ssl_check_hostname
        if settings.kafka_ssl_certificate_file:
            context.load_cert_chain(
                settings.kafka_ssl_certificate_file,
                settings.kafka_ssl_key_file,
                # Without a password OpenSSL would ask for one on the terminal.
                lambda: _plain(settings.kafka_ssl_key_password),
            )
    except (OSError, ssl.SSLError) as error:
        raise KafkaFileError(
            f"a file of KAFKA_SSL_CA_FILE, KAFKA_SSL_CERTIFICATE_FILE or KAFKA_SSL_KEY_FILE cannot be used "
            f"({error}): they are PEM files, and KAFKA_SSL_KEY_PASSWORD opens an encrypted key"
        ) from error
    return context


def _java_tls(settings: KafkaSettings) -> dict[str, str]:
    options: dict[str, str] = {}
    if settings.kafka_ssl_ca_file:
        options |= {
            "ssl.truststore.type": "PEM",
            "ssl.truststore.certificates": _text("KAFKA_SSL_CA_FILE", settings.kafka_ssl_ca_file),
        }
    if settings.kafka_ssl_certificate_file:
        key = _text("KAFKA_SSL_KEY_FILE", settings.kafka_ssl_key_file)
        if "PRIVATE KEY" not in key or "BEGIN RSA PRIVATE KEY" in key or "BEGIN EC PRIVATE KEY" in key:
            raise KafkaFileError(
                f"the key in KAFKA_SSL_KEY_FILE={settings.kafka_ssl_key_file} is not in the form PKCS #8, "
                "which is the only one that Spark reads: `openssl pkcs8 -topk8 -nocrypt -in KEY -out NEW`"
            )
        chain = _text("KAFKA_SSL_CERTIFICATE_FILE", settings.kafka_ssl_certificate_file)
        options |= {
            "ssl.keystore.type": "PEM",
            "ssl.keystore.certificate.chain": chain,
            "ssl.keystore.key": key,
        }
        if settings.kafka_ssl_key_password:
            options["ssl.key.password"] = _plain(settings.kafka_ssl_key_password)
    options["ssl.endpoint.identification.algorithm"] = "https" if settings.kafka_ssl_check_hostname else ""
    return options


def _jaas(settings: KafkaSettings) -> str:
    """The credentials in the form of Java (JAAS)."""
    if settings.kafka_sasl_mechanism == "OAUTHBEARER":
        words = {
            "clientId": settings.kafka_oauth_client_id,
            "clientSecret": _plain(settings.kafka_oauth_client_secret),
            "scope": settings.kafka_oauth_scope,
        }
    else:
        words = {
            "username": settings.kafka_sasl_username,
            "password": _plain(settings.kafka_sasl_password),
        }
    said = " ".join(f"{name}={_quote(value)}" for name, value in words.items() if value)
    return f"{_LOGIN_MODULES[settings.kafka_sasl_mechanism]} required {said};"


def _quote(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _plain(secret: SecretStr | None) -> str:
    return secret.get_secret_value() if secret else ""


def _text(setting: str, path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise KafkaFileError(f"{setting}={path} cannot be read ({error}): name a PEM file") from error
