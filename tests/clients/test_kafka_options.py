from __future__ import annotations

import gc
import json
import re
import ssl
import threading
import time
from base64 import urlsafe_b64encode
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kafka.admin import (
    KafkaAdminClient,
    ScramMechanism,
    UserScramCredentialUpsertion,
)
from pyspark.sql import SparkSession
from pyspark.sql import functions as F  # noqa: N812

from clients.event_producer import (
    BrokerRefusesError,
    Delivery,
    open_producer,
    wait_for_broker,
)
from clients.kafka_options import (
    HIDDEN_OPTIONS,
    KafkaFileError,
    connection,
    for_confluent,
    for_kafka_python,
    for_spark,
    tls_context,
)
from clients.topic_admin import create_topics, end_offsets
from contracts.settings import KafkaSettings, StreamingSettings
from contracts.topics import INTERACTIONS, Topic
from stack.machine import doctor
from stack.machine.ports import free_port
from streaming.lake.rejected_topic import write_rejected
from streaming.records.source import read_partitions_between, read_rejected_topic
from tests.secure_listeners import PASSWORD, USERNAME, SecureListeners

SECRET = "hunter2-hunter2"
SASL = {
    "kafka_bootstrap_servers": "a:1,b:2",
    "kafka_security_protocol": "SASL_SSL",
    "kafka_sasl_username": "shop",
    "kafka_sasl_password": SECRET,
}
OAUTH = {
    "kafka_security_protocol": "SASL_SSL",
    "kafka_sasl_mechanism": "OAUTHBEARER",
    "kafka_oauth_token_url": "http://tokens/",
    "kafka_oauth_client_id": "shop",
    "kafka_oauth_client_secret": SECRET,
    "kafka_oauth_scope": "kafka",
}


def settings_of(**values: Any) -> KafkaSettings:
    return KafkaSettings.model_validate(values)


# kafka-python leaves the sockets of a client open that is refused.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


@pytest.fixture(autouse=True)
def _no_socket_is_left_to_the_next_test() -> Iterator[None]:
    yield
    gc.collect()


def test_a_plain_connection_has_only_addresses() -> None:
    settings = settings_of(kafka_bootstrap_servers="a:1,b:2")
    assert for_kafka_python(settings) == {
        "bootstrap_servers": ["a:1", "b:2"],
        "security_protocol": "PLAINTEXT",
    }
    assert for_confluent(settings) == {"bootstrap.servers": "a:1,b:2", "security.protocol": "PLAINTEXT"}
    assert for_spark(settings) == {
        "kafka.bootstrap.servers": "a:1,b:2",
        "kafka.security.protocol": "PLAINTEXT",
    }


