"""Every setting, by environment variable (the field's name in capitals)."""

from __future__ import annotations

import os
from ipaddress import IPv4Network, IPv6Network, ip_address
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, SecretStr, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from contracts.events import DEFAULT_WEIGHTS, EventType
from contracts.stored.records import TREND_HALF_LIVES


class _Environment(BaseSettings):
    # A setting may be a password, so an error does not show what was given.
    model_config = SettingsConfigDict(
        extra="ignore", frozen=True, env_ignore_empty=True, hide_input_in_errors=True
    )


def is_loopback(host: str) -> bool:
    """Whether a host name or address is this machine's own and nobody else's."""
    if host.lower().rstrip(".") == "localhost":
        return True
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


class KafkaSettings(_Environment):
    """How Kafka is reached; clients/kafka_options.py renders it for every client, and for Spark."""

    kafka_bootstrap_servers: str = "127.0.0.1:9092"  # host:port, several separated by commas
    kafka_client: Literal["kafka-python", "confluent"] = "kafka-python"
    # Stands before the name of every topic; fixed for the life of the data. contracts/topics.py reads it.
    kafka_topic_prefix: str = Field(default="", pattern=r"^[A-Za-z0-9._-]{0,100}$")
    kafka_security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = "PLAINTEXT"
    # Files in PEM form: the authorities that may have signed the broker's certificate (empty: those that this
    # machine trusts), and this client's own certificate and key (PKCS #8), where the broker asks for them.
    kafka_ssl_ca_file: str = ""
    kafka_ssl_certificate_file: str = ""
    kafka_ssl_key_file: str = ""
    kafka_ssl_key_password: SecretStr | None = None
    kafka_ssl_check_hostname: bool = True
    kafka_sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "OAUTHBEARER"] = "PLAIN"
    kafka_sasl_username: str = ""
    kafka_sasl_password: SecretStr | None = None
    # For OAUTHBEARER: where a token is asked for by client id and secret (OAuth 2.0, client credentials).
    kafka_oauth_token_url: str = ""
    kafka_oauth_client_id: str = ""
    kafka_oauth_client_secret: SecretStr | None = None
    kafka_oauth_scope: str = ""

    @property
    def kafka_uses_tls(self) -> bool:
        """Whether the connection is encrypted."""
        return self.kafka_security_protocol.endswith("SSL")

    @property
    def kafka_uses_sasl(self) -> bool:
        """Whether the client proves to the broker who it is."""
        return self.kafka_security_protocol.startswith("SASL")

    @model_validator(mode="after")
    def _is_whole(self) -> KafkaSettings:
        """Raises ValueError where a part of the connection is missing, or a password would not be used."""
        needed: dict[str, object] = {}
        if self.kafka_uses_sasl and self.kafka_sasl_mechanism == "OAUTHBEARER":
            needed = {
                "KAFKA_OAUTH_TOKEN_URL": self.kafka_oauth_token_url,
                "KAFKA_OAUTH_CLIENT_ID": self.kafka_oauth_client_id,
                "KAFKA_OAUTH_CLIENT_SECRET": self.kafka_oauth_client_secret,
            }
        elif self.kafka_uses_sasl:
            needed = {
                "KAFKA_SASL_USERNAME": self.kafka_sasl_username,
                "KAFKA_SASL_PASSWORD": self.kafka_sasl_password,
            }
        if bool(self.kafka_ssl_certificate_file) != bool(self.kafka_ssl_key_file):
            needed["KAFKA_SSL_CERTIFICATE_FILE and KAFKA_SSL_KEY_FILE, both or neither"] = None
        if missing := [name for name, value in needed.items() if not value]:
            raise ValueError(f"KAFKA_SECURITY_PROTOCOL={self.kafka_security_protocol} needs {missing[0]}")
        if self.kafka_sasl_password and not self.kafka_uses_sasl:
            raise ValueError(
                f"KAFKA_SASL_PASSWORD is set, but KAFKA_SECURITY_PROTOCOL={self.kafka_security_protocol} "
                "would not use it: set SASL_SSL"
            )
        return self


