# SPDX-License-Identifier: BSL-1.0
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)
set(package_dir ${CMAKE_INSTALL_DATADIR}/cmake/hasten) # header-only, so independent of the architecture

foreach(component IN ITEMS core soci beast prometheus)
  if(TARGET hasten_${component})
    install(TARGETS hasten_${component} EXPORT hasten-${component} FILE_SET HEADERS)
    install(EXPORT hasten-${component} NAMESPACE hasten:: DESTINATION ${package_dir})
  endif()
endforeach()

configure_package_config_file(cmake/hastenConfig.cmake.in hastenConfig.cmake INSTALL_DESTINATION ${package_dir})
write_basic_package_version_file(hastenConfigVersion.cmake COMPATIBILITY SameMinorVersion ARCH_INDEPENDENT)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/hastenConfig.cmake
              ${CMAKE_CURRENT_BINARY_DIR}/hastenConfigVersion.cmake
              cmake/FindSOCI.cmake
        DESTINATION ${package_dir})
