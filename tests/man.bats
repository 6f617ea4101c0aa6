# SPDX-License-Identifier: MIT
# The manual pages are complete, well formed and true.
#
# A page's examples are its `.Bd -literal' blocks after a comment: `.\" file: NAME' is a file, `.\" console' is what a
# shell shows of the files before it.

load helpers

setup() {
    cd "$BATS_TEST_TMPDIR" || return
    BUILD=$(cd "$PROGRAMS/.." && pwd)
}

# declared - the functions that cf.h declares.
declared() {
    "${CC:-cc}" -E -P "$SRCDIR/lib/cf.h" | grep -o '\<cf_[a-z_]*(' | tr -d '(' | LC_ALL=C sort -u
}

# page NAME SECTION - print the file of a page, or of that to which its link leads.
page() {
    local file=$SRCDIR/man/$1.$2 target

    if [ ! -e "$file" ]; then
        read -r _ target <"$BUILD/man/$1.$2" || return
        file=$SRCDIR/man/${target##*/}
    fi
    [ -e "$file" ] && printf '%s\n' "$file"
}

@test "mandoc has nothing to say of the pages" {
    command -v mandoc >/dev/null || skip "mandoc is missing (Debian package: mandoc)"
    # Which other pages are installed is not their business; on stderr it says that its database is old.
    left=$(mandoc -T lint "$SRCDIR"/man/*.[1-8] 2>/dev/null | grep -v 'referenced manual not found') || :
    [ -z "$left" ] || { echo "$left" >&2; return 1; }
}

@test "no page is wider than a screen of 80 columns" {
    command -v mandoc >/dev/null || skip "mandoc is missing (Debian package: mandoc)"
    for file in "$SRCDIR"/man/*.[1-8]; do
        # The demonstrations print lines as long as they like.
        [ "${file##*/}" != cf_demos.7 ] || continue
        mandoc -T ascii -O width=78 "$file" | sed 's/.\x08//g' | awk -v file="${file##*/}" \
            'length > 80 && !/was not checked: timed out/ { print file ": " $0; bad = 1 } END { exit bad }' >&2
    done
}

@test "every function that cf.h declares has a page, on which it is in the synopsis and described" {
    declared >functions
    [ "$(wc -l <functions)" -gt 40 ]
    while read -r name; do
        file=$(page "$name" 3) || { echo "$name has no page" >&2; return 1; }
        [ "$(grep -cE "^\.F[no] $name( |\$)" "$file")" -ge 2 ] || { echo "$name: not on $file" >&2; return 1; }
    done <functions
}

@test "every page of a function is about one that libcf.so exports" {
    library=$BUILD/lib/.libs/libcf.so
    [ -e "$library" ] || skip "no shared library"
    nm -D --defined-only "$library" | awk '$2 == "T" { print $3 }' | LC_ALL=C sort >exported
    for file in "$SRCDIR"/man/*.3 "$BUILD"/man/*.3; do basename "$file" .3; done | LC_ALL=C sort -u >pages
    [ -z "$(comm -23 exported pages)" ]
    # Those that are no functions: the overview, and what others of its functions are about.
    [ "$(comm -13 exported pages | xargs)" = "cf cf_future cf_pool cf_task" ]
}

@test "every member of the public structs and every constant of cf.h is in the pages" {
    sed 's|/\*.*\*/||' "$SRCDIR/lib/cf.h" >header
    awk '/^struct cf_[a-z_]* \{/ { on = 1; next } /^\};/ { on = 0 } on' header |
        grep -oE '\**\(?\**[a-z_]+(\)\(.*\))?;' | grep -oE '[a-z_]+' >members
    grep -oE '\<CF_[A-Z_]+\>' header | grep -vE '_TABLE$|_CODE$|^CF_H$' | sort -u >constants
    grep -qx leapfrog members
    grep -qx CF_KILLED constants
    for name in $(awk '/^struct cf_options/ { on = 1 } /^\};/ { on = 0 } on' header |
        grep -oE '[a-z_]+(\)\([^;]*\))?;' | grep -oE '^[a-z_]+') $(cat constants); do
        grep -qE "\<$name\>" "$SRCDIR"/man/cf*.[37] || { echo "$name is not in the pages" >&2; return 1; }
    done
}

@test "every program has a page, or is one of the demonstrations" {
    for program in $(programs); do
        case $program in
        demo_*) grep -qw "$program" "$SRCDIR/man/cf_demos.7" ;;
        *) page "$program" 1 >/dev/null ;;
        esac || { echo "$program has no page" >&2; return 1; }
    done
}

