#!/usr/bin/env bash
# `make compose-rehearsal`: docker-compose.yml for real, on a machine that reaches no image registry.
#
# Starts a Docker engine of its own (Debian's docker.io), makes stand-ins for four base images from Debian
# packages under their official names, builds our images, starts everything without a way out of the machine,
# and checks what a user would see. Keeps engine, base images and layers in .cache/compose-rehearsal
# (REHEARSAL_DIR) for the next time; all else is gone at the end. Needs root, on Debian or Ubuntu.
set -Eeuo pipefail
cd "$(dirname "$0")/../.."

KEPT=${REHEARSAL_DIR:-$PWD/.cache/compose-rehearsal}
RUN=$(mktemp -d /tmp/headwater-rehearsal.XXXXXX)  # a socket's path must be short
PATIENCE=${REHEARSAL_PATIENCE:-600}  # seconds, for what trains on a busy machine
BRIDGE=hw-rehearsal
USER_ID=u1
export DOCKER_HOST=unix://$RUN/docker.sock DOCKER_CONFIG=$KEPT/client
export API_PORT=${API_PORT:-18080} KAFKA_PORT=${KAFKA_PORT:-19192} PROMETHEUS_PORT=${PROMETHEUS_PORT:-19090}
PROMETHEUS=http://127.0.0.1:$PROMETHEUS_PORT
API=http://127.0.0.1:$API_PORT
engine="" reason="" began=$SECONDS step_began=$SECONDS step_name=""

# --- what it says ---

step() {
    [ -z "$step_name" ] || echo "    done: $((SECONDS - step_began)) s"
    step_name=$1 step_began=$SECONDS
    echo "==> $1"
}

fail() {
    reason="FAILED in \"$step_name\" after $((SECONDS - began)) s: $*"
    exit 1
}

trap 'fail "line $LINENO: $BASH_COMMAND"' ERR
trap 'status=$?; trap - ERR EXIT; set +e; clean_up $status; exit $status' EXIT

clean_up() {
    if [ -n "$engine" ] && kill -0 "$engine" 2>/dev/null; then
        if [ "$1" != 0 ] && [ -f "$RUN/up" ]; then compose ps --all; compose logs --tail 30; fi
        [ ! -f "$RUN/up" ] || compose --profile watch down --volumes --timeout 20
        kill "$engine" && tail --pid="$engine" -f /dev/null
    fi
    # The engine leaves its firewall rules and its bridge behind.
    if [ -s "$RUN/firewall" ]; then iptables-restore <"$RUN/firewall"; ip link delete docker0; fi
    awk -v run="$RUN/" 'index($2, run) == 1 {print $2}' /proc/mounts | xargs --no-run-if-empty umount
    rm -rf "$RUN"
    [ -z "$reason" ] || echo "$reason" >&2
}

# --- helpers of the steps ---

compose() { docker compose --project-name headwater-rehearsal -f docker-compose.yml -f "$RUN/override.yml" "$@"; }

ask() { curl --silent --show-error --fail --max-time 10 "$@"; }

wait_for() {  # wait_for SECONDS WHAT COMMAND...
    local from=$SECONDS limit=$1 what=$2 told=0
    shift 2
    until "$@" >/dev/null 2>&1; do
        [ $((SECONDS - from)) -lt "$limit" ] || fail "waited $limit s for $what"
        [ $((SECONDS - from - told)) -lt 60 ] || { told=$((SECONDS - from)); echo "    $told s: waiting for $what"; }
        kill -0 "$engine" || fail "the Docker engine ended: $(tail -1 "$RUN/engine.log")"
        sleep 1
    done
}

field() { python3 -c 'import json, sys; answer = json.load(sys.stdin); print(eval(sys.argv[1]))' "$1"; }

# --- the steps ---

