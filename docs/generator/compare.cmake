# SPDX-License-Identifier: Apache-2.0
# Fails if FILE is not what PRINTER prints.
execute_process(COMMAND ${PRINTER} OUTPUT_VARIABLE printed RESULT_VARIABLE status)
if(NOT status EQUAL 0)
  message(FATAL_ERROR "${PRINTER} failed: ${status}")
endif()
file(READ "${FILE}" written)
if(NOT printed STREQUAL written)
  list(JOIN PRINTER " " command)
  message(FATAL_ERROR "${FILE} is behind what it is made from: run ${command} > ${FILE}")
endif()
