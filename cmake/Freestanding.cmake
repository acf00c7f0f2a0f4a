# SPDX-License-Identifier: Apache-2.0
# Flags of code that runs without an operating system: the kernel and the components. No vector registers: a guest's stay in the CPU
# while its monitor runs.
add_library(bh_freestanding INTERFACE)
target_compile_options(bh_freestanding INTERFACE
  -ffreestanding -fno-pic -fno-pie -mgeneral-regs-only -mno-red-zone -fno-omit-frame-pointer -fno-asynchronous-unwind-tables
  -fno-common -ffunction-sections -fdata-sections -g -O2 -U_FORTIFY_SOURCE -fcf-protection=none
  $<$<COMPILE_LANGUAGE:CXX>:-fno-exceptions -fno-rtti -fno-threadsafe-statics -fno-use-cxa-atexit>)
target_link_options(bh_freestanding INTERFACE
  -nostdlib -static -no-pie -Wl,--gc-sections -Wl,-z,noexecstack -Wl,-z,max-page-size=4096 -Wl,--build-id=none -Wl,--fatal-warnings)

# What components add to it: the stack protector, whose canary crt0 puts where the compiler looks for it (%fs:0x28).
add_library(bh_component_flags INTERFACE)
target_link_libraries(bh_component_flags INTERFACE bh_freestanding)
target_compile_options(bh_component_flags INTERFACE -fstack-protector-strong $<$<COMPILE_LANGUAGE:C,CXX>:-flto>)
target_link_options(bh_component_flags INTERFACE -flto -O2)

# Each component is linked at addresses of its own: an instruction's address says whose it is, in a fault's report and in a profile.
set(bulkhead_components root memory grant event console domain vcpu operations ring3)

# bulkhead_component(NAME SOURCES...): a ring-3 component of its own, linked with the component runtime.
function(bulkhead_component name)
  list(FIND bulkhead_components ${name} index)
  if(index EQUAL -1)
    message(FATAL_ERROR "bulkhead_component(${name} ...): bulkhead_components does not list it")
  endif()
  math(EXPR base "0x400000 + ${index} * 0x1000000" OUTPUT_FORMAT HEXADECIMAL)
  # Its log lines begin with its name (lib/src/log.cpp).
  file(CONFIGURE OUTPUT "${CMAKE_CURRENT_BINARY_DIR}/component_name.cpp" CONTENT
    "extern \"C\" {\nextern const char bulkhead_component_name[];\nconst char bulkhead_component_name[] = \"${name}\";\n}\n")
  add_executable(${name} ${ARGN} "${CMAKE_CURRENT_BINARY_DIR}/component_name.cpp")
  set_target_properties(${name} PROPERTIES OUTPUT_NAME ${name}.elf RUNTIME_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}/components")
  target_include_directories(${name} PRIVATE "${CMAKE_CURRENT_SOURCE_DIR}")
  target_link_libraries(${name} PRIVATE bh_warnings bh_component_flags bh_lib bh_abi)
  target_link_options(${name} PRIVATE -T "${CMAKE_SOURCE_DIR}/lib/component.ld" "-Wl,--defsym=component_base=${base}")
  set_property(TARGET ${name} APPEND PROPERTY LINK_DEPENDS "${CMAKE_SOURCE_DIR}/lib/component.ld")
endfunction()
