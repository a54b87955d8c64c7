#!/usr/bin/env bash
# Builds the wheel of pybindings/, with the three programs in it, and the plugin's wheel and the source archive
# beside it. See pybindings/README.md, "Wheels".
#
#   scripts/build-wheel.sh [--manylinux] [--bin FOLDER] [--out FOLDER] [--profile PROFILE]
#
# --manylinux links against glibc 2.17 with zig, which it installs into the venv; without it, the wheel is for this
# machine. --bin takes programs that are built already.
set -euo pipefail
cd "$(dirname "$0")/.."

py=${PYTHON:-.venv/bin/python}
tools=$(dirname "$py")
out=target/wheels
bin= manylinux= profile=release
while (($#)); do
    case $1 in
    --manylinux) manylinux=yes ;;
    --bin) bin=$2 && shift ;;
    --out) out=$2 && shift ;;
    --profile) profile=$2 && shift ;;
    *) echo "build-wheel: unknown argument '$1': see the head of this file" >&2 && exit 2 ;;
    esac
    shift
done

programs=(backup-server backup-client backup-interop)
options=(--profile "$profile" --locked --compatibility linux)
if [[ $manylinux ]]; then
    "$py" -m pip install --quiet ziglang==0.17.1 cargo-zigbuild==0.24.1
    # Both tools look for zig as a module of the first `python3`.
    PATH=$(cd "$tools" && pwd):$PATH
    target=$(rustc -vV | sed -n 's/^host: //p')
    options=(--profile "$profile" --locked --zig --target "$target" --compatibility manylinux2014)
    cargo-zigbuild zigbuild --profile "$profile" --locked --target "$target.2.17" "${programs[@]/#/-p}"
    bin=target/$target/$profile
elif [[ -z $bin ]]; then
    cargo build --profile "$profile" --locked "${programs[@]/#/-p}"
    bin=target/$profile
fi

# maturin takes such a folder only where pyproject.toml names it, and then fails wherever it is missing: it is named
# for as long as this build.
data=pybindings/backup_protocol.data
project=pybindings/pyproject.toml
restore() {
    rm -rf "$data"
    sed -i '/^data = "backup_protocol.data"$/d' "$project"
}
trap restore EXIT
sed -i 's/^\[tool\.maturin\]$/&\ndata = "backup_protocol.data"/' "$project"
mkdir -p "$data/scripts" "$out"
for program in "${programs[@]}"; do
    install -m 755 "$bin/$program" "$data/scripts/"
    strip "$data/scripts/$program"
done
"$tools/maturin" build --quiet -m pybindings/Cargo.toml --out "$out" "${options[@]}"
restore
"$tools/maturin" sdist -m pybindings/Cargo.toml --out "$out"
"$py" -m pip wheel --quiet --no-deps --no-build-isolation --wheel-dir "$out" pybindings/pytest-plugin
"$tools/abi3audit" --strict --summary "$out"/backup_protocol-*-abi3-*.whl
