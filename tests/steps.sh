# What `./run tests`, `./run tests tsan` and `./run crash` do, step by step; sourced by ./run.
#
# A step is a build, a program or a script. A GoogleTest program counts its tests, any other step counts one.
# Which build a test runs in is said by its suite: heavy_* in release, threads_* also under TSan, all but heavy_*
# under ASan. Each program runs in as many shards as there are jobs, each with a temporary folder of its own.
#
# logs=build/logs/STEP.log; times=build/logs/times: "SECONDS NAME", one line for each build, test and other step.
passed=0
failed=0
failures=()
skipped=()
logs=$top/build/logs
times=$logs/times
scratch=

begin_steps() {
    ensure_packages
    rm -rf "$logs"
    mkdir -p "$logs"
    : >"$times"
    scratch=$(mktemp -d "${TMPDIR:-/tmp}/dunlin-tests-XXXXXX")
    trap 'rm -rf "$scratch"' EXIT
    export UBSAN_OPTIONS=print_stacktrace=1 TSAN_OPTIONS=second_deadlock_stack=1
}

now() { date +%s.%N; }
since() { awk -v a="$1" -v b="$(now)" 'BEGIN { printf "%.1f", b - a }'; }

fail() { # NAME LOG: one more failure, with what it said
    failed=$((failed + 1))
    failures+=("$1")
    say "FAILED  $1  ($2)"
    if [[ $1 == build* ]]; then
        awk '/^\[[0-9]+\/[0-9]+\] (Building|Linking)/ { next } /error|FAILED|undefined reference/ { left = 6 } left-- > 0 && n++ < 80' "$2"
    else
        tail -n 60 "$2"
    fi | sed 's/^/    | /'
}

