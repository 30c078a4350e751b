// What a file tests/fuzz/NAME_fuzz.cpp defines; driver.cpp does the rest.
#pragma once
#include <cstddef>
#include <cstdint>
#include <vector>

/// Decodes, and aborts if something decoded does not encode again to the same bytes. Returns 0 if it
/// was accepted, -1 if it was refused.
extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size);

/// A few well-formed inputs to damage.
std::vector<std::vector<std::uint8_t>> fuzz_samples();
