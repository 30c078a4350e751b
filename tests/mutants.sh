# `./run mutants`: plants each known bug in turn and shows which check finds it, with its seed where it has one.
#
#   ./run mutants [--check | PATTERN...]     --check: only that list and sources agree; PATTERN: only bugs whose name
#                                            matches
#
# crdt/mutant.hpp says how a bug is planted. A line of the list: AREA MUTANT PROGRAM FILTER, one for each check that must
# find it; of a fuzz target the filter is how many damaged inputs follow its corpus. First every check must pass without
# a bug. Fails if one does not, if a bug survives, if no check was run, and if list and sources differ.
# Environment: DUNLIN_BUILD (folder), DUNLIN_JOBS.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
build=${DUNLIN_BUILD:-build/mutants}
logs=$build/mutant_logs

list() {
    cat <<'LIST'
merge     counter_greater_sum                    crdt_tests  counter.*
merge     counter_keeps_what_it_heard_first      crdt_tests  counter.*
merge     counter_keeps_what_it_heard_first      sim_tests   heavy_histories.of_a_g_counter*
merge     counter_equal_sums_open_epoch          crdt_tests  counter.*
merge     counter_carries_the_rest_over          crdt_tests  counter.*
merge     counter_keeps_all_of_who_went_on       crdt_tests  counter.*
merge     set_join_revives_removed               crdt_tests  set.*
merge     set_join_keeps_removed                 crdt_tests  differential.*
merge     set_insert_keeps_old_dots              crdt_tests  set.*
merge     latest_forgets_losers                  crdt_tests  latest.*
merge     latest_stamp_forgets_what_was_seen     crdt_tests  latest.*
merge     latest_forgets_losers                  crdt_tests  siblings.*
merge     latest_forgets_losers                  crdt_tests  maximum.*
merge     latest_forgets_losers                  crdt_tests  joined.*
merge     joined_takes_what_it_cannot_read       crdt_tests  joined.*
merge     joined_remembers_what_is_gone          crdt_tests  joined.*
merge     set_join_revives_removed               crdt_tests  check_type.*
merge     minimum_shows_the_greatest             crdt_tests  minimum.*
merge     maximum_says_what_is_not_beyond        crdt_tests  maximum.*
merge     disable_says_nothing_where_it_is_off   crdt_tests  disable_wins_flag.*
merge     bounded_counter_joins_part_by_part     crdt_tests  bounded_counter.*
merge     bounded_counter_spends_what_others_hold sim_tests  rights.*
rights    rights_need_no_witness                 sim_tests   rights.*
rights    rights_inherit_the_pocket              sim_tests   rights.*
rights    rights_move_before_the_disk            sim_tests   rights.*
rights    rights_trust_whoever_has_it            net_tests   witnesses.*
rights    protocol_tells_one_run_of_a_node       net_tests   witnesses.*
merge     remove_wins_insert_overrules_no_erase  crdt_tests  remove_wins.*
merge     expiry_is_not_said_again               crdt_tests  expiry.*
merge     expiry_lets_the_old_live_on            crdt_tests  expiry.*
schema    schema_is_silent_about_kinds           sim_tests   kinds.*
index     index_keeps_the_first_value            lib_tests   object_index.*
index     index_keeps_what_is_erased             sim_tests   query.*
index     index_leaves_cold_objects              sim_tests   query.*
index     index_answers_before_it_has_loaded     sim_tests   query.*
index     index_trusts_the_clock                 sim_tests   query.*
index     index_outlives_a_joined_state          sim_tests   query.*
index     index_answers_who_gave_up              sim_tests   query.*
index     index_waits_for_an_entry               sim_tests   query.*
ephemeral ephemeral_is_logged                    sim_tests   ephemeral.makes_no_entry*
ephemeral ephemeral_oldest_wins                  net_tests   cells.*
ephemeral ephemeral_oldest_wins                  sim_tests   ephemeral.*
ephemeral ephemeral_not_told_to_late_link        net_tests   cells.*
ephemeral ephemeral_not_told_to_late_link        sim_tests   ephemeral.is_told_to_who_joins_later
ephemeral ephemeral_is_not_passed_on             sim_tests   ephemeral.is_passed_on_where*
ephemeral ephemeral_outlives_its_object          sim_tests   ephemeral.goes_with_its_object
ephemeral ephemeral_table_without_bound          net_tests   cells.a_full_table*
ephemeral ephemeral_takes_any_stamp              lib_tests   cells.of_a_stamp*
ephemeral ephemeral_is_dropped_while_written     lib_tests   cells.*
ephemeral ephemeral_is_told_as_saved             sim_tests   ephemeral.is_told_to_watches*
ephemeral undo_forgets_an_ephemeral              crdt_tests  ephemeral.*
ephemeral ephemeral_erased_with_its_key_is_not_told crdt_tests ephemeral_map.*
ephemeral ephemeral_erased_with_its_key_is_not_told sim_tests ephemeral_map.*
ephemeral ephemeral_is_forgotten_before_its_element crdt_tests ephemeral_map.*
ephemeral ephemeral_is_dropped_while_written     lib_tests   cells.below_a_map*
ephemeral ephemeral_taken_back_goes_first        net_tests   cells.a_full_table*
ephemeral ephemeral_survives_an_erase_of_its_stamp lib_tests cells.said_just_before*
ephemeral mesh_lets_all_go_on_at_once            net_tests   mesh_test.spaces_that_wait*
ephemeral expiry_keeps_what_was_not_begun        sim_tests   ephemeral_map.of_what_*
snapshot  snapshot_shows_what_is_over            sim_tests   expiry.that_a_program*
memory    listing_gives_all_that_is_fresh        sim_tests   listing.of_what_has_no_row*
snapshot  snapshot_stops_at_what_is_unknown      sim_tests   schema.*
ending    ending_is_everybodys                   sim_tests   expiry.*
ending    ending_waits_for_nobody                sim_tests   expiry.*
ending    lease_is_not_renewed                   sim_tests   presence.*
removal   remove_wins_clear_says_nothing         crdt_tests  remove_wins.*
removal   map_clear_keeps_residues               crdt_tests  remove_wins.*
removal   set_erase_is_not_told                  crdt_tests  set.*
removal   set_erase_is_not_told                  crdt_tests  check_type.*
removal   map_collect_stops                      crdt_tests  map.*
removal   erase_is_lost_when_made_again          crdt_tests  set.*
seal      undo_keeps_additions                   crdt_tests  set.*
seal      undo_forgets_a_register                crdt_tests  latest.*
seal      undo_forgets_a_register                crdt_tests  check_type.*
codec     state_in_the_order_of_slots            crdt_tests  differential.*
codec     state_in_the_order_of_slots            crdt_tests  check_type.*
codec     codec_takes_a_longer_form              crdt_tests  codec.*
codec     codec_believes_a_count                 crdt_tests  codec.*
codec     codec_takes_a_key_twice                fuzz_state  runs=30000
codec     codec_takes_dots_in_any_order          fuzz_state  runs=30000
codec     codec_takes_a_writer_twice             net_tests   entry.*
codec     codec_ignores_a_tail                   net_tests   message.a_tail*
codec     codec_takes_an_object_twice            lib_tests   hostile_entries.*
seal      seal_splits_atomic                     sim_tests   cluster.makes_one_entry_of_an_atomic
seal      seal_forgets_dependencies              sim_tests   cluster.shows_no_effect_before_its_cause
seal      seal_drops_the_rest_of_a_large_turn    sim_tests   large_turn.*
log       log_commits_without_sync               lib_tests   store_crash.no_power_cut*
log       log_cuts_above_the_floor               lib_tests   store_file.never_cuts_above_the_floor
log       log_cut_leaves_the_floor               sim_tests   cluster.brings_who_fell_below*
log       log_floor_forgets_other_spaces         lib_tests   store_file.raises_the_floor_as_far*
log       log_tells_durable_before_the_commit    sim_tests   recovery.says_saved_only*
log       log_ids_start_again                    lib_tests   store_file.*
checkpoint  checkpoint_upto_one_too_high         lib_tests   store_crash.no_power_cut*
checkpoint  checkpoint_states_before_their_entries  sim_tests  *crash_points.*lose_nothing*
checkpoint  checkpoint_floor_forgets_the_dirty   sim_tests   *crash_points.*lose_nothing*
eviction  eviction_forgets_before_the_commit     sim_tests   recovery.shows_what_leaves*
eviction  eviction_drops_what_is_dirty           sim_tests   *crash_points.*lose_nothing*
recovery  recovery_trusts_the_cache_after_a_failed_sync  sim_tests  reopen.loses_no_dropped*
recovery  recovery_goes_on_in_a_new_file         sim_tests   procedures.of_a_damaged_page_move*
checkpoint  checkpoint_leaves_the_old_wal        lib_tests   heavy_store_rot.*rests*
log       log_waits_for_a_lost_row               sim_tests   procedures.of_log_rows_at_or_below*
recovery  recovery_believes_damage               lib_tests   store_damage.*
recovery  recovery_skips_the_last_row            lib_tests   store_file.*:node.keeps_its_state*
recovery  recovery_replays_what_the_row_holds    sim_tests   recovery.does_not_add_again*
recovery  recovery_takes_damage_for_absence      sim_tests   recovery.takes_a_damaged_row*
recovery  recovery_forgets_cold_objects_of_the_tail  sim_tests  reopen.*
recovery  recovery_forgets_states_that_failed    sim_tests   recovery.writes_again_the_states*
recovery  recovery_writes_again_what_was_cut     sim_tests   quiet_space.has_nothing_twice*
recovery  recovery_forgets_a_begun_join          sim_tests   join.that_was_cut_off*
recovery  recovery_trusts_a_row_again            sim_tests   schema.*
recovery  recovery_believes_a_log_with_holes     sim_tests   holes.in_the_log_are*
recovery  recovery_believes_a_file_that_is_shorter  sim_tests  holes.at_the_end*
log       log_answers_above_a_hole               sim_tests   holes.in_what_no_peer*
recovery  recovery_leaves_a_wal_that_was_checked_in  sim_tests  holes.in_a_wal*
recovery  recovery_writes_past_a_row_that_is_not_seen  lib_tests  heavy_store_rot.*written_then
recovery  recovery_finds_a_hole_again             sim_tests   holes.in_the_last_row*
recovery  recovery_goes_on_without_names          sim_tests   holes.in_the_names*
recovery  recovery_reads_a_file_it_gave_up        sim_tests   holes.at_the_end_of_the_file_are_not*
recovery  recovery_brings_back_what_a_joined_state_removed  sim_tests  holes.that_a_joined*
protocol  protocol_takes_in_when_full            net_tests   full.*
protocol  protocol_splices_branches              net_tests   fork.*
protocol  protocol_skips_dependencies            net_tests   all/gossip.*
protocol  protocol_sends_first_entry_early       net_tests   all/gossip.*
protocol  protocol_forgets_durable               net_tests   all/gossip.*
protocol  protocol_waits_for_a_lost_range        net_tests   all/gossip.*
protocol  protocol_takes_a_late_first_piece      sim_tests   heavy_exhaustive.*given_up
protocol  protocol_takes_a_late_chunk            net_tests   all/gossip.*
protocol  protocol_buffers_without_bound         net_tests   bound.*
protocol  protocol_serves_held_entries           net_tests   all/gossip.*
protocol  protocol_lets_wait_after_a_state       sim_tests   heavy_exhaustive.*
state     state_tail_skips_by_the_last_piece     sim_tests   heavy_exhaustive.*
state     state_removes_what_it_had_not_seen     sim_tests   heavy_exhaustive.*
watch     watch_is_not_told_of_a_state           sim_tests   heavy_exhaustive.*
handshake handshake_accepts_no_more_after_an_error  points_tests  points.of_nodes_survive_an_operation_that_fails
handshake handshake_dials_no_more_after_an_abort    points_tests  points.of_nodes_survive_an_operation_that_is_aborted
handshake handshake_agrees_before_the_mac        net_tests   hostile.a_first_frame*
handshake handshake_waits_for_ever               net_tests   hostile.a_handshake_cut*
handshake handshake_holds_the_door_for_everybody net_tests   gate.*
handshake handshake_looks_at_everybody           sim_tests   heavy_stranger.*
merge     merge_removes_what_nobody_has_seen     sim_tests   enemy.cannot_take_away*
seal      seal_adopts_any_stamp                  sim_tests   enemy.of_the_year*
watch     watch_queues_without_bound             sim_tests   heavy_bounds.of_saved_watches*
protocol  protocol_takes_its_own_entries_from_others  sim_tests  enemy.cannot_write_under*
protocol  protocol_pulls_from_who_never_answers  sim_tests   enemy_protocol.that_promises*
protocol  protocol_freezes_on_hearsay            sim_tests   enemy.freezes_nobody*
LIST
}

