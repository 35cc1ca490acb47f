# One image per service: docker build --target streaming|training|serving|ingest|experiments .
# Everything is fetched while building: a container starts without the outside world.
# (No `# syntax` line: it would fetch a frontend from a registry.)

FROM python:3.11-slim-bookworm AS base
ENV PYTHONUNBUFFERED=1 \
    PATH=/opt/venv/bin:$PATH
RUN groupadd --gid 10001 headwater \
    && useradd --uid 10001 --gid headwater --create-home headwater

FROM base AS java
# Slim images have no man pages, and the package's links want their folder.
RUN mkdir -p /usr/share/man/man1 \
    && apt-get update \
    && apt-get install --yes --no-install-recommends openjdk-17-jre-headless \
    && rm -rf /var/lib/apt/lists/*

# --- Python packages, by exact version and hash: dependencies apart from our own code, which changes more often ---

FROM java AS dependencies-spark
# PyPI by default; behind a mirror: --build-arg PIP_INDEX_URL=...
ARG PIP_INDEX_URL
ARG PIP_NO_CACHE_DIR=1
ARG PIP_DISABLE_PIP_VERSION_CHECK=1
WORKDIR /src
COPY locks/images/spark.txt ./
RUN python3 -m venv /opt/venv && pip install --require-hashes --requirement spark.txt

FROM base AS dependencies-serving
ARG PIP_INDEX_URL
ARG PIP_NO_CACHE_DIR=1
ARG PIP_DISABLE_PIP_VERSION_CHECK=1
WORKDIR /src
COPY locks/images/serving.txt ./
RUN python3 -m venv /opt/venv && pip install --require-hashes --requirement serving.txt

FROM base AS dependencies-ingest
ARG PIP_INDEX_URL
ARG PIP_NO_CACHE_DIR=1
ARG PIP_DISABLE_PIP_VERSION_CHECK=1
WORKDIR /src
COPY locks/images/ingest.txt ./
RUN python3 -m venv /opt/venv && pip install --require-hashes --requirement ingest.txt

FROM base AS dependencies-experiments
ARG PIP_INDEX_URL
ARG PIP_NO_CACHE_DIR=1
ARG PIP_DISABLE_PIP_VERSION_CHECK=1
WORKDIR /src
COPY locks/images/experiments.txt ./
RUN python3 -m venv /opt/venv && pip install --require-hashes --requirement experiments.txt

FROM base AS wheel
ARG PIP_INDEX_URL
WORKDIR /src
COPY . .
RUN python3 -m venv /opt/venv && pip wheel --no-deps --wheel-dir /wheels .

# --- Spark's jars, exactly those of stack/machine/jars.lock, by the Ivy inside pyspark ---

FROM dependencies-spark AS jars
# Maven Central by default; behind a mirror: --build-arg HEADWATER_MAVEN_REPOSITORY=...
ARG HEADWATER_MAVEN_REPOSITORY
COPY locks/images/jars.txt ./
RUN pip install --require-hashes --requirement jars.txt
COPY clients/__init__.py clients/whole_file.py clients/
COPY stack/__init__.py stack/
COPY stack/machine/__init__.py stack/machine/jars.py stack/machine/jars.lock stack/machine/ivy.py \
    stack/machine/java.py stack/machine/cache.py stack/machine/errors.py stack/machine/
RUN python -c "from pathlib import Path; from stack.machine.jars import ensure_jars, locked_jars; \
ensure_jars(lambda *_: None, Path('/jars'), [jar for jar in locked_jars() if jar.folder in ('spark', 's3')])"

# --- The images ---

FROM java AS spark
COPY --from=jars /jars/spark /opt/headwater/jars/spark
COPY --from=jars /jars/s3 /opt/headwater/jars/s3
COPY --from=dependencies-spark /opt/venv /opt/venv
# An archive of Spark's classes (200 MB), so that its JVM starts with a third less work. Without it all works, later.
COPY stack/machine/class_data_workload.py /opt/headwater/
RUN python /opt/headwater/class_data_workload.py /opt/headwater/jars/spark /opt/headwater/spark.jsa
COPY --from=wheel /wheels /opt/headwater/wheels
RUN pip install --no-index --no-deps --force-reinstall /opt/headwater/wheels/*.whl
# A new volume takes its owner from the folder in the image.
RUN install -d -o headwater -g headwater /data/lake /data/models /data/checkpoints /scratch
ENV SPARK_JARS_DIR=/opt/headwater/jars/spark \
    SPARK_S3_JARS_DIR=/opt/headwater/jars/s3 \
    SPARK_CLASS_DATA=/opt/headwater/spark.jsa \
    SPARK_LOCAL_DIRS=/scratch \
    OPENBLAS_NUM_THREADS=1
WORKDIR /scratch
USER headwater

# What a killed run left in the scratch folder is of no use to the next one.
FROM spark AS streaming
CMD ["sh", "-c", "rm -rf /scratch/* && exec python -m streaming"]

FROM spark AS training
CMD ["sh", "-c", "rm -rf /scratch/* && exec python -m training"]

FROM base AS serving
COPY --from=dependencies-serving /opt/venv /opt/venv
COPY --from=wheel /wheels /opt/headwater/wheels
RUN pip install --no-index --no-deps --force-reinstall /opt/headwater/wheels/*.whl
RUN install -d -o headwater -g headwater /data/exposure-counts
WORKDIR /home/headwater
USER headwater
EXPOSE 8000
CMD ["python", "-m", "serving"]

FROM base AS ingest
COPY --from=dependencies-ingest /opt/venv /opt/venv
COPY --from=wheel /wheels /opt/headwater/wheels
RUN pip install --no-index --no-deps --force-reinstall /opt/headwater/wheels/*.whl
WORKDIR /home/headwater
USER headwater
CMD ["headwater", "ingest", "synthetic", "--endless"]

FROM base AS experiments
COPY --from=dependencies-experiments /opt/venv /opt/venv
COPY --from=wheel /wheels /opt/headwater/wheels
RUN pip install --no-index --no-deps --force-reinstall /opt/headwater/wheels/*.whl
# A new volume takes its owner from the folder in the image, whichever container is made first.
RUN install -d -o headwater -g headwater /data/lake
WORKDIR /home/headwater
USER headwater
CMD ["headwater", "experiments", "watch"]
