#!/usr/bin/env bash
# Every operation of /openapi.json, by curl. Ends with the names of those that were
# forgotten, if any.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR
source "$(dirname "$0")/../server.sh"
start_server --http-server "${DOOR:-hyper}"

done=()

# ask OPERATION STATUS [CURL'S ARGUMENTS]... TARGET: the answer's body is in $body,
# its head in $scratch/head.
ask() {
    local operation=$1 expected=$2 status
    shift 2
    status=$(curl -sS --path-as-is --max-time 20 -D "$scratch/head" -o "$scratch/body" \
        -w '%{http_code}' "${@:1:$#-1}" "$url${!#}")
    body=$(tr -d '\0' <"$scratch/body")
    if [ "$status" != "$expected" ]; then
        echo "$operation: $status instead of $expected: $body" >&2
        exit 1
    fi
    done+=("$operation")
}

# holds TEXT: the last answer's body has it.
holds() {
    [[ $body == *"$1"* ]] || { echo "no $1 in: $body" >&2; exit 1; }
}

header() { sed -n "s/^$1: *\(.*\)\r$/\1/Ip" "$scratch/head"; }

json=(-H 'Content-Type: application/json')
keys=/v1/keyspaces/colours/keys

ask getOpenapi 200 /openapi.json
cp "$scratch/body" "$scratch/openapi.json"
ask getLivez 200 /livez
ask getReadyz 200 /readyz

# The older interface.
ask postRoot 200 -X POST '/?key=a&value=1'
ask postRoot 200 --data-urlencode 'value=a + b' '/?key=b'
ask getRoot 200 '/?key=b'
holds '"value":"a + b"'
ask deleteRoot 200 -X DELETE '/?key=b'
ask getRoot 404 '/?key=b'
holds DC-201

# CachelyGo's.
ask setOfCachely 200 -X POST '/cache/set?key=c&value=%3C1%3E&ttl=60'
holds 'Cache entry set for key: c'
ask getOfCachely 200 '/cache/get?key=c'
holds '"\u003c1\u003e"'
ask getOfCachely 404 '/cache/get?key=d'
holds 'Key not found or expired'

# Keyspaces.
ask putKeyspace 201 -X PUT "${json[@]}" -d '{"ttl_ms":600000}' /v1/keyspaces/colours
ask patchKeyspace 200 -X PATCH "${json[@]}" -d '{"eviction":"sieve"}' /v1/keyspaces/colours
ask getKeyspace 200 /v1/keyspaces/colours
holds '"ttl_ms":600000'
ask listKeyspaces 200 /v1/keyspaces
holds '"name":"colours"'

# One value; keys are any bytes.
ask putValue 204 -X PUT -H 'Content-Type: text/plain' --data-binary red "$keys/sky?ttl=60&tag=warm"
for odd in .. . %2F a%2Fb + %00 %FF%FE %25 '%3F%23' ä %E2%82%AC; do
    ask putValue 204 -X PUT --data-binary "$odd" "$keys/$odd"
done
for odd in .. . %2F a%2Fb + %00 %FF%FE %25 '%3F%23' ä %E2%82%AC; do
    ask getValue 200 "$keys/$odd"
    [ "$body" = "$odd" ]
done
ask getValue 200 "$keys/sky"
[ "$body $(header content-type)" = 'red text/plain' ]
tag=$(header etag)
ask getValue 304 -H "If-None-Match: $tag" "$keys/sky"
ask putValue 204 -X PUT -H "If-Match: $tag" --data-binary blue "$keys/sky"
ask putValue 412 -X PUT -H "If-Match: $tag" --data-binary grey "$keys/sky"
ask getValue 200 "$keys/sky"
[ "$body" = blue ]
ask touchValue 204 -X POST "$keys/sky/touch?ttl=90"
ask getTtl 200 "$keys/sky/ttl"
holds '"ttl":8'
ask putValue 204 -X PUT --data-binary 41 "$keys/count"
ask incrementValue 200 -X POST "$keys/count/increment"
holds '"value":42'
ask getTrace 200 /v1/trace/colours/count
holds '"state":"fresh"'
ask invalidateValue 204 -X POST "$keys/count/invalidate"
ask deleteValue 412 -X DELETE -H "If-Match: $tag" "$keys/sky"
ask deleteValue 204 -X DELETE "$keys/sky"
ask getValue 404 "$keys/sky"
ask getValue 504 -H 'Cache-Control: only-if-cached' "$keys/sky"

# Many values.
batch=/v1/keyspaces/colours/batch
ask batchPut 200 "${json[@]}" -d '{"items":[{"key":"a","value":"1","tags":["t"]},{"key":{"base64":"/wA="},"value":"2"}]}' "$batch/put"
ask batchGet 200 "${json[@]}" -d '{"keys":["a",{"base64":"/wA="},"none"]}' "$batch/get"
holds '"value":"2"'
holds '"status":"absent"'
ask batchDelete 200 "${json[@]}" -d '{"keys":[{"base64":"/wA="}]}' "$batch/delete"
holds '"status":"deleted"'

# All values.
ask scanKeyspace 200 '/v1/keyspaces/colours/scan?pattern=a*&limit=1000'
holds '"a"'
ask invalidateKeyspace 204 -X POST '/v1/keyspaces/colours/invalidate?tag=t'
ask getValue 404 "$keys/a"
ask invalidateKeyspace 200 -X POST '/v1/keyspaces/colours/invalidate?prefix=a'
ask getStats 200 /v1/keyspaces/colours/stats
ask getHotKeys 200 '/v1/keyspaces/colours/hot?limit=5'
holds '"keys":['
ask clearKeyspace 200 -X POST /v1/keyspaces/colours/clear

# What the server tells. Of a stream the first event is read; curl is told off then.
ask getMetrics 200 /metrics
holds '# EOF'
ask getStatus 200 /v1/status
ask getLimits 200 /v1/limits
ask getMembers 200 /v1/members
holds '"alone"'
ask getNodes 200 /v1/nodes
first=$({ curl -sN --max-time 20 "$url/v1/events" || true; } | sed '/^event/q')
[[ $first == *'event: open'* ]]
done+=(getEvents)

# The older systems.
ask putValue 204 -X PUT --data-binary Ada "$keys/ada"
ask getOfPeer 200 -H 'Accept: application/octet-stream' /_distcache/colours/ada
[ "$body" = Ada ]
ask listPeers 200 /_distcache/admin/peers
ask listKeyspacesOfPeer 200 /_distcache/admin/keyspaces
ask getHealthzOfPeer 200 /_distcache/admin/healthz
ask getReadyzOfPeer 200 /_distcache/admin/readyz
ask deleteKeyspace 204 -X DELETE /v1/keyspaces/colours

listed=$(grep -o '"operationId": "[^"]*"' "$scratch/openapi.json" | cut -d'"' -f4 | sort -u)
forgotten=$(comm -23 <(echo "$listed") <(printf '%s\n' "${done[@]}" | sort -u))
[ -z "$forgotten" ] || { echo "not asked: $forgotten" >&2; exit 1; }
echo "ok: ${#done[@]} requests, $(echo "$listed" | wc -l) operations"