class RefusedRowsSettings(_Environment):
    """Where the rows of files that the last ingest refused are kept, for `headwater rejects`."""

    refused_rows_file: str = "data/refused-rows.jsonl"


class IngestSettings(KafkaSettings, RefusedRowsSettings):
    """How sources are read."""

    ingest_most_refused: float = Field(
        default=0.05, ge=0, le=1
    )  # if a larger share of rows is refused, ingest stops or asks whether to go on
    ingest_memory_mb: int = Field(
        default=512, ge=64
    )  # for the engine that reads files; what needs more uses the disk


class RedisSettings(_Environment):
    """Where Redis is, and over how many slots of a Redis Cluster users are spread.

    REDIS_SHARDS is fixed for the life of the data (a change needs `headwater rebuild`).
    """

    redis_url: SecretStr = SecretStr("redis://127.0.0.1:6379/0")
    redis_shards: int = Field(default=1, ge=1, le=16_384)


class S3Settings(_Environment):
    """How S3 is reached, or a store that speaks it; clients/storage/s3_options.py renders it."""

    s3_endpoint: str = ""  # of another store than Amazon's, such as https://store.example:9000
    s3_region: str = ""
    s3_path_style: bool = False  # the bucket in the path, not in the host's name; most other stores need it
    # Without keys, those of the environment or of the machine's role are taken.
    s3_access_key_id: str = ""
    s3_secret_access_key: SecretStr | None = None
    s3_session_token: SecretStr | None = None
    s3_credentials_provider: str = ""  # a Java class for Spark, in place of S3A's usual ones

    @model_validator(mode="after")
    def _has_both_keys(self) -> S3Settings:
        """Raises ValueError where a part of the credentials is missing."""
        if bool(self.s3_access_key_id) != bool(self.s3_secret_access_key):
            raise ValueError("S3_ACCESS_KEY_ID and S3_SECRET_ACCESS_KEY belong together: set both or neither")
        if self.s3_session_token and not self.s3_access_key_id:
            raise ValueError("S3_SESSION_TOKEN needs S3_ACCESS_KEY_ID and S3_SECRET_ACCESS_KEY")
        return self


def is_s3(uri: str) -> bool:
    """Whether a URI names a place in S3."""
    return uri.startswith("s3a://")


class LakeSettings(S3Settings):
    """Where data at rest lies: folders that all services reach, or places in S3 (s3a://bucket/folder)."""

    lake_uri: str = "data/lake"
    models_uri: str = "data/models"
    checkpoints_uri: str = "data/checkpoints"

    @property
    def uses_s3(self) -> bool:
        """Whether anything lies in S3."""
        return any(map(is_s3, (self.lake_uri, self.models_uri, self.checkpoints_uri)))

    @field_validator("lake_uri", "models_uri", "checkpoints_uri")
    @classmethod
    def _has_a_known_scheme(cls, uri: str) -> str:
        """Raises ValueError for the scheme that Amazon's own tools use, which Spark does not know."""
        if uri.startswith(("s3://", "s3n://")):
            raise ValueError("Spark reads S3 by the scheme s3a: write s3a://bucket/folder")
        return uri


class SparkSettings(LakeSettings):
    """The Spark session of a service, and where its data lie."""

    spark_master: str = "local[*]"
    spark_jars_dir: str = ".cache/jars/spark"  # filled by `headwater setup`
    spark_s3_jars_dir: str = ".cache/jars/s3"  # likewise, where LAKE_URI or another place is in S3
    # A class-data archive for the driver's JVM, so that it starts faster (stack/machine/class_data.py); a JVM
    # of another version or with other jars ignores it.
    spark_class_data: str = ""
    spark_driver_memory: str = "1g"
    spark_shuffle_partitions: int = Field(default=4, ge=1)
    spark_conf: dict[str, str] = Field(default_factory=dict)  # JSON; further Spark configuration