# options_of_help PROGRAM - as "-m" and "--max-req", one a line.
options_of_help() {
    "$1" --help | grep -oE '(^|[ ,])--?[a-zA-Z][a-zA-Z_-]*' | tr -d ' ,' | LC_ALL=C sort -u
}

# options_of_page FILE
options_of_page() {
    sed -n 's/^\.It Fl/ Fl/p' "$1" | grep -oE ' Fl [^ ]+' | sed 's/ Fl /-/' | LC_ALL=C sort -u
}

@test "every option that --help tells of is on the page, and every option on the page is in some --help" {
    for program in $(programs | grep -v '^demo_'); do
        file=$(page "$program" 1)
        options_of_page "$file" >"page-${file##*/}"
        options_of_help "$program" | tee "help-$program" >>"help-${file##*/}"
        missing=$(LC_ALL=C comm -23 "help-$program" "page-${file##*/}")
        [ -z "$missing" ] || { echo "${file##*/} is without $missing of $program" >&2; return 1; }
        grep -qxe --help "help-$program"
    done
    for file in page-*.1; do
        extra=$(LC_ALL=C sort -u "help-${file#page-}" | LC_ALL=C comm -13 - "$file")
        [ -z "$extra" ] || { echo "${file#page-} has $extra, but no --help" >&2; return 1; }
    done
}

@test "every option that --help of a demonstration tells of is on their page, and no other" {
    for program in $(programs | grep '^demo_'); do options_of_help "$program"; done | LC_ALL=C sort -u >told
    grep -oE '\<Fl -[a-z][a-z-]*' "$SRCDIR/man/cf_demos.7" | sed 's/Fl /-/' | LC_ALL=C sort -u >shown
    [ "$(wc -l <told)" -ge 12 ]
    diff told shown
}

@test "every page that the pages refer to as ours is there" {
    grep -ohE '^\.(It )?Xr (cf|flags|primes|demo)[A-Za-z_]* [1-8]' "$SRCDIR"/man/*.[1-8] | sed 's/^.*Xr //' |
        awk '{ print $1, $2 }' | sort -u | while read -r name section; do
        page "$name" "$section" >/dev/null || { echo "$name($section) is missing" >&2; return 1; }
    done
}

@test "every link leads to a page that names it" {
    for link in "$BUILD"/man/*.[1-8]; do
        read -r macro target <"$link"
        [ "$macro" = .so ]
        name=${link##*/}
        grep -qE "^\.Nm ${name%.*}( |\$)" "$SRCDIR/man/${target##*/}"
    done
}

#
# Examples.
#

# extract PAGE - write each of its examples to a file: those that are files under their names, each console to a
# numbered one.
extract() {
    awk '/^\.\\" file: /  { name = $3; next }
         /^\.\\" console/ { name = "console" ++consoles; next }
         /^\.Bd -literal/ { inside = 1; next }
         /^\.Ed/          { inside = 0; name = ""; next }
         inside && name == "" { print FILENAME ":" FNR ": no test" >"untested" }
         inside && name != "" { sub(/^\\&/, ""); gsub(/\\e/, "\\"); print >name }' "$1"
}

# What an example compiles with: the library that was just built, every warning an error.
make_tools() {
    local flags="-Wall -Wextra -Werror" compiler
    # CC may have options after its name.
    read -ra compiler <<<"${CC:-cc}"
    compiler[0]=$(command -v "${compiler[0]}")

    [ "${SANITIZER:-no}" = no ] || flags+=" -fsanitize=$SANITIZER"
    mkdir bin
    printf '#!/bin/sh\nexec %s %s "$@"\n' "${compiler[*]}" "$flags" >bin/cc
    printf '#!/bin/sh\necho "-I%s %s -pthread"\n' "$SRCDIR/lib" "$BUILD/lib/.libs/libcf.a" >bin/pkg-config
    chmod +x bin/cc bin/pkg-config
    PATH=$PWD/bin:$PATH
}

