// libFuzzer's entry: every input is kept that reaches something new, refused or not.
// With DUNLIN_FUZZ_SAMPLES=FOLDER it begins by writing the target's well-formed inputs there.
#include "driver.hpp"

extern "C" int LLVMFuzzerInitialize(int*, char***) {
    if (auto folder = std::getenv("DUNLIN_FUZZ_SAMPLES")) fuzz::write_samples(folder);
    return 0;
}
extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
    fuzz_one(data, size);
    return 0;
}
