#!/usr/bin/env bash
# Evaluate in several processes on this machine, or on several with NNODES and NODE_RANK.
set -euo pipefail

if [ $# -lt 3 ]; then
    echo "usage: $0 CONFIG CHECKPOINT GPUS [flags of test.py]; environment: NNODES NODE_RANK MASTER_ADDR PORT PYTHON" >&2
    exit 2
fi
config=$1 checkpoint=$2 gpus=$3
shift 3
if [ "${NNODES:-1}" -gt 1 ] && { [ -z "${NODE_RANK:-}" ] || [ -z "${MASTER_ADDR:-}" ]; }; then
    echo "$0: error: NNODES=$NNODES needs NODE_RANK (0 on the first machine) and MASTER_ADDR (its address) too" >&2
    exit 2
fi
here=$(cd -- "$(dirname -- "$(readlink -f -- "${BASH_SOURCE[0]}")")" && pwd)

exec "${PYTHON:-python}" -m torch.distributed.run \
    --nnodes="${NNODES:-1}" \
    --node_rank="${NODE_RANK:-0}" \
    --master_addr="${MASTER_ADDR:-127.0.0.1}" \
    --master_port="${PORT:-29500}" \
    --nproc_per_node="$gpus" \
    "$here/test.py" "$config" "$checkpoint" --launcher pytorch "$@"