class WeightSettings(_Environment):
    """What an interaction of each type is worth."""

    event_weights: dict[str, float] = Field(default_factory=lambda: dict(DEFAULT_WEIGHTS))
    # Graded preference of a rating: the entry with the largest key not above the rating counts.
    rating_strengths: dict[float, float] = Field(
        default_factory=lambda: {0.0: -0.5, 3.0: 0.0, 4.0: 1.0, 5.0: 2.0}
    )
    positive_rating: float = 4.0  # figures count an item with this rating or more as one of a good list


class HistorySettings(_Environment):
    """What is kept of items that a user comes back to; a change needs `headwater rebuild`."""

    # How many events of a user with an item are kept beside the last one of each type (the newest); 0: none.
    earlier_events: int = Field(default=16, ge=0, le=64)


class TrendSettings(_Environment):
    """The half-lives (seconds) by which trending items are ranked; a change needs `headwater rebuild`."""

    # Not below five minutes: an octave's number has 32 bits, and event times reach to the year 9999.
    trend_half_lives: tuple[Annotated[int, Field(ge=300)], ...] = Field(
        default=TREND_HALF_LIVES, min_length=1, max_length=8
    )


class SegmentSettings(_Environment):
    """Which metadata make segments, whose lists new users get (contracts/stored/segments.py)."""

    segment_attributes: tuple[str, ...] = Field(
        default=("age", "age_group", "gender", "occupation"), max_length=6
    )  # empty: none


class StateSettings(RedisSettings, WeightSettings, TrendSettings, HistorySettings):
    """What the state in Redis depends on; a change needs `headwater rebuild`."""

    together_window: int = Field(default=10, ge=2, le=50)  # this number of a user's newest liked items counts
    together_degree: int = Field(default=3, ge=1, le=49)  # each is paired with this number of next ones
    history_cap: int = Field(default=1000, ge=1, le=100_000)  # newest items that a fold-in reads


class FoldInSettings(_Environment):
    """How new events enter the lists. The half-lives come from docs/decisions/0004-recency.md."""

    fold_in: bool = True
    fresh_n: int = Field(default=100, ge=1, le=1000)
    fresh_ttl_seconds: int = Field(default=7 * 86_400, ge=60)
    # The users of a micro-batch are folded in until this time is over; the others wait, and those who were
    # active last come first.
    fold_in_budget_seconds: float = Field(default=1.0, gt=0)
    # A task with more events than this is a replay: its users are folded in after it, once each.
    fold_in_max_events: int = Field(default=5000, ge=0)
    fold_half_life_items: float = Field(default=20.0, ge=0)  # in interactions; 0: off
    fold_half_life_days: float = Field(default=0.0, ge=0)  # 0: off
    # A new item gets a provisional factor once this number of users like it; 0: never.
    new_item_min_users: int = Field(default=3, ge=0)
    # Whether each new positive event is scored against the list that its user had (live figures).
    live_figures: bool = True


class StreamingSettings(KafkaSettings, StateSettings, FoldInSettings, SparkSettings, RefusedRowsSettings):
    """The streaming service."""

    # How events of other systems on our topic are read (docs/data.md); empty: they are rejected.
    event_mapping_file: str = ""
    # A schema registry whose Avro and JSON Schema are read on our topic, "user:password" where it asks for
    # them, and the subjects where the topic does not name them (interactions-value).
    schema_registry_url: str = ""
    schema_registry_user_info: SecretStr | None = None
    schema_registry_subjects: tuple[str, ...] = ()
    lake_trigger_seconds: float = Field(default=10.0, gt=0)
    # The least time between two micro-batches of a worker; after a pause, the first record begins one.
    online_trigger_seconds: float = Field(default=0.05, ge=0)
    # How long a task of the live query reads its partition; Spark then plans the next task, and nothing is
    # read for a fifth of a second.
    online_task_seconds: float = Field(default=60.0, ge=5)
    # More records than this are a backlog: applied in large batches, until about a tenth of this is left.
    online_backlog_events: int = Field(default=20_000, ge=1)
    activity_trigger_seconds: float = Field(default=60.0, gt=0)
    # How often the lake query moves the outcomes of the live figures from Redis to the lake, where any wait.
    outcomes_every_seconds: float = Field(default=60.0, gt=0)
    activity_watermark: str = "2 hours"
    # A Delta commit costs about the same for any size, so the lake takes a backlog in large batches.
    lake_max_events_per_trigger: int = Field(default=2_000_000, ge=1)
    # How many tasks share a batch of a backlog: one for each core, because each task costs time.
    online_tasks: int = Field(default_factory=lambda: os.cpu_count() or 1, ge=1)
    online_max_events_per_trigger: int = Field(default=200_000, ge=1)
    maintenance_every_seconds: float = Field(default=3600.0, gt=0)
    # How many days events are kept in the lake and in histories, by their event time; 0: for good.
    events_keep_days: float = Field(default=0.0, ge=0)
    vacuum_retention_hours: int = Field(default=168, ge=168)


