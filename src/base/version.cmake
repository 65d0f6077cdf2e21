# Writes version.cpp: NAMED when it is given (a build without .git), else "<project version>", or
# "<project version>+g<commit>[.dirty]" in a git checkout.
# Run by the build; the file is touched only when its text changes.
set(text ${VERSION})
find_package(Git QUIET)
if(NAMED)
  set(text ${NAMED})
elseif(GIT_FOUND AND EXISTS ${SOURCE}/.git)
  execute_process(COMMAND ${GIT_EXECUTABLE} -C ${SOURCE} describe --always --dirty=.dirty --abbrev=12
                          --exclude=*
                  OUTPUT_VARIABLE commit OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
  if(commit)
    set(text "${VERSION}+g${commit}")
  endif()
endif()
file(CONFIGURE OUTPUT ${OUTPUT} @ONLY CONTENT [[#include "base/version.hpp"

namespace sluice {

std::string_view version() noexcept { return "@text@"; }

}  // namespace sluice
]])
