# SPDX-License-Identifier: BSL-1.0
# One set of names, SOCI::Core, SOCI::SQLite3 and SOCI::PostgreSQL, whoever shipped the library:
#   - upstream 4.1 and newer: its own config, already these names;
#   - Conan, vcpkg or a source build of 4.0: a config with soci_core, soci_sqlite3, … (or …_static);
#   - a distribution's packages of 4.0: no config at all.
# COMPONENTS SQLite3, PostgreSQL are optional extras; SOCI::Core is always required.
find_package(SOCI CONFIG QUIET)

set(_soci_parts Core SQLite3 PostgreSQL)
set(_soci_library_Core soci_core)
set(_soci_library_SQLite3 soci_sqlite3)
set(_soci_library_PostgreSQL soci_postgresql)

foreach(part IN LISTS _soci_parts)
  foreach(candidate IN ITEMS SOCI::${_soci_library_${part}} SOCI::${_soci_library_${part}}_static)
    if(NOT TARGET SOCI::${part} AND TARGET ${candidate})
      add_library(SOCI::${part} INTERFACE IMPORTED)
      target_link_libraries(SOCI::${part} INTERFACE ${candidate})
    endif()
  endforeach()
endforeach()

if(NOT TARGET SOCI::Core)
  find_path(SOCI_INCLUDE_DIR soci/soci.h)
  mark_as_advanced(SOCI_INCLUDE_DIR)
  foreach(part IN LISTS _soci_parts)
    find_library(SOCI_${part}_LIBRARY ${_soci_library_${part}})
    mark_as_advanced(SOCI_${part}_LIBRARY)
    if(SOCI_INCLUDE_DIR AND SOCI_${part}_LIBRARY)
      add_library(SOCI::${part} UNKNOWN IMPORTED)
      set_target_properties(SOCI::${part} PROPERTIES
        IMPORTED_LOCATION "${SOCI_${part}_LIBRARY}"
        INTERFACE_INCLUDE_DIRECTORIES "${SOCI_INCLUDE_DIR}")
      if(NOT part STREQUAL "Core")
        target_link_libraries(SOCI::${part} INTERFACE SOCI::Core)
      endif()
    endif()
  endforeach()
  if(TARGET SOCI::PostgreSQL)
    find_package(PostgreSQL QUIET) # SOCI's PostgreSQL headers include libpq-fe.h
    if(TARGET PostgreSQL::PostgreSQL)
      target_link_libraries(SOCI::PostgreSQL INTERFACE PostgreSQL::PostgreSQL)
    endif()
  endif()
endif()

foreach(part IN LISTS _soci_parts)
  if(TARGET SOCI::${part})
    set(SOCI_${part}_FOUND TRUE)
    set(_soci_found_${part} "SOCI::${part}")
  endif()
endforeach()
include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(SOCI REQUIRED_VARS _soci_found_Core HANDLE_COMPONENTS
  REASON_FAILURE_MESSAGE "install SOCI 4.0.3 or newer (Debian, Ubuntu: libsoci-dev)")
