# Compiles every variant of one shader, validates and optimises it, and reflects the interface.
# variants.cmake says how a shader lists its variants and what it requires.
#
# A shader that requires extensions is reflected through its twin, compiled with -DTWIN: the same
# interface without the body. Where the compiler lacks an extension (MISSING), the modules of
# prebuilt/ are embedded. Tools older than the extension neither validate nor optimise it.
cmake_minimum_required(VERSION 3.25)
include(${CMAKE_CURRENT_LIST_DIR}/variants.cmake)
cmake_path(GET BASE PARENT_PATH folder)
file(MAKE_DIRECTORY ${folder})

function(run)
  execute_process(COMMAND ${ARGN} RESULT_VARIABLE status OUTPUT_VARIABLE output ERROR_VARIABLE output)
  if(NOT status EQUAL 0)
    list(JOIN ARGN " " command)
    message(FATAL_ERROR "${command}\n${output}")
  endif()
endfunction()

function(compile spirv target)
  run(${GLSLANG} -V --target-env ${target} -I${INCLUDE} ${ARGN} --depfile ${spirv}.d
      -o ${spirv}.spv ${SHADER})
endfunction()

# Compiles a variant that requires extensions beside its twin, or takes it from prebuilt/.
function(compile_required name spirv)
  set(missing ${required})
  list(FILTER missing INCLUDE REGEX "^(${MISSING})$")
  if(missing)
    file(COPY_FILE ${INCLUDE}/prebuilt/${STEM}.${name}.spv ${spirv}.opt.spv)
    hash_sources(${SHADER} ${INCLUDE} "${macros_${name}}" sources)
    file(STRINGS ${INCLUDE}/prebuilt/${STEM}.txt noted REGEX "^${name} ${sources} ")
    if(NOT noted)
      message(WARNING "${STEM}.${name}: prebuilt of other sources; run tools/dev prebuild")
    endif()
    return()
  endif()
  read_target(${SHADER} target)
  compile(${spirv}.full ${target} ${macros_${name}})
  execute_process(COMMAND ${OPTIMIZE} --strip-debug --target-env=${target} ${spirv}.full.spv
    -o ${spirv}.opt.spv RESULT_VARIABLE status OUTPUT_QUIET ERROR_QUIET)
  if(NOT status EQUAL 0)
    file(COPY_FILE ${spirv}.full.spv ${spirv}.opt.spv)
  endif()
endfunction()

read_variants(${SHADER})
read_requirements(${SHADER} required)
set(reflected)
set(depends)
foreach(name IN LISTS names)
  set(spirv ${BASE}.${name})
  if(required)
    compile(${spirv} vulkan1.1 ${macros_${name}} -DTWIN)
    run(${VALIDATE} --target-env vulkan1.1 ${spirv}.spv)
    compile_required(${name} ${spirv})
  else()
    compile(${spirv} vulkan1.1 ${macros_${name}})
    run(${VALIDATE} --target-env vulkan1.1 ${spirv}.spv)
    run(${OPTIMIZE} -O --strip-debug --target-env=vulkan1.1 ${spirv}.spv -o ${spirv}.opt.spv)
    run(${VALIDATE} --target-env vulkan1.1 ${spirv}.opt.spv)
  endif()
  list(APPEND reflected ${name} ${spirv}.spv ${spirv}.opt.spv)
  file(READ ${spirv}.d depfile)
  string(REGEX REPLACE "^[^:]*:" "" depfile "${depfile}")
  string(STRIP "${depfile}" depfile)
  string(APPEND depends " ${depfile}")
endforeach()

file(WRITE ${BASE}.d "${BASE}.h ${BASE}.cpp:${depends}\n")
run(${REFLECT} ${STEM} ${BASE} ${reflected})
