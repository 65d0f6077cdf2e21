# Builds config/providers/*.yaml into the library, so that the program works alone. Run at configure
# time; a changed, added or removed file configures again.
file(GLOB kind_files CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/config/providers/*.yaml)
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${kind_files})
set(kind_entries "")
foreach(file ${kind_files})
  get_filename_component(name ${file} NAME)
  file(READ ${file} text)
  string(APPEND kind_entries "        {\"${name}\", R\"yaml(${text})yaml\"},\n")
endforeach()
set(kind_source ${CMAKE_BINARY_DIR}/generated/embedded_kinds.cpp)
file(CONFIGURE OUTPUT ${kind_source} @ONLY CONTENT
"// Made by src/config/embed.cmake from config/providers/.
#include \"config/kind.hpp\"

namespace sluice::config {

std::vector<std::pair<std::string_view, std::string_view>> const& embedded_kind_files() {
    static std::vector<std::pair<std::string_view, std::string_view>> const files = {
@kind_entries@    };
    return files;
}

}  // namespace sluice::config
")
target_sources(sluice_config PRIVATE ${kind_source})