class TrainingSettings(
    RedisSettings,
    SparkSettings,
    WeightSettings,
    TrendSettings,
    HistorySettings,
    SegmentSettings,
):
    """The trainer. The defaults of the models come from docs/decisions/0002-als-defaults.md."""

    spark_driver_memory: str = "2g"
    train_every_seconds: float = Field(default=300.0, ge=0)  # 0: only on request
    train_every_events: int = Field(default=0, ge=0)  # 0: not by count
    train_niceness: int = Field(default=10, ge=0, le=19)  # of its processes, once a model is served
    # Whether a change in what users do (drift, training/drift) asks for a round; how often new events are
    # looked at, and the least time between two rounds for drift.
    drift_rounds: bool = True
    drift_look_seconds: float = Field(default=60.0, ge=1)
    drift_min_seconds: float = Field(default=1800.0, ge=60)
    train_min_events: int = Field(default=100, ge=1)
    # Bytes that a round may take in the trainer's own process: where the lake's events fit (650 bytes each),
    # it computes there, in a fraction of the time; else on Spark's executors. 0: always on the executors.
    train_memory: int = Field(default=2 * 1024**3, ge=0)
    # What ranks: a blend of signals whose weights each full round chooses, or the ALS factors alone. A round
    # on the executors (above TRAIN_MEMORY) ranks by the factors in any case.
    ranking: Literal["blend", "als"] = "blend"
    top_n: int = Field(default=100, ge=1, le=1000)
    segment_min_users: int = Field(default=10, ge=2)  # of a segment must like an item for its list to hold it
    seed: int = 42
    holdout_fraction: float = Field(default=0.2, gt=0, lt=1)
    metrics_k: int = Field(default=10, ge=1, le=100)
    # How interactions are held out, for the figures and the gate. Where it leaves fewer than GATE_MIN_USERS
    # users with a past, per_user_temporal takes its place.
    evaluation_split: Literal["global_time", "per_user_temporal", "leave_last_out", "random"] = "global_time"
    evaluation_users: int = Field(default=5000, ge=1, le=100_000)  # the size of the sample, drawn by the seed
    gate_min_users: int = Field(default=50, ge=1)
    gate_bound: float = Field(default=0.02, ge=0, lt=1)  # share by which a candidate model may be worse
    # How many rounds between two full fits start from the served factors, while no more than this
    # share of the interactions is new since the last one; 0: every round is a full fit.
    warm_rounds: int = Field(default=9, ge=0)
    warm_new_share: float = Field(default=0.2, ge=0, le=1)
    # A warm round keeps a user's list while, at every place, the new scores of its items down to there add up
    # to at most this share less than those of a new list (docs/decisions/0009-kept-lists.md); 0: every list
    # is written again.
    list_tolerance: float = Field(default=0.01, ge=0, lt=1)
    als_rank: int = Field(default=16, ge=1, le=1000)
    als_max_iter: int = Field(default=10, ge=1, le=200)
    als_reg_param: float = Field(default=0.01, ge=0)
    als_alpha: float = Field(default=0.5, ge=0)
    als_nonnegative: bool = False
    explicit_rank: int = Field(default=5, ge=1, le=1000)
    explicit_max_iter: int = Field(default=10, ge=1, le=200)
    explicit_reg_param: float = Field(default=0.15, ge=0)
    cold_start_strategy: Literal["nan", "drop"] = "drop"
    keep_versions: int = Field(default=2, ge=1)
    redis_memory_budget: int = Field(default=0, ge=0)  # bytes that publishing may fill Redis to; 0: no bound
    mlflow_tracking_uri: str = ""  # empty: rounds are not logged to MLflow (an extra, headwater[mlflow])
    mlflow_experiment: str = "headwater"


