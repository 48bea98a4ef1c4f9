#!/usr/bin/env bash
# A client of httpx with an HTTP cache (hishel, RFC 9111) against a real server.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR
source "$(dirname "$0")/../server.sh"
start_server --http-server "${DOOR:-hyper}"
python_with 'httpx==0.28.*' 'hishel==2.*'
cd "$repository/test/api/clients"
SERVER_URL=$url "$venv/bin/python" -B -m unittest -v http_cache
