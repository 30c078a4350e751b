#!/usr/bin/env bash
# Is the program that judges right? Variants of the material: renamed, shuffled, with another id, with a wrong result,
# cut short, empty, of no known format. judge.sh PROGRAM MATERIAL; the last line counts; status 1 if one was misjudged.
set -euo pipefail
program=$(realpath "$1")
material=$(realpath "$2")
top=$(realpath "$(dirname "${BASH_SOURCE[0]}")/../..")
work=$(mktemp -d "${TMPDIR:-/tmp}/dunlin-judge-XXXXXX")
trap 'rm -rf "$work"' EXIT
ok=0 wrong=0

# judge NAME STATUS PATTERN: what is in $work/in must end with this status and print a line that matches.
judge() {
    local status=0
    "$program" "$work/in" >"$work/out" 2>&1 </dev/null || status=$?
    if [ $status = "$2" ] && grep -qE "$3" "$work/out"; then
        ok=$((ok + 1))
    else
        wrong=$((wrong + 1))
        echo "MISJUDGED $1: status $status instead of $2, or no line like '$3'"
        tail -n 5 "$work/out"
    fi
    rm -rf "$work/in"
}
fresh() { mkdir -p "$work/in/$(dirname "$1")"; cat >"$work/in/$1"; }
lines() { grep -m 12 "\"type\":\"$1\"" "$material/types/$2.jsonl"; }

for type in counter_pn counter_fat set_aw set_rw set_go flag_ew flag_dw register_mv; do
    lines $type antidote-histories | shuf --random-source="$program" | fresh renamed.jsonl
    judge "$type, renamed and shuffled" 0 '^renamed.jsonl: 12 passed, 0 failed, 0 skipped$'
    lines $type antidote-histories | sed -E 's/"id":[0-9]+/"id":"x"/; 3s/"converged":.*/"converged":["wrong"]}/' | fresh a.json
    judge "$type, another result" 1 '^a.json: 11 passed, 1 failed, 0 skipped$'
done
for type in orswot pncounter gcounter gset map; do
    lines $type riak_dt-state-histories | tac | fresh deep/er/b.jsonl
    judge "$type, in another order" 0 '^b.jsonl: [0-9]+ passed, 0 failed'
    lines $type riak_dt-state-histories | sed -E '5s/"value_after":(\[[^]]*\]|\{[^}]*\}|-?[0-9]+)/"value_after":"wrong"/' | fresh b.jsonl
    judge "$type, another value after a merge" 1 '^b.jsonl: [0-9]+ passed, 1 failed'
    lines $type riak_dt-state-histories | sed -E '7s/"values":\{"r1":[^,]*/"values":{"r1":"wrong"/' | fresh b.jsonl
    judge "$type, another value at the end" 1 '^b.jsonl: [0-9]+ passed, 1 failed'
done
lines set_rw antidote-histories | sed 's/"set_rw"/"rga"/' | fresh c.jsonl
judge 'a type that is not here' 0 '^c.jsonl: 0 passed, 0 failed, 12 skipped \(rga'
lines counter_pn antidote-histories | sed -E '2s/"delivered":(null|\[[^]]*\])/"delivered":["dc1",99]/; 4s/"exec"/"does"/; 6s/"increment"/"grow"/' | fresh c.jsonl
judge 'another delivery, an unknown step, an unknown operation' 1 '^c.jsonl: (9|10) passed, [23] failed'
{ lines set_aw antidote-histories | sed -n 1,3p; lines set_aw antidote-histories | tail -n 1 | cut -c 1-100; } | fresh c.jsonl
judge 'a line cut short' 1 '^c.jsonl: 3 passed, 1 failed'
printf '{"type":"set_aw","steps":7,"values":{},"converged":[]}\n[]\n{"type":"set_aw"}\n"x"\n{"steps":[{"exec":[]}],"type":"counter_pn","values":[],"converged":0}\n' | fresh c.jsonl
judge 'lines of another shape' 1 '^c.jsonl: 0 passed, 5 failed'

sed 's/"id": "/"id": "x/' "$material/types/scenarios.json" | fresh s.json
judge 'scenarios by other names' 0 '^s.json: [0-9]+ passed, 0 failed'
passed=$("$program" "$material/types" | sed -nE 's/^scenarios.json: ([0-9]+) passed.*/\1/p')
tr -d '\n' <"$material/types/scenarios.json" | sed -E 's/("expected": )\[ *"x" *\]/\1["wrong"]/' | fresh s.json
judge 'a scenario that expects something else' 1 "^s.json: $((passed - 1)) passed, 1 failed"
head -c 9000 "$material/types/scenarios.json" | fresh s.json
judge 'scenarios cut short' 1 '^s.json: 0 passed, 1 failed'

sed -E '0,/"ciphertext": "ca/s//"ciphertext": "cb/; 0,/Noise_XX_25519_ChaChaPoly_SHA256/s//Noise_XX_25519_AESGCM_SHA256/' "$material"/noise/*.json | fresh n.json
judge 'a Noise vector with another protocol' 0 '^n.json: [0-9]+ passed, 0 failed, [0-9]+ skipped'
sed -E '/_SHA256"/,/"ciphertext"/s/("ciphertext": ")(.)/\1f/' "$material"/noise/*.json | fresh n.json
judge 'Noise vectors with other bytes' 1 '^n.json: [0-9]+ passed, [0-9]+ failed'
for file in x25519 chacha20_poly1305 hmac_sha256 hkdf_sha256; do
    sed -E '0,/"result": "valid"/s//"result": "invalid"/' "$material/crypto/${file}_test.json" | fresh w.json
    judge "$file, a result turned round" 1 '^w.json: [0-9]+ passed, 1 failed'
    sed -E '0,/("(shared|tag|okm)": ")(..)/s//\1ab/' "$material/crypto/${file}_test.json" | fresh w.json
    judge "$file, another output" 1 '^w.json: [0-9]+ passed, [1-9][0-9]* failed'
done

printf '["a", 7]' | fresh t.json
judge 'a list of more than texts' 1 '^t.json: 0 passed, 1 failed'
printf 'a line\n\377\376\n' | fresh t.txt
judge 'a text of one line that is not UTF-8' 0 '^t.txt: 3 passed, 0 failed'
: | fresh empty.json
printf '{}' | fresh nothing.json
printf '7' | fresh number.json
printf 'words' | fresh README
printf '\037\213\010' | fresh some.gz
judge 'what is empty or of no known format' 0 '^0 passed, 0 failed, 5 skipped$'
printf '{"scenarios": {}}' | fresh bad.json
printf '{"testGroups": 1}' | fresh bad2.json
printf '[[[[' | fresh bad3.json
judge 'known formats that are none' 1 '^0 passed, 3 failed, 0 skipped$'
printf '\001\377\000 no text' | fresh junk
head -c 300 /dev/zero | tr '\0' '[' | fresh hostile/deep.json
: | fresh hostile/empty
judge 'hostile bytes' 0 '^3 passed, 0 failed, 0 skipped$'
fresh hostile/ours <"$top/tests/golden/node-1.db"
judge 'a database of ours, called hostile' 1 '^ours: 0 passed, 1 failed'
judge 'no folder' 2 'no folder'

echo "$ok judged, $wrong misjudged"
[ $wrong = 0 ]