class TuneSettings(TrainingSettings, FoldInSettings):
    """The search space of `headwater tune`; rank, regParam and alpha are searched by their logarithm."""

    tune_rank: tuple[int, int] = (8, 64)
    tune_reg_param: tuple[float, float] = (0.003, 1.0)
    tune_alpha: tuple[float, float] = (0.3, 40.0)
    tune_iterations: tuple[int, int] = (4, 15)
    # Mappings of ratings to strengths to choose from; empty: RATING_STRENGTHS alone.
    tune_rating_strengths: tuple[dict[float, float], ...] = ()
    # FOLD_HALF_LIFE_ITEMS to choose from; empty: the present one alone.
    tune_half_life_items: tuple[Annotated[float, Field(ge=0)], ...] = (0.0, 10.0, 20.0, 40.0, 80.0)


class ExperimentSettings(LakeSettings, WeightSettings):
    """`headwater experiments`: where the API and the lake are."""

    api_url: str = "http://127.0.0.1:8000"
    api_key: SecretStr | None = None
    admin_api_key: SecretStr | None = None  # API_KEY when not set
    # An event that names no recommendation belongs to the newest exposure of its item to its user, if that
    # exposure is not older than this.
    attribution_hours: float = Field(default=24.0, gt=0, le=720)
    # Seconds between two looks at the guardrails of running experiments; 0: `headwater up` never looks.
    guardrails_every_seconds: float = Field(default=300.0, ge=0)


