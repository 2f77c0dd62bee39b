# Compiles every variant of one shader, validates and optimises it, and reflects the interface.
#
# Variants stand in comments near the top of the shader, on as many lines as they need:
#     // variants: f32: STORAGE_F32; f16: STORAGE_F16 TILE=8
# Without one there is a single variant, "main".
cmake_minimum_required(VERSION 3.25)
cmake_path(GET BASE PARENT_PATH folder)
file(MAKE_DIRECTORY ${folder})

file(STRINGS ${SHADER} lines REGEX "^// variants:")
set(variants)
foreach(line IN LISTS lines)
  string(REGEX REPLACE "^// variants:" "" line "${line}")
  list(APPEND variants ${line})
endforeach()
if(NOT variants)
  set(variants "main:")
endif()

function(run)
  execute_process(COMMAND ${ARGN} RESULT_VARIABLE status OUTPUT_VARIABLE output ERROR_VARIABLE output)
  if(NOT status EQUAL 0)
    list(JOIN ARGN " " command)
    message(FATAL_ERROR "${command}\n${output}")
  endif()
endfunction()

set(reflected)
set(depends)
foreach(variant IN LISTS variants)
  if(NOT variant MATCHES "^ *([a-z0-9_]+): *(.*)$")
    message(FATAL_ERROR "${SHADER}: a variant is 'name: MACRO MACRO=VALUE', not '${variant}'")
  endif()
  set(name ${CMAKE_MATCH_1})
  separate_arguments(macros UNIX_COMMAND "${CMAKE_MATCH_2}")
  list(TRANSFORM macros PREPEND "-D")
  set(spirv ${BASE}.${name})
  run(${GLSLANG} -V --target-env vulkan1.1 -I${INCLUDE} ${macros} --depfile ${spirv}.d
      -o ${spirv}.spv ${SHADER})
  run(${VALIDATE} --target-env vulkan1.1 ${spirv}.spv)
  run(${OPTIMIZE} -O --strip-debug --target-env=vulkan1.1 ${spirv}.spv -o ${spirv}.opt.spv)
  run(${VALIDATE} --target-env vulkan1.1 ${spirv}.opt.spv)
  list(APPEND reflected ${name} ${spirv}.spv ${spirv}.opt.spv)
  file(READ ${spirv}.d depfile)
  string(REGEX REPLACE "^[^:]*:" "" depfile "${depfile}")
  string(STRIP "${depfile}" depfile)
  string(APPEND depends " ${depfile}")
endforeach()

file(WRITE ${BASE}.d "${BASE}.h ${BASE}.cpp:${depends}\n")
run(${REFLECT} ${STEM} ${BASE} ${reflected})
