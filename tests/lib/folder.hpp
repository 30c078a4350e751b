// A temporary folder of one test, in TMPDIR, gone with it.
#pragma once
#include <filesystem>
#include <stdexcept>
#include <stdlib.h>
#include <string>

namespace dunlin::test {

struct temporary_folder {
    std::filesystem::path path;

    temporary_folder() {
        auto name = (std::filesystem::temp_directory_path() / "dunlin-test-XXXXXX").string();
        if (!::mkdtemp(name.data())) throw std::runtime_error("no temporary folder can be made");
        path = name;
    }
    temporary_folder(temporary_folder const&) = delete;
    ~temporary_folder() { std::filesystem::remove_all(path); }
    std::string file(std::string const& name = "game.db") const { return (path / name).string(); }
};

} // namespace dunlin::test
