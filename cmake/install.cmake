# `cmake --install`: what find_package(dunlin) needs. Headers lie as in the tree, below include/dunlin/.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

install(TARGETS dunlin_crdt dunlin_net dunlin_lib EXPORT dunlin ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
if(TARGET dunlin)
  install(TARGETS dunlin RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
endif()
# lib/sqlite.hpp needs SQLite's own header and is no part of the interface.
foreach(folder crdt net lib)
  if(IS_DIRECTORY ${PROJECT_SOURCE_DIR}/${folder})
    install(DIRECTORY ${PROJECT_SOURCE_DIR}/${folder} DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/dunlin
      FILES_MATCHING PATTERN "*.hpp" PATTERN "lib/sqlite.hpp" EXCLUDE)
  endif()
endforeach()
install(FILES ${dunlin_include}/dunlin/dunlin.hpp DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/dunlin)

set(dunlin_config_dir ${CMAKE_INSTALL_LIBDIR}/cmake/dunlin)
install(EXPORT dunlin NAMESPACE dunlin:: FILE dunlin-targets.cmake DESTINATION ${dunlin_config_dir})
configure_package_config_file(${PROJECT_SOURCE_DIR}/cmake/dunlin-config.cmake.in
  ${PROJECT_BINARY_DIR}/dunlin-config.cmake INSTALL_DESTINATION ${dunlin_config_dir})
write_basic_package_version_file(${PROJECT_BINARY_DIR}/dunlin-config-version.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/dunlin-config.cmake ${PROJECT_BINARY_DIR}/dunlin-config-version.cmake
  ${PROJECT_SOURCE_DIR}/cmake/Findsodium.cmake DESTINATION ${dunlin_config_dir})
