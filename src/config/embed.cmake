# Builds the YAML files of config/providers/ and config/models/ into the library, so that the program
# works alone. Run at configure time; a changed, added or removed file configures again.
function(sluice_embed folder header function)
  file(GLOB files CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/config/${folder}/*.yaml)
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${files})
  set(entries "")
  foreach(file ${files})
    get_filename_component(name ${file} NAME)
    file(READ ${file} text)
    # A raw string may hold 64 KiB at most where compilers are strict: in pieces.
    string(LENGTH "${text}" length)
    set(pieces "")
    set(at 0)
    while(at LESS length)
      string(SUBSTRING "${text}" ${at} 12000 piece)
      string(APPEND pieces "R\"yaml(${piece})yaml\" ")
      math(EXPR at "${at} + 12000")
    endwhile()
    string(APPEND entries "        {\"${name}\", ${pieces}},\n")
  endforeach()
  set(source ${CMAKE_BINARY_DIR}/generated/embedded_${folder}.cpp)
  file(CONFIGURE OUTPUT ${source} @ONLY CONTENT
"// Made by src/config/embed.cmake from config/@folder@/.
#include \"config/@header@\"

namespace sluice::config {

std::vector<std::pair<std::string_view, std::string_view>> const& @function@() {
    static std::vector<std::pair<std::string_view, std::string_view>> const files = {
@entries@    };
    return files;
}

}  // namespace sluice::config
")
  target_sources(sluice_config PRIVATE ${source})
endfunction()

sluice_embed(providers kind.hpp embedded_kind_files)
sluice_embed(models price.hpp embedded_price_files)
