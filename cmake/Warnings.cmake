# SPDX-License-Identifier: Apache-2.0
# One set of warnings, errors everywhere.
add_library(bh_warnings INTERFACE)
target_compile_options(bh_warnings INTERFACE
  -Wall -Wextra -Werror -Wformat=2 -Wshadow -Wundef -Wcast-align -Wcast-qual
  $<$<COMPILE_LANGUAGE:CXX>:-Wconversion -Wsign-conversion -Wold-style-cast -Woverloaded-virtual -Wsuggest-override
    -Wredundant-decls -Wno-register>)
