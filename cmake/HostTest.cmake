# SPDX-License-Identifier: Apache-2.0
# Tests that run on the build machine, against the real sources, under ASan and UBSan.
enable_testing()
find_package(Catch2 2 REQUIRED)

add_library(bh_sanitized INTERFACE)
target_compile_options(bh_sanitized INTERFACE -g -O1 -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=all)
target_link_options(bh_sanitized INTERFACE -fsanitize=address,undefined)
target_compile_definitions(bh_sanitized INTERFACE BULKHEAD_HOST)
option(BULKHEAD_FUZZ "Build the libFuzzer programs (with clang; see ci/fuzz.py)" OFF)
if(BULKHEAD_FUZZ)
  target_compile_options(bh_sanitized INTERFACE -fsanitize=fuzzer-no-link)
endif()

# Catch2's own code, compiled once and fast: it is not what is tested.
add_library(bh_test_main OBJECT "${CMAKE_SOURCE_DIR}/test/unit/main.cpp")
target_link_libraries(bh_test_main PRIVATE Catch2::Catch2)
target_compile_options(bh_test_main PRIVATE -O0 -g0)

# bulkhead_host_test(NAME SOURCES files... LIBS targets...)
function(bulkhead_host_test name)
  cmake_parse_arguments(ARG "" "" "SOURCES;LIBS" ${ARGN})
  add_executable(${name} ${ARG_SOURCES})
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}/tests")
  target_link_libraries(${name} PRIVATE bh_warnings bh_sanitized bh_test_main Catch2::Catch2 ${ARG_LIBS})
  add_test(NAME ${name} COMMAND ${name})
endfunction()
