#!/usr/bin/env bash
# Installs the wheels of a folder into an empty venv and uses them, far from this repository.
#
#   scripts/smoke-wheel.sh [FOLDER]
set -euo pipefail
wheels=$(cd "${1:-$(dirname "$0")/../target/wheels}" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
unset PYTHONPATH BACKUP_PROTOCOL_BIN
python3 -m venv venv
PATH=$work/venv/bin:/usr/bin:/bin
hash -r

# To build the source archive takes minutes; what it could lack is the folder behind a link.
[[ $(tar -tzf "$wheels"/backup_protocol-*.tar.gz) == */rust-protocol/dialects/seed.json* ]]

# The package has no dependencies: nothing is looked up.
pip install --quiet --no-index "$wheels"/backup_protocol-*-abi3-*.whl
for program in backup-server backup-client backup-interop; do
    [[ $(command -v $program) == "$work"/venv/bin/* ]]
    $program --version
done

python - <<'PYTHON'
import backup_protocol as bp

with bp.Server() as server, bp.Client(server.address, "alice", "identity") as client:
    assert client.send(b"123456789", send_as="a.txt").cksum == 930766865
    assert server.files[0].read_bytes() == b"123456789"
with bp.ScriptedServer("zlib-cksum") as server, bp.Client(server.address, "bob", "other", dialect="seed") as client:
    try:
        client.send(b"abc", send_as="a.txt")
    except bp.GaveUpError as error:
        print(error)
    else:
        raise SystemExit("a wrong cksum was taken")
PYTHON

# The plugin takes pytest and filelock from the index.
pip install --quiet --find-links "$wheels" pytest-backup-protocol
cat >test_smoke.py <<'PYTHON'
def test_backup(backup_server_proc, backup_client_factory):
    assert backup_client_factory(backup_server_proc).send(b"abc", send_as="a.txt").verdict == "verified"
PYTHON
python -m pytest -q -p no:cacheprovider test_smoke.py
echo "the wheels work"