check_list() { # both ways: what is planted is listed, what is listed is planted
    local planted listed
    planted=$(grep -rhoE 'mutant\("[a-z_]+"\)' crdt net lib | sed 's/.*"\(.*\)".*/\1/' | sort -u)
    listed=$(list | awk '{ print $2 }' | sort -u)
    [ "$planted" = "$listed" ] && return
    echo "The list of tests/mutants.sh and the sources differ (< planted, > listed):"
    diff <(echo "$planted") <(echo "$listed") || true
    return 1
}

run_check() { # MUTANT PROGRAM FILTER
    local arguments=("--gtest_filter=$3" --gtest_fail_fast)
    if [[ $2 == fuzz_* ]]; then arguments=("$PWD/tests/fuzz/corpus/${2#fuzz_}" "-$3"); fi
    local program=$PWD/$build/$2
    if [[ $build == /* ]]; then program=$build/$2; fi
    (cd "$logs" && DUNLIN_MUTANT=$1 timeout --kill-after=5 300 "$program" "${arguments[@]}") >"$logs/$1.log" 2>&1 </dev/null
}

# "NAME [SEED]" of the first test of a log that failed or that ended the program.
killer() {
    if grep -q '^BROKEN PROMISE: ' "$1"; then
        sed -n '/^BROKEN PROMISE: /{s///p;q}' "$1" | tr ' ' '_'
        return
    fi
    awk '
        /^\[ RUN      \] / { name = $4; seed = said = ""; failed = 0; next }
        /^\[     SEED \] / { if (!failed) seed = $NF; next }
        / Failure$/ { failed = 1 }
        /^\[  FAILED  \] / || /^\[       OK \] / { if (/FAILED/ && name != "") exit; name = ""; next }
        said == "" && match(tolower($0), /seed[ =:]+[0-9]+/) {
            said = substr($0, RSTART, RLENGTH)
            sub(/.*[ =:]/, "", said)
        }
        END { print name, said != "" ? said : seed }' "$1"
}

check_list
case ${1:-} in
--check) exit ;;
esac
wanted() { if [ $# = 0 ]; then list; else list | awk -v p="$(IFS='|' && echo "$*")" '$2 ~ p'; fi; }
chosen=$(wanted "$@")
[ -n "$chosen" ] || { echo "No planted bug is called like that." && exit 1; }

mkdir -p "$logs"
cmake --build "$build" -j "${DUNLIN_JOBS:-2}" --target $(awk '{ print $3 }' <<<"$chosen" | sort -u)

failed=0 killed=0 survived=0
while read -r program filter; do
    if run_check none "$program" "$filter" && grep -qE '^\[  PASSED  \] [1-9]|, nothing found$' "$logs/none.log"; then
        printf 'passes    %-10s %s\n' "$program" "$filter"
    else
        printf 'FAILED    %-10s %s, without any bug\n' "$program" "$filter"
        tail -n 30 "$logs/none.log"
        failed=$((failed + 1))
    fi
done < <(awk '{ print $3, $4 }' <<<"$chosen" | sort -u)

while read -r area name program filter; do
    if run_check "$name" "$program" "$filter"; then
        printf 'SURVIVED  %-9s %-38s %s %s\n' "$area" "$name" "$program" "$filter"
        survived=$((survived + 1))
        continue
    fi
    read -r check seed < <(killer "$logs/$name.log")
    if [ -z "$check" ]; then
        printf 'FAILED    %-9s %-38s no test ran, see %s\n' "$area" "$name" "$logs/$name.log"
        failed=$((failed + 1))
        continue
    fi
    with=${seed:+seed $seed}
    printf 'killed    %-9s %-38s by %s, %s\n' "$area" "$name" "$check" "${with:-no seed needed}"
    killed=$((killed + 1))
done <<<"$chosen"

echo "$killed killed, $survived survived, $failed failed"
[ $failed = 0 ] && [ $survived = 0 ]