install_tools() {
    local missing=()
    [ "$(id -u)" = 0 ] || fail "a Docker engine needs root: sudo make compose-rehearsal"
    command -v dockerd >/dev/null || missing+=(docker.io)
    command -v debootstrap >/dev/null || missing+=(debootstrap)
    command -v iptables >/dev/null || missing+=(iptables)
    command -v ss >/dev/null || missing+=(iproute2)
    command -v curl >/dev/null || missing+=(curl)
    [ ${#missing[@]} = 0 ] || { apt-get update -qq && apt-get install -y -qq "${missing[@]}"; }
    mkdir -p "$KEPT" "$DOCKER_CONFIG/cli-plugins"
    [ -d .cache/jars/kafka ] || make setup
}

start_engine() {
    # Another engine's rules are in use: then ours stay behind, which is harmless.
    pgrep -x dockerd >/dev/null || iptables-save >"$RUN/firewall"
    dockerd --data-root "$KEPT/engine" --exec-root "$RUN/exec" --pidfile "$RUN/engine.pid" \
        --host "$DOCKER_HOST" >"$RUN/engine.log" 2>&1 &
    engine=$!
    wait_for 60 "the Docker engine ($(dockerd --version))" docker info
    docker info --format '    engine {{.ServerVersion}}, {{.Driver}}, cgroup {{.CgroupVersion}}, {{.NCPU}} cores'
}

install_compose() {  # Debian's docker-compose is version 1 up to bookworm
    if ! docker compose version >/dev/null 2>&1; then
        command -v go >/dev/null || fail "docker compose v2 is missing: install the plugin, or Go to build it"
        mkdir -p "$RUN/compose"
        # `go install` refuses a module with exclusions, so it is built as a dependency.
        (cd "$RUN/compose" && go mod init rehearsal && go get github.com/docker/compose/v2/cmd@v2.40.3 &&
            nice -n 5 go build -trimpath -ldflags "-s -w -X github.com/docker/compose/v2/internal.Version=v2.40.3" \
                -o "$DOCKER_CONFIG/cli-plugins/docker-compose" github.com/docker/compose/v2/cmd) \
            >"$RUN/compose.log" 2>&1 || fail "$(tail -3 "$RUN/compose.log")"
    fi
    echo "    $(docker compose version)"
}

debian_image() {
    [ -f "$KEPT/debian.tar" ] || {
        debootstrap --variant=minbase --include=ca-certificates bookworm "$RUN/debian" ${DEBIAN_MIRROR:-} >"$RUN/debian.log" ||
            fail "$(tail -3 "$RUN/debian.log")"
        tar -C "$RUN/debian" -cf "$KEPT/debian.tar.new" . && mv "$KEPT/debian.tar.new" "$KEPT/debian.tar"
        rm -rf "$RUN/debian"
    }
    docker image inspect rehearsal/debian >/dev/null 2>&1 || docker import "$KEPT/debian.tar" rehearsal/debian >/dev/null
}

# The certificates that this machine trusts (a proxy's among them), as single files.
copy_certificates() {
    mkdir "$1"
    awk -v folder="$1" '/BEGIN CERT/ {n++} n {print > (folder "/host-" n ".crt")}' \
        "${SSL_CERT_FILE:-/etc/ssl/certs/ca-certificates.crt}"
}

build_args() {  # what this machine needs to reach its registries, from the environment only
    local name
    for name in http_proxy https_proxy no_proxy HTTP_PROXY HTTPS_PROXY NO_PROXY PIP_INDEX_URL HEADWATER_MAVEN_REPOSITORY; do
        [ -z "${!name:-}" ] || printf -- '--build-arg %s ' "$name"
    done
}

stand_in() {  # stand_in NAME FOLDER, with the Dockerfile on standard input
    cat >"$2/Dockerfile"
    find "$2" -maxdepth 1 -type f -exec chmod 755 {} +
    # shellcheck disable=SC2046
    DOCKER_BUILDKIT=0 nice -n 5 docker build --quiet --tag "$1" $(build_args) "$2" >"$2.log" 2>&1 ||
        fail "$(tail -5 "$2.log")"
    echo "    $1: $(docker image inspect --format '{{.Size}}' "$1" | numfmt --to=si)B"
}

python_image() {
    mkdir "$RUN/python" && copy_certificates "$RUN/python/certificates"
    printf '[global]\ncert = /etc/ssl/certs/ca-certificates.crt\n' >"$RUN/python/pip.conf"
    stand_in python:3.11-slim-bookworm "$RUN/python" <<'END'
FROM rehearsal/debian
# Like the official slim image: no manual pages, no documentation.
RUN printf 'path-exclude /usr/share/man/*\npath-exclude /usr/share/doc/*\n' >/etc/dpkg/dpkg.cfg.d/slim \
    && rm -rf /usr/share/man /usr/share/doc \
    && apt-get update && apt-get install -y --no-install-recommends python3 python3-venv python-is-python3 \
    && rm -rf /var/lib/apt/lists/*
COPY certificates /usr/local/share/ca-certificates/
COPY pip.conf /etc/pip.conf
RUN update-ca-certificates
CMD ["python3"]
END
}

redis_image() {
    mkdir "$RUN/redis"
    # As in the official image, protected mode is off: only other containers reach it.
    printf '#!/bin/sh\n[ "$1" = redis-server ] && shift && exec redis-server --protected-mode no "$@"\nexec "$@"\n' \
        >"$RUN/redis/entrypoint.sh"
    stand_in redis:7 "$RUN/redis" <<'END'
FROM rehearsal/debian
RUN groupadd -r -g 999 redis && useradd -r -g redis -u 999 redis \
    && apt-get update && apt-get install -y --no-install-recommends redis-server && rm -rf /var/lib/apt/lists/* \
    && install -d -o redis -g redis /data
COPY entrypoint.sh /usr/local/bin/docker-entrypoint.sh
VOLUME /data
WORKDIR /data
ENTRYPOINT ["docker-entrypoint.sh"]
CMD ["redis-server"]
END
}

kafka_image() {
    mkdir "$RUN/kafka" && cp -r .cache/jars/kafka "$RUN/kafka/libs"
    # The official image's rule for variables: KAFKA_LOG_DIRS is log.dirs, and so on.
    cat >"$RUN/kafka/run" <<'END'
#!/usr/bin/env bash
set -euo pipefail
properties=/opt/kafka/config/server.properties
compgen -e | grep '^KAFKA_' | grep -v '^KAFKA_HEAP_OPTS$' | while read -r name; do
    key=${name#KAFKA_}; key=${key,,}
    echo "${key//_/.}=${!name}"
done >"$properties"
java=(java -Dlog4j2.level=WARN -cp '/opt/kafka/libs/*')
"${java[@]}" -Xmx128m kafka.tools.StorageTool format --ignore-formatted \
    --cluster-id "${CLUSTER_ID:-5L6g3nShT-eMCtK--X86sw}" -c "$properties"
exec "${java[@]}" ${KAFKA_HEAP_OPTS:-} kafka.Kafka "$properties"
END
    stand_in apache/kafka:4.3.1 "$RUN/kafka" <<'END'
FROM rehearsal/debian
RUN mkdir -p /usr/share/man/man1 && apt-get update \
    && apt-get install -y --no-install-recommends openjdk-17-jre-headless && rm -rf /var/lib/apt/lists/* \
    && useradd --create-home --uid 1000 appuser \
    && install -d -o appuser /opt/kafka /opt/kafka/config /var/lib/kafka /var/lib/kafka/data /etc/kafka/docker
COPY libs /opt/kafka/libs
COPY run /etc/kafka/docker/run
VOLUME /var/lib/kafka/data
USER appuser
CMD ["/etc/kafka/docker/run"]
END
}

prometheus_image() {
    mkdir "$RUN/prometheus"
    stand_in prom/prometheus:v3.5.0 "$RUN/prometheus" <<'END'
FROM rehearsal/debian
RUN apt-get update && apt-get install -y --no-install-recommends prometheus wget && rm -rf /var/lib/apt/lists/* \
    && install -d -o nobody -g nogroup /prometheus
VOLUME /prometheus
WORKDIR /prometheus
ENTRYPOINT ["/usr/bin/prometheus"]
END
}

build_images() {
    printf 'networks:\n  default:\n    driver_opts:\n      com.docker.network.bridge.name: %s\n' $BRIDGE >"$RUN/override.yml"
    # shellcheck disable=SC2046
    nice -n 5 docker compose --project-name headwater-rehearsal build $(build_args) >"$RUN/build.log" 2>&1 ||
        fail "$(tail -25 "$RUN/build.log")"
    docker images --format '{{.Repository}}: {{.Size}}' | grep headwater-rehearsal | sed 's/^/    /'
    ! docker run --rm headwater-rehearsal-api python -c 'import pyspark' 2>/dev/null || fail "pyspark is in the API's image"
}

# From here on only this machine is reached: what starts, starts from the images alone.
start_all() {
    touch "$RUN/up"
    iptables -I DOCKER-USER -i $BRIDGE ! -o $BRIDGE -j REJECT
    compose up --detach --no-build >"$RUN/up.log" 2>&1 || fail "$(tail -5 "$RUN/up.log")"
    wait_for "$PATIENCE" "every service to be healthy" all_healthy
    compose ps --format '{{.Service}}: {{.Status}}' | sed 's/^/    /'
}

all_healthy() {
    local service id
    for service in kafka redis streaming trainer api guardrails producer; do
        id=$(compose ps --quiet $service) && [ "$(docker inspect --format '{{.State.Health.Status}}' "$id")" = healthy ] || return 1
    done
}

# A round is one line of JSON; its sentence is the message.
round_lines() { compose logs --no-log-prefix trainer | grep '"message": "published ' || true; }

rounds() { round_lines | wc -l; }

see_training() {
    wait_for "$PATIENCE" "a model to be served" ask "$API/v1/model"
    echo "    first model after $((SECONDS - step_began)) s: $(ask "$API/v1/model" | field 'answer["version"]')"
    wait_for "$PATIENCE" "a second round of training" eval '[ "$(rounds)" -ge 2 ]'
    round_lines | while read -r line; do field '"    " + answer["message"]' <<<"$line"; done
}

ask_api() {
    local item answer
    # Live traffic may have folded the user in just now.
    wait_for 30 "a list from the model" eval 'ask "$API/v1/users/$USER_ID/recommendations?n=5" | grep -Eq "\"(als|fresh)\""'
    answer=$(ask "$API/v1/users/$USER_ID/recommendations?n=5")
    [ "$(field 'len(answer["items"])' <<<"$answer")" = 5 ] || fail "not 5 items: $answer"
    field '"\n".join("    {rank}. {item_id} {title} ({source} {score:.3f})".format(**i) for i in answer["items"])' <<<"$answer"
    item=$(field 'answer["items"][0]["item_id"]' <<<"$answer")
    ask "$API/v1/events" --json "{\"event_type\": \"rating\", \"user_id\": \"$USER_ID\", \"item_id\": \"$item\", \"value\": 5}" |
        sed "s/^/    $item rated 5: /"
    echo
    wait_for 30 "the rating in the history" eval 'ask "$API/v1/users/$USER_ID/history?n=1" | grep -q "\"'"$item"'\""'
    ! ask "$API/v1/users/$USER_ID/recommendations?n=5" | grep -q "\"$item\"" || fail "$item is still recommended"
    echo "    $item is in the history and no longer in the list"
}

# The watch's container can change an experiment and read its lake, which it may not write.
try_experiment() {
    compose exec -T guardrails sh -c 'cat >/tmp/e.json && headwater experiments create /tmp/e.json --start' <<'END' | sed 's/^/    /'
{"name": "rehearsal", "hypothesis": "none", "arms": [{"name": "as-now"}, {"name": "variety", "parameters": {"diversity": 0.3}}]}
END
    compose exec -T guardrails headwater experiments watch --once
    ask "$API/v1/experiments/rehearsal/looks" | grep -q '"run"' || fail "the watch kept no look"
    compose exec -T guardrails headwater experiments report rehearsal | head -3 | sed 's/^/    /'
    ! compose exec -T guardrails touch /data/lake/written 2>/dev/null || fail "the watch can write the lake"
    compose exec -T guardrails headwater experiments stop rehearsal >/dev/null
}

applied() { compose exec -T redis redis-cli hgetall hw:applied:online | sort; }

use_commands() {
    compose exec -T trainer headwater train --now | sed 's/^/    /'
    compose stop producer 2>/dev/null  # the state is the same only while nothing new arrives
    wait_for 60 "the online query to be done" eval '[ "$(applied)" = "$(sleep 10; applied)" ]'
    compose run --rm -T --no-deps streaming headwater rebuild --json 2>"$RUN/rebuild.log" | tee "$RUN/rebuild.json" | sed 's/^/    /'
    [ "$(field 'answer["equal"]' <"$RUN/rebuild.json")" = True ] || fail "another state: $(tail -3 "$RUN/rebuild.log")"
}

watch() {  # Grafana's image has no stand-in: Debian has no Grafana
    compose --profile watch up --detach --no-build --no-deps prometheus >"$RUN/watch.log" 2>&1 || fail "$(tail -5 "$RUN/watch.log")"
    wait_for 60 "Prometheus" ask "$PROMETHEUS/-/ready"
    wait_for 120 "every panel of the dashboard to have data" ask_panels
    ask_panels
    wait_for 30 "the rules to be evaluated" eval '[ "$(rules "rule[\"health\"] != \"ok\"")" = 0 ]'
    echo "    $(rules True) alerts are evaluated, firing: $(rules 'rule["state"] == "firing"')"
}

ask_panels() {  # a panel without data is named, and is an error
    python3 - "$PROMETHEUS" <<'END'
import json, sys, urllib.parse, urllib.request
panels = json.load(open("watch/grafana/dashboards/headwater.json"))["panels"]
asked = [(panel["title"], target["expr"]) for panel in panels for target in panel.get("targets", [])]
def has_data(expr):
    url = f"{sys.argv[1]}/api/v1/query?{urllib.parse.urlencode({'query': expr})}"
    return json.load(urllib.request.urlopen(url, timeout=10))["data"]["result"]
empty = [title for title, expr in asked if not has_data(expr)]
print(f"    {len(asked)} queries of the dashboard, without data: {empty or 'none'}")
sys.exit(bool(empty))
END
}

rules() {  # how many alerts are so
    ask "$PROMETHEUS/api/v1/rules?type=alert" |
        field "sum(bool($1) for group in answer['data']['groups'] for rule in group['rules'])"
}

use_outside_listener() {
    docker run --rm --network host headwater-rehearsal-producer headwater ingest synthetic --seed 7 --limit 25 \
        --bootstrap-servers "localhost:$KAFKA_PORT" 2>&1 | sed 's/^/    /'
}

check_closed() {
    local id open root
    open=$(ss -ltnpH | grep docker-proxy | awk '{print $4}')
    [ -n "$open" ] || fail "no port is open at all"
    ! grep -v '^127\.0\.0\.1:' <<<"$open" || fail "open beyond loopback"
    echo "    listening: $(tr '\n' ' ' <<<"$open")"
    for id in $(compose ps --quiet); do
        root=$(docker top "$id" -eo uid,pid,args | awk 'NR > 1 && $1 == 0')
        [ -z "$root" ] || fail "runs as root: $root"
    done
    echo "    no process of $(compose ps --quiet | wc -l) containers runs as root"
    docker stats --no-stream --format '{{.Name}}: {{.MemUsage}}' | sed 's/^/    /'
}

restart_all() {
    local before
    before=$(ask "$API/v1/model" | field 'answer["version"]')
    compose stop >"$RUN/stop.log" 2>&1
    ! docker inspect --format '{{.Name}} {{.State.ExitCode}}' $(compose ps --all --quiet) | grep ' 137' || fail "killed: did not end in time"
    compose up --detach --no-build >"$RUN/up.log" 2>&1 || fail "$(tail -5 "$RUN/up.log")"
    wait_for "$PATIENCE" "every service to be healthy again" all_healthy
    wait_for 30 "the model after the restart" ask "$API/v1/model"
    echo "    model before $before, after $(ask "$API/v1/model" | field 'answer["version"]')"
}

main() {
    step "Tools"; install_tools
    step "A Docker engine"; start_engine
    step "Debian as an image (debootstrap)"; debian_image
    step "Stand-ins for the base images"; python_image; redis_image; kafka_image; prometheus_image
    step "docker compose"; install_compose
    step "Our images"; build_images
    step "docker compose up, with no way out of the machine"; start_all
    step "Training, and training again"; see_training
    step "The API"; ask_api
    step "An experiment, in the watch's container"; try_experiment
    step "Prometheus, as with --profile watch"; watch
    step "Kafka's outside listener"; use_outside_listener
    step "Closed to others, without root"; check_closed
    step "headwater train --now and headwater rebuild"; use_commands
    step "Stop, and start again on the same data"; restart_all
    step "docker compose down --volumes"; compose --profile watch down --volumes --timeout 30 >"$RUN/down.log" 2>&1; rm "$RUN/up"
    [ -z "$(docker ps --all --quiet)$(docker volume ls --quiet)" ] || fail "something is left"
    echo "    done: $((SECONDS - step_began)) s"
    echo "The rehearsal passed in $((SECONDS - began)) s"
}

main; exit  # one line at the end, so that an edit of this file does not disturb a run
