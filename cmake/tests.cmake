# Tests, benchmarks, examples and snippets, found by their place:
#
#   tests/{crdt,net,lib,sim}/*_test.cpp          crdt_tests, net_tests, lib_tests, sim_tests; with a suite heavy_* also
#                                                crdt_heavy, lib_heavy, sim_heavy
#   tests/tidy_test.cpp                          tidy_tests
#   tests/sim/*_main.cpp                         dunlin_sim
#   tests/crash/*.cpp                            dunlin_crash; tests/crash/faults.cpp: the library it preloads
#   tests/points/*_test.cpp                      points_tests, with sources of net/ that were instrumented
#   tests/histories/*_main.cpp                   histories
#   tests/conformance/*.cpp                      conformance
#   tests/fuzz/*_fuzz.cpp                        fuzz_NAME, with tests/fuzz/driver.cpp or, in the preset fuzz, libfuzzer.cpp
#   benchmarks/{crdt,net,lib}/*_bench.cpp        crdt_bench, net_bench, lib_bench
#   examples/demo*.cpp                           demo
#   examples/NAME_test.cpp, examples/NAME.cpp    NAME_test (GoogleTest), NAME
#   README.md, docs/*.md                         snippets/NAME
#
# A file in those folders that is none of these is a part of each program of its folder. Which tests run in which
# build is said by their suite (see ./run): heavy_* in release, all others under ASan, threads_* under TSan.
# With DUNLIN_UNITY several files of sim_tests are one unit: no two may give one name to two things.
enable_testing()
# All that runs under ASan, and the tests of the release build. Tests and snippets are no part of `all`.
add_custom_target(unit)
add_custom_target(heavy)
if(TARGET dunlin)
  add_dependencies(unit dunlin)
endif()
find_package(GTest REQUIRED)
find_package(benchmark REQUIRED)

function(dunlin_files out)
  file(GLOB found CONFIGURE_DEPENDS RELATIVE ${PROJECT_SOURCE_DIR} ${ARGN})
  set(${out} ${found} PARENT_SCOPE)
endfunction()

# These speak of worlds of their own, whose words others have for other things.
set_source_files_properties(${PROJECT_SOURCE_DIR}/tests/sim/exhaustive_test.cpp ${PROJECT_SOURCE_DIR}/tests/sim/histories_test.cpp
  PROPERTIES SKIP_UNITY_BUILD_INCLUSION ON)
function(dunlin_batches target)
  set_target_properties(${target} PROPERTIES UNITY_BUILD ${DUNLIN_UNITY} UNITY_BUILD_BATCH_SIZE 4)
  if(DUNLIN_UNITY AND CMAKE_CXX_COMPILER_ID STREQUAL GNU)
    target_compile_options(${target} PRIVATE -Wno-subobject-linkage) # a batch takes its files for headers
  endif()
endfunction()

function(dunlin_test_program name)
  dunlin_program(${name} ${ARGN})
  target_compile_definitions(${name} PRIVATE DUNLIN_SOURCE_DIR="${PROJECT_SOURCE_DIR}")
  target_link_libraries(${name} PRIVATE SQLite::SQLite3 sodium::sodium GTest::gtest_main)
  add_test(NAME ${name} COMMAND ${name})
  set_target_properties(${name} PROPERTIES EXCLUDE_FROM_ALL ON)
endfunction()

