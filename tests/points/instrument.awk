# Copies a source in which every co_await goes through a point (point.hpp), and lists the points.
#
#   co_await OPERAND;   ->   co_await ::dunlin::points::through("net/link.cpp:50", OPERAND);
#
# What never suspends (this_coro) stays. -v path=net/link.cpp -v list=FILE: a line "PATH:LINE" for each point.
# The place of the `;` that ends the operand, or 0; keeps how deep it is nested.
function end_of(text,    i, c) {
    for (i = 1; i <= length(text); ++i) {
        c = substr(text, i, 1)
        if (c ~ /[({[]/) ++depth
        if (c ~ /[)}\]]/) --depth
        if (c == ";" && depth == 0) return i
    }
    return 0
}
BEGIN { printf "#include \"point.hpp\"\n#line 1 \"%s\"\n", source }
{
    line = $0
    code = line
    sub(/\/\/.*/, "", code)
    if (inside) {
        at = end_of(line)
        if (at) { line = substr(line, 1, at - 1) ")" substr(line, at); inside = 0 }
    } else if (match(code, /co_await +/) && code !~ /this_coro/) {
        before = substr(line, 1, RSTART + RLENGTH - 1)
        rest = substr(line, RSTART + RLENGTH)
        point = path ":" NR
        print point >> list
        depth = 0
        at = end_of(rest)
        line = before "::dunlin::points::through(\"" point "\", "
        if (at) line = line substr(rest, 1, at - 1) ")" substr(rest, at)
        else { line = line rest; inside = 1 }
    }
    print line
}
