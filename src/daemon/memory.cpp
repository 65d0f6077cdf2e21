#include "daemon/memory.hpp"

#include <cstdint>
#include <cstring>
#include <link.h>
#include <malloc.h>
#include <sys/mman.h>
#include <unistd.h>

namespace sluice::daemon {
namespace {

// Relocations in its code: such pages are not those of the file any more.
bool has_text_relocations(dl_phdr_info const& object) noexcept {
    for (ElfW(Half) i = 0; i < object.dlpi_phnum; ++i) {
        auto const& segment = object.dlpi_phdr[i];
        if (segment.p_type != PT_DYNAMIC) continue;
        auto const* entry = reinterpret_cast<ElfW(Dyn) const*>(object.dlpi_addr + segment.p_vaddr);
        for (; entry->d_tag != DT_NULL; ++entry) {
            if (entry->d_tag == DT_TEXTREL) return true;
            if (entry->d_tag == DT_FLAGS && (entry->d_un.d_val & DF_TEXTREL) != 0) return true;
        }
    }
    return false;
}

// Only what can never be written to: what relocations were written to lies in a writable segment,
// also where it is read-only by now.
int let_go(dl_phdr_info* object, std::size_t, void*) noexcept {
    // The kernel's own page of code is no file.
    if (std::strstr(object->dlpi_name, "vdso") || has_text_relocations(*object)) return 0;
    auto const page = static_cast<std::uintptr_t>(::sysconf(_SC_PAGESIZE));
    for (ElfW(Half) i = 0; i < object->dlpi_phnum; ++i) {
        auto const& segment = object->dlpi_phdr[i];
        if (segment.p_type != PT_LOAD || (segment.p_flags & PF_W) != 0) continue;
        auto const from = (object->dlpi_addr + segment.p_vaddr) & ~(page - 1);
        auto const to = object->dlpi_addr + segment.p_vaddr + segment.p_memsz;
        ::madvise(reinterpret_cast<void*>(from), to - from, MADV_DONTNEED);
    }
    return 0;
}

}  // namespace

void give_memory_back() noexcept {
#ifdef __GLIBC__
    ::malloc_trim(0);
#endif
    ::dl_iterate_phdr(let_go, nullptr);
}

}  // namespace sluice::daemon
