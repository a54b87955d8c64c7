#!/usr/bin/env bash
# Fuzzes each target for SECONDS (default 60), or only TARGET: fuzz.sh [SECONDS [TARGET]].
# It is libFuzzer as cargo-fuzz would run it, without needing cargo-fuzz or a nightly compiler. Inputs and findings
# are kept below target/fuzz; an input that is a finding is named on the last lines, and is given to the program to see it again.
set -euo pipefail

seconds=${1:-60}
targets=${2:-request_stream response_stream server_session dialect_files}
root=$(cd "$(dirname "$0")/.." && pwd)
work=$root/target/fuzz
host=$(rustc -vV | sed -n 's/^host: //p')

flags="--cfg fuzzing -Ccodegen-units=1 -Cpasses=sancov-module"
for option in level=4 inline-8bit-counters pc-table trace-compares; do
	flags+=" -Cllvm-args=-sanitizer-coverage-$option"
done
cd "$root/rust-protocol/fuzz"
# With a target, the flags are for the programs and not for build scripts.
RUSTFLAGS=$flags cargo build --quiet --release --locked --target "$host" --target-dir "$work/build"
mkdir -p "$work/findings"
python3 seeds.py "$work/corpus"
for target in $targets; do
	echo "== $target"
	mkdir -p "$work/corpus/$target"
	log=$work/$target.log
	if "$work/build/$host/release/$target" "$work/corpus/$target" -max_total_time="$seconds" -max_len=8192 -timeout=10 \
		-rss_limit_mb=1024 -artifact_prefix="$work/findings/$target-" -print_final_stats=1 >"$log" 2>&1; then
		grep -E 'stat::number_of_executed_units' "$log"
	else
		grep -E 'panicked|ERROR|assertion|left:|right:|Test unit written|number_of_executed_units' "$log"
		echo "$target found something: see $work/findings and $log"
		exit 1
	fi
done
