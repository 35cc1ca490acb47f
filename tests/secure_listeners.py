"""Listeners with TLS and authentication, added to the tests' broker, so that no second JVM is needed."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import NamedTuple

from stack.machine.ports import LOOPBACK, free_port

USERNAME, PASSWORD = "shop", 'p"w\\ d'  # a quote, a backslash and a blank: JAAS has to survive them
_PLAIN = "org.apache.kafka.common.security.plain.PlainLoginModule"
_SCRAM = "org.apache.kafka.common.security.scram.ScramLoginModule"
_OAUTH = "org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule"


class SecureListeners(NamedTuple):
    """The addresses of the listeners, and the files of the self-signed certificate that all sides use."""

    sasl: str  # host:port; PLAIN, SCRAM-SHA-512 and OAUTHBEARER over TLS
    mutual: str  # host:port; TLS with a certificate of the client
    certificate: Path
    key: Path


def new_listeners(folder: Path) -> SecureListeners:
    """Make the certificate, for this machine's loopback address only."""
    certificate, key = folder / "certificate.pem", folder / "key.pem"
    name = ["-subj", "/CN=headwater-tests", "-addext", f"subjectAltName=IP:{LOOPBACK}"]
    files = ["-keyout", str(key), "-out", str(certificate)]
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", *name, *files],
        capture_output=True,
        check=True,
    )
    return SecureListeners(
        sasl=f"{LOOPBACK}:{free_port()}",
        mutual=f"{LOOPBACK}:{free_port()}",
        certificate=certificate,
        key=key,
    )


def add_listeners(properties: Path, listeners: SecureListeners) -> None:
    """Append the listeners to a broker's properties; the last of two lines with one name counts."""
    lines = dict(line.split("=", 1) for line in properties.read_text().splitlines())
    ours = f",SASL_SSL://{listeners.sasl},SSL://{listeners.mutual}"
    password = PASSWORD.replace("\\", "\\\\").replace('"', '\\"')
    store = properties.with_name("broker.pem")
    store.write_text(listeners.key.read_text() + listeners.certificate.read_text())
    sasl = "listener.name.sasl_ssl"
    lines |= {
        "listeners": lines["listeners"] + ours,
        "advertised.listeners": lines["advertised.listeners"] + ours,
        "listener.security.protocol.map": (
            "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,SSL:SSL,SASL_SSL:SASL_SSL"
        ),
        "ssl.keystore.type": "PEM",
        "ssl.keystore.location": str(store),
        "ssl.truststore.type": "PEM",
        "ssl.truststore.location": str(listeners.certificate),
        "listener.name.ssl.ssl.client.auth": "required",
        f"{sasl}.sasl.enabled.mechanisms": "PLAIN,SCRAM-SHA-512,OAUTHBEARER",
        f"{sasl}.plain.sasl.jaas.config": f'{_PLAIN} required user_{USERNAME}="{password}";',
        f"{sasl}.scram-sha-512.sasl.jaas.config": f"{_SCRAM} required;",
        # Tokens without a signature, which only a test may trust.
        f"{sasl}.oauthbearer.sasl.jaas.config": f'{_OAUTH} required unsecuredLoginStringClaim_sub="broker";',
    }
    # A backslash in a value must be escaped for Java's properties as well.
    properties.write_text("".join(f"{name}={value}\n".replace("\\", "\\\\") for name, value in lines.items()))
