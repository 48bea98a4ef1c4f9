#!/usr/bin/env bash
# A table of 100,000 rows in PostgreSQL, read through by curl and wrk from a
# configuration file alone: requests a second, hit ratio, loads, connections; then
# the database is stopped and started while requests go on.
# shellcheck source-path=SCRIPTDIR source=lib.sh
source "$(dirname "$0")/lib.sh"
need wrk wrk
need curl curl

SECONDS_A_RUN=${SECONDS_A_RUN:-10}
ROWS=100000
CONNECTIONS=8

programs=$(printf '%s\n' /usr/lib/postgresql/*/bin | tail -1)
[[ -x $programs/postgres ]] || { say "PostgreSQL is missing: apt-get install postgresql" && exit 1; }

build --bin cache_manager

# PostgreSQL does not run as root.
as_user=()
if ((EUID == 0)); then
    as_user=(setpriv --reuid=nobody --regid=nogroup --clear-groups)
    chmod 711 "$SCRATCH"
fi
mkdir "$SCRATCH/pg"
if ((EUID == 0)); then chown nobody:nogroup "$SCRATCH/pg"; fi
database=$(free_port)
password=$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')
install -m 600 /dev/stdin "$SCRATCH/password" <<<"$password"
install -m 644 "$SCRATCH/password" "$SCRATCH/pg/initial"
"${as_user[@]}" "$programs/initdb" -D "$SCRATCH/pg/data" -U app -A scram-sha-256 \
    --pwfile "$SCRATCH/pg/initial" -E UTF8 --locale=C --no-sync >/dev/null
rm "$SCRATCH/pg/initial"
cd "$SCRATCH"

start_database() {
    start postgres.log "${as_user[@]}" "$programs/postgres" -D "$SCRATCH/pg/data" -p "$database" \
        -c listen_addresses=127.0.0.1 -c unix_socket_directories= -c fsync=off
    DATABASE=$STARTED
    for _ in $(seq 200); do sql 'SELECT 1' >/dev/null 2>&1 && return; sleep 0.05; done
    say "PostgreSQL does not start:" && cat "$SCRATCH/postgres.log" >&2
    exit 1
}

# INT: the clients are sent away, what is done is kept.
stop_database() {
    kill -INT "$DATABASE"
    timeout "$END_SECONDS" tail --pid="$DATABASE" -f /dev/null
}

sql() {
    PGPASSWORD=$password "$programs/psql" -X -q -A -t -v ON_ERROR_STOP=1 -h 127.0.0.1 \
        -p "$database" -U app -d postgres -c "$1"
}

start_database
sql "CREATE TABLE users (id text PRIMARY KEY, name text NOT NULL);
     INSERT INTO users SELECT n::text, 'user ' || n FROM generate_series(1, $ROWS) n"

cat >"$SCRATCH/users.toml" <<TOML
[log]
filter = "off"

[keyspaces.users]
ttl = "10m"
negative_ttl = "10s"
stale_if_error = "1h"
loads_max = $CONNECTIONS
circuit_breaker_failures = 20
circuit_breaker_reset_after = "500ms"

[keyspaces.users.source]
kind = "postgres"
url = "host=127.0.0.1 port=$database user=app dbname=postgres"
password_file = "password"
query = "SELECT name FROM users WHERE id = \$1"
connections = $CONNECTIONS
TOML
"$SERVER" config check "$SCRATCH/users.toml" >&2

ours=$(free_port)
start_server "$ours" --config "$SCRATCH/users.toml"
base="http://127.0.0.1:$ours"

# expect WHAT FOUND EXPECTED
expect() {
    [[ $2 == "$3" ]] && return
    say "$1: $2, and not $3"
    exit 1
}

# status KEY: the status of a GET.
status() { curl --silent --output /dev/null --write-out '%{http_code}' "$base/v1/keyspaces/users/keys/$1"; }

expect "user 42" "$(curl --silent --fail "$base/v1/keyspaces/users/keys/42")" "user 42"
expect "nobody" "$(status nobody)" 404

# metric NAME LABELS: its value, summed over what else tells them apart.
metric() {
    curl --silent --fail "$base/metrics" |
        awk -v name="$1" -v labels="$2" 'index($0, name "{") == 1 && index($0, "keyspace=\"users\"") &&
            index($0, labels) { sum += $NF } END { printf "%.0f\n", sum }'
}

cat >"$SCRATCH/random.lua" <<LUA
function setup(thread) seed = (seed or 0) + 1; thread:set("seed", seed) end
function init() math.randomseed(seed) end
function request()
    return wrk.format("GET", "/v1/keyspaces/users/keys/" .. math.random($ROWS))
end
LUA

# run SECONDS: "requests-a-second others-than-200".
run() {
    local report
    report=$(timeout --foreground $(($1 + END_SECONDS)) wrk -t1 -c32 --timeout 10s -d"${1}s" -s "$SCRATCH/random.lua" "$base")
    awk '/^Requests\/sec/ { rate = $2 } /Non-2xx/ { others = $NF } /Socket errors/ { lost = 1 }
         END { print rate, others + 0, lost + 0 }' <<<"$report"
}

# While it runs, leaves the most connections that the database has seen in FILE.
watch_connections() {
    local most=0 now
    while :; do
        now=$(sql "SELECT count(*) FROM pg_stat_activity WHERE usename = 'app' AND backend_type = 'client backend' AND application_name <> 'psql'" 2>/dev/null) || now=0
        if ((now > most)); then most=$now && echo "$most" >"$1"; fi
        sleep 0.1
    done
}

echo 0 >"$SCRATCH/connections"
watch_connections "$SCRATCH/connections" &
watcher=$!
PIDS+=("$watcher")
read -r cold_rate cold_others cold_lost < <(run "$SECONDS_A_RUN")
read -r warm_rate warm_others warm_lost < <(run "$SECONDS_A_RUN")
kill "$watcher"
wait "$watcher" 2>/dev/null || true
expect "answers that are not 200, or lost" "$cold_others $cold_lost $warm_others $warm_lost" "0 0 0 0"
connections=$(<"$SCRATCH/connections")
((0 < connections && connections <= CONNECTIONS)) || expect connections "$connections" "1 to $CONNECTIONS"

hits=$(metric distcache_gets_total 'result="hit"')
misses=$(metric distcache_gets_total 'result="miss"')
loads=$(metric distcache_loads_total 'result="found"')
((0 < loads && loads <= ROWS)) || expect "loads of a table that does not change" "$loads" "1 to $ROWS"
fact postgres-cold-requests-per-second "$cold_rate"
fact postgres-warm-requests-per-second "$warm_rate"
fact postgres-hit-ratio "$(awk -v h="$hits" -v m="$misses" 'BEGIN { printf "%.4f", h / (h + m) }')"
fact postgres-loads "$loads"
fact postgres-connections-most "$connections"

# What was read is still answered while the database is away; what was not is refused.
stop_database
expect "user 42 without the database" "$(curl --silent --fail "$base/v1/keyspaces/users/keys/42")" "user 42"
sql_status=$(status of-nobody-yet)
[[ $sql_status == 50[234] ]] || expect "a miss without the database" "$sql_status" "502, 503 or 504"
read -r away_rate away_others away_lost < <(run "$SECONDS_A_RUN")
expect "connections lost while the database is away" "$away_lost" 0
fact postgres-away-requests-per-second "$away_rate"
fact postgres-away-refused "$away_others"

start_database
for _ in $(seq 100); do
    back=$(status of-nobody-yet)
    [[ $back == 404 ]] && break
    sleep 0.1
done
expect "a miss when the database is back" "$back" 404
