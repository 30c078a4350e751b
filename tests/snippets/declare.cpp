// Wrapper `declare`: the fragment stands outside of functions; it is compiled and not run.
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <dunlin/dunlin.hpp>
#include <iostream>

using namespace std::chrono_literals;

//@fragment

int main() {}
