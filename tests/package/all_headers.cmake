# SPDX-License-Identifier: BSL-1.0
# Writes all_headers.hpp, which includes every public header of the named layers below INCLUDE_DIR. Both translation
# units of a consumer include it, so that whatever lacks an `inline` is defined twice and fails to link.
function(write_all_headers include_dir)
  set(text "")
  foreach(layer IN LISTS ARGN)
    file(GLOB headers RELATIVE ${include_dir} CONFIGURE_DEPENDS ${include_dir}/hasten/${layer}/*.hpp)
    if(NOT headers)
      message(FATAL_ERROR "no headers in ${include_dir}/hasten/${layer}")
    endif()
    foreach(header IN LISTS headers)
      string(APPEND text "#include <${header}>\n")
    endforeach()
  endforeach()
  file(GENERATE OUTPUT ${PROJECT_BINARY_DIR}/all_headers.hpp CONTENT "${text}")
endfunction()