# step NAME COMMAND...: passes if the command does.
step() {
    local name=$1 start log status
    shift
    start=$(now)
    log=$logs/${name//[^A-Za-z0-9_]/_}.log
    # Not as a condition: there bash would go on after a failed command.
    set +e
    (set -e; "$@") >"$log" 2>&1 </dev/null
    status=$?
    set -e
    if [ $status = 0 ]; then
        passed=$((passed + 1))
        say "ok      $name  ($(since "$start") s)"
    else
        fail "$name" "$log"
    fi
    echo "$(since "$start") $name" >>"$times"
}

skip() { # NAME REASON
    skipped+=("$1: $2")
    say "skipped $1: $2"
}

# build_step PRESET TARGETS...: as a step, but with progress on the terminal.
build_step() {
    local preset=$1 start
    start=$(now)
    say "building $preset ($jobs jobs)"
    configure "$preset"
    if build "$@" 2>&1 | progress "$logs/build_$preset.log"; then
        passed=$((passed + 1))
        say "ok      build $preset  ($(since "$start") s)"
    else
        fail "build $preset" "$logs/build_$preset.log"
    fi
    echo "$(since "$start") build $preset" >>"$times"
}

# Keeps everything in the log; shows ninja's lines in place on a terminal, and every twentieth elsewhere.
progress() {
    local line n=0
    : >"$1"
    while IFS= read -r line; do
        printf '%s\n' "$line" >>"$1"
        if [[ $line =~ ^\[([0-9]+/[0-9]+)\] ]]; then
            n=$((n + 1))
            if [ -t 1 ]; then
                printf '\r\033[K%.110s' "$line"
            elif [ $((n % 20)) = 0 ]; then
                say "        ${BASH_REMATCH[1]}"
            fi
        elif [ -t 1 ] || [[ $line == *error* || $line == *warning:* ]]; then
            say "$line"
        fi
    done
    if [ -t 1 ]; then printf '\r\033[K'; fi
}

# gtest PRESET PROGRAM FILTER [LAUNCHER...]: counts its tests. A program that ends without a report counts one failure.
gtest() {
    local preset=$1 program=$2 filter=$3 start name shard pids=() ok=0 bad=0 status
    shift 3
    [ -x "build/$preset/$program" ] || { # its build has failed, and was counted
        say "missing $preset/$program"
        return 0
    }
    start=$(now)
    name=${preset}_$program
    for ((shard = 0; shard < jobs; shard++)); do
        mkdir -p "$scratch/$name.$shard"
        TMPDIR=$scratch/$name.$shard GTEST_TOTAL_SHARDS=$jobs GTEST_SHARD_INDEX=$shard \
            timeout --kill-after=10 "${DUNLIN_TEST_SECONDS:-900}" "$@" "build/$preset/$program" --gtest_filter="$filter" \
            --gtest_output="xml:$logs/$name.$shard.xml" >"$logs/$name.$shard.log" 2>&1 </dev/null &
        pids+=($!)
    done
    for ((shard = 0; shard < jobs; shard++)); do
        status=0
        wait "${pids[$shard]}" 2>/dev/null || status=$?
        count_shard "$name" "$shard" "$status"
    done
    passed=$((passed + ok))
    if [ $((ok + bad)) -gt 0 ]; then say "$([ $bad = 0 ] && echo 'ok    ' || echo FAILED)  $preset $program: $ok passed, $bad failed  ($(since "$start") s)"; fi
}

# Adds one shard to ok and bad of gtest().
count_shard() {
    local name=$1 shard=$2 status=$3 xml=$logs/$1.$2.xml log=$logs/$1.$2.log test shard_ok shard_bad=0
    if [ -s "$xml" ]; then
        # One line a test: <testcase name= ... result="completed" time="0.1" ... classname= ...
        awk -v program="$name" '
            function value(key) { return match($0, " " key "=\"[^\"]*\"") ? substr($0, RSTART + length(key) + 3, RLENGTH - length(key) - 4) : "" }
            /<testcase / { test = value("classname") "." value("name"); result = value("result"); print value("time"), program ": " test >> times
                           if (result == "skipped") print "skipped", test; else if (result == "completed") { n++ } }
            /<failure / { if (test != last) print "failed", test; last = test }
            END { print "completed", n + 0 }' times="$times" "$xml" >"$log.counts"
        shard_ok=$(awk '$1 == "completed" { print $2 }' "$log.counts")
        for test in $(awk '$1 == "skipped" { print $2 }' "$log.counts"); do skipped+=("$name: $test"); done
        for test in $(awk '$1 == "failed" { print $2 }' "$log.counts"); do
            shard_bad=$((shard_bad + 1))
            awk -v test="$test" 'index($0, "[ RUN      ] " test) == 1 { on = 1 } on { print } on && index($0, "[  FAILED  ] " test) == 1 { exit }' \
                "$log" >"$log.$shard_bad"
            fail "$name: $test" "$log.$shard_bad"
        done
        shard_ok=$((shard_ok - shard_bad))
        if [ "$status" != 0 ] && [ $shard_bad = 0 ]; then
            shard_bad=1
            fail "$name: exit status $status with no failed test" "$log"
        fi
    else
        shard_ok=$(grep -c '^\[       OK \]' "$log" || true)
        shard_bad=1
        fail "$name: ended with status $status in $(grep '^\[ RUN' "$log" | tail -n 1 | cut -c 14- || true)" "$log"
    fi
    ok=$((ok + shard_ok))
    bad=$((bad + shard_bad))
}

# The ten slowest, what failed and what was skipped, and the line that counts.
end_steps() {
    local line
    say ""
    say "Ten slowest steps:"
    sort -rn "$times" | awk 'NR <= 10 { printf "%8.1f s ", $1; $1 = ""; print }'
    for line in ${skipped[@]+"${skipped[@]}"}; do say "skipped: $line"; done
    for line in ${failures[@]+"${failures[@]}"}; do say "failed: $line"; done
    say "$passed passed, $failed failed"
    [ "$failed" = 0 ]
}

# ---- the lists ------------------------------------------------------------------------------------------------------

test_programs() { # the GoogleTest programs of this tree
    local folder file
    for folder in crdt net lib sim points; do
        if has "tests/$folder/*_test.cpp"; then echo "${folder}_tests"; fi
    done
    for file in examples/*_test.cpp; do
        if [ -f "$file" ]; then basename "$file" .cpp; fi
    done
    if [ -f tests/tidy_test.cpp ]; then echo tidy_tests; fi
}

# The programs that have suites with this prefix: no other is worth a build.
programs_with() {
    local folder
    for folder in crdt net lib sim points; do
        if grep -qsE "TEST(_P|_F)?\($1|TYPED_TEST(_P)?\($1|INSTANTIATE.*$1" tests/$folder/*_test.cpp; then echo "${folder}_tests"; fi
    done
}

snippet() { # PROGRAM: it ends well, and prints what its page says it prints
    local program=$1 name
    name=$(basename "$program")
    (cd "$scratch" && timeout --kill-after=5 60 "$program") >"$logs/$name.printed"
    if [ -f "$program.out" ]; then diff -u "$program.out" "$logs/$name.printed"; fi
}

snippets() {
    local source
    step 'snippets: every block is marked' report_errors build/asan/snippets/errors.txt
    for source in build/asan/snippets/*.cpp; do
        [ -f "$source" ] || continue
        step "snippet $(basename "$source" .cpp)" snippet "$top/${source%.cpp}"
    done
}
report_errors() { cat "$1"; [ ! -s "$1" ]; }

consumer() { # NAME CMAKE-ARGUMENTS...: a project of its own that uses dunlin
    local name=$1 folder=$top/build/consumers/$1 launcher=${DUNLIN_LAUNCHER:-$(command -v ccache || true)}
    shift
    rm -rf "$folder"
    cmake -S "tests/consumers/$name" -B "$folder" -G Ninja -DCMAKE_BUILD_TYPE=None \
        ${launcher:+-DCMAKE_CXX_COMPILER_LAUNCHER="$launcher"} "$@"
    cmake --build "$folder" -j "$jobs"
    "$folder/hello"
}

consumers() {
    rm -rf build/consumer-prefix
    step 'install' cmake --install build/release --prefix "$top/build/consumer-prefix"
    step 'consumer: find_package' consumer find_package -DCMAKE_PREFIX_PATH="$top/build/consumer-prefix"
    step 'consumer: add_subdirectory' consumer add_subdirectory -DDUNLIN_SOURCE_DIR="$top" ${CI:+-DDUNLIN_UNITY=ON}
}

demo() { # ends well, and says so on its last line
    TMPDIR=$scratch timeout --kill-after=5 120 build/release/demo | tee "$logs/demo.printed"
    tail -n 1 "$logs/demo.printed" | grep -E '^converged: 5 of 5 nodes, digest [0-9a-f]{64}$'
}

fuzz_replay() { # NAME COUNT
    mkdir -p "tests/fuzz/corpus/$1"
    (cd "$logs" && "$top/build/asan/fuzz_$1" "$top/tests/fuzz/corpus/$1" -runs="$2")
}

judge() { bash tests/conformance/judge.sh build/release/conformance "$DUNLIN_CONFORMANCE"; }
conformance() { build/release/conformance "$DUNLIN_CONFORMANCE"; }

# Real processes: killed, with disks that fail, in networks that are cut. What the machine does not allow is named.
processes() { # ARGUMENTS of dunlin_crash
    local start log=$logs/crash_processes.log line
    [ -x build/release/dunlin_crash ] || return 0 # its build has failed, and was counted
    start=$(now)
    if TMPDIR=$scratch timeout --kill-after=10 "${DUNLIN_CRASH_SECONDS:-7200}" build/release/dunlin_crash "$@" 2>&1 </dev/null | tee "$log"; then
        passed=$((passed + 1))
        say "ok      crash: real processes  ($(since "$start") s)"
    else
        cp -r "$scratch"/dunlin-crash-* "$logs" 2>/dev/null || true # what its nodes wrote
        fail 'crash: real processes' "$log"
    fi
    while IFS= read -r line; do skipped+=("crash: ${line#skipped }"); done < <(grep '^skipped ' "$log" || true)
    echo "$(since "$start") crash: real processes" >>"$times"
}

all_tests() {
    local program
    begin_steps
    build_step asan unit
    for program in $(test_programs); do gtest asan "$program" '-heavy_*:*/heavy_*'; done
    snippets
    step 'planted bugs: list and sources agree' bash tests/mutants.sh --check
    for program in tests/fuzz/*_fuzz.cpp; do
        program=$(basename "$program" _fuzz.cpp)
        step "fuzz_$program: its corpus, and 3000 inputs damaged" fuzz_replay "$program" 3000
    done

    build_step release all heavy
    for program in crdt_heavy lib_heavy sim_heavy; do gtest release "$program" 'heavy_*:*/heavy_*'; done
    if has 'tests/conformance/*.cpp'; then
        if [ -d "$DUNLIN_CONFORMANCE" ]; then
            step conformance conformance
            step 'conformance: it judges variants' judge
        else skip conformance "no folder $DUNLIN_CONFORMANCE"; fi
    fi
    if has 'tests/crash/*.cpp'; then processes --rounds 8; fi
    consumers
    if has 'examples/demo*.cpp'; then step demo demo; fi
    step 'leaderboard of a million' build/release/leaderboard
    end_steps
}

# Whole net and lib, where threads are near, and the suites threads_* of the others.
thread_tests() {
    local program programs=() launcher=() filter
    for program in net_tests lib_tests; do
        if has "tests/${program%_tests}/*_test.cpp"; then programs+=("$program"); fi
    done
    for program in $(programs_with threads_); do
        if [[ $program != net_tests && $program != lib_tests ]]; then programs+=("$program"); fi
    done
    begin_steps
    build_step tsan "${programs[@]}"
    # TSan of g++ 12 needs the addresses of a kernel with fewer random bits.
    if setarch -R true 2>/dev/null; then launcher=(setarch -R); fi
    for program in "${programs[@]}"; do
        filter='-heavy_*:*/heavy_*'
        if [[ $program != net_tests && $program != lib_tests ]]; then filter='threads_*:*/threads_*'; fi
        gtest tsan "$program" "$filter" ${launcher[@]+"${launcher[@]}"}
    done
    end_steps
}

crash_tests() { # ARGUMENTS of dunlin_crash
    local program
    [ -n "$(programs_with '[a-z_]*crash')" ] ||
        die "There is no crash test yet: no suite with crash in its name in this tree."
    begin_steps
    build_step release $(programs_with '[a-z_]*crash') dunlin_crash
    for program in $(programs_with '[a-z_]*crash'); do gtest release "$program" '*crash*.*:*procedures.*:*rot.*'; done
    processes "$@"
    end_steps
}
