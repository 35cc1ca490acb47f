"""`python -m training`: the periodic trainer, until SIGTERM."""

from __future__ import annotations

import logging
import signal
import sys
import threading
from types import FrameType

from clients.json_logs import log_json_lines
from contracts.settings import TrainingSettings
from training.registry.publish import Publisher
from training.rounds.trainer import Trainer
from training.runtime.priority import yield_cores
from training.runtime.session import training_session


def main() -> int:
    """Read the settings, start Spark, and train until a signal stops it."""
    log_json_lines()
    logging.getLogger("py4j").setLevel(logging.ERROR)
    stopping = threading.Event()

    def stop(number: int, frame: FrameType | None) -> None:
        stopping.set()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    settings = TrainingSettings()
    # The trainer gives way to other processes only once a model is served: users wait for the first one.
    spark = training_session(settings)
    trainer = Trainer(spark, settings, Publisher.of(settings), lambda: yield_cores(settings.train_niceness))
    trainer.run(stopping)
    spark.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main())