# What a page's examples may show otherwise: options of sed, beside those of mask().
masks=()

# Times are what they are, and blanks at the end of a line cannot be seen.
mask() {
    sed -E -e 's/[0-9]+\.[0-9]+s$/T/' -e 's/ +$//' "${masks[@]}"
}

# serve COMMAND - start the server of a console's line on a free port, and have that port take the place of the one in
# the text from here on.
serve() {
    local words port=8000 options=()

    read -ra words <<<"${1%&}"
    for ((i = 1; i < ${#words[@]}; i++)); do
        case ${words[i]} in
        --port) port=${words[++i]} ;;
        *) options+=("${words[i]}") ;;
        esac
    done
    start_server "${options[@]}"
    ports+=(-e "s/:$port\\//:$SERVER_PORT\\//g")
    echo "Serving flags on $SERVER_URL"
}

# play CONSOLE - run its commands, with what they print on both streams, and compare that with what it shows.
play() {
    local line command="" ports=(-e '') file=$1

    while IFS= read -r line || [ -n "$line" ]; do
        line=$(sed -E "${ports[@]}" <<<"$line")
        case $line in
        '$ flags_server '*) serve "${line#\$ }" >>printed; echo "$line" >>typed; continue ;;
        '$ '*) command=${line#\$ } ;;
        '> '*) command+=$'\n'${line#> } ;;
        *) continue ;;
        esac
        [[ $command != *'|' ]] || continue
        # A worker that dies of SIGSEGV is to die of it, also where a sanitizer would rather report it.
        ASAN_OPTIONS=handle_segv=0:$ASAN_OPTIONS bash -c "$command" >out 2>err </dev/null || :
        cat out err >>printed
    done <"$file"
    sed -E "${ports[@]}" "$file" | grep -vE '^[$>] ' | mask >shown
    diff shown <(mask <printed) >&2 || { echo "$file is not true" >&2; return 1; }
    rm -f printed shown typed
}

# examples PAGE... - all of them are files that compile, or consoles that show what happens.
examples() {
    local page consoles=0

    [ -e "$BUILD/lib/.libs/libcf.a" ] || skip "no static library"
    make_tools
    for page in "$@"; do
        rm -f console*
        extract "$SRCDIR/man/$page"
        for ((i = 1; ; i++)); do
            [ -e "console$i" ] || break
            play "console$i"
            ((++consoles))
        done
    done
    echo "$consoles" >consoles
}

@test "the examples of the library's pages do what they show" {
    mapfile -t pages < <(cd "$SRCDIR/man" && ls -- *.3 cf_tasks.7)
    CF_CPU_COUNT=2 examples "${pages[@]}"
    [ "$(cat consoles)" -ge 8 ]
    # The one block that is no example is the description of a struct, as it stands in cf.h.
    [ "$(cut -d: -f1 untested | sort -u | xargs -n 1 basename)" = cf_task.3 ]
}

@test "the examples of the programs' pages do what they show" {
    command -v jq >/dev/null || skip "jq is missing (Debian package: jq)"
    CF_CPU_COUNT=2 examples flags.1 primes.1 flags_server.1
    [ "$(cat consoles)" -ge 5 ]
    [ ! -e untested ]
}

@test "the examples of the demonstrations do what they show, but for clocks, seconds and what follows from these" {
    masks=(-e 's/^\[[0-9:.]+\]/[T]/' -e 's/ +[0-9]+\.[0-9]+ (s|ms|MiB)\>/ T/g' -e 's/\<thread [0-9]+: /thread N: /'
        -e 's/\<[0-9.]+ times/N times/g' -e 's/^(reading|hashing|computing): .*; the memo/\1: N; the memo/')
    CF_CPU_COUNT=2 examples cf_demos.7
    [ "$(cat consoles)" -eq 10 ]
    [ ! -e untested ]
}
