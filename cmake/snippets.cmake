# The C++ blocks of the pages become programs in snippets/, see tests/snippets/extract.awk.
# What cannot be extracted stands in snippets/errors.txt, and `./run tests` fails on it.
file(GLOB pages CONFIGURE_DEPENDS RELATIVE ${PROJECT_SOURCE_DIR} ${PROJECT_SOURCE_DIR}/README.md
  ${PROJECT_SOURCE_DIR}/docs/*.md)
file(GLOB wrappers CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/tests/snippets/*)
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${pages} ${wrappers})

set(snippets ${PROJECT_BINARY_DIR}/snippets)
set(fresh ${PROJECT_BINARY_DIR}/snippets_fresh)
file(REMOVE_RECURSE ${fresh})
file(MAKE_DIRECTORY ${fresh} ${snippets})
file(TOUCH ${fresh}/errors.txt)
if(pages)
  execute_process(COMMAND awk -v out=${fresh} -v wrappers=${PROJECT_SOURCE_DIR}/tests/snippets
      -f ${PROJECT_SOURCE_DIR}/tests/snippets/extract.awk ${pages}
    WORKING_DIRECTORY ${PROJECT_SOURCE_DIR} COMMAND_ERROR_IS_FATAL ANY)
endif()
file(READ ${fresh}/errors.txt errors)
if(errors)
  message(WARNING "snippets:\n${errors}")
endif()

# What is no more in the pages goes; what has not changed keeps its time and is not compiled again.
file(GLOB stale RELATIVE ${snippets} ${snippets}/*)
foreach(file ${stale})
  get_filename_component(name ${file} NAME_WE)
  if(NOT EXISTS ${fresh}/${file} AND NOT EXISTS ${fresh}/${name}.cpp)
    file(REMOVE ${snippets}/${file})
  endif()
endforeach()
file(GLOB extracted RELATIVE ${fresh} ${fresh}/*)
foreach(file ${extracted})
  file(COPY_FILE ${fresh}/${file} ${snippets}/${file} ONLY_IF_DIFFERENT)
  if(file MATCHES "\\.cpp$")
    get_filename_component(name ${file} NAME_WE)
    dunlin_program(snippet_${name} ${snippets}/${file})
    set_target_properties(snippet_${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${snippets} OUTPUT_NAME ${name} EXCLUDE_FROM_ALL ON)
    add_dependencies(unit snippet_${name})
    add_test(NAME snippet_${name} COMMAND ${snippets}/${name})
  endif()
endforeach()