def test_an_address_alone_gives_a_plain_connection_whatever_the_environment_says(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, value in SASL.items():
        monkeypatch.setenv(name.upper(), value)
    assert connection(KafkaSettings()).kafka_security_protocol == "SASL_SSL"
    assert connection("c:3").kafka_security_protocol == "PLAINTEXT"
    assert connection("c:3").kafka_bootstrap_servers == "c:3"


@pytest.mark.parametrize(
    ("mechanism", "module"),
    [("PLAIN", "plain.PlainLoginModule"), ("SCRAM-SHA-512", "scram.ScramLoginModule")],
)
def test_each_client_gets_the_name_and_password_under_its_own_option_names(
    mechanism: str, module: str
) -> None:
    settings = settings_of(**SASL, kafka_sasl_mechanism=mechanism)
    python, confluent, spark = for_kafka_python(settings), for_confluent(settings), for_spark(settings)
    assert (python["sasl_mechanism"], python["sasl_plain_username"]) == (mechanism, "shop")
    assert python["sasl_plain_password"] == confluent["sasl.password"] == SECRET
    assert confluent["sasl.mechanism"] == spark["kafka.sasl.mechanism"] == mechanism
    assert spark["kafka.sasl.jaas.config"] == (
        f'org.apache.kafka.common.security.{module} required username="shop" password="{SECRET}";'
    )


def test_a_client_that_asks_for_tokens_gets_the_address_and_the_identity() -> None:
    settings = settings_of(**OAUTH)
    spark, confluent = for_spark(settings), for_confluent(settings)
    assert spark["kafka.sasl.oauthbearer.token.endpoint.url"] == "http://tokens/"
    assert f'clientId="shop" clientSecret="{SECRET}" scope="kafka"' in spark["kafka.sasl.jaas.config"]
    assert spark["kafka.sasl.login.callback.handler.class"].endswith("OAuthBearerLoginCallbackHandler")
    assert confluent["sasl.oauthbearer.method"] == "oidc"
    assert confluent["sasl.oauthbearer.client.secret"] == SECRET
    assert "sasl_oauth_token_provider" in for_kafka_python(settings)


def test_spark_gets_certificates_as_text_and_the_other_clients_get_files(tmp_path: Path) -> None:
    for name, text in (("ca", "CA"), ("own", "CERT"), ("key", "-----BEGIN PRIVATE KEY-----")):
        (tmp_path / name).write_text(text)
    settings = settings_of(
        kafka_security_protocol="SSL",
        kafka_ssl_ca_file=str(tmp_path / "ca"),
        kafka_ssl_certificate_file=str(tmp_path / "own"),
        kafka_ssl_key_file=str(tmp_path / "key"),
        kafka_ssl_key_password=SECRET,
        kafka_ssl_check_hostname=False,
    )
    spark = for_spark(settings)
    assert spark["kafka.ssl.truststore.certificates"] == "CA"
    assert spark["kafka.ssl.keystore.certificate.chain"] == "CERT"
    assert spark["kafka.ssl.keystore.key"] == "-----BEGIN PRIVATE KEY-----"
    assert spark["kafka.ssl.key.password"] == SECRET
    assert spark["kafka.ssl.endpoint.identification.algorithm"] == ""
    assert for_confluent(settings)["ssl.key.location"] == str(tmp_path / "key")
    assert for_kafka_python(settings)["ssl_check_hostname"] is False
    (tmp_path / "key").write_text("-----BEGIN RSA PRIVATE KEY-----")
    with pytest.raises(KafkaFileError, match="openssl pkcs8"):
        for_spark(settings)
    (tmp_path / "ca").unlink()
    with pytest.raises(KafkaFileError, match="KAFKA_SSL_CA_FILE"):
        for_spark(settings)


@given(st.text(st.characters(codec="utf-8", exclude_categories=("Cc",)), min_size=1, max_size=20))
def test_any_password_survives_the_quoting_of_java(password: str) -> None:
    said = for_spark(settings_of(**SASL | {"kafka_sasl_password": password}))["kafka.sasl.jaas.config"]
    quoted = said.split(" password=", 1)[1].removesuffix(";")
    # Java reads a quoted word as JSON does, where it holds no control characters.
    assert json.loads(quoted) == password


def test_no_secret_is_shown_where_settings_or_options_are_printed() -> None:
    for settings in (settings_of(**SASL), settings_of(**OAUTH)):
        assert SECRET not in repr(settings)
        assert SECRET not in str(settings.model_dump())
        shown = {name for name, value in for_spark(settings).items() if SECRET in value}
        assert shown
        assert all(re.search(HIDDEN_OPTIONS, name) for name in shown)
    with pytest.raises(ValueError, match="KAFKA_SASL_USERNAME") as refused:
        settings_of(**SASL | {"kafka_sasl_username": ""})
    assert SECRET not in str(refused.value)


@pytest.mark.parametrize(
    ("values", "missing"),
    [
        ({"kafka_security_protocol": "SASL_SSL", "kafka_sasl_username": "u"}, "KAFKA_SASL_PASSWORD"),
        (OAUTH | {"kafka_oauth_token_url": ""}, "KAFKA_OAUTH_TOKEN_URL"),
        ({"kafka_security_protocol": "SSL", "kafka_ssl_key_file": "k"}, "both or neither"),
        (SASL | {"kafka_security_protocol": "SSL"}, "set SASL_SSL"),
        ({"kafka_topic_prefix": "no blanks"}, "kafka_topic_prefix"),
    ],
)
def test_a_connection_that_lacks_a_setting_is_refused_with_the_name_of_the_setting(
    values: dict[str, str], missing: str
) -> None:
    with pytest.raises(ValueError, match=missing):
        settings_of(**values)


@pytest.fixture(scope="module")
def secure(broker: str, secure_listeners: SecureListeners) -> dict[str, Any]:
    """Settings of the tests' broker by TLS and SASL; nothing listens at the first of its addresses."""
    return {
        "kafka_bootstrap_servers": f"127.0.0.1:{free_port()},{secure_listeners.sasl}",
        "kafka_security_protocol": "SASL_SSL",
        "kafka_ssl_ca_file": str(secure_listeners.certificate),
        "kafka_sasl_username": USERNAME,
        "kafka_sasl_password": PASSWORD,
    }


def sent_through(settings: KafkaSettings, topic: str) -> Delivery:
    reports: list[Delivery | Exception | None] = []
    producer = open_producer(settings)
    producer.send(topic, b"ann", b"{}", lambda delivery, error: reports.append(delivery or error))
    assert producer.flush(20) == 0
    producer.close()
    assert isinstance(reports[0], Delivery), reports
    return reports[0]


@pytest.mark.parametrize("client", ["kafka-python", "confluent"])
def test_events_are_sent_and_read_with_tls_and_a_password(secure: dict[str, Any], client: str) -> None:
    settings = settings_of(**secure, kafka_client=client)
    # Nothing listens at the first of the two addresses.
    topic = f"secure-{client}"
    create_topics(settings, (Topic(topic, partitions=1),))
    assert sent_through(settings, topic).offset == 0
    assert end_offsets(settings, topic) == {0: 1}


def test_events_are_sent_and_read_with_scram(broker: str, secure: dict[str, Any]) -> None:
    admin = KafkaAdminClient(bootstrap_servers=broker)
    admin.alter_user_scram_credentials(
        [UserScramCredentialUpsertion(USERNAME, ScramMechanism.SCRAM_SHA_512, PASSWORD)]
    )
    admin.close()
    settings = settings_of(**secure, kafka_sasl_mechanism="SCRAM-SHA-512")
    create_topics(settings, (Topic("secure-scram", partitions=1),))
    assert sent_through(settings, "secure-scram").offset == 0


# kafka-python leaves its sockets open where it is refused.
def test_the_broker_accepts_a_client_with_a_certificate_and_refuses_one_without(
    broker: str, secure_listeners: SecureListeners
) -> None:
    mutual = {
        "kafka_bootstrap_servers": secure_listeners.mutual,
        "kafka_security_protocol": "SSL",
        "kafka_ssl_ca_file": str(secure_listeners.certificate),
    }
    ours = {
        "kafka_ssl_certificate_file": str(secure_listeners.certificate),
        "kafka_ssl_key_file": str(secure_listeners.key),
    }
    create_topics(settings_of(**mutual, **ours), (Topic("secure-mutual", partitions=1),))
    assert end_offsets(settings_of(**mutual, **ours), "secure-mutual") == {0: 0}
    with pytest.raises(BrokerRefusesError, match="KAFKA_SSL_CERTIFICATE_FILE"):
        end_offsets(settings_of(**mutual), "secure-mutual", timeout=1)


def test_spark_reads_and_writes_with_tls_and_a_password_and_its_plans_hide_the_password(
    fresh_topics: str, secure: dict[str, Any], spark: SparkSession
) -> None:
    settings = StreamingSettings.model_validate(secure)
    sent_through(settings, INTERACTIONS.name)
    ends = end_offsets(settings, INTERACTIONS.name)
    names = {f"{INTERACTIONS.name}:{number}": end for number, end in ends.items()}
    records = read_partitions_between(spark, settings, dict.fromkeys(names, 0), names)
    assert [bytes(row["value"]) for row in records.select("value").collect()] == [b"{}"]
    write_rejected(records.withColumn("reason", F.lit("why")), settings)
    assert read_rejected_topic(spark, settings).count() == 1
    assert "password=" not in records._jdf.queryExecution().toString()


def test_wrong_credentials_and_certificates_are_refused_with_the_cure(
    broker: str, secure: dict[str, Any], secure_listeners: SecureListeners
) -> None:
    known = secure | {"kafka_bootstrap_servers": secure_listeners.sasl}
    with pytest.raises(BrokerRefusesError, match="KAFKA_SASL_PASSWORD") as refused:
        end_offsets(settings_of(**known | {"kafka_sasl_password": SECRET}), "any", timeout=1)
    assert SECRET not in str(refused.value)
    with pytest.raises(BrokerRefusesError, match="KAFKA_SSL_CA_FILE"):
        wait_for_broker(settings_of(**known | {"kafka_ssl_ca_file": ""}), 60)
    with pytest.raises(BrokerRefusesError, match="KAFKA_SECURITY_PROTOCOL"):
        wait_for_broker(settings_of(**known | {"kafka_bootstrap_servers": broker}), 60)


def test_doctor_says_whether_kafka_accepts_the_connection_of_the_environment(
    secure: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in secure.items():
        monkeypatch.setenv(name.upper(), value)
    found = doctor.check_kafka()
    assert found.ok, found
    assert "SASL_SSL with PLAIN" in found.found
    monkeypatch.setenv("KAFKA_SASL_PASSWORD", SECRET)
    monkeypatch.setattr(doctor, "_KAFKA_SECONDS", 1.0)
    found = doctor.check_kafka()
    assert not found.ok
    assert SECRET not in str(found)
    monkeypatch.setenv("KAFKA_SASL_PASSWORD", "")
    assert "needs KAFKA_SASL_PASSWORD" in doctor.check_kafka().found


class Tokens(BaseHTTPRequestHandler):
    """Gives unsigned tokens (RFC 7519, section 6.1) to clients that know the secret."""

    asked: list[str] = []  # noqa: RUF012 - shared by all requests of a test

    def do_POST(self) -> None:
        self.asked.append(self.headers["Authorization"])
        self.rfile.read(int(self.headers["Content-Length"]))
        now = int(time.time())
        parts = ({"alg": "none"}, {"sub": "shop", "iat": now, "exp": now + 600})
        token = ".".join(urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts)
        body = json.dumps({"access_token": f"{token}.", "expires_in": 600}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Write no log line."""


@pytest.fixture
def token_url() -> Iterator[str]:
    server = HTTPServer(("127.0.0.1", 0), Tokens)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    Tokens.asked.clear()
    yield f"http://127.0.0.1:{server.server_port}/token"
    server.shutdown()
    server.server_close()
    thread.join()


def test_a_client_asks_for_a_token_once_and_the_broker_accepts_it(
    secure: dict[str, Any], token_url: str
) -> None:
    values = {name: value for name, value in secure.items() if "sasl" not in name}
    settings = settings_of(**values | OAUTH | {"kafka_oauth_token_url": token_url})
    source = for_kafka_python(settings)["sasl_oauth_token_provider"]
    assert source.token() == source.token()
    assert len(Tokens.asked) == 1
    assert end_offsets(settings, "nowhere") == {}


def test_the_error_for_a_missing_token_names_the_cure(broker: str, secure: dict[str, Any]) -> None:
    values = {name: value for name, value in secure.items() if "sasl" not in name}
    settings = settings_of(**values | OAUTH | {"kafka_oauth_token_url": f"http://127.0.0.1:{free_port()}/"})
    with pytest.raises(ConnectionError, match="KAFKA_OAUTH_TOKEN_URL") as refused:
        for_kafka_python(settings)["sasl_oauth_token_provider"].token()
    assert SECRET not in str(refused.value)


def test_the_default_certificate_authorities_are_those_of_this_machine() -> None:
    context = tls_context(settings_of(kafka_security_protocol="SSL"))
    assert context.verify_mode == ssl.CERT_REQUIRED
    with pytest.raises(KafkaFileError, match="KAFKA_SSL_CA_FILE"):
        tls_context(settings_of(kafka_security_protocol="SSL", kafka_ssl_ca_file="/nowhere.pem"))
