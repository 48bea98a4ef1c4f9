#!/usr/bin/env bash
# The manifests for Kubernetes by the schemas of its own releases, unknown fields refused:
# of the oldest version that README.md beside them names, and of the newest that is known.
#
#   test/deploy/kubernetes.sh
#
# The schemas come with kubernetes-validate, from PyPI; VENV=path keeps what was fetched.
set -euo pipefail
cd "$(dirname "$0")/../.."
FOLDER=cmd/cache_manager/deploy/kubernetes
VERSIONS=(1.30 1.33)

SCRATCH=
if [ -z "${VENV:-}" ]; then
    SCRATCH=$(mktemp -d)
    VENV=$SCRATCH
fi
trap '[ -z "$SCRATCH" ] || rm -rf "$SCRATCH"' EXIT

if [ ! -x "$VENV/bin/kubernetes-validate" ]; then
    python3 -m venv "$VENV"
    "$VENV/bin/pip" install --quiet --disable-pip-version-check 'kubernetes-validate>=1.33'
fi

for version in "${VERSIONS[@]}"; do
    "$VENV/bin/kubernetes-validate" --strict -k "$version" "$FOLDER"/*.yaml
done

# What is wrong is found: else nothing above says anything.
WRONG=$(mktemp)
trap 'rm -f "$WRONG"; [ -z "$SCRATCH" ] || rm -rf "$SCRATCH"' EXIT
sed 's/publishNotReadyAddresses/publishNotReadyAdresses/' "$FOLDER/common.yaml" >"$WRONG"
if "$VENV/bin/kubernetes-validate" --strict -k "${VERSIONS[0]}" "$WRONG" >/dev/null 2>&1; then
    echo 'a misspelled field was not found' >&2
    exit 1
fi
