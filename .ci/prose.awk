# Finds the comments and lines of documentation that are too long. `.ci/prose` says what counts.

BEGIN {
    max = 100
    counts_bytes = length("\303\251") == 2 # "é"
    # What ends code or a string in Rust: a comment, a string, a raw string, a quote as a character.
    stop = "//|/[*]|b?r#*\"|'\\\\?\"'|\""
}

FNR == 1 {
    files++
    kind = FILENAME
    sub(/.*\//, "", kind)
    kind = kind ~ /\./ ? substr(kind, match(kind, /[^.]*$/)) : ($0 ~ /^#!.*sh/ ? "script" : "")
    open = ""   # what a line of Rust leaves open: "string", or the end of a raw string or comment
    fence = ""  # the fence that ends a block of code in Markdown
    quoted = "" # the quotes that end a doc string in Python
}

kind == "rs"     { check(rust($0)); next }
kind == "proto"  { if (match($0, /\/\/ ?/)) from_proto[substr($0, RSTART + RLENGTH)]; check(has("//")) }
kind == "sql"    { check(has("--")) }
kind == "py"     { check(python($0)) }
kind == "script" { check(has("#")) }
kind == "awk"    { check(has("#")) }
kind == "toml"   { check($0 ~ /^[ \t]*#/) }
kind == "md"     { check(markdown($0)) }

END {
    if (long) {
        print long " comments or lines of documentation are longer than " max " columns"
        exit 1
    }
    print files " files: no comment and no line of documentation is longer than " max " columns"
}

# Reports the line if it is prose and too long.
function check(prose,    line, columns) {
    if (!prose || length($0) <= max)
        return
    line = $0
    sub(/\r$/, "", line)
    if (counts_bytes)
        gsub(/[\200-\277]/, "", line) # all bytes of a character after its first
    columns = length(line)
    if (columns <= max || one_piece($0) || generated($0))
        return
    print FILENAME ":" FNR ": " columns " columns"
    long++
}

# Tells whether a mark that begins a comment stands at the start of the line or after a blank.
function has(mark) {
    return $0 ~ ("(^|[ \t])" mark)
}

# Tells whether the line has nowhere to be broken: one link, one word, or the definition of a link.
function one_piece(line) {
    sub(/^[ \t]*(\/\/[\/!]?|#+|--|>)?[ \t]*/, "", line)
    sub(/^([-*+]|[0-9]+[.)])[ \t]+/, "", line)
    return line ~ /^[^ \t]*$/ || line ~ /^\[[^]]*\]: *[^ \t]*$/ || line ~ /^!?\[[^]]*\]\([^ \t]*\)[.,;:]?$/
}

# Tells whether prost has copied the comment from a .proto file.
function generated(line) {
    return FILENAME ~ /\/wire\/generated\.rs$/ && sub(/^[ \t]*\/\/\/ ?/, "", line) && line in from_proto
}

# Tells whether a line of Rust has a comment. Follows strings and block comments from line to line.
function rust(line,    found, token) {
    found = open == "*/"
    while (1) {
        if (open == "string") {
            # An escape, or the end of the string.
            if (!match(line, /\\.|"/))
                return found
            if (substr(line, RSTART, 1) == "\"")
                open = ""
            line = substr(line, RSTART + RLENGTH)
        } else if (open != "") {
            if (!index(line, open))
                return found
            line = substr(line, index(line, open) + length(open))
            open = ""
        } else {
            if (!match(line, stop))
                return found
            token = substr(line, RSTART, RLENGTH)
            line = substr(line, RSTART + RLENGTH)
            if (token == "//")
                return 1
            if (token == "/*") {
                found = 1
                open = "*/"
            } else if (token == "\"") {
                open = "string"
            } else if (token ~ /r/) {
                sub(/b?r/, "", token)
                open = "\"" substr(token, 1, length(token) - 1)
            }
        }
    }
}

# Tells whether a line of Python has a comment or belongs to a doc string.
function python(line,    start, inside) {
    inside = quoted != ""
    while (match(line, /"""|'''/)) {
        start = substr(line, RSTART, 3)
        line = substr(line, RSTART + 3)
        if (quoted == "")
            quoted = start
        else if (quoted == start)
            quoted = ""
        inside = 1
    }
    return inside || has("#")
}

# Tells whether a line of Markdown is prose.
function markdown(line,    mark) {
    if (match(line, /^[ \t>]*(```+|~~~+)/)) {
        mark = substr(line, 1, RLENGTH)
        gsub(/[ \t>]/, "", mark)
        if (fence == "")
            fence = mark
        else if (index(mark, fence) == 1)
            fence = ""
        return 0
    }
    return fence == "" && line !~ /^[ \t]*\|/
}
