#!/usr/bin/env bash
# Asks the server whatever schemathesis finds in /openapi.json, and more that it
# should refuse; every check of it must hold. The seed is fixed: a failure comes
# again. EXAMPLES=1000 looks longer.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR
source "$(dirname "$0")/server.sh"
# Asked without the token as well: nothing may be answered then that is not for all.
token=schemathesis-may-write
echo "$token" >"$scratch/tokens"
start_server --http-server "${DOOR:-hyper}" --token-file "$scratch/tokens"
python_with 'schemathesis==4.*'
# It keeps what it found where it runs.
cd "$scratch"
"$venv/bin/schemathesis" --config-file "$repository/test/api/schemathesis.toml" run \
    --url "$url" --header "Authorization: Bearer $token" --checks all \
    --seed "${SEED:-1}" --max-examples "${EXAMPLES:-20}" --generation-database none \
    --request-timeout 10 "$url/openapi.json"
kill -0 "$server"
