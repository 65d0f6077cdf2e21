// See files.hpp.
#include "config/files.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>

namespace sluice::config {

namespace fs = std::filesystem;

std::optional<std::string> read_text_file(std::string const& path, std::size_t bytes_max,
                                          std::string& why) {
    std::error_code failure;
    if (fs::is_directory(path, failure)) {
        why = "is a directory";
        return std::nullopt;
    }
    errno = 0;
    std::ifstream in(path, std::ios::binary);
    if (!in) {
        why = errno != 0 ? std::strerror(errno) : "cannot be opened";
        return std::nullopt;
    }
    // Piece by piece: it may be a pipe, which has no size, and the bound is a thousand times what
    // most files hold.
    std::string text;
    std::array<char, 16 * 1024> piece;
    while (text.size() <= bytes_max) {
        in.read(piece.data(), piece.size());
        text.append(piece.data(), static_cast<std::size_t>(in.gcount()));
        if (!in) break;
    }
    if (text.size() > bytes_max) {
        why = "is larger than " + std::to_string(bytes_max) + " bytes";
        return std::nullopt;
    }
    return text;
}

bool is_directory(std::string const& path) {
    std::error_code failure;
    return fs::is_directory(path, failure);
}

std::vector<std::string> yaml_files(std::string const& directory,
                                    std::vector<std::string>& others) {
    std::vector<std::string> files;
    std::error_code failure;
    for (fs::directory_iterator at(directory, failure), end; !failure && at != end;
         at.increment(failure)) {
        auto const name = at->path().filename().string();
        if (name.starts_with('.') || at->is_directory()) continue;
        if (name.ends_with(".yaml")) files.push_back(directory + "/" + name);
        if (name.ends_with(".yml")) others.push_back(directory + "/" + name);
    }
    std::sort(files.begin(), files.end());
    std::sort(others.begin(), others.end());
    return files;
}

std::string directory_of(std::string const& path) {
    auto const slash = path.rfind('/');
    return slash == std::string::npos ? "." : path.substr(0, std::max<std::size_t>(slash, 1));
}

}  // namespace sluice::config
