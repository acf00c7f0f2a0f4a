# SPDX-License-Identifier: Apache-2.0
# Turns `nm --numeric-sort --demangle` of the kernel into the symbol table that panic prints from (panic.cpp): functions only,
# sorted by address. No input makes an empty table, for the first of the two links.
BEGIN {
    print ".section .symbols, \"a\"\n.balign 8\n.global symbol_table, symbol_count, symbol_names\nsymbol_table:"
    names = 0
    offset = 0
}
$2 ~ /^[tTwW]$/ {
    address = $1
    $1 = ""
    $2 = ""
    sub(/^ +/, "")
    gsub(/bulkhead::kernel::|\(anonymous namespace\)::/, "")
    gsub(/[\\"]/, "?")
    sub(/\(.*/, "")
    if (address != last) {
        printf ".long 0x%s, %d\n", substr(address, 9), offset
        last = address
        text[names++] = $0
        offset += length($0) + 1
    }
}
END {
    print ".balign 4\nsymbol_count: .long " names "\nsymbol_names:"
    for (i = 0; i < names; ++i) {
        print ".asciz \"" text[i] "\""
    }
    print ".section .note.GNU-stack, \"\", @progbits"
}
