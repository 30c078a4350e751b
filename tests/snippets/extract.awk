# Takes the C++ blocks out of pages, so that the tests compile and run what the pages show.
#
#   awk -v out=FOLDER -v wrappers=FOLDER -f extract.awk README.md docs/*.md
#
# The line before a block says what it is; a ```cpp block without such a line is an error:
#   <!-- run: NAME -->            a whole program                                    out/NAME.cpp
#   <!-- fragment: WRAPPER -->    stands where wrappers/WRAPPER.cpp says //@fragment  out/PAGE_LINE.cpp
#   <!-- output: NAME -->         any block: what the program NAME prints            out/NAME.out
# Errors go to out/errors.txt, one a line.
function fail(text) { print FILENAME ":" FNR ": " text > (out "/errors.txt") }
function page_name(s) { s = FILENAME; sub(/.*\//, "", s); sub(/\.md$/, "", s); gsub(/[^A-Za-z0-9]/, "_", s); return tolower(s) }

function begin_program(name) {
    if (name in seen) { fail("a second snippet named " name); return }
    seen[name] = 1
    target = out "/" name ".cpp"
    printf "" > target
}

function begin_fragment(wrapper,   path, line, found) {
    path = wrappers "/" wrapper ".cpp"
    begin_program(page_name() "_" FNR)
    rest = ""
    found = 0
    while ((getline line < path) > 0) {
        if (line ~ /\/\/@fragment/) { found = 1; continue }
        if (found) rest = rest line "\n"
        else print line > target
    }
    close(path)
    if (!found) fail("no wrapper tests/snippets/" wrapper ".cpp with a line //@fragment")
}

FNR == 1 {
    if (inside) print last ": a block is not closed" > (out "/errors.txt")
    inside = 0; kind = ""
    last = FILENAME
}
!inside && /^[ ]*```/ {
    inside = 1; target = ""; rest = ""
    cpp = /^[ ]*```(cpp|c\+\+|C\+\+|cc)/
    if (kind == "run") begin_program(word)
    else if (kind == "fragment") begin_fragment(word)
    else if (kind == "output") { target = out "/" word ".out"; printf "" > target }
    else if (cpp) fail("a C++ block without <!-- run: NAME --> or <!-- fragment: WRAPPER --> before it")
    if (target ~ /\.cpp$/) printf "#line %d \"%s\"\n", FNR + 1, FILENAME > target
    if (kind != "" && kind != "output" && !cpp) fail("marked as a snippet, but no C++ block")
    kind = ""
    next
}
inside && /^[ ]*```[ ]*$/ {
    inside = 0
    if (rest != "") printf "%s", rest > target
    if (target != "") close(target)
    next
}
inside { if (target != "") print > target; next }
/^[ ]*<!-- (run|fragment|output): [a-z0-9_]+ -->[ ]*$/ {
    kind = $2; sub(/:/, "", kind); word = $3
    next
}
/[^ ]/ {
    if (kind != "") fail("a marker with no block after it")
    kind = ""
}
END { if (inside) print last ": a block is not closed" > (out "/errors.txt") }
