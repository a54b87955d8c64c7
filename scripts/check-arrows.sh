#!/usr/bin/env bash
# The direction of dependencies (docs/ARCHITECTURE.md), as a check: a shared fault must not cancel out.
set -euo pipefail
cd "$(dirname "$0")/.."

failed=0
complain() {
    echo "check-arrows: $1" >&2
    failed=1
}

# depends CRATE: the crates of this workspace in CRATE's dependency tree, itself left out.
depends() {
    cargo tree --locked --offline -p "$1" -e normal,build,dev --prefix none 2>/dev/null |
        awk '/^backup-/ {print $1}' | sort -u | grep -vx "$1" || true
}

# may CRATE ALLOWED...: CRATE knows no crate of ours but those.
may() {
    local crate=$1 found
    shift
    for found in $(depends "$crate"); do
        [[ " $* " == *" $found "* ]] || complain "$crate depends on $found"
    done
}

cargo metadata --locked --format-version 1 >/dev/null
may backup-protocol
may backup-server backup-protocol
may backup-client backup-protocol
may backup-protocol-python backup-protocol backup-client backup-server
may backup-interop
may backup-bench

# The references and the generators use nothing of ours, and not each other.
if grep -rnE '^\s*(import|from)\s+(backup_protocol|backup_server)\b' vectors/generate vectors/*.py; then
    complain "vectors/ imports one of the implementations"
fi
if grep -rnE '^\s*(import|from)\s+backup_protocol\b' interop/reference; then
    complain "a reference imports the bindings"
fi
if grep -rnE '#include.*(rust-|pybindings|python-server)' interop/reference/cpp-client --include='*.cpp' --include='*.hpp' --include='*.h'; then
    complain "the C++ reference includes a file of another part"
fi

# Behaviour follows a dialect's parameters: no code asks for a dialect by its name. Tests may.
names=$(basename -s .json vectors/dialects/*.json | paste -sd'|')
pattern="==[[:space:]]*\"($names)\"|\"($names)\"[[:space:]]*(=>|==)"
while IFS= read -r file; do
    if awk -v pattern="$pattern" -v file="$file" '
        /^#\[cfg\(test\)\]/ { exit }
        $0 ~ pattern { print file ":" NR ": " $0; found = 1 }
        END { exit !found }' "$file"; then
        complain "a dialect is asked for by its name"
    fi
done < <(find rust-protocol/src rust-server/src rust-client/src pybindings/src interop/src \
    interop/reference/python-server/backup_server interop/reference/cpp-client/src \
    \( -path '*/tests' -o -name tests.rs \) -prune -o \( -name '*.rs' -o -name '*.py' -o -name '*.cpp' -o -name '*.h' \) -print)

exit $failed
