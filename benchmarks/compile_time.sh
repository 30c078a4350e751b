#!/usr/bin/env bash
# What a unit of a service costs to compile: median of five runs each, one at a time, user CPU seconds and elapsed.
# compile_time.sh [COMPILER]     needs the include folder that a build makes: build/release/include
set -euo pipefail
top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
compiler=${1:-${CXX:-g++}}
object=$(mktemp)
trap 'rm -f "$object"' EXIT
export CCACHE_DISABLE=1 TIMEFORMAT='%U %R'

median() { sort -n | sed -n 3p; }
for unit in declares opens; do
    runs=$(for _ in 1 2 3 4 5; do
        { time "$compiler" -std=c++20 -O2 -I"$top/build/release/include" -c "$top/benchmarks/compile/$unit.cpp" \
            -o "$object"; } 2>&1
    done)
    printf 'compile_time/%s %24s user %6s s   real %6s s   (%s -O2, median of 5)\n' "$unit" '' \
        "$(cut -d' ' -f1 <<<"$runs" | median)" "$(cut -d' ' -f2 <<<"$runs" | median)" "$compiler $("$compiler" -dumpversion)"
done