# Files of a folder that are no test and no program are compiled once, for all programs of the folder. FOLDER_heavy has
# only the tests that run in the release build: the others need not be compiled there.
foreach(folder crdt net lib sim)
  dunlin_files(tests tests/${folder}/*_test.cpp)
  dunlin_files(parts tests/${folder}/*.cpp)
  list(FILTER parts EXCLUDE REGEX "_(test|main)\\.cpp$")
  if(parts)
    add_library(${folder}_parts OBJECT EXCLUDE_FROM_ALL ${parts})
    target_link_libraries(${folder}_parts PRIVATE dunlin_lib dunlin_warnings SQLite::SQLite3 sodium::sodium)
    dunlin_ahead(${folder}_parts)
    dunlin_batches(${folder}_parts)
    set(parts $<TARGET_OBJECTS:${folder}_parts>)
  endif()
  set(heavy)
  foreach(file ${tests})
    file(STRINGS ${file} found REGEX "^(TEST|TYPED_TEST|INSTANTIATE_)[A-Z_]*\\(heavy_" LIMIT_COUNT 1)
    if(found)
      list(APPEND heavy ${file})
    endif()
  endforeach()
  if(tests)
    dunlin_test_program(${folder}_tests ${tests} ${parts})
    add_dependencies(unit ${folder}_tests)
    if(folder STREQUAL sim)
      dunlin_batches(sim_tests)
    endif()
  endif()
  if(heavy)
    dunlin_test_program(${folder}_heavy ${heavy} ${parts})
    add_dependencies(heavy ${folder}_heavy)
    if(folder STREQUAL sim)
      dunlin_batches(sim_heavy)
    endif()
  endif()
endforeach()
dunlin_files(tidy tests/tidy_test.cpp)
if(tidy)
  dunlin_test_program(tidy_tests ${tidy})
  add_dependencies(unit tidy_tests)
endif()

dunlin_files(sim tests/sim/*_main.cpp)
if(sim)
  dunlin_program(dunlin_sim ${sim} $<TARGET_OBJECTS:sim_parts>)
endif()
dunlin_files(crash tests/crash/*.cpp)
list(FILTER crash EXCLUDE REGEX "faults\\.cpp$")
if(crash)
  dunlin_program(dunlin_crash ${crash})
  add_library(dunlin_faults MODULE tests/crash/faults.cpp)
  target_link_libraries(dunlin_faults PRIVATE dunlin_warnings ${CMAKE_DL_LIBS})
  add_dependencies(dunlin_crash dunlin_faults)
endif()

# Every co_await of these sources passes through a point, see tests/points/point.hpp; their objects stand before the
# libraries, which then give none of the same names.
dunlin_files(points tests/points/*_test.cpp)
if(points)
  set(instrumented net/greeting.cpp net/link.cpp net/mesh.cpp net/tcp.cpp lib/sim/network.cpp)
  set(headers net/mesh_links.hpp net/scope.hpp)
  # Each an object of its own in its library, so that it can be left out.
  foreach(file ${instrumented})
    set_source_files_properties(${PROJECT_SOURCE_DIR}/${file} PROPERTIES SKIP_UNITY_BUILD_INCLUSION ON)
  endforeach()
  set(copies ${PROJECT_BINARY_DIR}/points)
  set(lists)
  foreach(file ${instrumented} ${headers})
    get_filename_component(folder ${copies}/${file} DIRECTORY)
    file(MAKE_DIRECTORY ${folder})
    add_custom_command(OUTPUT ${copies}/${file} ${copies}/${file}.list
      COMMAND ${CMAKE_COMMAND} -E rm -f ${copies}/${file}.list
      COMMAND ${CMAKE_COMMAND} -E touch ${copies}/${file}.list
      COMMAND awk -v path=${file} -v source=${PROJECT_SOURCE_DIR}/${file} -v list=${copies}/${file}.list
        -f ${PROJECT_SOURCE_DIR}/tests/points/instrument.awk ${PROJECT_SOURCE_DIR}/${file} > ${copies}/${file}
      DEPENDS ${PROJECT_SOURCE_DIR}/${file} ${PROJECT_SOURCE_DIR}/tests/points/instrument.awk VERBATIM)
    list(APPEND lists ${copies}/${file})
  endforeach()
  dunlin_test_program(points_tests ${points} ${lists})
  add_dependencies(unit points_tests)
  set_target_properties(points_tests PROPERTIES DISABLE_PRECOMPILE_HEADERS ON) # with them, what #line says brings warnings
  target_compile_options(points_tests PRIVATE "SHELL:-iquote ${PROJECT_SOURCE_DIR}/net"
    "SHELL:-iquote ${PROJECT_SOURCE_DIR}/lib/sim" "SHELL:-iquote ${PROJECT_SOURCE_DIR}/tests/points")
  target_compile_definitions(points_tests PRIVATE DUNLIN_POINTS_DIR="${copies}")
endif()

dunlin_files(histories tests/histories/*_main.cpp)
if(histories)
  dunlin_program(histories ${histories})
endif()
dunlin_files(conformance tests/conformance/*.cpp)
if(conformance)
  dunlin_program(conformance ${conformance})
endif()
dunlin_files(fuzzers tests/fuzz/*_fuzz.cpp)
if(NOT DUNLIN_FUZZ)
  add_library(fuzz_driver OBJECT EXCLUDE_FROM_ALL tests/fuzz/driver.cpp)
  target_link_libraries(fuzz_driver PRIVATE dunlin_lib dunlin_warnings)
  dunlin_ahead(fuzz_driver)
endif()
foreach(file ${fuzzers})
  get_filename_component(name ${file} NAME_WE)
  string(REGEX REPLACE "_fuzz$" "" name ${name})
  if(DUNLIN_FUZZ)
    dunlin_program(fuzz_${name} ${file} tests/fuzz/libfuzzer.cpp)
    target_link_options(fuzz_${name} PRIVATE -fsanitize=fuzzer)
  else()
    dunlin_program(fuzz_${name} ${file} $<TARGET_OBJECTS:fuzz_driver>)
  endif()
  set_target_properties(fuzz_${name} PROPERTIES EXCLUDE_FROM_ALL ON)
  add_dependencies(unit fuzz_${name})
endforeach()

foreach(folder crdt net lib)
  dunlin_files(benches benchmarks/${folder}/*.cpp)
  if(benches)
    dunlin_program(${folder}_bench ${benches})
    target_link_libraries(${folder}_bench PRIVATE benchmark::benchmark_main)
  endif()
endforeach()

dunlin_files(demo examples/demo*.cpp)
if(demo)
  dunlin_program(demo ${demo})
endif()
dunlin_files(examples examples/*.cpp)
foreach(file ${examples})
  get_filename_component(name ${file} NAME_WE)
  if(name MATCHES "_test$")
    dunlin_test_program(${name} ${file})
    add_dependencies(unit ${name})
  elseif(NOT name MATCHES "^demo")
    dunlin_program(${name} ${file})
  endif()
endforeach()

include(cmake/snippets.cmake)
