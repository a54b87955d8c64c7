#!/usr/bin/env bash
# Installs the Debian packages that building and testing need: as root at once, else names the command to type.
set -euo pipefail

# What each is for: the C++ reference (g++, Crypto++, JSON, doctest), the Python venv, SQLite's C build inside rusqlite, xmllint for the JUnit report,
# counting instructions (valgrind). What `make bench` compares with is not among them: it names what is missing.
packages=(g++ make libcrypto++-dev nlohmann-json3-dev doctest-dev python3-venv pkg-config libxml2-utils valgrind)

missing=()
for package in "${packages[@]}"; do
    if ! dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'ok installed'; then
        missing+=("$package")
    fi
done
[ ${#missing[@]} -eq 0 ] && exit 0

if ! command -v apt-get >/dev/null; then
    echo "not a Debian system: install what these packages hold: ${missing[*]}" >&2
    exit 1
fi
if [ "$(id -u)" -ne 0 ]; then
    echo "missing Debian packages; type: sudo apt-get install ${missing[*]}" >&2
    exit 1
fi
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