class ServingSettings(KafkaSettings, StateSettings, FoldInSettings, SegmentSettings):
    """The API."""

    api_host: str = "127.0.0.1"
    api_port: int = Field(default=8000, ge=0, le=65_535)
    # Whether API_HOST may be reached from other machines while API_KEY is not set: "refuse" ends the process
    # with a sentence, "no-admin" refuses only rules, models and erasures, "all" serves everything.
    without_keys: Literal["refuse", "no-admin", "all"] = "refuse"
    # Origins such as "https://shop.example": their pages in a browser may write, as the API's own page may.
    allowed_origins: tuple[str, ...] = ()
    # An API on loopback that has no key takes writes that call it localhost, or by one of these names.
    allowed_hosts: tuple[str, ...] = ()
    # Addresses or networks whose X-Forwarded-For names the client, for rate limits.
    trusted_proxies: tuple[IPv4Network | IPv6Network, ...] = ()
    # Keys of the X-API-Key header, by what they allow; an admin key also writes, a key that writes also
    # reads. None: everybody may.
    read_api_key: SecretStr | None = None
    api_key: SecretStr | None = None  # writes
    admin_api_key: SecretStr | None = None  # rules and models; API_KEY when not set
    # If set, reads of one user need a JWT (HS256) with this user as ``sub``, or a key that writes. None: off.
    subject_key: SecretStr | None = Field(default=None, min_length=32)
    api_workers: int = Field(default=1, ge=1, le=64)  # processes on one port; limits hold for each by itself
    redis_timeout_seconds: float = Field(default=0.08, gt=0)
    kafka_timeout_seconds: float = Field(default=5.0, gt=0)
    max_n: int = Field(default=1000, ge=1)
    max_body_bytes: int = Field(default=2_000_000, ge=1024)
    head_seconds: float = Field(default=10.0, gt=0)  # in which a request's line and headers must arrive
    body_seconds: float = Field(default=20.0, gt=0)  # in which its body must
    max_events_per_request: int = Field(default=1000, ge=1)
    max_requests_at_once: int = Field(default=256, ge=1)  # of one process; more get a 503 at once
    # For each API key, or each address without one; 0: unlimited. Counted by each process for itself.
    rate_limit_per_second: float = Field(default=0.0, ge=0)
    rate_limit_burst: int = Field(default=100, ge=1)
    popular_refresh_seconds: float = Field(default=1.0, gt=0)
    # Strategies by their source (serving/answer/chain.py), asked in this order until the answer is full.
    answer_chain: tuple[str, ...] = (
        "fresh",
        "als",
        "session",
        "editorial",
        "content",
        "demographic",
        "trending",
        "popular",
    )
    hybrid_weights: dict[str, float] = Field(
        default_factory=dict
    )  # for "hybrid" in the chain: source -> weight
    trending_half_life: int = Field(
        default=86_400, ge=1
    )  # of TREND_HALF_LIVES: the one that answers lead with
    # Item factors are held in memory, for sessions, explanations and diversity, up to this size; the blend's
    # signals up to the same size again. Where more than 100,000 items are ranked by factors alone (250,000 by
    # a blend), a rounded copy takes up to half as much besides.
    factors_max_bytes: int = Field(default=512 * 1024 * 1024, ge=0)
    # New items in an answer, drawn at random from those published within explore_days; 0: none.
    explore_slots: int = Field(default=0, ge=0, le=100)
    explore_days: float = Field(default=30.0, gt=0)
    # The probability that one place of an answer holds such an item, drawn by Thompson sampling from how
    # often lists showed it and how many users it won; 0: never. It goes before explore_slots.
    explore_new: float = Field(default=0.0, ge=0, le=1)
    # An item that this number of users has touched is drawn no more: a model learns it from them.
    explore_until_users: int = Field(default=20, ge=1)
    # How long it is kept what was shown to a user, for `rotation`; 0: nothing is kept.
    shown_seconds: int = Field(default=0, ge=0)
    shown_items: int = Field(default=200, ge=1, le=10_000)
    # Makes the ids of answers unforgeable; all processes need the same one. None: they resist accidents only.
    recommendation_key: SecretStr | None = Field(default=None, min_length=16)
    # Whether what was shown goes to the topic `exposures`, and how many lists may wait for Kafka; more are
    # dropped and counted.
    exposures: bool = True
    exposures_waiting: int = Field(default=20_000, ge=1)
    # A local folder where each process counts what it shows, so that it is known what a killed one lost.
    # None: that is not counted.
    exposure_counts_dir: Path | None = None
    # Gorse's routes (/api/feedback, /api/recommend, ...), and which event type a feedback type stands for
    # where it is not the name of one.
    gorse_routes: bool = False
    gorse_feedback_types: dict[str, EventType] = Field(
        default_factory=lambda: {"star": "like", "read": "view"}
    )
    # Oryx's routes (/recommend, /pref, ...), and the event type of a preference. Its strength is the value of
    # a rating; for other types it has to be 1.
    oryx_routes: bool = False
    oryx_preference_type: EventType = "like"
    # An item counts as trending while its decayed sum of weights is at least this; below it, chance decides.
    trending_minimum: float = Field(default=20.0, ge=0)

    @model_validator(mode="after")
    def _is_closed(self) -> ServingSettings:
        if self.subject_key is not None and self.api_key is None:
            raise ValueError("SUBJECT_KEY needs API_KEY too: without it anyone may write, and read all users")
        if self.is_open_to_others and self.without_keys == "refuse":
            raise ValueError(
                f"API_HOST={self.api_host} is reached from other machines and anyone there could write: set "
                "API_KEY, or WITHOUT_KEYS=no-admin (or all) where that is meant"
            )
        return self

    @property
    def is_open_to_others(self) -> bool:
        """Whether other machines may reach the API and no key is asked for writes."""
        return self.api_key is None and not is_loopback(self.api_host)

    @property
    def administration_is_closed(self) -> bool:
        """Whether rules, models and erasures are refused to everyone, because no key could open them."""
        return self.is_open_to_others and self.without_keys != "all"
