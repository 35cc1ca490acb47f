"""Errors of Spark and Python that a person can put right, each explained in one sentence with its cure."""

from __future__ import annotations

from training.registry.outcome import TrainingError

# (what the error's text holds, the sentence with its cure); the first that fits.
KNOWN: tuple[tuple[tuple[str, ...], str], ...] = (
    (
        ("No space left on device", "There is not enough space", "Disk quota exceeded", "File too large"),
        "The disk is full (or a limit of the process is reached): free space where MODELS_URI, "
        "CHECKPOINTS_URI and Spark's temporary folder (SPARK_LOCAL_DIRS) are",
    ),
    (
        (
            *(
                "FILE_NOT_EXIST",
                "DELTA_CANNOT_RECREATE_STATE",
                "DELTA_VERSION_NOT_FOUND",
                "_LOG_FILE_NOT_FOUND",
            ),
            *(
                "Object at location",
                "No table metadata or protocol found",
                "LogSegment end",
                "in log segment",
            ),
        ),
        "Files of the pinned lake version are gone, vacuumed or deleted while the round read them: the next "
        "round reads the newest version; if it comes again, raise VACUUM_RETENTION_HOURS",
    ),
    (
        (
            "Mkdirs failed to create",
            "Permission denied",
            "Read-only file system",
            "ParentNotDirectory",
            "Not a directory",
        ),
        "MODELS_URI or CHECKPOINTS_URI cannot be written to: give the trainer the right to, or change them",
    ),
    (
        ("OOM command not allowed", "maxmemory"),
        "Redis is full (maxmemory): see `headwater plan`, and set REDIS_MEMORY_BUDGET below it",
    ),
    (
        ("OutOfMemoryError", "Java heap space"),
        "Spark has too little memory: raise SPARK_DRIVER_MEMORY (on a cluster, the executors' by SPARK_CONF)",
    ),
    (
        ("a process that computed a part of the work",),
        "The trainer has too little memory: give it more, or lower TRAIN_MEMORY, by which rounds compute in "
        "fewer processes or on the executors",
    ),
    (
        (
            *("Error while reading file", "ChecksumException", "is not a Parquet file"),
            *(
                "CRC checksum verification failed",
                "Requested range was invalid",
                "Couldn't deserialize thrift",
            ),
            *("Parquet magic bytes not found", "Corrupt snappy compressed data"),
        ),
        "A file of the lake or of a model is damaged: restore it from a backup",
    ),
    (
        ("UNRESOLVED_COLUMN", "No match for FieldRef", "DATATYPE_MISMATCH"),
        "A table of the lake lacks a column or has it with another type, because somebody changed it: change "
        "it back, or restore the table to an earlier version",
    ),
)


def explain(error: Exception) -> TrainingError | None:
    """The error as a sentence; None where nothing is known about it. A TrainingError explains itself."""
    if isinstance(error, TrainingError):
        return error
    text = str(error)
    for signs, sentence in KNOWN:
        found = next((sign for sign in signs if sign in text), None)
        if found is not None:
            line = next(line for line in text.splitlines() if found in line).strip()[:200]
            return TrainingError(f"{sentence}. The old model stays served. ({line})")
    return None
